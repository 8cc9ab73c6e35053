//! Everything that can stop the data room, in one enum. Used by every file that can fail, and by the site
//! agent and the coordinator, which print the message, a blank line and `hint: ...`. A single bad record is
//! no error but a counted refusal. Invariant: no message carries the text of a record.

use std::path::{Path, PathBuf};

/// A failure of the data room. Each variant says whether trying again can help.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// A file could not be opened, read or written. A retry helps once the cause (path, rights, disk) is
    /// gone.
    #[error("cannot read or write {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// A file as a whole is not of a format we read, or is damaged. No retry; the file must be exported
    /// again.
    #[error("{}, line {line}: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The line (or row, or array element) counted from 1; 1 where the whole file is meant.
        line: u64,
        /// Why; never the text of the record.
        reason: String,
    },
    /// A file was written to or replaced while it was read. A retry helps once nothing writes to it.
    #[error("{} changed while it was read", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// There is nothing to train on or to evaluate. No retry.
    #[error("no record can be used: {reason}")]
    NoRecords {
        /// How many were refused, and the first of them by file, line and reason.
        reason: String,
    },
    /// The screen does not find what was planted into copies of these records, so it cannot be relied upon
    /// for them. No retry.
    #[error("{sentence}")]
    ScreenUnfit {
        /// How many were planted and found.
        sentence: String,
    },
    /// A setting is outside what is possible. No retry.
    #[error("{name} cannot be used: {reason}")]
    Setting {
        /// The setting's name as the user writes it.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// A fault of this program. A retry does not help; please report it.
    #[error("internal fault in the data room: {reason}")]
    Internal {
        /// What was violated.
        reason: String,
    },
}

impl DataError {
    /// Wraps an operating-system error with the path it is about.
    #[must_use]
    pub fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_path_buf(), source }
    }

    /// A file as a whole cannot be read for this reason.
    #[must_use]
    pub fn whole_file(path: &Path, reason: impl Into<String>) -> Self {
        Self::File { path: path.to_path_buf(), line: 1, reason: reason.into() }
    }

    /// Whether the user can mend it (exit code 1), as opposed to a fault of ours (exit code 2).
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        !matches!(self, Self::Internal { .. })
    }

    /// The next step for the user, one sentence without a full stop at the end.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let text = match self {
            Self::Io { .. } => "check that the path exists and that this user may read it",
            Self::File { .. } => "correct that place, or export the file again",
            Self::Changed { .. } => "read it again when nothing writes to it",
            Self::NoRecords { .. } => "check that the files hold records in a known format, with answers",
            Self::ScreenUnfit { .. } => {
                "look at the records' format; after de-identifying them by other means, --screen report, or `screen = \"report\"` in agent.toml, trains without the screen"
            }
            Self::Setting { .. } => "correct the setting",
            Self::Internal { .. } => return None,
        };
        Some(text.to_owned())
    }
}

/// The crate's result.
pub type Result<T> = std::result::Result<T, DataError>;
