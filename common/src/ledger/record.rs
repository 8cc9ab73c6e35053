//! One line of the egress ledger: its fields, their order, and what is wrong with a line that is not one.
//!
//! Used by `verify` (reads) and by the site agent's ledger (writes).
//! Invariant: field order and names are the format; a record has one line that writes it, and no other.

use serde::{Deserialize, Serialize};

use crate::id::{Digest, Round, RunId};
use crate::wire::message::{Request, RoundKey};

/// Why a ledger is not intact. A retry does not help; the file says what it says.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The file cannot be read.
    #[error("the ledger cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A line is not a record in canonical form.
    #[error("line {line} is not a ledger record")]
    NotARecord { line: u64 },
    /// A record says what no record of its kind says.
    #[error("line {line} is not a ledger record: {reason}")]
    Value { line: u64, reason: &'static str },
    /// A record is dated before the one above it.
    #[error("line {line} is dated before the line before it")]
    Time { line: u64 },
    /// A number is missing or repeated.
    #[error("line {line} has sequence number {found}, expected {expected}")]
    Sequence { line: u64, found: u64, expected: u64 },
    /// A line does not follow from the one before: something was changed, removed or inserted.
    #[error("line {line} does not follow from the line before it: the ledger was changed there")]
    Chain { line: u64 },
    /// The last line has no end, and is no longer than a line may be: the machine stopped while it was
    /// written.
    #[error("the last line is incomplete after {whole_bytes} whole bytes")]
    TornTail { whole_bytes: u64 },
    /// A record cannot be written as JSON.
    #[error("a ledger record cannot be written")]
    Unwritable,
}

/// What kind of frame left. One word each; the same list as [`Request`], plus enrolment, plus the one note.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Certificate request and one-time token, before any run.
    Join,
    /// See [`Request::Hello`].
    Hello,
    /// See [`Request::Poll`].
    Poll,
    /// See [`Request::Fetch`].
    Fetch,
    /// See [`Request::Ready`].
    Ready,
    /// See [`Request::Progress`].
    Progress,
    /// See [`Request::Offer`].
    Offer,
    /// See [`Request::Chunk`]: the bytes of an adapter update.
    Chunk,
    /// See [`Request::Commit`].
    Commit,
    /// See [`Request::Failed`].
    Failed,
    /// See [`Request::OverlapDeclare`].
    #[serde(rename = "overlap-declare")]
    OverlapDeclare,
    /// See [`Request::OverlapBlinded`]: blinded points, uniform whatever the records are.
    #[serde(rename = "overlap-blinded")]
    OverlapBlinded,
    /// See [`Request::LedgerProof`].
    #[serde(rename = "ledger-proof")]
    LedgerProof,
    /// See [`Request::ShowReceipt`].
    Receipt,
    /// See [`Request::Condition`].
    Condition,
    /// See [`Request::Decide`].
    Decide,
    /// See [`Request::Renew`]: the public half of the site's next key.
    Renew,
    /// See [`Request::Leave`]: the last frame of a site.
    Leave,
    /// See [`Request::Revocations`].
    Revocations,
    /// See [`Request::OwnScores`].
    #[serde(rename = "own-scores")]
    OwnScores,
    /// Not a frame but a note of the site to itself: which records a run uses. `length` is 0, `run` is given,
    /// and `sha256` is the Merkle root of the data manifest.
    Data,
    /// A note: the site agreed to a run. `sha256` is that of what was signed.
    Approval,
    /// A note: the site declined a run. `sha256` as of an approval.
    Refusal,
    /// A note: the site withdrew from a run. `sha256` as of an approval.
    Withdrawal,
    /// A note: the policy in force. `sha256` is that of its canonical text.
    Policy,
    /// A note: the waiver in force. `sha256` is that of its file.
    Waiver,
    /// A note: the authority that this site goes by, once it is another than that of its joining. `sha256` is
    /// that of its public key.
    Authority,
}

impl Kind {
    /// The kind of a request.
    pub fn of(request: &Request) -> Self {
        match request {
            Request::Hello { .. } => Self::Hello,
            Request::Poll { .. } => Self::Poll,
            Request::Fetch { .. } => Self::Fetch,
            Request::Ready { .. } => Self::Ready,
            Request::Progress { .. } => Self::Progress,
            Request::Offer { .. } => Self::Offer,
            Request::Chunk { .. } => Self::Chunk,
            Request::Commit { .. } => Self::Commit,
            Request::Failed { .. } => Self::Failed,
            Request::OverlapDeclare { .. } => Self::OverlapDeclare,
            Request::OverlapBlinded { .. } => Self::OverlapBlinded,
            Request::LedgerProof { .. } => Self::LedgerProof,
            Request::ShowReceipt { .. } => Self::Receipt,
            Request::Condition { .. } => Self::Condition,
            Request::Decide { .. } => Self::Decide,
            Request::Renew { .. } => Self::Renew,
            Request::Leave => Self::Leave,
            Request::Revocations { .. } => Self::Revocations,
            Request::OwnScores { .. } => Self::OwnScores,
        }
    }

