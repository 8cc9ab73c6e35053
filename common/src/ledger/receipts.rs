//! A ledger beside the receipts that the coordinator signed: each says how many bytes of frames had arrived
//! by then, up to which record, and the hash over them in order. So a ledger that was cut, changed or begun
//! anew does not fit. `deploy/verify_ledger.py --receipts` does the same in Python.
//!
//! Called by the site agent: `answers` before it opens its ledger, `compare` in `ledger verify` and `accept`.
//! Invariants: a frame that was lost on the way, or that the coordinator did not count, is in the ledger and
//! not in the receipt, so the comparison tries which ones they were, with at most `RECEIPT_HASHES_MAX` hashes
//! a receipt; a receipt for which that is not enough accuses nobody.

use sha2::{Digest as _, Sha256};

use super::record::{Kind, Record};
use crate::id::{Digest, Round, RunId};
use crate::limits::{RECEIPT_HASHES_MAX, TRANSFERS_IN_FLIGHT_MAX};
use crate::wire::message::{ReceiptBody, RoundKey};

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
}

impl ReceiptError {
    /// The receipt.
    #[must_use]
    pub fn key(&self) -> RoundKey {
        let (Self::Missing { run, round, .. } | Self::Differs { run, round, .. }) = *self;
        RoundKey { run, round }
    }
}

/// A receipt that was not compared: so many frames may have been lost that it would take too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "so many frames before record {last} may have been lost that the receipt of run {}, round {} was not compared",
    key.run, key.round
)]
pub struct Uncompared {
    /// The receipt's.
    pub key: RoundKey,
    /// The last record that it covers.
    pub last: u64,
}

/// What a ledger's receipts say of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Compared {
    /// Receipts that fit.
    pub receipts: u64,
    /// Frames in the ledger, up to the last of them, that never arrived or were not counted.
    pub frames_lost: u64,
    /// Receipts that could not be compared, but for the record that each answers.
    pub uncompared: Vec<Uncompared>,
    /// Receipts that do not fit.
    pub unfit: Vec<ReceiptError>,
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

/// Compares all receipts, in any order, with all records of an intact ledger. Those that an officer has
/// `set_aside` need not fit; a later one may go on from one of them all the same.
pub fn compare(records: &[Record], receipts: &[ReceiptBody], set_aside: &[ReceiptBody]) -> Compared {
    let all = receipts.iter().map(|receipt| (*receipt, true));
    let mut all: Vec<(ReceiptBody, bool)> =
        all.chain(set_aside.iter().map(|receipt| (*receipt, false))).collect();
    all.sort_by_key(|(receipt, _)| (receipt.last_sequence, receipt.received_bytes));
    let (mut newest, mut fitting): (Option<ReceiptBody>, Option<ReceiptBody>) = (None, None);
    let mut compared = Compared::default();
    for (receipt, must_fit) in all {
        let at = usize::try_from(receipt.last_sequence).unwrap_or(usize::MAX);
        if let Err(error) = answers(records.get(at), &receipt) {
            if must_fit {
                compared.unfit.push(error);
            }
            continue;
        }
        // From a receipt before, if the coordinator went on counting from there; else from its first frame.
        let before = [newest, fitting.filter(|_| fitting != newest)];
        let before: Vec<ReceiptBody> = before
            .into_iter()
            .flatten()
            .filter(|before| before.first_sequence == receipt.first_sequence)
            .collect();
        newest = Some(receipt);
        if !must_fit {
            continue;
        }
        let first = before.first().map_or(receipt.first_sequence, |before| before.last_sequence + 1);
        let starts = before.iter().map(Start::behind).chain([Start::fresh(receipt.first_sequence)]);
        let RoundKey { run, round } = receipt.key;
        match lost_of(records, starts, &receipt) {
            Ok(Some(lost)) => {
                compared.frames_lost += lost;
                compared.receipts += 1;
                fitting = newest;
            }
            Ok(None) => {
                compared.unfit.push(ReceiptError::Differs { run, round, first, last: receipt.last_sequence });
            }
            Err(TooMany) => {
                compared.uncompared.push(Uncompared { key: receipt.key, last: receipt.last_sequence });
            }
        }
    }
    compared
}

