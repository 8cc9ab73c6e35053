//! Every message of the run protocol. [`Request`] is everything that can leave a hospital: a closed enum of
//! fixed-size numbers, ids and codes, without strings, maps, names or error texts. **Adding a variant or a
//! field to it is a privacy review.** Used by the site agent's egress (the only sender of a [`Request`]), the
//! coordinator's request handler and the ledger. Invariant: variant order is the wire format (golden-byte
//! tests).

use serde::{Deserialize, Serialize};

use super::numbers::{LossMilli, RoundedCount};
use super::own_scores::OwnScores;
use crate::id::{Digest, Round, RunId};
use crate::limits::{
    CERTIFICATE_BYTES_MAX, CERTIFICATE_REQUEST_BYTES_MAX, CHUNK_BYTES_MAX, LEDGER_PROOF_HASHES_MAX,
    OVERLAP_BATCH_POINTS_MAX, REVOCATIONS_BYTES_MAX,
};

/// Version of this protocol; peers with another one are refused by name.
pub const PROTOCOL_VERSION: u16 = 2;
/// One point of the comparison with the held-out set: a compressed element of ristretto255 (RFC 9496).
pub const POINT_BYTES: usize = 32;
/// One hash of a ledger's tree in a proof that it was only extended.
pub const HASH_BYTES: usize = 32;
/// One proof that points were evaluated with the run's key: two scalars (RFC 9497, section 2.2).
pub const PROOF_BYTES: usize = 64;
/// Points under one proof: proofs are made and checked on as many cores as there are.
pub const OVERLAP_PROOF_POINTS: usize = 256;

const _: () =
    assert!(OVERLAP_BATCH_POINTS_MAX * POINT_BYTES <= CHUNK_BYTES_MAX, "a batch is no larger than a chunk");

/// What a site writes on a stream: the number of its ledger record, and the request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Envelope {
    /// Sequence number of the egress ledger's record of exactly these bytes.
    pub sequence: u64,
    /// What is asked.
    pub request: Request,
}

/// Size and Merkle root of a site's ledger before this frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerHead {
    /// Number of records.
    pub size: u64,
    /// RFC 6962 tree hash over them.
    pub root: Digest,
}

/// One site's part in one round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, PartialOrd, Ord)]
pub struct RoundKey {
    /// The run.
    pub run: RunId,
    /// The round, from 1.
    pub round: Round,
}

/// Everything that can leave a hospital.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// First request of a connection.
    Hello { protocol: u16, ledger: LedgerHead },
    /// Is there something to do? Answered at once if there is, else after `wait_ms` at the latest.
    Poll { wait_ms: u32 },
    /// Asks for bytes of a run manifest or global adapter.
    Fetch { digest: Digest, offset: u64 },
    /// The site takes part: it holds the base with this fingerprint and so many records.
    Ready { key: RoundKey, base_fingerprint: Digest, records: RoundedCount },
    /// Training goes on. At most one a second.
    Progress { key: RoundKey, step: u32, total_steps: u32, loss: LossMilli, tokens_per_s: u32 },
    /// An update is ready to be sent: its name, size, and what it was trained on.
    Offer {
        key: RoundKey,
        digest: Digest,
        bytes: u64,
        records: RoundedCount,
        tokens: RoundedCount,
        loss: LossMilli,
    },
    /// `length` raw bytes of the offered update follow this frame.
    Chunk { digest: Digest, offset: u64, length: u32 },
    /// All bytes were sent; asks for the receipt.
    Commit { key: RoundKey, digest: Digest },
    /// The site cannot train this round.
    Failed { key: RoundKey, reason: TrainFailure },
    /// How many points the site will ask to compare its records with the held-out set: a power of two, the
    /// same for the whole run. Nothing else about the records.
    OverlapDeclare { run: RunId, points: u32 },
    /// `count` blinded points of 32 bytes each follow this frame, the first being number `offset` of the
    /// declared ones. Each is a hash times a secret random number: uniform, whatever was hashed.
    OverlapBlinded { run: RunId, offset: u32, count: u32 },
    /// The ledger as it is before this frame extends its first `from` records: `count` hashes of 32 bytes
    /// follow, the consistency proof of RFC 6962, section 2.1.2. Nothing but hashes over records of frames.
    LedgerProof { from: u64, ledger: LedgerHead, count: u32 },
    /// The newest receipt that the coordinator signed for this site, shown once a connection: a coordinator
    /// that does not know it was restored from an older copy. Its own words, and nothing else.
    ShowReceipt { receipt: Receipt },
    /// How the site's machine is, said once a connection by the process that has no records: the version of
    /// its program (each part below 1000), its clock in whole minutes since 1970, and whether its disk has
    /// less room left than its own settings want. Nothing about a record, a person or a run.
    Condition { version: [u16; 3], clock_minutes: u32, disk_low: bool },
    /// What this site decided about the run with exactly this manifest: a code.
    Decide { run: RunId, manifest: Digest, decision: Decision },
    /// `length` bytes of a certificate request (PKCS#10, DER) follow this frame: the public half of the
    /// site's next key, signed with that key, and nothing else. Made by the process that has no records.
    Renew { length: u32 },
    /// The site leaves the consortium: its certificate counts no more from here on, and nothing of it that is
    /// not yet in a published adapter is counted.
    Leave,
    /// Is there a newer revocation list than the one with this number, which the coordinator signed? 0 where
    /// the site has none. Said by the process that has no records.
    Revocations { known: u64 },
    /// How base model and result of a run that is over do on the records that this site held back, or why it
    /// does not say: once a run, where its terms ask for it and the site's policy allows it.
    OwnScores { run: RunId, said: OwnScores },
}

