//! The page's look into the held-out set: departments, and sample questions with two models' answers. Called
//! by `html`. Invariant: every text of a record or a model is escaped; without either there is no section.

use std::fmt::Write as _;

use common::page::escape;

use super::page::Page;
use crate::evaluate::details::{HeldOutSet, Said, SampleQuestion};
use crate::report::document::DepartmentReport;
use crate::report::{format, words as w};

pub(super) fn departments(page: &Page<'_>) -> String {
    let departments = &page.report.departments;
    if departments.is_empty() {
        return String::new();
    }
    let heads = [
        w::DEPARTMENT,
        w::QUESTIONS,
        w::LOSS_BEFORE,
        w::LOSS_AFTER,
        w::CHANGE,
        w::INTERVAL,
        w::ACCURACY_BEFORE,
        w::ACCURACY_AFTER,
    ];
    let head: String = heads.iter().map(|word| format!("<th>{}</th>", page.word(*word))).collect();
    let rows: String = departments.iter().map(|department| row(page, department)).collect();
    let body = format!("<div class=\"scroll\"><table>\n<tr>{head}</tr>\n{rows}</table></div>\n");
    page.section(w::DEPARTMENTS, Some(w::DEPARTMENTS_LEAD), &body)
}

fn row(page: &Page<'_>, department: &DepartmentReport) -> String {
    let dash = |text: Option<String>| text.unwrap_or_else(|| "&ndash;".to_owned());
    let interval = department.change_interval.map(|[low, high]| {
        page.with(w::RANGE, &[&format::signed_percent(low), &format::signed_percent(high)])
    });
    let cells = [
        department.name.as_deref().map_or_else(|| page.word(w::OTHERS), escape),
        format::grouped(department.questions),
        format::loss(department.base_loss),
        format::loss(department.loss),
        dash(department.change.map(format::signed_percent)),
        dash(interval),
        format::percent(department.base_token_accuracy),
        format::percent(department.token_accuracy),
    ];
    let cells: String = cells.iter().map(|cell| format!("<td>{cell}</td>")).collect();
    format!("<tr>{cells}</tr>\n")
}

pub(super) fn questions(page: &Page<'_>) -> String {
    let Some(samples) = &page.report.samples else { return String::new() };
    let lead = match samples.set {
        HeldOutSet::Test => w::SAMPLES_LEAD_TEST,
        HeldOutSet::Validation => w::SAMPLES_LEAD_VALIDATION,
    };
    let mut body = format!("<p>{}</p>\n", page.with(lead, &[&samples.tokens_max]));
    for (number, question) in (1..).zip(&samples.questions) {
        body.push_str(&sample(page, number, question));
    }
    if let Some(reason) = &samples.reason {
        let _ = writeln!(body, "<p>{}</p>", page.with(w::SAMPLES_FEWER, &[reason]));
    }
    page.section(w::SAMPLES, None, &body)
}

fn sample(page: &Page<'_>, number: u32, sample: &SampleQuestion) -> String {
    let department =
        sample.department.as_deref().map_or_else(String::new, |name| format!(" &middot; {}", escape(name)));
    let said = |said: &Said| match (said.text.is_empty(), said.ended) {
        (true, _) => page.word(w::SAID_NOTHING),
        (false, true) => escape(&said.text),
        (false, false) => format!("{} <small>{}</small>", escape(&said.text), page.word(w::CUT)),
    };
    let rows = [
        (w::QUESTION, escape(&sample.question)),
        (w::REFERENCE, escape(&sample.reference)),
        (w::BASE_MODEL, said(&sample.base)),
        (w::FEDERATED, said(&sample.federated)),
    ];
    let facts: String =
        rows.iter().map(|(name, text)| format!("<dt>{}</dt><dd>{text}</dd>\n", page.word(*name))).collect();
    format!("<h3>{number}{department}</h3>\n<dl class=\"facts spoken\">\n{facts}</dl>\n")
}
