//! Why a suite cannot be used, in one enum. Used by `suite`; the binaries convert it into their own error.
//! Every variant is for the person at the keyboard to put right; only [`SuiteError::Io`] can pass on a retry.
//! Invariant: no variant carries the text of a record.

use std::path::{Path, PathBuf};

/// The one error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file could not be read. A retry helps once the cause (path, rights, disk) is gone.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The suite file or its records say what cannot be used. No retry.
    #[error("{}, line {line}: {reason}", path.display())]
    At {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: u64,
        /// Why; never the text of a record.
        reason: String,
    },
    /// A record of a list or an object says what cannot be used. No retry.
    #[error("{}, record {record}: {reason}", path.display())]
    Record {
        /// The file.
        path: PathBuf,
        /// The record, counted from 1.
        record: u64,
        /// Why; never the text of a record.
        reason: String,
    },
    /// The file as a whole cannot be used. No retry.
    #[error("{}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl SuiteError {
    pub(crate) fn io(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_path_buf(), source }
    }

    pub(crate) fn at(path: &Path, line: u64, reason: impl Into<String>) -> Self {
        Self::At { path: path.to_path_buf(), line, reason: reason.into() }
    }

    pub(crate) fn file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), reason: reason.into() }
    }

    /// The next step.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => {
                "check the path; `records` and `table` name files in the folder of the file that names them"
            }
            Self::At { .. } | Self::Record { .. } | Self::File { .. } => {
                "the README.md of common/evaluation describes suite files, the layouts of records and rule files"
            }
        }
    }
}
