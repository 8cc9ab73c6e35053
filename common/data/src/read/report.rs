//! What a file turned out to be: kind, encoding, formats, and every refusal by reason with its places. Called
//! by `read` and `open` while they read; shown by `site-agent data check`. Invariant: counts are exact; lists
//! of lines are bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use serde::Serialize;

use super::encoding::Encoding;
use crate::limits::{
    FIELD_NAME_BYTES_MAX, FIELD_ONE_IN_MAX, FIELD_RECORDS_MIN, REFUSED_LINES_MAX, UNUSED_FIELDS_MAX,
};
use crate::record::{Format, Record};
use crate::refusal::Refusal;

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileKind {
    /// A JSON object on each line.
    JsonLines,
    /// One JSON array of objects.
    JsonArray,
    /// Rows of cells with this delimiter, under a header.
    Csv {
        /// Between cells: comma, semicolon, tab or bar.
        delimiter: char,
    },
    /// Parquet.
    Parquet,
}

/// What was found in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileReport {
    /// The file.
    pub path: PathBuf,
    /// Its size in bytes.
    pub bytes: u64,
    /// Its kind; absent where it could not be opened.
    pub kind: Option<FileKind>,
    /// How its text is encoded; absent for Parquet.
    pub encoding: Option<Encoding>,
    /// Whether a byte order mark stands before the text.
    pub has_byte_order_mark: bool,
    /// Whether it was read to its end.
    pub complete: bool,
    /// Records that can be used.
    pub records: u64,
    /// Of these, by format.
    pub formats: BTreeMap<Format, u64>,
    /// Of these, with a patient's pseudonym.
    pub with_patient: u64,
    /// Of these, with a date.
    pub with_date: u64,
    /// Of these, with a date that cannot be read.
    pub with_unreadable_date: u64,
    /// Of these, with a department or disease.
    pub with_stratum: u64,
    /// Fields that hold text and are not trained on, by name (`messages[].name` for all turns): in how many
    /// of the records that can be used. Under `...` are those beyond [`UNUSED_FIELDS_MAX`] names and, once a
    /// JSON file is read, those in few records: a name of a few records may be a patient's.
    pub unused: BTreeMap<String, u64>,
    /// Columns of a CSV file without a name: empty ones are passed over.
    pub nameless_columns: u64,
    /// Records that cannot be used, by reason.
    pub refused: BTreeMap<Refusal, Refusals>,
}

/// The name under which fields are counted whose own name is not told.
const OTHER_FIELDS: &str = "...";

/// The records refused for one reason.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Refusals {
    /// How many.
    pub count: u64,
    /// Where the first [`REFUSED_LINES_MAX`] of them begin.
    pub lines: Vec<u64>,
}

impl FileReport {
    pub(super) fn new(path: PathBuf) -> Self {
        Self {
            path,
            bytes: 0,
            kind: None,
            encoding: None,
            has_byte_order_mark: false,
            complete: false,
            records: 0,
            formats: BTreeMap::new(),
            with_patient: 0,
            with_date: 0,
            with_unreadable_date: 0,
            with_stratum: 0,
            unused: BTreeMap::new(),
            nameless_columns: 0,
            refused: BTreeMap::new(),
        }
    }

    /// Records that cannot be used, of all reasons.
    #[must_use]
    pub fn refused_total(&self) -> u64 {
        self.refused.values().map(|refusals| refusals.count).sum()
    }

    pub(super) fn count(&mut self, record: &Record, has_unreadable_date: bool) {
        self.records += 1;
        *self.formats.entry(record.format).or_default() += 1;
        self.with_patient += u64::from(record.patient.is_some());
        self.with_date += u64::from(record.date.is_some());
        self.with_unreadable_date += u64::from(has_unreadable_date);
        self.with_stratum += u64::from(record.stratum.is_some());
    }

    /// Notes the fields of one usable record that hold text and are not trained on.
    pub(super) fn count_unused(&mut self, fields: &BTreeSet<String>) {
        let mut others = false;
        for field in fields {
            let name = &field[..field.floor_char_boundary(FIELD_NAME_BYTES_MAX)];
            if self.unused.contains_key(name) || self.unused.len() < UNUSED_FIELDS_MAX {
                *self.unused.entry(name.to_owned()).or_default() += 1;
            } else {
                others = true;
            }
        }
        if others {
            *self.unused.entry(OTHER_FIELDS.to_owned()).or_default() += 1;
        }
    }

    /// Takes out the names of fields that few records have, where each record names its own. The columns of a
    /// table have names that its author gave to all of them.
    pub(super) fn hide_rare_names(&mut self) {
        if !matches!(self.kind, Some(FileKind::JsonLines | FileKind::JsonArray)) {
            return;
        }
        let least = (self.records.div_ceil(FIELD_ONE_IN_MAX)).max(FIELD_RECORDS_MIN);
        let mut rare = 0;
        self.unused.retain(|name, count| {
            let is_told = *count >= least && name != OTHER_FIELDS;
            rare += if is_told { 0 } else { *count };
            is_told
        });
        if rare > 0 {
            // A record may have several of them.
            self.unused.insert(OTHER_FIELDS.to_owned(), rare.min(self.records));
        }
    }

    pub(super) fn refuse(&mut self, line: u64, reason: Refusal) {
        let refusals = self.refused.entry(reason).or_default();
        refusals.count += 1;
        if refusals.lines.len() < REFUSED_LINES_MAX {
            refusals.lines.push(line);
        }
    }
}
