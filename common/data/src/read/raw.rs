//! What a file's own reader gives before it is known what it means: rows with named columns, or refusals.
//! Used by `csv`, `json` and `parquet`, which make them, and by `convert`, `open` and `read`. Invariant:
//! every row of a file is given once, with the line it begins on.

use serde_json::{Map, Value};

use super::source::Source;
use crate::error::Result;
use crate::refusal::Refusal;

/// The columns of a row, by name.
pub(super) type Columns = Map<String, Value>;

/// One row of a file.
pub(super) enum Raw {
    /// A row with named columns.
    Row { line: u64, columns: Columns },
    /// A row that cannot be used.
    Refused { line: u64, reason: Refusal },
}

/// A file that is being read.
pub(super) struct OpenFile {
    pub(super) source: Source,
    pub(super) rows: Box<dyn Iterator<Item = Result<Raw>>>,
}
