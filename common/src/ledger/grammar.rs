//! What a record may say: the grammar of `common/LEDGER.md`, as far as it concerns one record. Called by
//! `verify`. `deploy/verify_ledger.py` has the same table; a test makes both refuse the same forgeries.
//! Invariant: the bounds of a length are those that the encoding on the wire has, so that one kind of frame
//! cannot pass for another of a quite different size.

use super::record::{Kind, Record};
use crate::limits::{
    CERTIFICATE_REQUEST_BYTES_MAX, CHUNK_BYTES_MAX, LEDGER_PROOF_HASHES_MAX, LEDGER_TIME_MS_MAX,
    LEDGER_TIME_MS_MIN, MESSAGE_BYTES_MAX, OVERLAP_BATCH_POINTS_MAX,
};
use crate::wire::frame::PREFIX_BYTES;
use crate::wire::message::{HASH_BYTES, POINT_BYTES};

/// What a record of some kind belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Context {
    /// Neither run nor round.
    Nothing,
    /// A run, before its first round or after its last.
    Run,
    /// A run and a round.
    Round,
}

/// What a record of some kind looks like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) context: Context,
    /// Bytes of the frame, at least.
    pub(super) shortest: u64,
    /// Bytes of the frame, at most.
    pub(super) longest: u64,
}

/// The shape of a kind. Lengths: the smallest and the largest encoding, whose numbers take 1 to 9 bytes, and
/// what may follow it.
pub(super) fn shape(kind: Kind) -> Shape {
    use Context::{Nothing, Round, Run};
    let (context, shortest, longest) = match kind {
        Kind::Join => (Nothing, 40, (PREFIX_BYTES + MESSAGE_BYTES_MAX) as u64),
        Kind::Hello => (Nothing, 40, 58),
        Kind::Poll => (Nothing, 7, 19),
        Kind::Fetch => (Nothing, 39, 55),
        Kind::Ready => (Round, 48, 68),
        Kind::Progress => (Round, 19, 45),
        Kind::Offer => (Round, 51, 89),
        Kind::Chunk => (Round, 41, (60 + CHUNK_BYTES_MAX) as u64),
        Kind::Commit => (Round, 47, 59),
        Kind::Failed => (Round, 16, 28),
        Kind::OverlapDeclare => (Run, 15, 27),
        Kind::OverlapBlinded => (Run, 48, (32 + OVERLAP_BATCH_POINTS_MAX * POINT_BYTES) as u64),
        Kind::LedgerProof => (Nothing, 73, (69 + LEDGER_PROOF_HASHES_MAX * HASH_BYTES) as u64),
        Kind::Receipt => (Nothing, 179, 223),
        Kind::Condition => (Nothing, 11, 29),
        Kind::Decide => (Run, 47, 55),
        Kind::Renew => (Nothing, 8, (19 + CERTIFICATE_REQUEST_BYTES_MAX) as u64),
        Kind::Leave => (Nothing, 6, 14),
        Kind::Revocations => (Nothing, 7, 23),
        Kind::OwnScores => (Run, 16, 42),
        // Nothing left.
        Kind::Data => (Round, 0, 0),
        Kind::Approval | Kind::Refusal | Kind::Withdrawal => (Run, 0, 0),
        Kind::Policy | Kind::Waiver | Kind::Authority => (Nothing, 0, 0),
    };
    Shape { context, shortest, longest }
}

/// Whether a record says only what one of its kind can say.
///
/// # Errors
/// What it cannot say.
pub(super) fn verify(record: &Record) -> Result<(), &'static str> {
    for hash in [&record.peer, &record.sha256, &record.previous] {
        if !is_hexadecimal(hash, 64) {
            return Err("a hash is not 64 hexadecimal digits");
        }
    }
    if record.run.as_ref().is_some_and(|run| !is_hexadecimal(run, 16)) {
        return Err("the run is not 16 hexadecimal digits");
    }
    if !(LEDGER_TIME_MS_MIN..=LEDGER_TIME_MS_MAX).contains(&record.time_ms) {
        return Err("its time is before 2026 or after 9999");
    }
    let Shape { context, shortest, longest } = shape(record.kind);
    let found = match (&record.run, record.round) {
        (None, None) => Context::Nothing,
        (Some(_), None) => Context::Run,
        (Some(_), Some(_)) => Context::Round,
        (None, Some(_)) => return Err("it has a round of no run"),
    };
    if found != context {
        return Err("it has another run or round than its kind has");
    }
    if !(shortest..=longest).contains(&record.length) {
        return Err("no frame of its kind has this length");
    }
    Ok(())
}

fn is_hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
