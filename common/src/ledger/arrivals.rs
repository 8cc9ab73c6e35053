//! What arrived at the coordinator from a site, frame by frame, signed by it: the mirror image of the site's
//! ledger, described in `common/LEDGER.md`. Used by `coordinator ledger`, which writes it, and by `site-agent
//! ledger reconcile`; `deploy/verify_ledger.py --arrivals` compares it in Python.
//!
//! Invariants: what is compared was signed; a frame that the coordinator counted and the ledger does not
//! have, or has otherwise, is named; a frame that was lost on the way is no fault.

use std::collections::BTreeMap;
use std::io::{BufRead, Write};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::merkle::Tree;
use super::record::{Kind, Record};
use super::verify::KindTotal;
use crate::id::{Digest, SiteId};
use crate::limits::{ARRIVALS_LINE_BYTES_MAX, ARRIVALS_MAX};
use crate::run::{signature_from_digits, signature_to_digits};
use crate::wire::message::LedgerHead;

/// How the signed bytes begin.
pub const ARRIVALS_CONTEXT: &[u8] = b"consilium arrivals v1\0";

/// Why a file is no list of what arrived. A retry does not help.
#[derive(Debug, thiserror::Error)]
pub enum ArrivalsError {
    /// The file cannot be read or written.
    #[error("it cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A line is not what `coordinator ledger --out` writes there.
    #[error("line {line} is not of a file that `coordinator ledger --out` writes")]
    Malformed { line: u64 },
    /// The last line, which has the signature, is not there.
    #[error("it ends without a signature: the rest is missing")]
    Unsigned,
    /// More frames than a file may have.
    #[error("it has more than {ARRIVALS_MAX} frames")]
    TooMany,
}

/// Whose frames, and what the coordinator knows of that ledger: the first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heading {
    /// The site.
    pub site: SiteId,
    /// The key that signs.
    pub receipt_key: Digest,
    /// When it was written, in milliseconds since 1970, by the coordinator's clock.
    pub at_ms: u64,
    /// Size and root of the ledger that the coordinator took last.
    pub taken: Option<LedgerHead>,
    /// How many frames follow.
    pub frames: u64,
}

/// A frame that arrived: the other lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Arrived {
    /// The number of its record, as the site gave it.
    pub sequence: u64,
    /// What it was.
    pub kind: Kind,
    /// Bytes of frame and payload.
    pub length: u64,
    /// SHA-256 of exactly these bytes.
    pub sha256: Digest,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Ending {
    signature: String,
}

/// Writes such a file, line by line.
#[derive(Debug)]
pub struct ArrivalsWriter<W> {
    out: W,
    hasher: Sha256,
}

impl<W: Write> ArrivalsWriter<W> {
    /// Begins with the first line.
    ///
    /// # Errors
    /// `Io`.
    pub fn begin(out: W, heading: &Heading) -> Result<Self, ArrivalsError> {
        let mut writer = Self { out, hasher: Sha256::new() };
        writer.line(heading)?;
        Ok(writer)
    }

    /// The next frame.
    ///
    /// # Errors
    /// `Io`.
    pub fn frame(&mut self, frame: &Arrived) -> Result<(), ArrivalsError> {
        self.line(frame)
    }

    /// What the coordinator signs.
    pub fn statement(&self) -> Vec<u8> {
        statement(&self.hasher)
    }

    /// Ends with the signature over [`Self::statement`]; returns what was written into.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(mut self, signature: &[u8; 64]) -> Result<W, ArrivalsError> {
        self.line(&Ending { signature: signature_to_digits(signature) })?;
        Ok(self.out)
    }

    fn line(&mut self, value: &impl Serialize) -> Result<(), ArrivalsError> {
        let mut line = serde_json::to_vec(value).map_err(std::io::Error::from)?;
        line.push(b'\n');
        self.hasher.update(&line);
        Ok(self.out.write_all(&line)?)
    }
}

/// A file as it was read: nothing of it is believed before the signature is verified.
#[derive(Debug, Clone)]
pub struct Arrivals {
    pub heading: Heading,
    pub frames: Vec<Arrived>,
    /// What must be signed.
    pub statement: Vec<u8>,
    /// The signature.
    pub signature: [u8; 64],
}

impl Arrivals {
    /// Reads a file; every line in the one spelling that is written.
    ///
    /// # Errors
    /// [`ArrivalsError`], with the first line that does not fit.
    pub fn read(mut file: impl BufRead) -> Result<Self, ArrivalsError> {
        let (mut hasher, mut number) = (Sha256::new(), 1);
        let first = next_line(&mut file, number)?.ok_or(ArrivalsError::Unsigned)?;
        let heading: Heading = parse(&first, number)?;
        if heading.frames > ARRIVALS_MAX {
            return Err(ArrivalsError::TooMany);
        }
        hasher.update(&first);
        let mut frames = Vec::new();
        while (frames.len() as u64) < heading.frames {
            number += 1;
            let line = next_line(&mut file, number)?.ok_or(ArrivalsError::Unsigned)?;
            frames.push(parse(&line, number)?);
            hasher.update(&line);
        }
        number += 1;
        let last = next_line(&mut file, number)?.ok_or(ArrivalsError::Unsigned)?;
        let ending: Ending = parse(&last, number)?;
        let malformed = ArrivalsError::Malformed { line: number };
        let Some(signature) = signature_from_digits(ending.signature.as_bytes()) else {
            return Err(malformed);
        };
        if next_line(&mut file, number + 1)?.is_some() {
            return Err(ArrivalsError::Malformed { line: number + 1 });
        }
        Ok(Self { heading, frames, statement: statement(&hasher), signature })
    }
}

