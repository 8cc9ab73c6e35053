//! Reads what a grader gives back: the table, or the file that the form saves. Called by `coordinator review
//! import` and, for what was imported, by `report`.
//!
//! Invariants: a file of another review, of nobody who grades it, or with one line that cannot be right is
//! refused as a whole, by line; nothing but grades and comments is taken from it.

use std::collections::HashSet;
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use super::dimension::{CHECKLIST, Dimension};
use super::error::ReviewError;
use super::grade::{Grade, Head, Letter, VERSION};
use super::key::Key;
use super::sheet::{COMMENT, FIXED, HARM};
use crate::csv::{rows_of_spreadsheet, unmarked};
use crate::limits::{LINE_BYTES_MAX, REVIEW_ROWS_MAX};

/// What one grader gave, without the answers that have no grade yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// Which grader of the key.
    pub grader: usize,
    /// The grades, by place and letter.
    pub grades: Vec<Grade>,
}

struct Line {
    number: u64,
    head: Head,
    grade: Grade,
}

/// Reads a file of the review with this key.
///
/// # Errors
/// `At` with the line that cannot be right; `File` where the file is no sheet.
pub fn import(path: &Path, bytes: &[u8], key: &Key, seal: &str) -> Result<Given, ReviewError> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let line = 1 + bytes[..error.valid_up_to()].iter().filter(|byte| **byte == b'\n').count();
        ReviewError::at(path, line as u64, "it is not UTF-8; a spreadsheet saves that as \"CSV UTF-8\"")
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = if text.trim_start().starts_with('{') { of_form(path, text)? } else { of_table(path, text)? };
    let Some(first) = lines.first() else { return Err(ReviewError::file(path, "it holds no answer")) };
    let name = first.head.grader.clone();
    let refuse = |line: &Line, reason: &str| Err(ReviewError::at(path, line.number, reason));
    let Some(grader) = key.grader(&name) else { return refuse(first, "its grader is none of this review's") };
    let (mut seen, mut grades) = (HashSet::new(), Vec::new());
    for line in lines {
        if line.head.seal != seal {
            return refuse(&line, "it is of another review: its seal is not that of this key");
        }
        if line.head.grader != name {
            return refuse(&line, "it is another grader's than the lines before");
        }
        if line.grade.place == 0 || line.grade.place > key.graders[grader].places.len() {
            return refuse(&line, "its place is none of the grader's");
        }
        if !seen.insert((line.grade.place, line.grade.answer)) {
            return refuse(&line, "the same answer stood in a line before");
        }
        line.grade.check().map_err(|reason| {
            let Grade { place, answer, .. } = &line.grade;
            ReviewError::at(path, line.number, format!("{reason} (place {place}, answer {answer:?})"))
        })?;
        if !line.grade.is_empty() {
            grades.push(line.grade);
        }
    }
    grades.sort_by_key(|grade| (grade.place, grade.answer));
    Ok(Given { grader, grades })
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
        read.push(Line { number, head: head.clone(), grade });
    }
    Ok(read)
}

/// Where the columns of a table are.
struct Columns {
    fixed: [usize; 4],
    graded: [usize; 4],
    checklist: [usize; CHECKLIST.len()],
    harm: usize,
    comment: usize,
}

fn of_table(path: &Path, text: &str) -> Result<Vec<Line>, ReviewError> {
    let rows = rows_of_spreadsheet(text, REVIEW_ROWS_MAX)
        .map_err(|line| ReviewError::at(path, line, "there are too many rows, or its row is too long"))?;
    let mut rows = rows.into_iter();
    let Some((_, head)) = rows.next() else { return Err(ReviewError::file(path, "it is empty")) };
    let columns = Columns::of(path, &head)?;
    let filled = rows.filter(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
    filled
        .map(|(number, cells)| {
            columns.line(number, &cells).map_err(|reason| ReviewError::at(path, number, reason))
        })
        .collect()
}

impl Columns {
    fn of(path: &Path, head: &[String]) -> Result<Self, ReviewError> {
        let find = |name: &str| {
            let is_it = |cell: &&String| cell.split_whitespace().next() == Some(name);
            match head.iter().filter(is_it).count() {
                1 => Ok(head.iter().position(|cell| is_it(&cell)).unwrap_or_default()),
                0 => Err(ReviewError::at(path, 1, format!("there is no column {name}"))),
                _ => Err(ReviewError::at(path, 1, format!("there are two columns {name}"))),
            }
        };
        let [seal, grader, place, answer, ..] = FIXED;
        let fixed = [find(seal)?, find(grader)?, find(place)?, find(answer)?];
        let mut checklist = [0; CHECKLIST.len()];
        for (column, check) in checklist.iter_mut().zip(&CHECKLIST) {
            *column = find(check.key)?;
        }
        let mut graded = [0; 4];
        for (column, dimension) in graded.iter_mut().zip(Dimension::GRADED) {
            *column = find(dimension.key())?;
        }
        Ok(Self { fixed, graded, checklist, harm: find(HARM)?, comment: find(COMMENT)? })
    }

    fn line(&self, number: u64, cells: &[String]) -> Result<Line, String> {
        let raw = |column: usize| cells.get(column).map(|cell| unmarked(cell).trim()).unwrap_or_default();
        // A Chinese keyboard writes wide digits and letters.
        let cell = |column: usize| raw(column).nfkc().collect::<String>();
        let [seal, grader, place, answer] = self.fixed.map(cell);
        let digit = |column: usize, name: &str| match cell(column).as_str() {
            "" => Ok(None),
            text => text.parse::<u8>().map(Some).map_err(|_| format!("{name} is no number")),
        };
        let answer = match answer.to_ascii_uppercase().as_str() {
            "A" => Letter::A,
            "B" => Letter::B,
            _ => return Err("its answer is neither A nor B".to_owned()),
        };
        let place = place.parse().map_err(|_| "its place is no number".to_owned())?;
        let [accuracy, professionalism, friendliness, utility] = self.graded;
        let checks = self.checklist.iter().zip(&CHECKLIST).map(|(column, check)| digit(*column, check.key));
        let checks = checks.collect::<Result<Vec<Option<u8>>, String>>()?;
        let checklist = checks.iter().copied().collect::<Option<Vec<u8>>>().unwrap_or_default();
        if checklist.is_empty() && checks.iter().any(Option::is_some) {
            return Err("its checklist is filled in part only".to_owned());
        }
        let grade = Grade {
            place,
            answer,
            accuracy: digit(accuracy, "accuracy")?,
            professionalism: digit(professionalism, "professionalism")?,
            friendliness: digit(friendliness, "friendliness")?,
            utility: digit(utility, "utility")?,
            checklist,
            harm: digit(self.harm, HARM)?,
            comment: raw(self.comment).to_owned(),
        };
        Ok(Line { number, head: Head { review: VERSION, seal: seal.to_ascii_lowercase(), grader }, grade })
    }
}
