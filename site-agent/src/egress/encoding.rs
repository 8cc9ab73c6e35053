//! The exact bytes of an item: the message for it, coarse where the item is exact, and the raw bytes behind
//! it. Called by `egress`, which records and sends them; a replay makes the offer of an update again.
//! Invariant: nothing is read here but the item, the file of its update or points, and the ledger's head.

use common::id::Digest;
use common::ledger::{Kind, context};
use common::limits::VERSION_PART_MAX;
use common::wire::codec::CodecError;
use common::wire::frame;
use common::wire::message::{Envelope, HASH_BYTES, POINT_BYTES, PROTOCOL_VERSION, Request};
use common::wire::numbers::{LossMilli, RoundedCount};

use super::Outbound;
use crate::error::SiteError;
use crate::gateway::ledger::{Frame, LedgerWriter};
use crate::gateway::progress::PERCENT;
use crate::gateway::store::Update;

/// The exact bytes of an item as the next frame, and what the ledger will say of them.
pub(super) fn encode(item: &Outbound<'_>, ledger: &LedgerWriter) -> Result<(Frame, Vec<u8>), SiteError> {
    let internal = |error: CodecError| SiteError::Internal(error.to_string());
    let (kind, run, round, bytes) = if let Outbound::Join(request) = item {
        (Kind::Join, None, None, frame::to_bytes(*request).map_err(internal)?)
    } else {
        let (request, payload) = request(item, ledger)?;
        let (mut run, mut round) = context(&request);
        if let Outbound::Chunk { update, .. } = item {
            (run, round) = (Some(update.update().key.run), Some(update.update().key.round));
        }
        let kind = Kind::of(&request);
        let mut bytes =
            frame::to_bytes(&Envelope { sequence: ledger.next_sequence(), request }).map_err(internal)?;
        bytes.extend_from_slice(&payload);
        (kind, run, round, bytes)
    };
    Ok((Frame { kind, run, round, length: bytes.len() as u64, digest: Digest::of(&bytes) }, bytes))
}

/// The version of this program, as numbers: no text leaves.
fn own_version() -> [u16; 3] {
    let part = |text: &str| text.parse().unwrap_or(0).min(VERSION_PART_MAX - 1);
    [
        part(env!("CARGO_PKG_VERSION_MAJOR")),
        part(env!("CARGO_PKG_VERSION_MINOR")),
        part(env!("CARGO_PKG_VERSION_PATCH")),
    ]
}

/// The message for an item, and the raw bytes that follow it. Exact numbers become coarse ones here.
fn request(item: &Outbound<'_>, ledger: &LedgerWriter) -> Result<(Request, Vec<u8>), SiteError> {
    let mut payload = Vec::new();
    let request = match *item {
        Outbound::Join(_) => {
            return Err(SiteError::Internal("a request to join is no message of a run".into()));
        }
        Outbound::Hello => Request::Hello { protocol: PROTOCOL_VERSION, ledger: ledger.head() },
        Outbound::LedgerProof { from } => {
            let proof = ledger.prove(from)?;
            payload = proof.iter().flat_map(|hash| hash.0).collect();
            let count = short(payload.len() / HASH_BYTES)?;
            Request::LedgerProof { from, ledger: ledger.head(), count }
        }
        Outbound::ShowReceipt(receipt) => Request::ShowReceipt { receipt: receipt.clone() },
        Outbound::Condition { now_ms, disk_low } => Request::Condition {
            version: own_version(),
            clock_minutes: u32::try_from(now_ms / 60_000).unwrap_or(u32::MAX),
            disk_low,
        },
        Outbound::Renew(request) => {
            payload = request.der().to_vec();
            Request::Renew { length: short(payload.len())? }
        }
        Outbound::Leave => Request::Leave,
        Outbound::Revocations { known } => Request::Revocations { known },
        Outbound::Poll { wait_ms } => Request::Poll { wait_ms },
        Outbound::Fetch { digest, offset } => Request::Fetch { digest, offset },
        Outbound::Ready { key, base_fingerprint, records } => {
            Request::Ready { key, base_fingerprint, records: RoundedCount::of(records) }
        }
        Outbound::Progress { key, progress } => Request::Progress {
            key,
            step: progress.percent(),
            total_steps: PERCENT,
            loss: progress.loss(),
            tokens_per_s: progress.tokens_per_s(),
        },
        Outbound::Offer(update) => offer_of(update.update()),
        Outbound::Chunk { update, offset } => {
            payload = update.chunk(offset)?;
            Request::Chunk { digest: update.update().digest, offset, length: short(payload.len())? }
        }
        Outbound::Commit(update) => {
            Request::Commit { key: update.update().key, digest: update.update().digest }
        }
        Outbound::Failed { key, reason } => Request::Failed { key, reason },
        Outbound::Decide { run, manifest, decision } => Request::Decide { run, manifest, decision },
        Outbound::OverlapDeclare(points) => {
            Request::OverlapDeclare { run: points.run(), points: points.points() }
        }
        Outbound::OverlapBlinded { points, offset } => {
            payload = points.batch(offset)?;
            let count = short(payload.len() / POINT_BYTES)?;
            Request::OverlapBlinded { run: points.run(), offset, count }
        }
    };
    Ok((request, payload))
}

/// What is offered of an update; a replay makes it again.
#[must_use]
pub fn offer_of(update: &Update) -> Request {
    Request::Offer {
        key: update.key,
        digest: update.digest,
        bytes: update.bytes,
        records: RoundedCount::of(update.records),
        tokens: RoundedCount::of(coarse_tokens(update.tokens)),
        loss: LossMilli::of(update.loss),
    }
}

/// A length or a count as the wire has it.
fn short(number: usize) -> Result<u32, SiteError> {
    u32::try_from(number).map_err(|error| SiteError::Internal(error.to_string()))
}

/// The power of two at or below. A coordinator that chose the cutoff, run after run, would find each record's
/// length in two exact digits.
pub(super) fn coarse_tokens(tokens: u64) -> u64 {
    tokens.checked_ilog2().map_or(0, |exponent| 1 << exponent)
}
