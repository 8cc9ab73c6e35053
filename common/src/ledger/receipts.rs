//! A ledger beside the receipts that the coordinator signed: each says how many bytes of frames had arrived
//! by then, up to which record, and the hash over them in order. So a ledger that was cut, changed or begun
//! anew does not fit. `deploy/verify_ledger.py --receipts` does the same in Python.
//!
//! Called by the site agent: `answers` before it opens its ledger, `compare` in `ledger verify`. Invariant: a
//! frame that was lost on the way is in the ledger and not in the receipt, so the comparison tries which ones
//! they were, with at most `RECEIPT_HASHES_MAX` hashes a receipt.

use sha2::{Digest as _, Sha256};

use super::record::{Kind, Record};
use crate::id::{Digest, Round, RunId};
use crate::limits::RECEIPT_HASHES_MAX;
use crate::wire::message::ReceiptBody;

/// Why a ledger and a receipt do not belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// The record of the frame that was answered by the receipt is not there, or is another one.
    #[error("it lacks record {last}, which the receipt of run {run}, round {round} answers")]
    Missing {
        /// The receipt's.
        run: RunId,
        /// The receipt's.
        round: Round,
        /// The record's number.
        last: u64,
    },
    /// What arrived is not what the records say, whichever frames were lost.
    #[error(
        "a record from {first} to {last} was changed, removed or moved: the receipt of run {run}, round {round} says otherwise"
    )]
    Differs {
        /// The receipt's.
        run: RunId,
        /// The receipt's.
        round: Round,
        /// The first record that the receipt covers and the one before does not.
        first: u64,
        /// The last one.
        last: u64,
    },
    /// So many frames may have been lost that it would take too long.
    #[error(
        "so many frames before record {last} may have been lost that the receipt of run {run}, round {round} cannot be compared"
    )]
    TooManyLost {
        /// The receipt's.
        run: RunId,
        /// The receipt's.
        round: Round,
        /// The last record that it covers.
        last: u64,
    },
}

/// What fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Compared {
    /// Receipts.
    pub receipts: u64,
    /// Frames in the ledger, up to the last receipt, that never arrived.
    pub frames_lost: u64,
}

/// Whether the record that a receipt answers is in the ledger: `record` is the one with the receipt's last
/// number, if there is one.
///
/// # Errors
/// [`ReceiptError::Missing`] if it is not.
pub fn answers(record: Option<&Record>, receipt: &ReceiptBody) -> Result<(), ReceiptError> {
    let (run, round) = (receipt.key.run, receipt.key.round);
    let is_there = record.is_some_and(|record| {
        matches!(record.kind, Kind::Commit | Kind::Offer)
            && record.run.as_deref() == Some(run.to_string().as_str())
            && record.round == Some(round.0)
    });
    if is_there { Ok(()) } else { Err(ReceiptError::Missing { run, round, last: receipt.last_sequence }) }
}

/// Compares all receipts, in any order, with all records of an intact ledger.
///
/// # Errors
/// The first receipt that does not fit.
pub fn compare(records: &[Record], receipts: &[ReceiptBody]) -> Result<Compared, ReceiptError> {
    let mut receipts = receipts.to_vec();
    receipts.sort_by_key(|receipt| (receipt.last_sequence, receipt.received_bytes));
    let mut before: Option<ReceiptBody> = None;
    let mut compared = Compared::default();
    for receipt in receipts {
        let at = usize::try_from(receipt.last_sequence).unwrap_or(usize::MAX);
        answers(records.get(at), &receipt)?;
        let mut found = Ok(None);
        // From the receipt before, if the coordinator went on counting from there; else from its first frame.
        let goes_on = before.filter(|before| before.first_sequence == receipt.first_sequence);
        let starts = goes_on.map(|before| Start {
            sequence: before.last_sequence + 1,
            bytes: before.received_bytes,
            hash: before.running_hash.0,
        });
        for start in starts.into_iter().chain([Start::fresh(receipt.first_sequence)]) {
            found = Search::of(records, &start, &receipt).run();
            if matches!(found, Ok(Some(_))) {
                break;
            }
        }
        let (run, round, last) = (receipt.key.run, receipt.key.round, receipt.last_sequence);
        match found {
            Ok(Some(lost)) => compared.frames_lost += lost,
            Ok(None) => {
                let first = goes_on.map_or(receipt.first_sequence, |before| before.last_sequence + 1);
                return Err(ReceiptError::Differs { run, round, first, last });
            }
            Err(TooMany) => return Err(ReceiptError::TooManyLost { run, round, last }),
        }
        compared.receipts += 1;
        before = Some(receipt);
    }
    Ok(compared)
}

