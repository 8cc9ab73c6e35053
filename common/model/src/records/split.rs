//! A dataset file cut into raw records without reading it whole: the lines of a JSONL file, or the elements of
//! one JSON array. Called by `records`. Invariants: at most [`MAX_RECORD_BYTES`] of one record are held; a longer
//! record is skipped and reported, the next one is read; lines are counted from 1.

use std::io::BufRead;
use std::path::{Path, PathBuf};

use crate::error::{ModelError, Result};
use crate::limits::MAX_RECORD_BYTES;

/// One step of reading.
pub(super) enum Read {
    /// The bytes of a record that begins on `line`.
    Record { line: u64, bytes: Vec<u8> },
    /// A record beginning on `line` is longer than the limit.
    TooLong { line: u64 },
}

enum Layout {
    Lines,
    Array,
    Done,
}

/// Iterator over the raw records of a file. Stops after the first error.
pub(super) struct RawRecords<R> {
    path: PathBuf,
    reader: R,
    layout: Layout,
    line: u64,
    first: bool,
}

impl<R: BufRead> RawRecords<R> {
    /// Looks at the first byte that is not white space: `[` begins an array, anything else is JSONL.
    pub(super) fn new(path: &Path, reader: R) -> Result<Self> {
        let mut records =
            Self { path: path.to_path_buf(), reader, layout: Layout::Lines, line: 1, first: true };
        records.skip_byte_order_mark()?;
        match records.skip_white_space()? {
            Some(b'[') => {
                records.take_byte()?;
                records.layout = Layout::Array;
            }
            Some(_) => {}
            None => records.layout = Layout::Done,
        }
        Ok(records)
    }

    fn io(&self, error: std::io::Error) -> ModelError {
        ModelError::io(&self.path, error)
    }

    fn broken(&self, reason: &str) -> ModelError {
        ModelError::Record { path: self.path.clone(), line: self.line, reason: reason.to_owned() }
    }

    fn peek(&mut self) -> Result<Option<u8>> {
        match self.reader.fill_buf() {
            Ok(buffer) => Ok(buffer.first().copied()),
            Err(error) => Err(self.io(error)),
        }
    }

    fn take_byte(&mut self) -> Result<Option<u8>> {
        let byte = self.peek()?;
        if let Some(byte) = byte {
            self.reader.consume(1);
            self.line += u64::from(byte == b'\n');
        }
        Ok(byte)
    }

    fn skip_byte_order_mark(&mut self) -> Result<()> {
        if self.peek()? != Some(0xEF) {
            return Ok(());
        }
        for expected in [0xEF, 0xBB, 0xBF] {
            if self.take_byte()? != Some(expected) {
                return Err(self.broken("the file is neither JSON nor UTF-8"));
            }
        }
        Ok(())
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
    fn next_line(&mut self) -> Result<Option<Read>> {
        if self.skip_white_space()?.is_none() {
            return Ok(None);
        }
        let line = self.line;
        let mut bytes = Vec::new();
        let mut too_long = false;
        loop {
            let buffer = match self.reader.fill_buf() {
                Ok(buffer) => buffer,
                Err(error) => return Err(ModelError::io(&self.path, error)),
            };
            let newline = buffer.iter().position(|byte| *byte == b'\n');
            let part = &buffer[..newline.unwrap_or(buffer.len())];
            too_long |= bytes.len() + part.len() > MAX_RECORD_BYTES;
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
        Ok(Some(if too_long { Read::TooLong { line } } else { Read::Record { line, bytes } }))
    }

    /// The next element of the array; `None` behind the closing bracket.
    fn next_element(&mut self) -> Result<Option<Read>> {
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

    /// Takes the closing bracket; nothing may follow it.
    fn close(&mut self) -> Result<Option<Read>> {
        self.take_byte()?;
        self.layout = Layout::Done;
        match self.skip_white_space()? {
            None => Ok(None),
            Some(_) => Err(self.broken("something follows the closing bracket of the array")),
        }
    }

    /// Bytes up to the comma or bracket that ends an element. Only strings and nesting are understood here;
    /// whether it is JSON is the parser's business.
    fn element(&mut self) -> Result<Read> {
        let line = self.line;
        let mut bytes = Vec::new();
        let mut too_long = false;
        let (mut depth, mut in_string, mut escaped) = (0_u64, false, false);
        while let Some(byte) = self.peek()? {
            if !in_string && depth == 0 && matches!(byte, b',' | b']' | b'}') {
                break;
            }
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => depth += 1,
                b'}' | b']' if !in_string => depth -= 1,
                _ => {}
            }
            too_long |= bytes.len() >= MAX_RECORD_BYTES;
            if !too_long {
                bytes.push(byte);
            }
            self.take_byte()?;
        }
        Ok(if too_long { Read::TooLong { line } } else { Read::Record { line, bytes } })
    }
}

impl<R: BufRead> Iterator for RawRecords<R> {
    type Item = Result<Read>;

    fn next(&mut self) -> Option<Self::Item> {
        let step = match self.layout {
            Layout::Lines => self.next_line(),
            Layout::Array => self.next_element(),
            Layout::Done => return None,
        };
        if step.is_err() {
            self.layout = Layout::Done;
        }
        step.transpose()
    }
}
