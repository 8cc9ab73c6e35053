//! JSON files: the lines of a JSONL file, or the elements of one JSON array, parsed one at a time. Called by
//! `read`. Invariants: memory holds one raw record (at most [`RECORD_BYTES_MAX`]); a longer one is refused
//! and the next one read; text that is not JSON stops the file with its line, because what follows cannot be
//! trusted, unless the caller asked to refuse and count it.

mod layout;
mod split;

use std::io::{BufRead, Read};
use std::path::{Path, PathBuf};

use serde_json::Value;

use self::split::{RawRecords, Split};
use super::convert::{BARE, is_bare_record};
use super::encoding;
use super::mapping::Mapping;
use super::options::ReadOptions;
use super::raw::{Columns, Raw};
use super::report::FileKind;
use super::strict;
use crate::error::{DataError, Result};
use crate::limits::{JSON_LAYOUT_BYTES_MAX, RECORD_BYTES_MAX};
use crate::refusal::Refusal;

/// Iterator over the records of a JSON file. Stops after the first error.
pub(super) struct JsonRecords<R> {
    path: PathBuf,
    raw: RawRecords<R>,
    refuse_broken: bool,
    mapping: Option<Mapping>,
}

impl<R: BufRead> JsonRecords<R> {
    /// `beginning` is the same text once more, of which the layout is told.
    pub(super) fn new(path: &Path, beginning: impl Read, reader: R, options: &ReadOptions) -> Result<Self> {
        let mut head = Vec::new();
        let io = |error| DataError::io(path, error);
        beginning.take(JSON_LAYOUT_BYTES_MAX as u64).read_to_end(&mut head).map_err(io)?;
        let layout = layout::of(&head, options.mapping.as_ref());
        let raw = RawRecords::new(path, reader, RECORD_BYTES_MAX, layout)?;
        let (refuse_broken, mapping) = (options.refuse_broken, options.mapping.clone());
        Ok(Self { path: path.to_path_buf(), raw, refuse_broken, mapping })
    }

    /// JSONL or one array.
    pub(super) fn kind(&self) -> FileKind {
        if self.raw.is_array() { FileKind::JsonArray } else { FileKind::JsonLines }
    }

    fn parse(&self, line: u64, bytes: &[u8]) -> Result<Raw> {
        let refused = |reason| Ok(Raw::Refused { line, reason });
        if !encoding::is_utf8(bytes, false) {
            return refused(encoding::refusal(bytes));
        }
        match strict::parse(bytes) {
            Ok((_, true)) => refused(Refusal::DuplicateKey),
            Ok((Value::Object(columns), _)) => Ok(Raw::Row { line, columns }),
            Ok((turns, _)) if is_bare_record(&turns, self.mapping.as_ref()) => {
                Ok(Raw::Row { line, columns: Columns::from_iter([(BARE.to_owned(), turns)]) })
            }
            Ok(_) => refused(Refusal::UnknownFormat),
            Err(error) if is_too_deep(&error) => refused(Refusal::TooDeep),
            Err(_) if self.refuse_broken => refused(Refusal::NotJson),
            Err(error) => Err(broken(&self.path, line, &error)),
        }
    }
}

impl<R: BufRead> Iterator for JsonRecords<R> {
    type Item = Result<Raw>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.raw.next()? {
            Ok(Split::Record { line, bytes }) => {
                let parsed = self.parse(line, &bytes);
                if parsed.is_err() {
                    self.raw.stop();
                }
                parsed
            }
            Ok(Split::TooLong { line }) => Ok(Raw::Refused { line, reason: Refusal::TooLong }),
            Err(error) => Err(error),
        })
    }
}

/// The parser stops at 128 levels, long before its own stack ends; it has no code for it, only this sentence.
fn is_too_deep(error: &serde_json::Error) -> bool {
    error.to_string().starts_with("recursion limit exceeded")
}

/// Position and kind of a JSON error. `Value` accepts every JSON type, so the parser's message is about
/// syntax; it is rebuilt here all the same, so that no later version can quote the text.
fn broken(path: &Path, line: u64, error: &serde_json::Error) -> DataError {
    let within = u64::try_from(error.line()).unwrap_or(1).max(1) - 1;
    let what = if error.is_eof() { "the JSON ends too early" } else { "it is not valid JSON" };
    let reason = format!("{what} (column {})", error.column());
    DataError::File { path: path.to_path_buf(), line: line + within, reason }
}