    /// Whether it is a note, of which nothing left the site.
    pub fn is_note(self) -> bool {
        use Kind::{Approval, Authority, Data, Policy, Refusal, Waiver, Withdrawal};
        matches!(self, Data | Approval | Refusal | Withdrawal | Policy | Waiver | Authority)
    }

    /// Whether it is a frame that the coordinator counts: no note, and not the request to join.
    pub fn is_counted(self) -> bool {
        self != Self::Join && !self.is_note()
    }

    /// The word in the file.
    pub fn word(self) -> &'static str {
        match self {
            Self::Join => "join",
            Self::Hello => "hello",
            Self::Poll => "poll",
            Self::Fetch => "fetch",
            Self::Ready => "ready",
            Self::Progress => "progress",
            Self::Offer => "offer",
            Self::Chunk => "chunk",
            Self::Commit => "commit",
            Self::Failed => "failed",
            Self::OverlapDeclare => "overlap-declare",
            Self::OverlapBlinded => "overlap-blinded",
            Self::LedgerProof => "ledger-proof",
            Self::Receipt => "receipt",
            Self::Condition => "condition",
            Self::Decide => "decide",
            Self::Renew => "renew",
            Self::Leave => "leave",
            Self::Revocations => "revocations",
            Self::OwnScores => "own-scores",
            Self::Data => "data",
            Self::Approval => "approval",
            Self::Refusal => "refusal",
            Self::Withdrawal => "withdrawal",
            Self::Policy => "policy",
            Self::Waiver => "waiver",
            Self::Authority => "authority",
        }
    }
}

/// One line. Field order is the format; a line is valid only if writing it again gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// 0, 1, 2, ... without gaps.
    pub sequence: u64,
    /// When, in milliseconds since 1970 (UTC); never before the record above.
    pub time_ms: u64,
    /// To whom: SHA-256 of the coordinator's CA key (the pin of the invitation), 64 hexadecimal digits.
    pub peer: String,
    /// The run, 16 hexadecimal digits, or null.
    pub run: Option<String>,
    /// The round, or null.
    pub round: Option<u32>,
    /// What kind of frame.
    pub kind: Kind,
    /// Bytes of the frame and its payload; 0 for a note.
    pub length: u64,
    /// SHA-256 of exactly those bytes; of a note, what it notes.
    pub sha256: String,
    /// SHA-256 of the line before this one (without its newline); 64 zeros in the first.
    pub previous: String,
}

impl Record {
    /// Whether it is a note, of which nothing left the site.
    pub fn is_note(&self) -> bool {
        self.kind.is_note()
    }

    /// The line, without its newline.
    ///
    /// # Errors
    /// [`LedgerError::Unwritable`] when the record cannot be written as JSON.
    pub fn to_line(&self) -> Result<Vec<u8>, LedgerError> {
        serde_json::to_vec(self).map_err(|_| LedgerError::Unwritable)
    }
}

/// Run and round that a request belongs to, where it names them.
pub fn context(request: &Request) -> (Option<RunId>, Option<Round>) {
    let key: Option<RoundKey> = match request {
        Request::Ready { key, .. }
        | Request::Progress { key, .. }
        | Request::Offer { key, .. }
        | Request::Commit { key, .. }
        | Request::Failed { key, .. } => Some(*key),
        // Of a run, before its first round or after its last.
        Request::OverlapDeclare { run, .. }
        | Request::OwnScores { run, .. }
        | Request::OverlapBlinded { run, .. }
        | Request::Decide { run, .. } => {
            return (Some(*run), None);
        }
        Request::Hello { .. }
        | Request::Poll { .. }
        | Request::Fetch { .. }
        | Request::Chunk { .. }
        | Request::LedgerProof { .. }
        | Request::ShowReceipt { .. }
        | Request::Condition { .. }
        | Request::Renew { .. }
        | Request::Leave
        | Request::Revocations { .. } => None,
    };
    (key.map(|key| key.run), key.map(|key| key.round))
}

/// The digest of a line, as `previous` of the next one.
pub fn line_digest(line: &[u8]) -> Digest {
    Digest::of(line)
}
