//! Checks a ledger from its bytes alone: every line a record of the grammar, sequence without gaps, times
//! that do not go back, chain unbroken; and sums it up. Needs no network and no state;
//! `deploy/verify_ledger.py` does the same in Python.
//!
//! Called by the site agent's ledger, when it opens the file, and by `site-agent ledger verify`.

use std::collections::BTreeMap;
use std::io::BufRead;

use super::grammar;
use super::merkle::Tree;
use super::record::{Kind, LedgerError, Record, line_digest};
use crate::id::Digest;
use crate::limits::LEDGER_LINE_BYTES_MAX;

/// Sums for one kind of frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KindTotal {
    /// Number of frames.
    pub frames: u64,
    /// Bytes in them.
    pub bytes: u64,
}

/// What an intact ledger contains.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Summary {
    /// Number of records.
    pub records: u64,
    /// Bytes of all frames.
    pub bytes: u64,
    /// RFC 6962 root over the lines.
    pub root: Digest,
    /// Totals by kind.
    pub kinds: BTreeMap<Kind, KindTotal>,
}

/// Checks records one by one; the writer uses it to pick up an existing ledger.
#[derive(Debug, Clone)]
pub struct Verifier {
    tree: Tree,
    previous: Digest,
    time_ms: u64,
    bytes: u64,
    kinds: BTreeMap<Kind, KindTotal>,
}

impl Default for Verifier {
    fn default() -> Self {
        Self {
            tree: Tree::default(),
            previous: Digest([0; 32]),
            time_ms: 0,
            bytes: 0,
            kinds: BTreeMap::new(),
        }
    }
}

impl Verifier {
    /// Checks one line (without its newline) and counts it.
    ///
    /// # Errors
    /// [`LedgerError::NotARecord`] for a line that is not canonical, [`LedgerError::Value`] for a value that
    /// its kind does not have, [`LedgerError::Sequence`] for a number that does not come next,
    /// [`LedgerError::Time`] for a time that goes back, [`LedgerError::Chain`] for a line that does not
    /// follow from the one before it.
    pub fn verify_line(&mut self, line: &[u8]) -> Result<Record, LedgerError> {
        let number = self.tree.size() + 1;
        let not_a_record = LedgerError::NotARecord { line: number };
        let wrong = |reason| LedgerError::Value { line: number, reason };
        if line.len() > LEDGER_LINE_BYTES_MAX {
            return Err(not_a_record);
        }
        let Ok(record) = serde_json::from_slice::<Record>(line) else { return Err(not_a_record) };
        if record.to_line()? != line {
            return Err(not_a_record);
        }
        grammar::verify(&record).map_err(wrong)?;
        let expected = self.tree.size();
        if record.sequence != expected {
            return Err(LedgerError::Sequence { line: number, found: record.sequence, expected });
        }
        if record.time_ms < self.time_ms {
            return Err(LedgerError::Time { line: number });
        }
        if record.previous != self.previous.to_string() {
            return Err(LedgerError::Chain { line: number });
        }
        // The bound of a length makes more than 2^64 bytes a ledger of 10^13 lines; a sum is never wrong.
        let overflow = || wrong("the bytes of all frames are more than 2^64");
        let bytes = self.bytes.checked_add(record.length).ok_or_else(overflow)?;
        self.tree.append(line);
        self.previous = line_digest(line);
        self.time_ms = record.time_ms;
        self.bytes = bytes;
        let total = self.kinds.entry(record.kind).or_default();
        total.frames += 1;
        total.bytes += record.length;
        Ok(record)
    }

    /// The time of the last record checked; 0 before the first.
    pub fn time_ms(&self) -> u64 {
        self.time_ms
    }

    /// Digest of the last line checked: `previous` of the next.
    pub fn previous(&self) -> Digest {
        self.previous
    }

    /// How many records there were, without their root.
    #[must_use]
    pub fn records(&self) -> u64 {
        self.tree.size()
    }

    /// What was checked so far.
    pub fn summary(&self) -> Summary {
        Summary {
            records: self.records(),
            bytes: self.bytes,
            root: self.tree.root(),
            kinds: self.kinds.clone(),
        }
    }
}

/// What was read of a ledger.
#[derive(Debug, Clone)]
pub struct Reading {
    /// After the last whole line.
    pub verifier: Verifier,
    /// Bytes of whole lines.
    pub whole_bytes: u64,
    /// Bytes of a last line without an end: a crash, or a writer at work. Nothing follows them, and they are
    /// not counted.
    pub torn_bytes: u64,
}

/// Reads a whole ledger, handing every record to `each`. A torn last line, no longer than a line may be, is
/// not an error here.
///
/// # Errors
/// As [`Verifier::verify_line`]; [`LedgerError::Io`] when the ledger cannot be read.
pub fn read(mut ledger: impl BufRead, mut each: impl FnMut(&Record)) -> Result<Reading, LedgerError> {
    let mut reading = Reading { verifier: Verifier::default(), whole_bytes: 0, torn_bytes: 0 };
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LEDGER_LINE_BYTES_MAX as u64 + 1;
        let read = std::io::Read::take(&mut ledger, limit).read_until(b'\n', &mut line)? as u64;
        if line.last() != Some(&b'\n') && read < limit {
            reading.torn_bytes = read;
            return Ok(reading);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
        }
        each(&reading.verifier.verify_line(&line)?);
        reading.whole_bytes += read;
    }
}

/// As [`read`], of a ledger that nobody writes now.
///
/// # Errors
/// As [`read`]; [`LedgerError::TornTail`] when its last line has no end.
pub fn verify(ledger: impl BufRead, each: impl FnMut(&Record)) -> Result<Summary, LedgerError> {
    match read(ledger, each)? {
        Reading { verifier, torn_bytes: 0, .. } => Ok(verifier.summary()),
        Reading { whole_bytes, .. } => Err(LedgerError::TornTail { whole_bytes }),
    }
}
