//! Reads what a grader gives back: a table (CSV or a workbook), the file that the form saves, or what Label
//! Studio or Argilla exports. Called by `coordinator review import` and, for what was imported, by `report`.
//!
//! Invariants: which form a file has is seen from its bytes, and all forms go through the same checks; a file
//! of another review, of nobody who grades it, or with one place that cannot be right is refused as a whole,
//! by that place; nothing but grades and comments is taken from it.

mod argilla;
mod bounded;
mod label_studio;
mod row;
mod table;
mod word;

use std::collections::HashSet;
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;

use self::bounded::list;
use self::row::Line;
use super::error::{ReviewError, Spot};
use super::grade::{Grade, Head, VERSION};
use super::key::{Key, KeyItem};
use crate::csv::plain;
use crate::limits::{LINE_BYTES_MAX, REVIEW_ROWS_MAX};
use crate::xlsx;

/// What one grader gave, without the answers that have no grade yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Which grader of the key.
    pub grader: usize,
    /// The grades, by place and letter.
    pub grades: Vec<Grade>,
}

/// Reads a file of the review with this key.
///
/// # Errors
/// `At` with the place that cannot be right; `File` where the file is no sheet.
pub fn import(path: &Path, bytes: &[u8], key: &Key, seal: &str) -> Result<Given, ReviewError> {
    let lines = lines(path, bytes)?;
    let Some(first) = lines.first() else { return Err(ReviewError::file(path, "it holds no answer")) };
    let name = first.head.grader.clone();
    let refuse = |line: &Line, reason: &str| Err(ReviewError::spot(path, line.spot.clone(), reason));
    let Some(grader) = key.grader(&name) else { return refuse(first, "its grader is none of this review's") };
    let (mut seen, mut grades) = (HashSet::new(), Vec::new());
    for line in lines {
        if line.head.seal != seal {
            return refuse(&line, "it is of another review: its seal is not that of this key");
        }
        if line.head.grader != name {
            return refuse(&line, "it is another grader's than what stands before");
        }
        let Some(place) =
            line.grade.place.checked_sub(1).and_then(|place| key.graders[grader].places.get(place))
        else {
            return refuse(&line, "its place is none of the grader's");
        };
        let model = if line.grade.answer.place() == 0 { place.a } else { 1 - place.a };
        if line.shown.as_ref().is_some_and(|shown| !is_shown(shown, &key.items[place.item], model)) {
            return refuse(&line, "its question or its answer is not what was given out");
        }
        if !seen.insert((line.grade.place, line.grade.answer)) {
            return refuse(&line, "the same answer stood there before");
        }
        line.grade.check().map_err(|reason| {
            let Grade { place, answer, .. } = &line.grade;
            let reason = format!("{reason} (place {place}, answer {answer:?})");
            ReviewError::spot(path, line.spot.clone(), reason)
        })?;
        if !line.grade.is_empty() {
            grades.push(line.grade);
        }
    }
    grades.sort_by_key(|grade| (grade.place, grade.answer));
    Ok(Given { grader, grades })
}

/// Whether an item and a model's answer are what came back with a grade.
fn is_shown([question, text]: &[String; 2], item: &KeyItem, model: usize) -> bool {
    plain(&item.question).trim() == question.trim() && plain(&item.answers[model]).trim() == text.trim()
}

/// What a file says of each answer, by what its bytes begin with.
fn lines(path: &Path, bytes: &[u8]) -> Result<Vec<Line>, ReviewError> {
    if xlsx::is_zip(bytes) {
        return table::of_workbook(path, bytes);
    }
    if xlsx::is_old(bytes) {
        let reason =
            "it is a workbook of an older form, or one that a password closes; save it as .xlsx without one";
        return Err(ReviewError::file(path, reason));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        ReviewError::at(path, line as u64, "it is not UTF-8; a spreadsheet saves that as \"CSV UTF-8\"")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    match text.trim_start().chars().next() {
        Some('{') => of_form(path, text),
        Some('[') => of_program(path, text),
        _ => table::of_text(path, text),
    }
}

/// What an entry of another program's export has, to see which program it is.
#[derive(Deserialize)]
struct Entry {
    data: Option<IgnoredAny>,
    fields: Option<IgnoredAny>,
}

fn of_program(path: &Path, text: &str) -> Result<Vec<Line>, ReviewError> {
    let entries = list::<Entry, REVIEW_ROWS_MAX>(text, Spot::Entry).map_err(|spot| {
        let reason = "it is no task or record as Label Studio or Argilla exports one, or there are too many";
        ReviewError::spot(path, spot, reason)
    })?;
    match entries.first() {
        Some(Entry { data: Some(_), .. }) => label_studio::of_label_studio(path, text),
        Some(Entry { fields: Some(_), .. }) => argilla::of_argilla(path, text),
        Some(_) => Err(ReviewError::file(path, "it has neither Label Studio's tasks nor Argilla's records")),
        None => Err(ReviewError::file(path, "it holds no answer")),
    }
}

/// The same grades as the form saves them, which is how they are kept.
///
/// # Errors
/// `Wish` where they cannot be written as JSON, which does not happen.
pub fn kept(given: &Given, key: &Key, seal: &str) -> Result<String, ReviewError> {
    let grader = key.graders.get(given.grader).map(|it| it.name.clone()).unwrap_or_default();
    let json =
        |value: serde_json::Result<String>| value.map_err(|error| ReviewError::Wish(error.to_string()));
    let mut text = json(serde_json::to_string(&Head { review: VERSION, seal: seal.to_owned(), grader }))?;
    for grade in &given.grades {
        text.push('\n');
        text += &json(serde_json::to_string(grade))?;
    }
    text.push('\n');
    Ok(text)
}

fn of_form(path: &Path, text: &str) -> Result<Vec<Line>, ReviewError> {
    let mut lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
    let first = lines.next();
    let head: Option<Head> = first.and_then(|(_, line)| serde_json::from_str(line).ok());
    let Some(head) = head.filter(|head| head.review == VERSION) else {
        return Err(ReviewError::at(path, 1, "it is not the first line that the form of this version saves"));
    };
    let mut read = Vec::new();
    for (number, line) in lines {
        if line.len() > LINE_BYTES_MAX || read.len() == REVIEW_ROWS_MAX {
            return Err(ReviewError::at(path, number, "there are too many lines, or it is too long"));
        }
        let grade = serde_json::from_str(line)
            .map_err(|_| ReviewError::at(path, number, "it is no grade as the form saves one"))?;
        read.push(Line { spot: Spot::Line(number), head: head.clone(), grade, shown: None });
    }
    Ok(read)
}
