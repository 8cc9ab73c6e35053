//! Datasets to conversations: Alpaca, ShareGPT and OpenAI-messages records in a JSONL file or one JSON array,
//! told apart record by record. Called by the site worker (local data) and the coordinator (held-out data).
//!
//! Invariants: memory holds one raw record at a time (at most 1 MiB); a record is used as a whole or refused
//! with a code; neither errors nor refusals carry a word of a record, only file, line and reason.

mod convert;
mod split;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use convert::Refusal;

use crate::chat::Message;
use crate::error::{ModelError, Result};
use split::{RawRecords, Read};

/// The usable conversations of one or more files, and what was refused.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dataset {
    /// In the order of files and records. Each has an optional system turn first, then user (or tool) and
    /// assistant in turn, and ends with an assistant's non-empty answer.
    pub conversations: Vec<Vec<Message>>,
    /// Records that cannot be trained on.
    pub refused: Vec<RefusedRecord>,
}

/// One record that was left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRecord {
    /// The dataset file.
    pub path: PathBuf,
    /// The line on which the record begins, counted from 1.
    pub line: u64,
    /// Why.
    pub reason: Refusal,
}

/// Reads one dataset file.
///
/// # Errors
/// [`ModelError::Io`] when it cannot be read, [`ModelError::Record`] with the line number where it is not JSON.
/// An empty dataset is not an error here: see [`Dataset::require_conversations`].
pub fn read_conversations(path: &Path) -> Result<Dataset> {
    let mut dataset = Dataset::default();
    dataset.append(path)?;
    Ok(dataset)
}

/// Reads several dataset files as one dataset, in the order given.
///
/// # Errors
/// As [`read_conversations`], for the first file that fails.
pub fn read_all<P: AsRef<Path>>(paths: &[P]) -> Result<Dataset> {
    let mut dataset = Dataset::default();
    for path in paths {
        dataset.append(path.as_ref())?;
    }
    Ok(dataset)
}

impl Dataset {
    fn append(&mut self, path: &Path) -> Result<()> {
        let file = std::fs::File::open(path).map_err(|error| ModelError::io(path, error))?;
        self.append_from(path, std::io::BufReader::new(file))
    }

    fn append_from(&mut self, path: &Path, reader: impl std::io::BufRead) -> Result<()> {
        for record in RawRecords::new(path, reader)? {
            let converted = match record? {
                Read::Record { line, bytes } => match serde_json::from_slice(&bytes) {
                    Ok(value) => (line, convert::conversation(&value)),
                    Err(error) => return Err(broken(path, line, &error)),
                },
                Read::TooLong { line } => (line, Err(Refusal::TooLong)),
            };
            match converted {
                (_, Ok(conversation)) => self.conversations.push(conversation),
                (line, Err(reason)) => {
                    self.refused.push(RefusedRecord { path: path.to_path_buf(), line, reason });
                }
            }
        }
        Ok(())
    }

    /// Refuses a dataset without a single usable conversation.
    ///
    /// # Errors
    /// [`ModelError::NothingSupervised`] saying how many records were refused, and the first of them.
    pub fn require_conversations(&self) -> Result<()> {
        if !self.conversations.is_empty() {
            return Ok(());
        }
        let reason = match self.refused.first() {
            None => "the dataset has no records".to_owned(),
            Some(first) => format!(
                "all {} records were refused, the first in {}, line {}: {}",
                self.refused.len(),
                first.path.display(),
                first.line,
                first.reason
            ),
        };
        Err(ModelError::NothingSupervised { reason })
    }
}

/// Position and kind of a JSON error. `Value` accepts every JSON type, so the parser's message is about syntax;
/// it is rebuilt here all the same, so that no later version can quote the text.
fn broken(path: &Path, line: u64, error: &serde_json::Error) -> ModelError {
    let within = u64::try_from(error.line()).unwrap_or(1).max(1) - 1;
    let what = if error.is_eof() { "the JSON ends too early" } else { "it is not valid JSON" };
    let reason = format!("{what} (column {})", error.column());
    ModelError::Record { path: path.to_path_buf(), line: line + within, reason }
}
