//! Why a review cannot be used, in one enum. Used by the other files of `review`; the program converts it
//! into its own error. No variant is worth a retry before somebody has put the file right. Invariant: no
//! variant carries a word of a question, an answer or a comment.

use std::path::{Path, PathBuf};

/// The one error of `review`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReviewError {
    /// A place in a file that somebody filled in.
    #[error("{}, {spot}: {reason}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// Where in it.
        spot: Spot,
        /// Why.
        reason: String,
    },
    /// The file as a whole.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// What was asked for cannot be made.
    #[error("{0}")]
    Wish(String),
}

/// A place in a file, counted from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Spot {
    /// A line of text; of a table's row its first.
    Line(u64),
    /// A row of a workbook's sheet.
    Row(u64),
    /// A cell of it, by its name.
    Cell(String),
    /// An entry of another program's export, by its place there, before it is known which program's.
    Entry(u64),
    /// A task of Label Studio's export, by its place there.
    Task(u64),
    /// A record of Argilla's export, by its place there.
    Record(u64),
}

impl std::fmt::Display for Spot {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Line(number) => write!(to, "line {number}"),
            Self::Row(number) => write!(to, "row {number}"),
            Self::Cell(name) => write!(to, "cell {name}"),
            Self::Entry(number) => write!(to, "entry number {number}"),
            Self::Task(number) => write!(to, "task number {number}"),
            Self::Record(number) => write!(to, "record number {number}"),
        }
    }
}

impl ReviewError {
    pub(super) fn at(path: &Path, line: u64, reason: impl Into<String>) -> Self {
        Self::spot(path, Spot::Line(line), reason)
    }

    pub(super) fn spot(path: &Path, spot: Spot, reason: impl Into<String>) -> Self {
        Self::At { path: path.to_path_buf(), spot, reason: reason.into() }
    }

    pub(super) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), reason: reason.into() }
    }

    /// The next step.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::At { .. } => "correct that place, or have the grader do it, and import the file again",
            Self::File { .. } => {
                "take the sheet of this review as its grader saved it: the file that the form saves, CSV in UTF-8, \
                 XLSX, Label Studio's export as JSON, or Argilla's records.json"
            }
            Self::Wish(_) => "the README.md of common/evaluation says what a review is made of",
        }
    }
}
