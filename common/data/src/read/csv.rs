//! CSV files with a header: one row at a time, with quotes, doubled quotes and line feeds inside cells (RFC
//! 4180). Called by `read`. Columns without a name, as Excel leaves them behind a table, are passed over
//! while they are empty. Invariants: memory holds one row (at most [`RECORD_BYTES_MAX`]); a longer one is
//! refused and the next one read; a quotation mark that is never closed is an error with the line on which
//! its row begins; nothing quotes the header, which in a file without one is a record.

use std::collections::HashSet;
use std::io::BufRead;
use std::path::{Path, PathBuf};

use csv_core::ReadRecordResult;
use serde_json::Value;

use super::encoding;
use super::raw::{Columns, Raw};
use crate::error::{DataError, Result};
use crate::limits::{COLUMNS_MAX, RECORD_BYTES_MAX};
use crate::refusal::Refusal;

/// Iterator over the rows of a CSV file. Stops after the first error.
pub(super) struct CsvRecords<R> {
    path: PathBuf,
    reader: R,
    core: csv_core::Reader,
    delimiter: u8,
    /// Names of the columns; empty for one without a name.
    header: Vec<String>,
    line: u64,
    done: bool,
    output: Vec<u8>,
    ends: Vec<usize>,
}

/// A row that was cut into cells: their number, or why the row is refused.
struct Row {
    line: u64,
    cells: std::result::Result<usize, Refusal>,
}

impl<R: BufRead> CsvRecords<R> {
    /// Reads the header. The delimiter is the one of comma, semicolon, tab and bar that is most frequent in
    /// it.
    pub(super) fn new(path: &Path, mut reader: R) -> Result<Self> {
        let head = reader.fill_buf().map_err(|error| DataError::io(path, error))?;
        let delimiter = delimiter(head);
        let core = csv_core::ReaderBuilder::new().delimiter(delimiter).build();
        let path = path.to_path_buf();
        let (output, ends) = (vec![0; 4096], vec![0; 64]);
        let mut records =
            Self { path, reader, core, delimiter, header: Vec::new(), line: 1, done: false, output, ends };
        records.read_header()?;
        Ok(records)
    }

    pub(super) fn delimiter(&self) -> char {
        char::from(self.delimiter)
    }

    /// How many columns have no name.
    pub(super) fn nameless(&self) -> u64 {
        self.header.iter().filter(|name| name.is_empty()).count() as u64
    }

    fn read_header(&mut self) -> Result<()> {
        let Some(row) = self.row()? else {
            self.done = true;
            return Ok(());
        };
        let fault = |reason: &str| DataError::File {
            path: self.path.clone(),
            line: row.line,
            reason: reason.to_owned(),
        };
        let cells =
            row.cells.map_err(|_| fault("the header is longer than 1 MiB or has too many columns"))?;
        let names: Option<Vec<String>> =
            self.cells(cells).map(|cell| Some(std::str::from_utf8(cell).ok()?.trim().to_owned())).collect();
        let names = names.ok_or_else(|| fault("the header is not text in the file's encoding"))?;
        let named: Vec<&String> = names.iter().filter(|name| !name.is_empty()).collect();
        if named.iter().collect::<HashSet<_>>().len() < named.len() {
            return Err(fault("two columns have the same name; the first line must name the columns"));
        }
        self.header = names;
        Ok(())
    }

