//! What each site says of the result on records of its own, on a terminal. Called by `table`. Invariant: no
//! line is wider than a terminal.

use common::language::Language;
use common::progress::{COLUMNS, cut, wrapped};

use crate::admin::report::own_scores::SiteScores;
use crate::report::document::Report;
use crate::report::own_scores::{self, words as o};
use crate::report::text::{left, right};
use crate::report::{format, words as w};

/// Of the name.
const NAME_COLUMNS: usize = 18;
/// Of the columns behind it.
const COLUMNS_BEHIND: [usize; 5] = [9, 11, 11, 9, 20];

pub(super) fn table(report: &Report, language: Language, lines: &mut Vec<String>) {
    let Some(scores) = report.own_scores.as_ref().filter(|it| !it.sites.is_empty()) else { return };
    lines.push(o::TITLE.get(language).to_owned());
    let heads =
        [o::RECORDS, o::BASE, o::FEDERATED, o::GAIN, o::INTERVAL].map(|it| it.get(language).to_owned());
    lines.push(row(w::SITE.get(language), &heads));
    lines.push("-".repeat(COLUMNS));
    lines.extend(scores.sites.iter().map(|site| of_site(site, language)));
    lines.extend(wrapped(o::LEAD.get(language), COLUMNS));
    lines.push(String::new());
}

fn row(name: &str, cells: &[String; 5]) -> String {
    let mut line = left(&cut(name, NAME_COLUMNS), NAME_COLUMNS);
    for (cell, columns) in cells.iter().zip(COLUMNS_BEHIND) {
        line.push_str(&right(cell, columns));
    }
    line.trim_end().to_owned()
}

fn of_site(site: &SiteScores, language: Language) -> String {
    let figures = (site.records, site.base_loss, site.federated_loss, site.gain.zip(site.gain_interval));
    let (Some(records), Some(base), Some(federated), Some((gain, [low, high]))) = figures else {
        let why = own_scores::silence(site, language);
        return cut(&format!("{}   {why}", left(&cut(&site.site, NAME_COLUMNS), NAME_COLUMNS)), COLUMNS);
    };
    let range = format!("{} .. {}", own_scores::signed(low), own_scores::signed(high));
    let cells = [format::grouped(records), format::loss(base), format::loss(federated)];
    let [records, base, federated] = cells;
    row(&site.site, &[records, base, federated, own_scores::signed(gain), range])
}
