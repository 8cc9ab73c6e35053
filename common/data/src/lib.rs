//! The data room: turns a hospital's files into records that may be trained on, and says what it refused.
//! Called by the site's worker (local records, `site-agent data`) and by the coordinator (held-out files). It
//! opens files and nothing else: no network, no model, no clock of its own.
//!
//! Flow, in module order: `read` (files to records) -> `validate` (is the content usable) -> `screen`
//! (identifiers) -> `dedup` (exact and near duplicates) -> `split` (what is trained on, what is held out) ->
//! `manifest` (what was used). `overlap` compares what is kept with the consortium's held-out set, neither
//! side showing its text.
//!
//! Invariants: nothing here panics on outside input; memory is bounded whatever a file holds; no error,
//! report or log line carries a word of a record, only file, line, kind and masked previews.

pub mod advice;
pub mod dedup;
pub mod error;
pub mod hash;
pub mod limits;
pub mod manifest;
pub mod overlap;
pub mod provenance;
pub mod read;
pub mod record;
pub mod refusal;
pub mod room;
pub mod screen;
pub mod split;
pub mod validate;

pub use self::error::DataError;
pub use self::provenance::{Provenance, ProvenanceField, ProvenanceRules};
pub use self::record::{Body, Date, Field, Format, Part, Place, Record, Role, Turn};
pub use self::refusal::Refusal;
