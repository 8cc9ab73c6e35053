//! The page's parts on change: what got better and worse, which stands on its first screen, the table of the
//! evaluation suites, and what was forgotten. Called by `html`. Invariants: a name of a suite or a kind is
//! escaped; without suites there is no table.

use std::fmt::Write as _;

use cli::comparison::format::{p_value, percent, points};
use common::page::escape;
use evaluation::compare::Verdict;

use super::page::Page;
use crate::report::changes::{self, words as c};
use crate::report::suites::SuiteReport;
use crate::report::{format, words as w};
use crate::round::measured::{Kind, Share, SuiteFigures};

/// Better, worse, not told apart, and how sure that is.
pub(super) fn changed(page: &Page<'_>) -> String {
    let changes = changes::of(page.report, page.language);
    if changes.is_empty() {
        return String::new();
    }
    let mut body = String::from("<dl class=\"facts\">\n");
    let mut line = |heading: &str, entries: &[String]| {
        let entries: Vec<String> = entries.iter().map(|entry| escape(entry)).collect();
        let _ = writeln!(body, "<dt>{}</dt><dd>{}</dd>", escape(heading), entries.join("<br>"));
    };
    for (heading, entries) in changes.directions(page.language) {
        line(heading, &entries);
    }
    if !changes.missing.is_empty() {
        line(c::MISSING.get(page.language), &changes.missing);
    }
    body.push_str("</dl>\n");
    let glue = if page.language == common::language::Language::Zh { "" } else { " " };
    let _ = writeln!(body, "<p>{}</p>", escape(&changes.certainty.join(glue)));
    page.section(c::TITLE, None, &body)
}

/// Every suite with all its figures.
pub(super) fn suites(page: &Page<'_>) -> String {
    let measured: Vec<(&SuiteReport, &SuiteFigures)> =
        page.report.suites.iter().filter_map(|suite| Some((suite, suite.figures.as_ref()?))).collect();
    if measured.is_empty() {
        return String::new();
    }
    let rows: String = measured.iter().map(|(suite, figures)| row(page, suite, figures)).collect();
    let mut body = table(page, &head(), &rows);
    for (suite, figures) in &measured {
        body.push_str(&kinds(page, &suite.name, figures));
        let [base, last] = figures.not_found;
        if base + last > 0 {
            let _ = writeln!(body, "<p>{}</p>", page.with(c::NOT_FOUND, &[&suite.name, &base, &last]));
        }
    }
    page.section(c::SUITES, Some(c::SUITES_LEAD), &body)
}

/// The general suite by language, and the divergence.
pub(super) fn forgotten(page: &Page<'_>) -> String {
    let Some(figures) = page.report.forgetting.as_ref().and_then(|of| of.figures.as_ref()) else {
        return String::new();
    };
    let mut body = kinds(page, c::GENERAL.get(page.language), &figures.general);
    if let Some(said) = changes::divergence(page.report, page.language) {
        let _ = writeln!(body, "<p>{}</p>", escape(&said));
    }
    page.section(c::FORGOTTEN, Some(c::FORGOTTEN_LEAD), &body)
}

fn head() -> [w::Word; 8] {
    [c::SUITE, w::QUESTIONS, c::BASE, c::FINAL, c::DIFFERENCE, c::CORRECTED_P, c::MAJORITY_HEAD, c::SHOWN]
}

fn table(page: &Page<'_>, head: &[w::Word], rows: &str) -> String {
    let head: String = head.iter().map(|word| format!("<th>{}</th>", page.word(*word))).collect();
    format!("<div class=\"scroll\"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n")
}

fn row(page: &Page<'_>, suite: &SuiteReport, figures: &SuiteFigures) -> String {
    let range = |low: &str, high: &str| page.with(w::RANGE, &[&low, &high]);
    let share = |share: &Share| {
        let [low, high] = share.interval.map(percent);
        format!("{}<br><small>{}</small>", percent(share.share), range(&low, &high))
    };
    let [low, high] = figures.interval.map(points);
    let shown = match suite.verdict {
        Some(Verdict::Better) => c::SHOWN_BETTER,
        Some(Verdict::Worse) => c::SHOWN_WORSE,
        Some(Verdict::NotWorse) => c::SHOWN_NOT_WORSE,
        _ => c::SHOWN_NOT_TOLD,
    };
    let cells = [
        escape(&suite.name),
        format::grouped(figures.items),
        share(&figures.base),
        share(&figures.federated),
        format!("{}<br><small>{}</small>", points(figures.difference), range(&low, &high)),
        escape(&p_value(suite.corrected_p.unwrap_or(figures.p))),
        figures.majority.map_or_else(|| "&ndash;".to_owned(), percent),
        page.word(shown),
    ];
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr>{cells}</tr>\n")
}

fn kinds(page: &Page<'_>, name: &str, figures: &SuiteFigures) -> String {
    if figures.kinds.is_empty() {
        return String::new();
    }
    let row = |kind: &Kind| {
        let share = |count: u64| percent(count as f64 / kind.of.max(1) as f64);
        let cells = [
            kind.name.as_deref().map_or_else(|| page.word(w::OTHERS), escape),
            format::grouped(kind.of),
            share(kind.base),
            share(kind.federated),
            format::grouped(kind.better),
            format::grouped(kind.worse),
        ];
        let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = figures.kinds.iter().map(row).collect();
    let head = [c::KIND, w::QUESTIONS, c::BEFORE, c::NOW, c::BECAME_RIGHT, c::BECAME_WRONG];
    format!("<p>{}</p>\n{}", page.with(c::KINDS, &[&name]), table(page, &head, &rows))
}