/// What a site decided about a run. The words stay at the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Decision {
    /// It takes part.
    Approved,
    /// Its privacy officer does not want it.
    Declined,
    /// Its policy does not allow it.
    OutsidePolicy,
    /// It no longer takes part: nothing of the run follows.
    Withdrawn,
}

impl Request {
    /// How many raw bytes follow the frame; `None` if that is more or less than any site may send.
    pub fn payload_bytes(&self) -> Option<usize> {
        match self {
            Self::Chunk { length, .. } => {
                Some(*length as usize).filter(|length| (1..=CHUNK_BYTES_MAX).contains(length))
            }
            Self::OverlapBlinded { count, .. } => Some(*count as usize)
                .filter(|count| (1..=OVERLAP_BATCH_POINTS_MAX).contains(count))
                .map(|count| count * POINT_BYTES),
            Self::LedgerProof { count, .. } => Some(*count as usize)
                .filter(|count| (1..=LEDGER_PROOF_HASHES_MAX).contains(count))
                .map(|count| count * HASH_BYTES),
            Self::Renew { length } => {
                Some(*length as usize).filter(|length| (1..=CERTIFICATE_REQUEST_BYTES_MAX).contains(length))
            }
            _ => Some(0),
        }
    }

    /// Whether it carries raw bytes, or is answered by those of a file. Such requests of one connection are
    /// handled one after the other, in the order of their streams.
    pub fn is_transfer(&self) -> bool {
        matches!(self, Self::Fetch { .. }) || self.payload_bytes() != Some(0)
    }
}

/// Why a site cannot train, as a code. The words stay at the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrainFailure {
    /// No usable record.
    NoRecords,
    /// The data cannot be read.
    DataUnreadable,
    /// The base model is not the one the run names.
    BaseMismatch,
    /// The base model cannot be loaded.
    BaseUnreadable,
    /// Out of memory.
    OutOfMemory,
    /// The training process died or failed repeatedly.
    WorkerFailed,
    /// The update did not pass the site's own check.
    UpdateRejected,
    /// The site's policy does not allow this run.
    NotAllowed,
    /// The records could not be compared with the held-out set: the coordinator's answers do not hold, or it
    /// refused.
    OverlapFailed,
}

/// What the coordinator answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Response {
    /// To `Hello`.
    Welcome { protocol: u16 },
    /// To `Poll`.
    Work(Work),
    /// To `Fetch`: `length` raw bytes at `offset` of a file of `total` bytes follow this frame.
    Blob { offset: u64, length: u32, total: u64 },
    /// Noted (`Ready`, `Progress`, `Failed`, `OverlapDeclare`, `Decide`, `OwnScores`); to `Revocations`:
    /// there is no other.
    Noted,
    /// To `Offer` and `Chunk`: send the bytes from here on. Equal to the size when all are there.
    Continue { next_offset: u64 },
    /// To `Commit` (and to an `Offer` of an update that is already counted): the signed receipt.
    Receipt(Receipt),
    /// Come back later.
    Busy { retry_after_ms: u32 },
    /// Not done.
    Refused(Refusal),
    /// To `OverlapBlinded`: the `count` points from number `offset` on, evaluated with the run's key (32
    /// bytes each), then a proof of 64 bytes for each 256 of them, follow this frame.
    OverlapEvaluated { offset: u32, count: u32 },
    /// To `Hello`: prove that the ledger extends its first `size` records, which we were told of before.
    ProveLedger { size: u64 },
    /// To `Renew`: the certificate of the new key follows, `length` bytes of DER. The older one counts until
    /// a connection with this one stands.
    Renewed { length: u32 },
    /// To `Revocations`, where there is another list: `length` bytes of it in DER follow.
    Revocations { length: u32 },
}

impl Response {
    /// How many raw bytes follow the frame; `None` if that is more than a coordinator may send.
    pub fn payload_bytes(&self) -> Option<usize> {
        match self {
            Self::Blob { length, .. } => Some(*length as usize).filter(|length| *length <= CHUNK_BYTES_MAX),
            Self::OverlapEvaluated { count, .. } => Some(*count as usize)
                .filter(|count| (1..=OVERLAP_BATCH_POINTS_MAX).contains(count))
                .map(overlap_answer_bytes),
            Self::Renewed { length } => {
                Some(*length as usize).filter(|length| (1..=CERTIFICATE_BYTES_MAX).contains(length))
            }
            Self::Revocations { length } => {
                Some(*length as usize).filter(|length| (1..=REVOCATIONS_BYTES_MAX).contains(length))
            }
            _ => Some(0),
        }
    }
}

