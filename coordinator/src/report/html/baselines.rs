//! The page's table of base model, each site alone and what they trained together. Called by `html`.
//! Invariants: a name is escaped; a site that could not be measured stands in it.

use common::page::escape;

use super::page::Page;
use crate::admin::report::baselines::{Model, Row, SetReport, Status};
use crate::report::baselines::{self, words as b};
use crate::report::{format, words as w};

/// A table for each held-out set.
pub(super) fn table(page: &Page<'_>) -> String {
    let Some(shown) = page.report.side_by_side.as_ref().filter(|it| it.sites() > 0) else {
        return String::new();
    };
    let lead = escape(&baselines::lead(shown, page.language));
    let sets: String = shown.sets.iter().map(|set| of_set(page, set)).collect();
    page.section(b::TITLE, None, &format!("<p>{lead}</p>\n{sets}"))
}

fn of_set(page: &Page<'_>, set: &SetReport) -> String {
    let heads = [w::MODEL, w::RECORDS, w::LOSS, w::PERPLEXITY, w::ACCURACY, b::BESIDE_BASE, b::BESIDE_OWN];
    let heads: String = heads.iter().map(|word| format!("<th>{}</th>", page.word(*word))).collect();
    let rows: String = set.rows.iter().map(|row| of_row(page, row)).collect();
    let name = escape(baselines::set_name(set.set, page.language));
    let counts = set.questions.zip(set.supervised_tokens).map_or_else(String::new, |(questions, tokens)| {
        page.with(b::QUESTIONS, &[&format::grouped(questions), &format::grouped(tokens)])
    });
    format!(
        "<p>{name} <small>{counts}</small></p>\n<div class=\"scroll\"><table>\n<tr>{heads}</tr>\n{rows}</table></div>\n"
    )
}

fn of_row(page: &Page<'_>, row: &Row) -> String {
    let name = escape(&baselines::model_name(&row.model, page.language));
    let class = if row.model == Model::Together { " class=\"strong\"" } else { "" };
    let (Some(loss), Some(perplexity), Some(accuracy)) = (row.loss, row.perplexity, row.token_accuracy)
    else {
        let word = if row.status == Status::NotMeasured { b::NOT_MEASURED } else { b::WAITING };
        let why = row.reason.as_ref().map_or_else(String::new, |reason| format!(": {}", escape(reason)));
        return format!("<tr><td>{name}</td><td colspan=\"6\">{}{why}</td></tr>\n", page.word(word));
    };
    let change = |change: Option<f64>, interval: Option<[f64; 2]>| {
        let change = change.map_or_else(String::new, format::signed_percent);
        let range = interval.map_or_else(String::new, |[low, high]| {
            let range = page.with(w::RANGE, &[&format::signed_percent(low), &format::signed_percent(high)]);
            format!("<br><small>{range}</small>")
        });
        change + &range
    };
    let cells = [
        name,
        row.records.map_or_else(String::new, format::grouped),
        format::loss(loss),
        format::perplexity(perplexity),
        format::percent(accuracy),
        change(row.change, row.change_interval),
        change(row.together_change, row.together_change_interval),
    ];
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr{class}>{cells}</tr>\n")
}
