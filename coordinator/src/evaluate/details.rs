//! What is kept of a run's held-out set beside its measurements: departments, and sample questions with the
//! answers of two models. A file beside the journal, because it is text and no event depends on it.
//!
//! Used by `execution::performer`, which writes the file before the event of the measurement, by `report`,
//! which reads it, and by `departments` and `questions` in the child. Invariants: the file says which model
//! and which attempt it belongs to, so that one of an earlier attempt is never shown; it holds text of a
//! held-out file, of no site.

use std::path::Path;

use common::durable;
use common::id::Digest;
use model::bounded;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::limits::DETAILS_BYTES_MAX;
use crate::round::state::Paired;

/// A held-out set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOutSet {
    /// Measured after each round.
    Validation,
    /// Measured once.
    Test,
}

/// The records of one department, measured with both models.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Department {
    /// As the file names it; nothing for the records without one and those of the smallest departments.
    pub name: Option<String>,
    /// Records that were scored.
    pub questions: u64,
    /// Tokens of their answers that were scored.
    pub supervised_tokens: u64,
    /// Loss of the base model, in nats per token.
    pub base_loss: f64,
    /// Loss of the final model.
    pub loss: f64,
    /// Share of the tokens that the base model's first guess is.
    pub base_token_accuracy: f64,
    /// The same of the final model.
    pub token_accuracy: f64,
    /// Both compared record by record; nothing for a single record.
    pub paired: Option<Paired>,
}

/// What a model said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// The text.
    pub text: String,
    /// Whether the model ended it by itself; else it was cut.
    pub ended: bool,
}

/// A held-out question, its right answer and what both models said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SampleQuestion {
    /// The department that the file gives it.
    pub department: Option<String>,
    /// All that the models were given, but for the template's own words.
    pub question: String,
    /// The answer of the file.
    pub reference: String,
    /// The base model's.
    pub base: Said,
    /// The final model's.
    pub federated: Said,
}

/// The sample questions of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Samples {
    /// Which set they are of.
    pub set: HeldOutSet,
    /// Tokens after which an answer was cut.
    pub tokens_max: usize,
    /// They, in the order of their hashes.
    pub questions: Vec<SampleQuestion>,
    /// Why there are fewer than were asked for.
    pub reason: Option<String>,
}

/// The file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Details {
    /// The final model.
    pub adapter: Digest,
    /// The attempt at the test set's measurement.
    pub attempt: u32,
    /// Departments of the test set, the largest first; none where the file names none.
    pub departments: Vec<Department>,
    /// Nothing where none were asked for.
    pub samples: Option<Samples>,
}

impl Details {
    /// Writes the file, and the folder for it where an older version made the state folder.
    ///
    /// # Errors
    /// It cannot be written, or would be larger than what is read.
    pub fn write(&self, path: &Path) -> Result<()> {
        let bytes = serde_json::to_vec(self).map_err(|error| Error::Internal(error.to_string()))?;
        if bytes.len() as u64 > DETAILS_BYTES_MAX {
            return Err(Error::Internal(format!("details of {} bytes", bytes.len())));
        }
        durable::write(path, &bytes, durable::ORDINARY).map_err(Error::io("write", path))
    }

    /// Reads the file; nothing where there is none.
    ///
    /// # Errors
    /// It is there and cannot be used.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if !path.exists() {
            return Ok(None);
        }
        let wrong = |reason: String| Error::Config { path: path.to_path_buf(), reason };
        let bytes = bounded::read(path, DETAILS_BYTES_MAX).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|error| wrong(error.to_string()))
    }
}

/// The beginning of a text, with a sign where it goes on.
pub fn beginning(text: &str, characters: usize) -> String {
    let text = text.trim();
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}\u{2026}", text.get(..end).unwrap_or_default().trim_end()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_by_characters() {
        assert_eq!(beginning(" 高血压 ", 3), "高血压");
        assert_eq!(beginning("高血压病", 3), "高血压\u{2026}");
    }

    #[test]
    fn the_largest_file_that_limits_allow_is_read_again() {
        use crate::limits::{DEPARTMENT_CHARS_MAX, DEPARTMENTS_MAX, SAMPLE_CHARS_MAX};
        // What JSON writes with most bytes.
        let long = |characters: usize| "\u{1}".repeat(characters);
        let said = Said { text: long(SAMPLE_CHARS_MAX), ended: false };
        let question = SampleQuestion {
            department: Some(long(DEPARTMENT_CHARS_MAX)),
            question: long(SAMPLE_CHARS_MAX),
            reference: long(SAMPLE_CHARS_MAX),
            base: said.clone(),
            federated: said,
        };
        let department = Department {
            name: Some(long(DEPARTMENT_CHARS_MAX)),
            questions: u64::MAX,
            supervised_tokens: u64::MAX,
            base_loss: f64::MIN_POSITIVE,
            loss: f64::MIN_POSITIVE,
            base_token_accuracy: f64::MIN_POSITIVE,
            token_accuracy: f64::MIN_POSITIVE,
            paired: None,
        };
        let samples = Samples {
            set: HeldOutSet::Test,
            tokens_max: 80,
            questions: vec![question; common::limits::SAMPLE_QUESTIONS_MAX],
            reason: None,
        };
        let details = Details {
            adapter: Digest::of(b"adapter"),
            attempt: 0,
            departments: vec![department; DEPARTMENTS_MAX + 1],
            samples: Some(samples),
        };
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.json");
        assert_eq!(Details::read(&path).unwrap(), None);
        details.write(&path).unwrap();
        assert_eq!(Details::read(&path).unwrap(), Some(details));
        std::fs::write(&path, "{").unwrap();
        assert!(Details::read(&path).unwrap_err().to_string().contains("run.json"));
    }
}
