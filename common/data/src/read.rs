//! Files to records: JSONL, JSON arrays, CSV and Parquet, in the formats that fine-tuning tools write. Called
//! by the site's worker, by `site-agent data`, and by the coordinator for its held-out files.
//!
//! ```no_run
//! use data::read::{self, Item, ReadOptions};
//! let mut records = read::open(&["records.jsonl"], &ReadOptions::default());
//! for item in &mut records {
//!     match item? {
//!         Item::Record(record) => println!("{} turns", record.messages().len()),
//!         Item::Refused { place, reason } => println!("line {}: {reason}", place.line),
//!     }
//! }
//! for file in records.reports() {
//!     println!("{}: {} records, {} refused", file.path.display(), file.records, file.refused_total());
//! }
//! # Ok::<(), data::DataError>(())
//! ```
//!
//! Each record's format is told from its keys (see `convert`), so a file may mix them. Invariants: memory
//! holds one record at a time, whatever the file holds; every record comes out, as itself or as a refusal
//! with its place; a file that changes while it is read, or is damaged, is an error; nothing quotes a record.

mod convert;
mod csv;
mod encoding;
mod json;
mod mapping;
pub mod mix;
mod open;
mod options;
mod parquet;
mod raw;
mod report;
mod source;
mod strict;

#[cfg(test)]
mod tests;

pub use self::encoding::Encoding;
pub use self::mapping::Mapping;
pub use self::options::ReadOptions;
pub use self::report::{FileKind, FileReport, Refusals};

use std::path::{Path, PathBuf};

use self::raw::{OpenFile, Raw};
use crate::error::{DataError, Result};
use crate::record::{Place, Record};
use crate::refusal::Refusal;
use crate::validate;

/// One step of reading.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// A record that can be trained on.
    Record(Record),
    /// A record that cannot.
    Refused {
        /// Where it begins.
        place: Place,
        /// Why.
        reason: Refusal,
    },
}

/// Opens files one after the other and streams their records. Nothing is opened before the first step.
///
/// The iterator ends after its first error: [`DataError::Io`] and [`DataError::File`] for a file that cannot
/// be opened or is damaged, [`DataError::Changed`] for one that somebody wrote to meanwhile.
pub fn open<P: AsRef<Path>>(paths: &[P], options: &ReadOptions) -> Reader {
    let paths = paths.iter().map(|path| path.as_ref().to_path_buf()).collect::<Vec<_>>().into_iter();
    let options = options.clone();
    Reader { paths, options, current: None, reports: Vec::new(), first_file: 0, failed: false }
}

/// Reads files into memory.
///
/// # Errors
/// [`DataError::Io`] and [`DataError::File`] for a file that cannot be opened or is damaged,
/// [`DataError::Changed`] for one that somebody wrote to meanwhile. Files without usable records are not an
/// error: see [`Dataset::require_records`].
pub fn read_all<P: AsRef<Path>>(paths: &[P], options: &ReadOptions) -> Result<Dataset> {
    let mut reader = open(paths, options);
    let mut dataset = Dataset::default();
    for item in &mut reader {
        match item? {
            Item::Record(record) => dataset.records.push(record),
            Item::Refused { place, reason } => dataset.refused.push((place, reason)),
        }
    }
    dataset.files = reader.reports;
    Ok(dataset)
}

/// The records of some files, in the order of files and records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Dataset {
    /// What can be trained on.
    pub records: Vec<Record>,
    /// What cannot, and why.
    pub refused: Vec<(Place, Refusal)>,
    /// What was found in each file.
    pub files: Vec<FileReport>,
}

impl Dataset {
    /// The file a record or refusal stands in.
    #[must_use]
    pub fn path(&self, place: Place) -> &Path {
        let index = usize::try_from(place.file).unwrap_or(usize::MAX);
        self.files.get(index).map_or_else(|| Path::new("?"), |file| file.path.as_path())
    }

    /// Refuses a dataset without a single usable record.
    ///
    /// # Errors
    /// [`DataError::NoRecords`] when no record can be used; it says how many were refused, and names the
    /// first of them.
    pub fn require_records(&self) -> Result<()> {
        if !self.records.is_empty() {
            return Ok(());
        }
        let reason = match self.refused.first() {
            None => "the dataset has no records".to_owned(),
            Some((place, reason)) => format!(
                "all {} records were refused, the first in {}, line {}: {reason}",
                self.refused.len(),
                self.path(*place).display(),
                place.line,
            ),
        };
        Err(DataError::NoRecords { reason })
    }
}

/// Streams the records of some files, see [`open`].
pub struct Reader {
    paths: std::vec::IntoIter<PathBuf>,
    options: ReadOptions,
    current: Option<OpenFile>,
    reports: Vec<FileReport>,
    /// What the first file is numbered in places.
    first_file: u32,
    failed: bool,
}

impl Reader {
    /// What was found so far, a report for each file that was begun, in order.
    #[must_use]
    pub fn reports(&self) -> &[FileReport] {
        &self.reports
    }

    /// Opens the next file; false after the last one.
    fn advance(&mut self) -> Result<bool> {
        let Some(path) = self.paths.next() else { return Ok(false) };
        let mut report = FileReport::new(path.clone());
        let opened = open::file(&path, &self.options, &mut report);
        self.reports.push(report);
        self.current = Some(opened?);
        Ok(true)
    }

    fn step(&mut self) -> Result<Option<Item>> {
        loop {
            let Some(current) = &mut self.current else {
                if self.advance()? {
                    continue;
                }
                return Ok(None);
            };
            match current.rows.next() {
                Some(Ok(raw)) => return Ok(Some(self.item(raw))),
                Some(Err(error)) => {
                    // A file that was cut under us looks damaged; say what it is.
                    current.source.check_unchanged()?;
                    return Err(error);
                }
                None => {
                    current.source.check_unchanged()?;
                    self.current = None;
                    if let Some(report) = self.reports.last_mut() {
                        report.complete = true;
                        report.hide_rare_names();
                    }
                }
            }
        }
    }

    fn item(&mut self, raw: Raw) -> Item {
        let index = u32::try_from(self.reports.len().saturating_sub(1)).unwrap_or(u32::MAX);
        let file = self.first_file.saturating_add(index);
        let (line, converted) = match raw {
            Raw::Refused { line, reason } => (line, Err(reason)),
            Raw::Row { line, columns } => {
                let converted =
                    convert::record(&columns, Place { file, line }, self.options.mapping.as_ref()).and_then(
                        |conversion| {
                            validate::record(&conversion.record, &self.options.bounds)?;
                            Ok(conversion)
                        },
                    );
                (line, converted)
            }
        };
        let report = self.reports.last_mut();
        match converted {
            Ok(conversion) => {
                if let Some(report) = report {
                    report.count(&conversion.record, conversion.has_unreadable_date);
                    report.count_unused(&conversion.unused);
                }
                Item::Record(conversion.record)
            }
            Err(reason) => {
                if let Some(report) = report {
                    report.refuse(line, reason);
                }
                Item::Refused { place: Place { file, line }, reason }
            }
        }
    }
}

impl Iterator for Reader {
    type Item = Result<Item>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let step = self.step();
        self.failed = step.is_err();
        step.transpose()
    }
}