/// Where the coordinator's count stands before the records in question.
struct Start {
    sequence: u64,
    bytes: u64,
    hash: [u8; 32],
}

impl Start {
    fn fresh(sequence: u64) -> Self {
        Self { sequence, bytes: 0, hash: [0; 32] }
    }
}

struct TooMany;

/// A frame that may have arrived.
struct Frame {
    length: u64,
    digest: [u8; 32],
    /// A new connection follows: the usual sign that this frame, or its answer, was lost.
    before_hello: bool,
}

/// Which frames were lost, so that bytes and hash come out.
struct Search {
    frames: Vec<Frame>,
    start: [u8; 32],
    goal: [u8; 32],
    lost_bytes: u64,
}

impl Search {
    /// Without frames to lose where the receipt has more bytes than the ledger: nothing can fit then.
    fn of(records: &[Record], start: &Start, receipt: &ReceiptBody) -> Self {
        let sent: Vec<&Record> = records
            .iter()
            .filter(|record| {
                (start.sequence..=receipt.last_sequence).contains(&record.sequence)
                    && !matches!(record.kind, Kind::Join | Kind::Data)
            })
            .collect();
        let is_hello = |at: usize| sent.get(at).is_some_and(|record| record.kind == Kind::Hello);
        let frame = |(at, record): (usize, &&Record)| Frame {
            length: record.length,
            digest: record.sha256.parse().map_or([0; 32], |digest: Digest| digest.0),
            before_hello: is_hello(at + 1),
        };
        let frames: Vec<Frame> = sent.iter().enumerate().map(frame).collect();
        let total = frames.iter().fold(start.bytes, |sum, frame| sum.saturating_add(frame.length));
        let lost_bytes = total.checked_sub(receipt.received_bytes);
        Self {
            frames: if lost_bytes.is_some() { frames } else { Vec::new() },
            start: start.hash,
            goal: receipt.running_hash.0,
            lost_bytes: lost_bytes.unwrap_or(u64::MAX),
        }
    }

    /// How many frames were lost: first only those before a new connection are tried, then any.
    fn run(&self) -> Result<Option<u64>, TooMany> {
        match self.try_with(|frame| frame.before_hello) {
            Ok(None) if self.lost_bytes > 0 => self.try_with(|_| true),
            found => found,
        }
    }

    fn try_with(&self, may_be_lost: impl Fn(&Frame) -> bool) -> Result<Option<u64>, TooMany> {
        // Bytes that may still be lost from each frame on.
        let mut rest = vec![0_u64; self.frames.len() + 1];
        for (at, frame) in self.frames.iter().enumerate().rev() {
            rest[at] = rest[at + 1].saturating_add(if may_be_lost(frame) { frame.length } else { 0 });
        }
        let mut hashes = 0_usize;
        let mut paths = vec![Path { at: 0, hash: self.start, bytes: 0, frames: 0 }];
        while let Some(path) = paths.pop() {
            let Some(frame) = self.frames.get(path.at) else {
                if path.hash == self.goal && path.bytes == self.lost_bytes {
                    return Ok(Some(path.frames));
                }
                continue;
            };
            let rest = rest.get(path.at + 1).copied().unwrap_or(0);
            let without = path.bytes.saturating_add(frame.length);
            let fits = without <= self.lost_bytes && self.lost_bytes <= without.saturating_add(rest);
            if may_be_lost(frame) && fits {
                paths.push(Path { at: path.at + 1, bytes: without, frames: path.frames + 1, ..path });
            }
            if path.bytes.saturating_add(rest) >= self.lost_bytes {
                hashes += 1;
                if hashes > RECEIPT_HASHES_MAX {
                    return Err(TooMany);
                }
                let hash = Sha256::new().chain_update(path.hash).chain_update(frame.digest).finalize();
                paths.push(Path { at: path.at + 1, hash: hash.into(), ..path });
            }
        }
        Ok(None)
    }
}

/// One way that the frames before `at` may have gone.
#[derive(Clone, Copy)]
struct Path {
    at: usize,
    hash: [u8; 32],
    bytes: u64,
    frames: u64,
}

#[cfg(test)]
mod tests;