fn statement(hasher: &Sha256) -> Vec<u8> {
    let hash: [u8; 32] = hasher.clone().finalize().into();
    [ARRIVALS_CONTEXT, &hash].concat()
}

/// A line with its end; `None` behind the last one.
fn next_line(file: &mut impl BufRead, number: u64) -> Result<Option<Vec<u8>>, ArrivalsError> {
    let mut line = Vec::new();
    let limit = ARRIVALS_LINE_BYTES_MAX as u64;
    std::io::Read::take(file, limit).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => Ok(Some(line)),
        Some(_) => Err(ArrivalsError::Malformed { line: number }),
    }
}

fn parse<T: Serialize + for<'de> Deserialize<'de>>(line: &[u8], number: u64) -> Result<T, ArrivalsError> {
    let malformed = || ArrivalsError::Malformed { line: number };
    let text = line.strip_suffix(b"\n").ok_or_else(malformed)?;
    let value: T = serde_json::from_slice(text).map_err(|_| malformed())?;
    let written = serde_json::to_vec(&value).map_err(|_| malformed())?;
    if written == text { Ok(value) } else { Err(malformed()) }
}

/// What does not agree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Something arrived that the ledger does not have.
    #[error("record {}: a frame of kind {} with {} bytes arrived, and this ledger has no such record", .0.sequence, .0.kind.word(), .0.length)]
    Extra(Arrived),
    /// What arrived has other bytes than the record says.
    #[error("record {}: what arrived has other bytes than the record says (kind {}, {} bytes)", .0.sequence, .0.kind.word(), .0.length)]
    Altered(Arrived),
    /// Two frames arrived under one number.
    #[error("record {}: two frames arrived with this number", .0.sequence)]
    Twice(Arrived),
    /// The coordinator took another ledger.
    #[error(
        "the coordinator took a ledger of {size} records whose root is not that of this one's first {size}"
    )]
    OtherLedger {
        /// Its size.
        size: u64,
    },
}

/// A ledger beside what arrived.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Reconciled {
    /// Frames that are the same on both sides.
    pub same: KindTotal,
    /// Frames in the ledger, within the numbers that arrived, that did not arrive or were not counted.
    pub not_arrived: BTreeMap<Kind, KindTotal>,
    /// Frames in the ledger before the first number that arrived, and behind the last one.
    pub outside: u64,
    /// What does not agree.
    pub faults: Vec<Fault>,
}

/// Compares a verified ledger with what arrived. Linear in both.
#[must_use]
pub fn reconcile(records: &[Record], arrivals: &Arrivals) -> Reconciled {
    let mut found = Reconciled::default();
    let mut arrived: BTreeMap<u64, Arrived> = BTreeMap::new();
    for frame in &arrivals.frames {
        if arrived.insert(frame.sequence, *frame).is_some() {
            found.faults.push(Fault::Twice(*frame));
        }
    }
    let ends = arrived.keys().next().zip(arrived.keys().next_back()).map(|(first, last)| (*first, *last));
    for record in records {
        let total = |sum: &mut KindTotal| {
            sum.frames += 1;
            sum.bytes += record.length;
        };
        match arrived.remove(&record.sequence) {
            Some(frame) if is_same(record, &frame) => total(&mut found.same),
            Some(frame) => found.faults.push(Fault::Altered(frame)),
            None if !record.kind.is_counted() => {}
            None if ends.is_some_and(|(first, last)| (first..=last).contains(&record.sequence)) => {
                total(found.not_arrived.entry(record.kind).or_default());
            }
            None => found.outside += 1,
        }
    }
    found.faults.extend(arrived.into_values().map(Fault::Extra));
    found.faults.extend(other_ledger(records, arrivals.heading.taken));
    found
}

fn is_same(record: &Record, frame: &Arrived) -> bool {
    record.kind == frame.kind
        && record.kind.is_counted()
        && record.length == frame.length
        && record.sha256 == frame.sha256.to_string()
}

fn other_ledger(records: &[Record], taken: Option<LedgerHead>) -> Option<Fault> {
    let LedgerHead { size, root } = taken?;
    let mut tree = Tree::default();
    for record in records.iter().take_while(|record| record.sequence < size) {
        // A record that was read from its line has that line again.
        tree.append(&record.to_line().unwrap_or_default());
    }
    (tree.size() != size || tree.root() != root).then_some(Fault::OtherLedger { size })
}

#[cfg(test)]
mod tests;
