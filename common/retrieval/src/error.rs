//! Why a folder cannot be used: one sentence and the next step. Used by every file of the crate. Invariant:
//! no text of a document in it.

use std::path::PathBuf;

use crate::limits::{ALL_BYTES_MAX, DOCUMENTS_MAX, ENTRIES_MAX, PASSAGES_MAX, PLACES_MAX, WORDS_MAX};

/// The one error of this crate. For none of them a retry helps without somebody changing the folder.
#[derive(Debug, thiserror::Error)]
pub enum RetrievalError {
    /// The folder cannot be read.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Nothing in it is a document with a passage.
    #[error("{} has no document that can be read ({left_out} files were left out{})", path.display(), because(first))]
    Empty {
        /// The folder.
        path: PathBuf,
        /// How many files are none.
        left_out: usize,
        /// Why the first of them is none.
        first: Option<String>,
    },
    /// It has more than is held in memory.
    #[error("{} has more than {what}", path.display())]
    TooMuch {
        /// The folder.
        path: PathBuf,
        /// More than what.
        what: Most,
    },
}

/// A bound of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Most {
    /// Names of files and folders.
    Entries,
    /// Documents.
    Documents,
    /// Bytes of documents.
    Bytes,
    /// Passages.
    Passages,
    /// Different words.
    Words,
    /// Places of words, of each word one for each passage.
    Places,
}

impl std::fmt::Display for Most {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Entries => write!(to, "{ENTRIES_MAX} files and folders"),
            Self::Documents => write!(to, "{DOCUMENTS_MAX} documents"),
            Self::Bytes => write!(to, "{} MiB of documents", ALL_BYTES_MAX >> 20),
            Self::Passages => write!(to, "{PASSAGES_MAX} passages"),
            Self::Words => write!(to, "{WORDS_MAX} different words"),
            Self::Places => write!(to, "{PLACES_MAX} places of words"),
        }
    }
}

fn because(first: &Option<String>) -> String {
    first.as_ref().map(|first| format!("; the first: {first}")).unwrap_or_default()
}

impl RetrievalError {
    /// The next step.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "name a folder that this user can read",
            Self::Empty { .. } => "put text files there that end in .txt or .md, in UTF-8 or GB18030",
            Self::TooMuch { .. } => "make a folder of the documents that questions are about",
        }
    }
}
