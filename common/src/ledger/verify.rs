//! Checks a ledger from its bytes alone: every line canonical, sequence without gaps, chain unbroken,
//! and sums it up. Needs no network and no state; `deploy/verify_ledger.py` does the same in Python.
//!
//! Called by the site agent's ledger, when it opens the file, and by `site-agent ledger verify`.

use std::collections::BTreeMap;
use std::io::BufRead;

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
    bytes: u64,
    kinds: BTreeMap<Kind, KindTotal>,
}

impl Default for Verifier {
    fn default() -> Self {
        Self { tree: Tree::default(), previous: Digest([0; 32]), bytes: 0, kinds: BTreeMap::new() }
    }
}

impl Verifier {
    /// Checks one line (without its newline) and counts it.
    ///
    /// # Errors
    /// [`LedgerError::NotARecord`] for a line that is not canonical, [`LedgerError::Sequence`] for a number
    /// that does not come next, [`LedgerError::Chain`] for a line that does not follow from the one before
    /// it.
    pub fn check(&mut self, line: &[u8]) -> Result<Record, LedgerError> {
        let number = self.tree.size() + 1;
        let not_a_record = LedgerError::NotARecord { line: number };
        let Ok(record) = serde_json::from_slice::<Record>(line) else { return Err(not_a_record) };
        // A note that claimed bytes, or belonged to no run, would hide a frame or say nothing.
        let is_odd_note = record.is_note() && (record.length != 0 || record.run.is_none());
        if record.to_line()? != line || is_odd_note {
            return Err(not_a_record);
        }
        let expected = self.tree.size();
        if record.sequence != expected {
            return Err(LedgerError::Sequence { line: number, found: record.sequence, expected });
        }
        if record.previous != self.previous.to_string() {
            return Err(LedgerError::Chain { line: number });
        }
        self.tree.append(line);
        self.previous = line_digest(line);
        self.bytes = self.bytes.saturating_add(record.length);
        let total = self.kinds.entry(record.kind).or_default();
        total.frames += 1;
        total.bytes = total.bytes.saturating_add(record.length);
        Ok(record)
    }

    /// Digest of the last line checked: `previous` of the next.
    pub fn previous(&self) -> Digest {
        self.previous
    }

    /// What was checked so far.
    pub fn summary(&self) -> Summary {
        Summary {
            records: self.tree.size(),
            bytes: self.bytes,
            root: self.tree.root(),
            kinds: self.kinds.clone(),
        }
    }
}

/// Reads a whole ledger, handing every record to `each`.
///
/// # Errors
/// As [`Verifier::check`]; [`LedgerError::Io`] when the ledger cannot be read; [`LedgerError::TornTail`] when
/// its last line has no end.
pub fn verify(mut ledger: impl BufRead, mut each: impl FnMut(&Record)) -> Result<Summary, LedgerError> {
    let mut verifier = Verifier::default();
    let mut whole_bytes = 0;
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = LEDGER_LINE_BYTES_MAX as u64 + 1;
        let read = std::io::Read::take(&mut ledger, limit).read_until(b'\n', &mut line)?;
        if read == 0 {
            return Ok(verifier.summary());
        }
        if line.pop() != Some(b'\n') {
            let torn = (read as u64) < limit;
            let number = verifier.summary().records + 1;
            return Err(if torn {
                LedgerError::TornTail { whole_bytes }
            } else {
                LedgerError::NotARecord { line: number }
            });
        }
        each(&verifier.check(&line)?);
        whole_bytes += read as u64;
    }
}
