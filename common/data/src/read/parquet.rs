//! Parquet files, row by row. Called by `read`. Before the first row is read, `guard` walks the footer and
//! every page's header and refuses what would not fit in memory. Invariants: memory holds one page a column
//! and one row; whatever the file holds ends in rows, refusals or an error, never a panic (the library's own
//! are caught here).

mod guard;
mod thrift;
mod value;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use parquet::file::reader::FileReader as _;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::reader::RowIter;

use super::raw::Raw;
use super::source::Source;
use crate::error::{DataError, Result};
use crate::refusal::Refusal;

/// Iterator over the rows of a Parquet file. Stops after the first error.
pub(super) struct ParquetRecords {
    path: PathBuf,
    rows: Option<RowIter<'static>>,
    row: u64,
}

impl ParquetRecords {
    pub(super) fn new(source: &Source) -> Result<Self> {
        let path = source.path().to_path_buf();
        guard::footer(source)?;
        let file = source.file().map_err(|error| DataError::io(&path, error))?;
        let reader = contained(&path, 1, || SerializedFileReader::new(file))?;
        guard::pages(source, reader.metadata())?;
        let rows = contained(&path, 1, || Ok(RowIter::from_file_into(Box::new(reader))))?;
        Ok(Self { path, rows: Some(rows), row: 0 })
    }
}

impl Iterator for ParquetRecords {
    type Item = Result<Raw>;

    fn next(&mut self) -> Option<Self::Item> {
        let rows = self.rows.as_mut()?;
        let line = self.row + 1;
        let step = contained(&self.path, line, || rows.next().transpose());
        let step = step.map(|row| {
            let row = row?;
            self.row = line;
            Some(match value::columns(&row) {
                Some(columns) => Raw::Row { line, columns },
                None => Raw::Refused { line, reason: Refusal::TooLong },
            })
        });
        if !matches!(step, Ok(Some(_))) {
            self.rows = None;
        }
        step.transpose()
    }
}

/// Calls the library. Its errors may quote values, so they are not passed on; its record reader asserts what
/// a damaged file breaks, so its panics become the same error.
fn contained<T>(path: &Path, row: u64, call: impl FnOnce() -> parquet::errors::Result<T>) -> Result<T> {
    let reason = match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => return Ok(value),
        Ok(Err(parquet::errors::ParquetError::EOF(_) | parquet::errors::ParquetError::NeedMoreData(_))) => {
            "the Parquet file ends too early"
        }
        Ok(Err(parquet::errors::ParquetError::NYI(_))) => {
            "the Parquet file uses an encoding or compression that is not supported; write it with zstd or snappy"
        }
        Ok(Err(_)) | Err(_) => "the Parquet file is damaged",
    };
    Err(DataError::File { path: path.to_path_buf(), line: row, reason: reason.to_owned() })
}