/// How many frames were lost before a receipt, from the first of these starts from which it comes out.
fn lost_of(records: &[Record], starts: impl Iterator<Item = Start>, receipt: &ReceiptBody) -> Found {
    let searches: Vec<Search> = starts.map(|start| Search::of(records, &start, receipt)).collect();
    // First with a hundredth of the hashes: most are found with one a frame, by one way of looking or
    // another.
    for hashes_max in [RECEIPT_HASHES_MAX / 100, RECEIPT_HASHES_MAX] {
        let mut is_open = false;
        for search in &searches {
            match search.run(hashes_max) {
                Ok(Some(lost)) => return Ok(Some(lost)),
                Ok(None) => {}
                Err(TooMany) => is_open = true,
            }
        }
        if !is_open {
            return Ok(None);
        }
    }
    Err(TooMany)
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

    fn behind(receipt: &ReceiptBody) -> Self {
        let ReceiptBody { last_sequence, received_bytes, running_hash, .. } = receipt;
        Self { sequence: last_sequence + 1, bytes: *received_bytes, hash: running_hash.0 }
    }
}

struct TooMany;

/// How many frames were lost; `None` where it never comes out.
type Found = Result<Option<u64>, TooMany>;

/// A frame that may have arrived.
struct Frame {
    length: u64,
    digest: [u8; 32],
    /// A new connection follows: the usual sign that this frame, or its answer, was lost.
    before_hello: bool,
    /// It may have been on its way with the one that a new connection follows: that one itself, and of those
    /// that move files the others of its kind right before it.
    ahead: bool,
    /// It begins a connection.
    is_hello: bool,
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
                    && record.kind.is_counted()
            })
            .collect();
        let mut ahead = Ahead::default();
        let frame = |record: &&Record| {
            let place = ahead.place(record.kind);
            Frame {
                length: record.length,
                digest: record.sha256.parse().map_or([0; 32], |digest: Digest| digest.0),
                before_hello: place == 1,
                ahead: place > 0,
                is_hello: record.kind == Kind::Hello,
            }
        };
        let mut frames: Vec<Frame> = sent.iter().rev().map(frame).collect();
        frames.reverse();
        let total = frames.iter().fold(start.bytes, |sum, frame| sum.saturating_add(frame.length));
        let lost_bytes = total.checked_sub(receipt.received_bytes);
        Self {
            frames: if lost_bytes.is_some() { frames } else { Vec::new() },
            start: start.hash,
            goal: receipt.running_hash.0,
            lost_bytes: lost_bytes.unwrap_or(u64::MAX),
        }
    }

    /// How many frames were lost. First only those before a new connection are tried, for a site begins one
    /// whenever a frame may not have been counted: few of them, or all of one stretch of time. Then also
    /// those that were on their way with them, of which the last ones are lost, as the coordinator handles
    /// them in order. Then any.
    fn run(&self, hashes_max: usize) -> Found {
        let several = self.frames.iter().any(|frame| frame.ahead && !frame.before_hello);
        let ways: [(bool, &dyn Fn() -> Found); 5] = [
            (true, &|| self.try_with(|frame| frame.before_hello, false, hashes_max)),
            (self.lost_bytes > 0, &|| self.try_stretches(|frame| frame.before_hello, hashes_max)),
            (self.lost_bytes > 0 && several, &|| self.try_with(|frame| frame.ahead, true, hashes_max)),
            (self.lost_bytes > 0 && several, &|| self.try_stretches(|frame| frame.ahead, hashes_max)),
            (self.lost_bytes > 0, &|| self.try_with(|_| true, false, hashes_max)),
        ];
        let mut is_open = false;
        for (_, way) in ways.iter().filter(|(is_one, _)| *is_one) {
            match way() {
                Ok(Some(lost)) => return Ok(Some(lost)),
                Ok(None) => {}
                Err(TooMany) => is_open = true,
            }
        }
        if is_open { Err(TooMany) } else { Ok(None) }
    }

    /// Whether all of the frames that may be lost were, from one of them to another one.
    fn try_stretches(&self, may_be_lost: impl Fn(&Frame) -> bool, hashes_max: usize) -> Found {
        let mut steps = 0_usize;
        let mut so_far = Path { at: 0, hash: self.start, bytes: 0, frames: 0, is_losing: false };
        for (first, _) in self.frames.iter().enumerate().filter(|(_, frame)| may_be_lost(frame)) {
            while so_far.at < first {
                so_far = self.arrived(so_far);
            }
            let (mut path, mut is_over) = (so_far, false);
            while let Some(frame) = self.frames.get(path.at) {
                steps += 1;
                if steps > hashes_max {
                    return Err(TooMany);
                }
                is_over = is_over || path.bytes >= self.lost_bytes;
                if may_be_lost(frame) && !is_over {
                    let bytes = path.bytes.saturating_add(frame.length);
                    path = Path { at: path.at + 1, bytes, frames: path.frames + 1, ..path };
                    continue;
                }
                if path.bytes > self.lost_bytes {
                    break;
                }
                path = self.arrived(path);
            }
            if path.at == self.frames.len() && path.hash == self.goal && path.bytes == self.lost_bytes {
                return Ok(Some(path.frames));
            }
        }
        Ok(None)
    }

    /// The way on if the next frame arrived.
    fn arrived(&self, path: Path) -> Path {
        let digest = self.frames.get(path.at).map_or([0; 32], |frame| frame.digest);
        let hash = Sha256::new().chain_update(path.hash).chain_update(digest).finalize();
        Path { at: path.at + 1, hash: hash.into(), is_losing: false, ..path }
    }

    fn try_with(
        &self,
        may_be_lost: impl Fn(&Frame) -> bool,
        last_ones_only: bool,
        hashes_max: usize,
    ) -> Found {
        // Bytes that may still be lost from each frame on.
        let mut rest = vec![0_u64; self.frames.len() + 1];
        for (at, frame) in self.frames.iter().enumerate().rev() {
            rest[at] = rest[at + 1].saturating_add(if may_be_lost(frame) { frame.length } else { 0 });
        }
        let mut steps = 0_usize;
        let mut paths = vec![Path { at: 0, hash: self.start, bytes: 0, frames: 0, is_losing: false }];
        while let Some(path) = paths.pop() {
            let Some(frame) = self.frames.get(path.at) else {
                if path.hash == self.goal && path.bytes == self.lost_bytes {
                    return Ok(Some(path.frames));
                }
                continue;
            };
            steps += 1;
            if steps > hashes_max {
                return Err(TooMany);
            }
            let rest = rest.get(path.at + 1).copied().unwrap_or(0);
            let without = path.bytes.saturating_add(frame.length);
            let fits = without <= self.lost_bytes && self.lost_bytes <= without.saturating_add(rest);
            if may_be_lost(frame) && fits {
                let (at, frames) = (path.at + 1, path.frames + 1);
                paths.push(Path { at, bytes: without, frames, is_losing: last_ones_only, ..path });
            }
            if path.is_losing && !frame.is_hello {
                continue;
            }
            if path.bytes.saturating_add(rest) >= self.lost_bytes {
                paths.push(self.arrived(path));
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
    /// The frame before was lost, and what followed it on its connection with it.
    is_losing: bool,
}

/// Which frames may have been on their way when a connection ended, seen from the ledger's end backwards: the
/// last one, and with a piece of a file the others of the same kind before it.
#[derive(Default)]
struct Ahead {
    next: Option<Kind>,
    count: usize,
}

impl Ahead {
    /// Which one it is of those on their way, from the last one on; 0 for none of them.
    fn place(&mut self, kind: Kind) -> usize {
        let is_last = self.next == Some(Kind::Hello);
        let moves_files = matches!(kind, Kind::Chunk | Kind::Fetch);
        let goes_along = (1..TRANSFERS_IN_FLIGHT_MAX).contains(&self.count) && moves_files;
        self.count = match (is_last, goes_along && self.next == Some(kind)) {
            (true, _) => 1,
            (false, true) => self.count + 1,
            (false, false) => 0,
        };
        self.next = Some(kind);
        self.count
    }
}

#[cfg(test)]
mod tests;
