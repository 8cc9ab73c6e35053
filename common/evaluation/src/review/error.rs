//! Why a review cannot be used, in one enum. Used by the other files of `review`; the program converts it
//! into its own error. No variant is worth a retry before somebody has put the file right. Invariant: no
//! variant carries a word of a question, an answer or a comment.

use std::path::{Path, PathBuf};

/// The one error of `review`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum ReviewError {
    /// A line of a file that somebody filled in.
    #[error("{}, line {line}: {reason}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1; of a table's row its first.
        line: u64,
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

impl ReviewError {
    pub(super) fn at(path: &Path, line: u64, reason: impl Into<String>) -> Self {
        Self::At { path: path.to_path_buf(), line, reason: reason.into() }
    }

    pub(super) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), reason: reason.into() }
    }

    /// The next step.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::At { .. } => "correct that line, or have the grader do it, and import the file again",
            Self::File { .. } => {
                "take the sheet of this review as its grader saved it: CSV in UTF-8, or the file that the form saves"
            }
            Self::Wish(_) => "the README.md of common/evaluation says what a review is made of",
        }
    }
}
