//! The table's look into the held-out set: departments, and sample questions with two models' answers. Called
//! by `table`. Invariants: a text is cut to a few lines; its control characters are shown, not obeyed.

use common::language::Language;
use common::progress::{COLUMNS, cut, wrapped};
use common::terminal::visible;

use crate::evaluate::details::{HeldOutSet, Said, SampleQuestion};
use crate::report::document::Report;
use crate::report::text::{left, right};
use crate::report::{format, words as w};

/// Of the columns of `departments`, the first on the left.
const DEPARTMENT_COLUMNS: [usize; 7] = [16, 10, 8, 8, 9, 15, 14];
/// Lines that are shown of a text.
const TEXT_LINES: usize = 4;
/// How far a text is indented.
const INDENT: usize = 4;

pub(super) fn departments(report: &Report, language: Language, lines: &mut Vec<String>) {
    if report.departments.is_empty() {
        return;
    }
    let row = |cells: [String; 7]| {
        let mut line = String::new();
        for (at, (cell, columns)) in cells.iter().zip(DEPARTMENT_COLUMNS).enumerate() {
            let cell = cut(cell, columns);
            line.push_str(&if at == 0 { left(&cell, columns) } else { right(&cell, columns) });
        }
        line
    };
    let heads = [w::DEPARTMENT, w::QUESTIONS, w::LOSS_BEFORE, w::LOSS_AFTER, w::CHANGE, w::INTERVAL];
    // On a terminal one word of two must do.
    let [department, questions, before, after, change, interval] =
        heads.map(|word| word.get(language).trim_end_matches(" loss").trim_end_matches("损失").to_owned());
    let accuracy = w::ACCURACY.get(language);
    let accuracy = accuracy.strip_prefix("Token ").map_or(accuracy, |_| "Accuracy").to_owned();
    lines.push(row([department, questions, before, after, change, interval, accuracy]));
    lines.push("-".repeat(COLUMNS));
    for of in &report.departments {
        let name = of.name.as_deref().map_or_else(|| w::OTHERS.get(language).to_owned(), visible);
        let percent = |value: f64| format!("{:+.1}", value * 100.0);
        let dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        let range = |[low, high]: [f64; 2]| w::RANGE.with(language, &[&percent(low), &percent(high)]);
        lines.push(row([
            name,
            format::grouped(of.questions),
            format::loss(of.base_loss),
            format::loss(of.loss),
            dash(of.change.map(format::signed_percent)),
            dash(of.change_interval.map(range)),
            format!("{:.1}>{:.1} %", of.base_token_accuracy * 100.0, of.token_accuracy * 100.0),
        ]));
    }
    lines.push(String::new());
}

pub(super) fn questions(report: &Report, language: Language, lines: &mut Vec<String>) {
    let Some(samples) = &report.samples else { return };
    let lead = match samples.set {
        HeldOutSet::Test => w::SAMPLES_LEAD_TEST,
        HeldOutSet::Validation => w::SAMPLES_LEAD_VALIDATION,
    };
    let title = w::SAMPLES.get(language);
    lines.push(title.to_owned());
    lines.push("-".repeat(COLUMNS));
    lines.extend(wrapped(&lead.with(language, &[&samples.tokens_max]), COLUMNS));
    for (number, question) in (1..).zip(&samples.questions) {
        sample(number, question, language, lines);
    }
    if let Some(reason) = &samples.reason {
        lines.extend(wrapped(&w::SAMPLES_FEWER.with(language, &[reason]), COLUMNS));
    }
    lines.push(String::new());
}

fn sample(number: u32, sample: &SampleQuestion, language: Language, lines: &mut Vec<String>) {
    let said = |said: &Said| match (said.text.is_empty(), said.ended) {
        (true, _) => w::SAID_NOTHING.get(language).to_owned(),
        (false, true) => said.text.clone(),
        (false, false) => format!("{} {}", said.text, w::CUT.get(language)),
    };
    let department =
        sample.department.as_deref().map_or_else(String::new, |name| format!(" ({})", visible(name)));
    let number = cut(&format!("{number}. {}{department}", w::QUESTION.get(language)), COLUMNS);
    let texts = [
        (number, sample.question.clone()),
        (format!("  {}", w::REFERENCE.get(language)), sample.reference.clone()),
        (format!("  {}", w::BASE_MODEL.get(language)), said(&sample.base)),
        (format!("  {}", w::FEDERATED.get(language)), said(&sample.federated)),
    ];
    for (name, text) in texts {
        lines.push(name);
        lines.extend(beginning(&text));
    }
}

/// The first lines of a text, indented.
fn beginning(text: &str) -> Vec<String> {
    let text = visible(&text.split_whitespace().collect::<Vec<_>>().join(" "));
    // Room for the sign that a text goes on.
    let mut lines = wrapped(&text, COLUMNS - INDENT - 2);
    if lines.len() > TEXT_LINES {
        lines.truncate(TEXT_LINES);
        lines.iter_mut().skip(TEXT_LINES - 1).for_each(|last| last.push_str(" ~"));
    }
    lines.into_iter().map(|line| format!("{}{line}", " ".repeat(INDENT))).collect()
}