/// Bytes of the answer to so many points: the evaluated points, and one proof for each group of them.
pub fn overlap_answer_bytes(points: usize) -> usize {
    points * POINT_BYTES + points.div_ceil(OVERLAP_PROOF_POINTS) * PROOF_BYTES
}

/// What a site should do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Work {
    /// Nothing now; poll again.
    Nothing,
    /// Train: the terms are in `manifest`, the starting point is `adapter` of `adapter_bytes` bytes.
    Train { key: RoundKey, manifest: Digest, manifest_bytes: u32, adapter: Digest, adapter_bytes: u64 },
    /// A run is over; nothing of it needs to be kept for the coordinator.
    Finished { run: RunId },
    /// A run is over before its last round; nothing of it needs to be kept for the coordinator.
    Ended { run: RunId, end: RunEnd },
    /// A run waits for this site's decision; its terms are in `manifest`.
    Proposed { run: RunId, manifest: Digest, manifest_bytes: u32 },
    /// A run is over, and its terms ask how its result, `adapter` of `adapter_bytes` bytes, does on the
    /// records that this site held back.
    Measure { run: RunId, manifest: Digest, manifest_bytes: u32, adapter: Digest, adapter_bytes: u64 },
}

/// How a run ended that did not get to its last round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum RunEnd {
    /// The operator stopped it.
    Stopped,
    /// A round had too few updates, or the coordinator could not go on.
    Failed,
}

/// Why the coordinator does not do what was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The certificate is unknown, revoked or expired.
    NotAuthorised,
    /// Another protocol version.
    ProtocolVersion { supported: u16 },
    /// The round is over; this update does not count.
    RoundClosed,
    /// Another update of this site was already accepted for this round.
    Conflict,
    /// No such run, round, adapter or offer.
    Unknown,
    /// The update is not what the manifest asks for.
    UpdateInvalid,
    /// The base model differs from the run's.
    BaseMismatch,
    /// The bytes do not have the digest that was offered; they were thrown away.
    DigestMismatch,
    /// No room on the coordinator's disk. Worth a retry.
    StorageFull,
    /// A value is out of bounds or the request makes no sense here.
    BadRequest,
    /// The coordinator failed; the operator sees why. Worth a retry.
    Internal,
    /// The ledger is not the one that was announced before, with more records. Until a person at the
    /// coordinator has accepted it nothing else is answered; the site asks slowly.
    LedgerChanged,
    /// The coordinator was restored from a copy that is older than what it signed. Until a person there has
    /// accepted that nothing else is answered; the site asks slowly.
    Restored,
}

impl Refusal {
    /// Whether the same request may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::StorageFull | Self::Internal)
    }
}

/// The coordinator's signed word that an update is durable and counts once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// What the signature covers.
    pub body: ReceiptBody,
    /// Ed25519 over [`ReceiptBody::signed_bytes`].
    #[serde(with = "signature_bytes")]
    pub signature: [u8; 64],
}

/// What a receipt says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReceiptBody {
    /// SHA-256 of the site's name.
    pub site: Digest,
    /// The round.
    pub key: RoundKey,
    /// The update.
    pub digest: Digest,
    /// Size of the update in bytes.
    pub bytes: u64,
    /// Frames received from this site so far: lowest and highest sequence number seen.
    pub first_sequence: u64,
    /// See `first_sequence`.
    pub last_sequence: u64,
    /// Bytes of all those frames, payloads included.
    pub received_bytes: u64,
    /// Running hash over those frames: h = SHA-256(h || SHA-256(frame)), from 32 zero bytes.
    pub running_hash: Digest,
}

impl ReceiptBody {
    /// The bytes that are signed: a domain tag, then every field in order, integers little-endian.
    pub fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = b"consilium receipt v1\0".to_vec();
        bytes.extend_from_slice(&self.site.0);
        bytes.extend_from_slice(&self.key.run.0);
        bytes.extend_from_slice(&self.key.round.0.to_le_bytes());
        bytes.extend_from_slice(&self.digest.0);
        for number in [self.bytes, self.first_sequence, self.last_sequence, self.received_bytes] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.running_hash.0);
        bytes
    }
}

/// serde has no 64-byte arrays; two halves of 32 have the same bytes.
mod signature_bytes {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(signature: &[u8; 64], serializer: S) -> Result<S::Ok, S::Error> {
        let (left, right) = signature.split_at(32);
        let halves: ([u8; 32], [u8; 32]) =
            (left.try_into().unwrap_or([0; 32]), right.try_into().unwrap_or([0; 32]));
        halves.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[u8; 64], D::Error> {
        let (left, right) = <([u8; 32], [u8; 32])>::deserialize(deserializer)?;
        let mut signature = [0; 64];
        signature[..32].copy_from_slice(&left);
        signature[32..].copy_from_slice(&right);
        Ok(signature)
    }
}

#[cfg(test)]
mod tests;
