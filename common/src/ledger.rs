//! The egress ledger's format: one JSON line per frame that left a site (and one note per run that says which records it
//! used, of which nothing left), chained by hash, summed up by
//! an RFC 6962 Merkle tree. A privacy officer can read it with `less`, count it with `jq`, and verify it
//! with either of two independent programs. The writer is the site-agent's; this is format and check.

mod merkle;
mod verify;

pub use merkle::Tree;
pub use verify::{KindTotal, LedgerError, Summary, Verifier, verify};

use serde::{Deserialize, Serialize};

use crate::id::{Digest, Round, RunId};
use crate::wire::message::{Request, RoundKey};

/// The longest line a ledger may hold; a record is about 400 bytes.
pub const LINE_BYTES_MAX: usize = 1024;

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
    /// Not a frame but a note of the site to itself: which records a run uses. `length` is 0, `run` is given, and `sha256`
    /// is the Merkle root of the data manifest.
    Data,
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
        }
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
            Self::Data => "data",
        }
    }
}

/// One line. Field order is the format; a line is valid only if writing it again gives the same bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// 0, 1, 2, ... without gaps.
    pub sequence: u64,
    /// When, in milliseconds since 1970 (UTC).
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
        self.kind == Kind::Data
    }

    /// The line, without its newline.
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
        // Of a run, before its first round.
        Request::OverlapDeclare { run, .. } | Request::OverlapBlinded { run, .. } => {
            return (Some(*run), None);
        }
        Request::Hello { .. } | Request::Poll { .. } | Request::Fetch { .. } | Request::Chunk { .. } => None,
    };
    (key.map(|key| key.run), key.map(|key| key.round))
}

/// The digest of a line, as `previous` of the next one.
pub fn line_digest(line: &[u8]) -> Digest {
    Digest::of(line)
}

#[cfg(test)]
mod tests;
