//! What does not come from sheets: the patients' questionnaire, and what was counted in use. Called by
//! `coordinator review report`. Tables (CSV) with `person`, `model`, `friendliness`, and with `model`,
//! `asked`, `solved`; `model` is `base` or `tuned`.
//!
//! Invariants: a line that cannot be right refuses the file; a person's several grades are one mean, so that
//! nobody counts twice.

use std::collections::BTreeMap;
use std::path::Path;

use unicode_normalization::UnicodeNormalization as _;

use super::dimension::{GRADES, points};
use super::error::ReviewError;
use super::unblinded::mean;
use crate::csv::{rows_of_spreadsheet, unmarked};
use crate::limits::{ID_CHARACTERS_MAX, QUESTIONNAIRE_ROWS_MAX, UTILITY_ASKED_MAX};

/// What patients said: the mean points of each, by model.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Questionnaire {
    means: [Vec<f64>; 2],
}

/// What was counted in use: questions asked and solved, by model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    counts: [[u64; 2]; 2],
}

impl Questionnaire {
    /// Reads the table.
    ///
    /// # Errors
    /// `At` with the line that cannot be right; `File` where it has no line.
    pub fn read(path: &Path, bytes: &[u8]) -> Result<Self, ReviewError> {
        let mut said: [BTreeMap<String, Vec<f64>>; 2] = Default::default();
        for (line, [person, model, grade]) in table(path, bytes, ["person", "model", "friendliness"])? {
            let refuse = |reason: &str| ReviewError::at(path, line, reason);
            if person.is_empty()
                || person.chars().count() > ID_CHARACTERS_MAX
                || person.chars().any(char::is_control)
            {
                return Err(refuse("its person has no code that can be used"));
            }
            let grade = grade.parse::<u8>().ok().filter(|grade| (1..=GRADES).contains(grade));
            let grade = grade.ok_or_else(|| refuse("its friendliness is not 1 to 5"))?;
            let model = number(&model).ok_or_else(|| refuse("its model is neither base nor tuned"))?;
            said[model].entry(person).or_default().push(points(grade));
        }
        Ok(Self { means: said.map(|of| of.values().filter_map(|grades| mean(grades)).collect()) })
    }

    /// The mean points of each person, 0 the base and 1 the tuned model.
    pub(super) fn of(&self, model: usize) -> &[f64] {
        &self.means[model]
    }
}

impl Counts {
    /// Reads the table; several lines of one model are added up.
    ///
    /// # Errors
    /// `At` with the line that cannot be right; `File` where it has no line.
    pub fn read(path: &Path, bytes: &[u8]) -> Result<Self, ReviewError> {
        let mut counts = [[0_u64; 2]; 2];
        for (line, [model, asked, solved]) in table(path, bytes, ["model", "asked", "solved"])? {
            let refuse = |reason: &str| ReviewError::at(path, line, reason);
            let model = number(&model).ok_or_else(|| refuse("its model is neither base nor tuned"))?;
            let [Ok(asked), Ok(solved)] = [&asked, &solved].map(|text| text.parse::<u64>()) else {
                return Err(refuse("asked or solved is no number"));
            };
            if solved > asked || asked > UTILITY_ASKED_MAX - counts[model][0] {
                return Err(refuse("more is solved than asked, or there are too many"));
            }
            counts[model][0] += asked;
            counts[model][1] += solved;
        }
        Ok(Self { counts })
    }

    /// Asked and solved, 0 the base and 1 the tuned model.
    pub(super) const fn of(&self, model: usize) -> [u64; 2] {
        self.counts[model]
    }
}

fn number(model: &str) -> Option<usize> {
    ["base", "tuned"].iter().position(|name| model.eq_ignore_ascii_case(name))
}

/// The cells of three columns, each row with its line.
fn table(path: &Path, bytes: &[u8], names: [&str; 3]) -> Result<Vec<(u64, [String; 3])>, ReviewError> {
    let text = std::str::from_utf8(bytes)
        .map_err(|_| ReviewError::file(path, "it is not UTF-8; a spreadsheet saves that as \"CSV UTF-8\""))?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let rows = rows_of_spreadsheet(text, QUESTIONNAIRE_ROWS_MAX)
        .map_err(|line| ReviewError::at(path, line, "there are too many rows, or its row is too long"))?;
    let mut rows = rows.into_iter();
    let (_, head) = rows.next().ok_or_else(|| ReviewError::file(path, "it is empty"))?;
    let mut places = [0; 3];
    for (place, name) in places.iter_mut().zip(names) {
        *place = head
            .iter()
            .position(|cell| cell.trim() == name)
            .ok_or_else(|| ReviewError::at(path, 1, format!("there is no column {name}")))?;
    }
    let cell = |cells: &[String], place: usize| {
        cells.get(place).map(|cell| unmarked(cell).trim().nfkc().collect()).unwrap_or_default()
    };
    let filled = rows.filter(|(_, cells)| cells.iter().any(|cell| !cell.trim().is_empty()));
    let read: Vec<(u64, [String; 3])> =
        filled.map(|(line, cells)| (line, places.map(|place| cell(&cells, place)))).collect();
    if read.is_empty() { Err(ReviewError::file(path, "it has no line")) } else { Ok(read) }
}
