//! A JSON file cut into raw records without reading it whole: the lines of a JSONL file, or the elements of
//! one JSON array. Called by `json`. Invariants: at most `limit` bytes of one record are held; a longer
//! record is skipped and reported, the next one is read; lines are counted from 1.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use super::layout::Layout;
use crate::error::{DataError, Result};

/// One step of reading.
pub(super) enum Split {
    /// The bytes of a record that begins on `line`.
    Record { line: u64, bytes: Vec<u8> },
    /// A record beginning on `line` is longer than the limit.
    TooLong { line: u64 },
}

/// Iterator over the raw records of a file. Stops after the first error.
pub(super) struct RawRecords<R> {
    path: PathBuf,
    reader: R,
    is_array: bool,
    /// The array stands in an object, which ends behind it.
    is_wrapped: bool,
    done: bool,
    limit: usize,
    line: u64,
    first: bool,
}

impl<R: BufRead> RawRecords<R> {
    /// A file of this layout, from its beginning.
    pub(super) fn new(path: &Path, reader: R, limit: usize, layout: Layout) -> Result<Self> {
        let is_wrapped = matches!(layout, Layout::Wrapped { .. });
        let is_array = is_wrapped || layout == Layout::Array;
        let path = path.to_path_buf();
        let mut records =
            Self { path, reader, is_array, is_wrapped, done: false, limit, line: 1, first: true };
        match layout {
            Layout::Array => {
                records.skip_white_space()?;
                records.take_byte()?;
            }
            Layout::Wrapped { before } => {
                for _ in 0..before {
                    records.take_byte()?;
                }
            }
            Layout::Spread => {
                let reason = "this JSON object goes over several lines; write each record on a line of its own, or all of them in one list";
                return Err(records.broken(reason));
            }
            Layout::Lines => {}
        }
        Ok(records)
    }

    pub(super) fn is_array(&self) -> bool {
        self.is_array
    }

    /// Nothing more is read: what was found makes the rest doubtful.
    pub(super) fn stop(&mut self) {
        self.done = true;
    }

    fn broken(&self, reason: &str) -> DataError {
        DataError::File { path: self.path.clone(), line: self.line, reason: reason.to_owned() }
    }

    fn buffer(&mut self) -> Result<&[u8]> {
        loop {
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(DataError::io(&self.path, error)),
            }
        }
        // Asked again because the borrow checker cannot see that the loop's borrow ends; the buffer is full
        // now.
        self.reader.fill_buf().map_err(|error| DataError::io(&self.path, error))
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        Ok(self.buffer()?.first().copied())
    }

    fn take_byte(&mut self) -> Result<Option<u8>> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.reader.consume(1);
            self.line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }

    fn skip_white_space(&mut self) -> Result<Option<u8>> {
        loop {
            match self.peek()? {
                Some(b' ' | b'\t' | b'\r' | b'\n') => self.take_byte()?,
                other => return Ok(other),
            };
        }
    }

    /// The next line that is not blank.
    fn next_line(&mut self) -> Result<Option<Split>> {
        if self.skip_white_space()?.is_none() {
            return Ok(None);
        }
        let (line, limit) = (self.line, self.limit);
        let mut bytes = Vec::new();
        let mut too_long = false;
        loop {
            let buffer = self.buffer()?;
            let newline = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..newline.unwrap_or(buffer.len())];
            too_long |= bytes.len() + part.len() > limit;
            if !too_long {
                bytes.extend_from_slice(part);
            }
            let at_end = buffer.is_empty();
            let consumed = part.len() + usize::from(newline.is_some());
            self.reader.consume(consumed);
            if newline.is_some() || at_end {
                break;
            }
        }
        self.line += 1;
        Ok(Some(if too_long { Split::TooLong { line } } else { Split::Record { line, bytes } }))
    }

    /// The next element of the array; `None` behind the closing bracket.
    fn next_element(&mut self) -> Result<Option<Split>> {
        match self.skip_white_space()? {
            Some(b']') if self.first => return self.close(),
            Some(_) => {}
            None => return Err(self.broken("the JSON array is not closed")),
        }
        self.first = false;
        let element = self.element()?;
        match self.skip_white_space()? {
            Some(b',') => {
                self.take_byte()?;
                if self.skip_white_space()? == Some(b']') {
                    return Err(self.broken("there is a comma behind the last element of the array"));
                }
            }
            Some(b']') => {
                self.close()?;
            }
            Some(_) => return Err(self.broken("a comma is missing between two elements of the array")),
            None => return Err(self.broken("the JSON array is not closed")),
        }
        Ok(Some(element))
    }

    /// Takes the closing bracket, and the brace around the array if there is one; nothing may follow.
    fn close(&mut self) -> Result<Option<Split>> {
        self.take_byte()?;
        self.done = true;
        if self.is_wrapped {
            if self.skip_white_space()? != Some(b'}') {
                let reason = "something else follows the list of records in its object; put each list into a file of its own";
                return Err(self.broken(reason));
            }
            self.take_byte()?;
        }
        match self.skip_white_space()? {
            None => Ok(None),
            Some(_) => Err(self.broken("something follows the closing bracket of the array")),
        }
    }

    /// Bytes up to the comma or bracket that ends an element. Only strings and nesting are understood here;
    /// whether it is JSON is the parser's business.
    fn element(&mut self) -> Result<Split> {
        let (line, limit) = (self.line, self.limit);
        let mut bytes: Vec<u8> = Vec::new();
        let mut too_long = false;
        let mut scan = Scan::default();
        loop {
            let buffer = self.buffer()?;
            let end = buffer.iter().position(|byte| scan.ends_before(*byte));
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let newlines = part.iter().filter(|byte| **byte == b'\n').count() as u64;
            too_long |= bytes.len() + part.len() > limit;
            if !too_long {
                bytes.extend_from_slice(part);
            }
            let at_end = buffer.is_empty();
            let consumed = part.len();
            self.reader.consume(consumed);
            self.line += newlines;
            if end.is_some() || at_end {
                break;
            }
        }
        Ok(if too_long { Split::TooLong { line } } else { Split::Record { line, bytes } })
    }
}

/// Where in an element we are.
#[derive(Default)]
struct Scan {
    depth: u64,
    in_string: bool,
    escaped: bool,
}

impl Scan {
    /// Takes one more byte into account; true if it stands behind the element.
    fn ends_before(&mut self, byte: u8) -> bool {
        if !self.in_string && self.depth == 0 && matches!(byte, b',' | b']' | b'}') {
            return true;
        }
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' if self.in_string => self.escaped = true,
            b'"' => self.in_string = !self.in_string,
            b'{' | b'[' if !self.in_string => self.depth += 1,
            b'}' | b']' if !self.in_string => self.depth -= 1,
            _ => {}
        }
        false
    }
}

impl<R: BufRead> Iterator for RawRecords<R> {
    type Item = Result<Split>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let step = if self.is_array { self.next_element() } else { self.next_line() };
        self.done |= !matches!(step, Ok(Some(_)));
        step.transpose()
    }
}
