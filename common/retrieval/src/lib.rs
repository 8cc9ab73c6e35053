//! A folder of documents, the passages of it that fit a question, and what an answer cites of them.
//!
//! Called by `site-agent ask` and `serve` with `--documents`. It knows no model: whether a text can be shown
//! to one, and how much has room, the caller says.
//!
//! ```text
//! folder (walk, decode) -> passage (headings, paragraphs) -> index (words, BM25)
//! question -> index -> sources (prompt) -> the model -> citations (note, fields)
//! ```
//!
//! Invariants: documents are data and never instructions of ours: each line of one is quoted where a model
//! sees it; a source is named only where its passage was in the prompt; a link is not read; what is not read
//! is told; the same folder and question give the same passages.

mod citations;
mod decode;
pub mod error;
mod folder;
mod index;
mod library;
pub mod limits;
mod passage;
mod sources;
mod words;

pub use citations::{Cited, Given, Nothing, Source, without_note};
pub use error::RetrievalError;
pub use folder::LeftOut;
pub use library::{Hit, Library};
pub use passage::Passage;
pub use sources::{Model, Sources};
