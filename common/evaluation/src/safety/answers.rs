//! Answers that are checked without a model: a file of JSON lines, or the sheet that the commands that
//! evaluate write. Called by `site-agent rules check`. Invariant: a line that cannot be right refuses the
//! file, by its number; nothing is left out in silence.

use std::path::Path;

use serde::Deserialize;

use super::look::Exchange;
use crate::csv::{rows_of_spreadsheet, unmarked};
use crate::error::SuiteError;
use crate::limits::{ANSWERS_BYTES_MAX, ANSWERS_MAX, GRADES_MAX, ID_CHARACTERS_MAX, ITEM_BYTES_MAX};
use crate::sheet::HEADER;
use crate::suite::{Tongue, bounded, text};

/// A question and its answer, out of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Its id, else its line; of a sheet suite and item. Answers of one name are one case.
    pub name: String,
    /// What was asked.
    pub question: String,
    /// What was answered.
    pub answer: String,
    /// The language of the question.
    pub tongue: Tongue,
}

impl Answer {
    /// As it is checked.
    #[must_use]
    pub fn exchange(&self) -> Exchange<'_> {
        Exchange { question: &self.question, answer: &self.answer, tongue: self.tongue }
    }
}

#[derive(Deserialize)]
struct Line {
    /// What names it.
    id: Option<String>,
    /// `prompt` is what `site-agent generate --json` calls it.
    #[serde(alias = "prompt")]
    question: String,
    answer: String,
    language: Option<Tongue>,
}

/// Reads a file of answers.
///
/// # Errors
/// `Io`; `At` with the line that cannot be used; `File` where it is too large or holds none.
pub fn answers(path: &Path) -> Result<Vec<Answer>, SuiteError> {
    parse(path, &bounded(path, ANSWERS_BYTES_MAX)?)
}

/// The answers in these bytes of the file at `path`.
pub(super) fn parse(path: &Path, bytes: &[u8]) -> Result<Vec<Answer>, SuiteError> {
    let text = text(path, bytes)?;
    let answers = if text.trim_start().starts_with('{') { lines(path, text)? } else { sheet(path, text)? };
    if answers.is_empty() {
        return Err(SuiteError::file(path, "it holds no answer"));
    }
    if answers.len() > ANSWERS_MAX {
        return Err(SuiteError::file(path, format!("it holds more than {ANSWERS_MAX} answers")));
    }
    Ok(answers)
}

fn lines(path: &Path, text: &str) -> Result<Vec<Answer>, SuiteError> {
    let written = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let answer = |(number, line): (u64, &str)| {
        if line.len() > 4 * ITEM_BYTES_MAX {
            return Err(SuiteError::at(path, number, "it is too long"));
        }
        let reason =
            "it is no JSON object with the texts question and answer (id and language may stand there)";
        let line: Line = serde_json::from_str(line).map_err(|_| SuiteError::at(path, number, reason))?;
        let is_bad = |id: &String| {
            id.trim().is_empty() || id.chars().count() > ID_CHARACTERS_MAX || id.chars().any(char::is_control)
        };
        if line.id.as_ref().is_some_and(is_bad) {
            let reason = format!("its id has not 1 to {ID_CHARACTERS_MAX} printable characters");
            return Err(SuiteError::at(path, number, reason));
        }
        let name = line.id.unwrap_or_else(|| number.to_string());
        let tongue = line.language.unwrap_or_else(|| Tongue::of(&line.question));
        Ok(Answer { name, question: line.question, answer: line.answer, tongue })
    };
    written.take(ANSWERS_MAX + 1).map(answer).collect()
}

/// The sheet's answers: question and text stand in the first row of each.
fn sheet(path: &Path, text: &str) -> Result<Vec<Answer>, SuiteError> {
    let rows =
        rows_of_spreadsheet(text, GRADES_MAX).map_err(|line| SuiteError::at(path, line, "it is too long"))?;
    let mut rows = rows.into_iter();
    let header = rows.next().map(|(_, header)| header).unwrap_or_default();
    if header.len() < HEADER.len() || !header.iter().zip(HEADER).all(|(cell, name)| cell.trim() == name) {
        let reason = "it is neither JSON lines with question and answer nor a sheet that --sheet wrote";
        return Err(SuiteError::file(path, reason));
    }
    let mut answers = Vec::new();
    for (line, cells) in rows {
        let cell = |at: usize| cells.get(at).map_or("", |cell| unmarked(cell));
        if cells.len() != header.len() {
            return Err(SuiteError::at(path, line, "it has not as many cells as the header"));
        }
        let (suite, item, question, answer) = (cell(0), cell(1), cell(6), cell(7));
        if question.is_empty() && answer.is_empty() {
            continue;
        }
        if [suite, item].iter().any(|name| name.chars().count() > ID_CHARACTERS_MAX) {
            let reason = format!("its suite or item has more than {ID_CHARACTERS_MAX} characters");
            return Err(SuiteError::at(path, line, reason));
        }
        let (question, answer) = (question.to_owned(), answer.to_owned());
        let tongue = Tongue::of(&question);
        answers.push(Answer { name: format!("{suite} {item}"), question, answer, tongue });
    }
    Ok(answers)
}
