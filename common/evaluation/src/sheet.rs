//! Answers in words as a table for people who read and grade them. Called by the commands that evaluate. A
//! row is one criterion of one answer, or one answer where its suite has no rubric; `met` and `grader` are
//! empty, and what was filled in is read by `suite` again.
//!
//! Invariants: no row says which model answered, and rows of one item are in the order of their answers'
//! hashes, so that who grades does not know; an answer that two models gave stands once; a cell that a
//! spreadsheet could take for a formula begins with an apostrophe.

use std::collections::BTreeMap;

use crate::compare::Measured;
use crate::csv::{harmless, row};
use crate::suite::{Item, Speaker, answer_sha256};

pub(crate) const HEADER: [&str; 8] =
    ["suite", "item", "answer", "criterion", "met", "grader", "question", "text"];

/// The table (CSV, with a byte order mark, for spreadsheets guess the encoding otherwise). Its last columns
/// are the question and the model's last answer, in the first row of an answer, and what the criterion asks.
#[must_use]
pub fn table(measured: &[Measured]) -> String {
    let mut table = "\u{feff}".to_owned();
    row(&mut table, HEADER.into_iter().chain(["asks"]).map(str::to_owned));
    for Measured { suite, arms } in measured {
        for (place, item) in suite.items.iter().enumerate() {
            let answers = arms.iter().filter_map(|arm| arm.outcomes.get(place)?.answer.as_deref());
            let answers: BTreeMap<String, &str> =
                answers.map(|answer| (answer_sha256(answer), answer)).collect();
            for (hash, answer) in answers {
                let criteria = if item.rubric.is_empty() {
                    vec![(String::new(), "")]
                } else {
                    (1..)
                        .zip(&item.rubric)
                        .map(|(number, one): (u32, _)| (number.to_string(), one.text.as_str()))
                        .collect()
                };
                // Once for each answer: a file that repeated them for each criterion would be too long to
                // be read.
                let mut texts = Some((question(item), answer));
                for (number, asks) in criteria {
                    let (question, answer) = texts.take().unwrap_or_default();
                    let cells =
                        [&suite.settings.name, &item.name(), &hash, &number, "", "", &question, answer, asks];
                    row(&mut table, cells.into_iter().map(harmless));
                }
            }
        }
    }
    table
}

/// What was asked, as a reader sees it.
pub(crate) fn question(item: &Item) -> String {
    if item.turns.is_empty() {
        return [item.context.as_str(), item.question.as_str()].join("\n").trim().to_owned();
    }
    let line = |turn: &crate::suite::Turn| {
        let who = match turn.role {
            Speaker::System => "system",
            Speaker::User => "user",
            Speaker::Assistant => "assistant",
        };
        format!("{who}: {}", turn.content)
    };
    item.turns.iter().map(line).collect::<Vec<_>>().join("\n")
}
