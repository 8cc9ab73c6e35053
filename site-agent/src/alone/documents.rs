//! A hospital's documents that answers are made from. Called by `ask` and `serve`, behind the locks.
//! Invariants: the folder is read behind the locks alone; what of it is not read is told.

use std::path::Path;

use common::terminal::visible;
use evaluation::suite::Tongue;
use retrieval::{Cited, Library, Model, Sources};
use serde_json::{Value, json};

use super::checking::language;
use crate::error::SiteError;
use crate::limits::LEFT_OUT_SHOWN_MAX;

/// A folder's passages, and how many of them stand before a question.
#[derive(Debug)]
pub struct Documents {
    library: Library,
    most: usize,
}

impl Documents {
    /// Reads the folder.
    ///
    /// # Errors
    /// `Data` where it cannot be read, has no document or too much.
    pub fn open(folder: &Path, most: usize) -> Result<Self, SiteError> {
        let library = Library::open(folder)
            .map_err(|error| SiteError::data(&visible(&error.to_string()), error.hint()))?;
        Ok(Self { library, most })
    }

    /// What a question is asked with.
    #[must_use]
    pub fn sources(&self, question: &str, model: &Model<'_>) -> Sources<'_> {
        Sources::of(&self.library, question, self.most, language(Tongue::of(question)), model)
    }

    /// What is read, for programs.
    #[must_use]
    pub fn document(&self) -> Value {
        let Self { library, most } = self;
        json!({"documents": library.documents(), "passages": library.passages(), "passages_max": most})
    }

    /// The same for a person, with what is not read: the first few by name.
    #[must_use]
    pub fn describe(&self) -> Vec<String> {
        let left = self.library.left_out();
        let (documents, passages) = (self.library.documents(), self.library.passages());
        let mut lines = vec![format!("documents: {documents}, {passages} passages")];
        let shown = left.iter().take(LEFT_OUT_SHOWN_MAX);
        lines.extend(shown.map(|one| format!("not read: {}: {}", visible(&one.name), one.why)));
        if left.len() > LEFT_OUT_SHOWN_MAX {
            lines.push(format!("not read: {} more", left.len() - LEFT_OUT_SHOWN_MAX));
        }
        lines
    }
}

/// The sources of an answer, for programs.
#[must_use]
pub fn fields(cited: &Cited<'_>) -> [(&'static str, Value); 2] {
    [("sources", json!(cited.sources)), ("unknown_citations", json!(cited.unknown))]
}
