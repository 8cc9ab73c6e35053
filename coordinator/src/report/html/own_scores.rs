//! The page's table of what each site says of the result on records of its own. Called by `html`. Invariants:
//! a name is escaped; without such a question there is no table; a site that does not say stands in it.

use common::page::escape;

use super::page::Page;
use crate::admin::report::own_scores::{SiteScores, Status};
use crate::report::own_scores::{self, words as o};
use crate::report::{format, words as w};

/// Every site, whether it said something or not.
pub(super) fn table(page: &Page<'_>) -> String {
    let Some(report) = page.report.own_scores.as_ref().filter(|it| !it.sites.is_empty()) else {
        return String::new();
    };
    let heads = [w::SITE, o::RECORDS, o::BASE, o::FEDERATED, o::GAIN];
    let heads: String = heads.iter().map(|word| format!("<th>{}</th>", page.word(*word))).collect();
    let rows: String = report.sites.iter().map(|site| row(page, site)).collect();
    let body = format!("<div class=\"scroll\"><table>\n<tr>{heads}</tr>\n{rows}</table></div>\n");
    page.section(o::TITLE, Some(o::LEAD), &body)
}

fn row(page: &Page<'_>, site: &SiteScores) -> String {
    let name = escape(&site.site);
    let figures = (site.records, site.base_loss, site.federated_loss, site.gain.zip(site.gain_interval));
    let (Some(records), Some(base), Some(federated), Some((gain, [low, high]))) = figures else {
        let why = escape(&own_scores::silence(site, page.language));
        debug_assert!(site.status != Status::Measured);
        return format!("<tr><td>{name}</td><td colspan=\"4\">{why}</td></tr>\n");
    };
    let range = page.with(w::RANGE, &[&own_scores::signed(low), &own_scores::signed(high)]);
    let cells = [
        name,
        format::grouped(records),
        format::loss(base),
        format::loss(federated),
        format!("{}<br><small>{range}</small>", own_scores::signed(gain)),
    ];
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr>{cells}</tr>\n")
}