    /// The cells of the row in the output buffer.
    fn cells(&self, count: usize) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(self.ends.iter().copied()).take(count).map(|(start, end)| &self.output[start..end])
    }

    fn fill(&mut self) -> Result<&[u8]> {
        self.reader.fill_buf().map_err(|error| DataError::io(&self.path, error))
    }

    /// Empty lines between rows are skipped here, so that a row's line is the one it begins on.
    fn skip_line_ends(&mut self) -> Result<()> {
        while let Some(byte @ (b'\r' | b'\n')) = self.fill()?.first().copied() {
            self.reader.consume(1);
            self.line += u64::from(byte == b'\n');
        }
        Ok(())
    }

    /// Reads the next row into the buffers.
    fn row(&mut self) -> Result<Option<Row>> {
        self.skip_line_ends()?;
        let line = self.line;
        let (mut written, mut cells, mut quote) = (0, 0, Quote::default());
        let mut too_long = false;
        loop {
            let input = self.reader.fill_buf().map_err(|error| DataError::io(&self.path, error))?;
            let at_end = input.is_empty();
            let (result, read, bytes, ends) =
                self.core.read_record(input, &mut self.output[written..], &mut self.ends[cells..]);
            quote.read(&input[..read], self.delimiter);
            self.line += input[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
            self.reader.consume(read);
            written += bytes;
            cells += ends;
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull if self.output.len() < RECORD_BYTES_MAX => {
                    self.output.resize((self.output.len() * 2).min(RECORD_BYTES_MAX), 0);
                }
                ReadRecordResult::OutputEndsFull if self.ends.len() < COLUMNS_MAX => {
                    self.ends.resize((self.ends.len() * 2).min(COLUMNS_MAX), 0);
                }
                // The rest of the row is read and thrown away.
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    too_long = true;
                    written = 0;
                    cells = 0;
                }
                ReadRecordResult::Record | ReadRecordResult::End => {
                    if at_end && quote == Quote::Inside {
                        let reason =
                            "a quotation mark in this row is not closed before the file ends".to_owned();
                        return Err(DataError::File { path: self.path.clone(), line, reason });
                    }
                    if result == ReadRecordResult::End {
                        return Ok(None);
                    }
                    let cells = if too_long { Err(Refusal::TooLong) } else { Ok(cells) };
                    return Ok(Some(Row { line, cells }));
                }
            }
        }
    }

    fn columns(&self, cells: usize) -> std::result::Result<Columns, Refusal> {
        let least = self.header.iter().rposition(|name| !name.is_empty()).map_or(0, |last| last + 1);
        if cells < least || self.cells(cells).skip(self.header.len()).any(|cell| !cell.is_empty()) {
            return Err(Refusal::CellCount);
        }
        let mut columns = Columns::new();
        for (index, (name, cell)) in self.header.iter().zip(self.cells(cells)).enumerate() {
            let text = std::str::from_utf8(cell).map_err(|_| encoding::refusal(cell))?;
            if !name.is_empty() {
                columns.insert(name.clone(), Value::String(text.to_owned()));
                continue;
            }
            let name = format!("column {}", index + 1);
            // A column may really be called so; then that is the one.
            if !self.header.contains(&name) {
                columns.insert(name, Value::String(text.to_owned()));
            }
        }
        Ok(columns)
    }

    /// A title above the header looks like a header with a name and nothing behind it.
    fn require_names(&self, line: u64, cells: usize) -> Result<()> {
        let is_text = |cell: &[u8]| String::from_utf8_lossy(cell).chars().any(char::is_alphabetic);
        let has_text = |(name, cell): (&String, &[u8])| name.is_empty() && is_text(cell);
        if self.nameless() > 1 && self.header.iter().zip(self.cells(cells)).any(has_text) {
            let reason =
                "a column without a name holds text; the first line must name the columns".to_owned();
            return Err(DataError::File { path: self.path.clone(), line, reason });
        }
        Ok(())
    }
}

impl<R: BufRead> Iterator for CsvRecords<R> {
    type Item = Result<Raw>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = self.row();
        self.done |= !matches!(step, Ok(Some(_)));
        let row = match step {
            Ok(row) => row?,
            Err(error) => return Some(Err(error)),
        };
        let line = row.line;
        if let Ok(cells) = row.cells
            && let Err(error) = self.require_names(line, cells)
        {
            self.done = true;
            return Some(Err(error));
        }
        Some(Ok(match row.cells.and_then(|cells| self.columns(cells)) {
            Ok(columns) => Raw::Row { line, columns },
            Err(reason) => Raw::Refused { line, reason },
        }))
    }
}

/// Where in the quotes of a row the reader is: a quotation mark opens a cell only at its beginning, and
/// elsewhere stands for itself (`5" tube`).
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Quote {
    /// At the beginning of a cell.
    #[default]
    Before,
    /// In a cell without quotes, or behind its closing one.
    Outside,
    /// In a quoted cell.
    Inside,
    /// Behind a quotation mark in a quoted cell: it closes the cell, or another one follows.
    Closing,
}

impl Quote {
    fn read(&mut self, bytes: &[u8], delimiter: u8) {
        for byte in bytes {
            *self = match (*self, *byte) {
                (Self::Before | Self::Closing, b'"') => Self::Inside,
                (Self::Inside, b'"') => Self::Closing,
                (Self::Inside, _) => Self::Inside,
                (_, b'\n' | b'\r') => Self::Before,
                (_, byte) if byte == delimiter => Self::Before,
                _ => Self::Outside,
            };
        }
    }
}

/// The most frequent of the usual delimiters in the first line, outside quotes.
fn delimiter(head: &[u8]) -> u8 {
    const USUAL: [u8; 4] = [b',', b';', b'\t', b'|'];
    let mut counts = [0_usize; USUAL.len()];
    let mut quoted = false;
    for byte in head {
        match byte {
            b'"' => quoted = !quoted,
            b'\n' if !quoted => break,
            _ if quoted => {}
            byte => {
                if let Some(index) = USUAL.iter().position(|usual| usual == byte) {
                    counts[index] += 1;
                }
            }
        }
    }
    // On a tie the earlier one counts, so a line without any delimiter gives a comma.
    let most = counts.iter().copied().max().unwrap_or(0);
    counts.iter().position(|count| *count == most).map_or(b',', |index| USUAL[index])
}
