//! What the three processes of a site say to each other, over inherited pipes. Used by `supervisor`,
//! `gateway`, `worker` and `alone`.
//!
//! The supervisor starts both children with their standard input and output as pipes and passes whole
//! messages on: it decodes and encodes each one, so that only these closed enums cross, never a byte stream.
//! There is no path and no text in a message to the gateway: what the worker knows about records cannot cross
//! in one. Files are named by (run, round) or by digest, in folders that both sides know.

use std::io::{self, Read, Write};

use common::id::{Digest, Round, RunId};
use common::limits::{COUNT_MAX, LOCAL_MESSAGE_BYTES_MAX, LOSS_NATS_MAX, RECORDS_MAX};
use common::wire::codec;
use common::wire::message::{Decision, RoundKey, RunEnd, TrainFailure};
use common::wire::own_scores::OwnScores;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

use crate::error::SiteError;
use crate::policy::PolicyRule;

pub mod files;

/// Gateway to worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ToWorker {
    /// Load the base model as this manifest says and count the records; answered by `Ready` or `Failed`, or
    /// by `Blinded` when the records have to be compared with the held-out set first.
    Prepare { key: RoundKey, manifest: Digest },
    /// Train; answered by `Progress`, then `Finished` or `Failed`. A repeated order for the same round is not
    /// an error.
    Train { key: RoundKey, manifest: Digest, adapter: Digest },
    /// Measure base model and this adapter, a run's result, on the records that were held back here; answered
    /// by `Scored` or `Failed`. Its key has round 0: it comes after the rounds.
    Measure { key: RoundKey, manifest: Digest, adapter: Digest },
    /// The round is over without us: stop and forget it.
    Abandon { key: RoundKey },
    /// Stop after the present step and keep a checkpoint: the round is ordered again.
    Suspend { key: RoundKey },
}

impl ToWorker {
    /// The run whose records and base model the order needs.
    #[must_use]
    pub fn run(&self) -> Option<RunId> {
        match self {
            Self::Prepare { key, .. } | Self::Train { key, .. } | Self::Measure { key, .. } => Some(key.run),
            Self::Abandon { .. } | Self::Suspend { .. } => None,
        }
    }
}

/// Worker to gateway: numbers and codes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromWorker {
    /// The worker is up, holds the locks it needs and waits.
    Started,
    /// The base model is loaded.
    Ready { key: RoundKey, base_fingerprint: Digest, records: u64 },
    /// Training goes on; at most one a second.
    Progress { key: RoundKey, progress: Progress },
    /// The raw update of this round is complete on disk.
    Finished { key: RoundKey, facts: RawFacts },
    /// The points of the comparison with the held-out set are complete on disk; to be evaluated before
    /// `Prepare` is ordered again.
    Blinded { key: RoundKey, facts: BlindedFacts },
    /// The comparison is done; said before `Ready`. For the person at the site: these numbers do not leave.
    Compared { key: RoundKey, left_out: LeftOut },
    /// The records are read; this is the root of the manifest over those that may be trained on. Before
    /// `Ready`.
    Data { key: RoundKey, root: Digest },
    /// What was measured, already rounded as it may leave; checked again by the gateway.
    Scored { key: RoundKey, said: OwnScores },
    /// A rule of this site's policy refuses the round; said before `Failed`. For the person at the site.
    Forbidden { key: RoundKey, rule: PolicyRule },
    /// This round cannot be trained. The words are in the worker's own log.
    Failed { key: RoundKey, reason: TrainFailure },
}

/// How far training is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Progress {
    /// Optimiser steps done, of `total_steps`.
    pub step: u32,
    /// All optimiser steps of this round.
    pub total_steps: u32,
    /// Mean loss of the last step, in nats per supervised token.
    pub loss: f64,
    /// Tokens trained per second since this process started training.
    pub tokens_per_s: u32,
}

/// Exact numbers about a raw update; rounded before they leave the site.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RawFacts {
    /// SHA-256 of the raw file.
    pub digest: Digest,
    /// Records it was trained on.
    pub records: u64,
    /// Tokens it was trained on.
    pub tokens: u64,
    /// Mean training loss in nats per supervised token.
    pub loss: f64,
}

impl RawFacts {
    /// The numbers as far as any update may have them: a worker says what it likes.
    #[must_use]
    pub fn bounded(self) -> Self {
        Self {
            records: self.records.min(RECORDS_MAX),
            tokens: self.tokens.min(COUNT_MAX),
            // The database knows no NaN.
            loss: if self.loss.is_nan() { LOSS_NATS_MAX } else { self.loss.clamp(0.0, LOSS_NATS_MAX) },
            ..self
        }
    }
}

/// A file of blinded points: uniform, whatever the records are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlindedFacts {
    /// SHA-256 of the file.
    pub digest: Digest,
    /// How many points: a power of two.
    pub points: u32,
}

/// Records that are not trained on in this run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Too close to a held-out record.
    pub too_close: u64,
    /// Not there when the comparison was made.
    pub not_compared: u64,
    /// Of so many.
    pub records: u64,
}

/// What the gateway reads.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum ToGateway {
    /// Passed on from the worker.
    Worker(FromWorker),
    /// The worker ended; another is being started.
    WorkerGone,
}

/// What the gateway writes.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum FromGateway {
    /// To be passed on to the worker.
    Worker(ToWorker),
    /// For the lines the supervisor prints.
    Notice(Notice),
}

/// What happened, for the person who watches.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Notice {
    /// The locks hold and the ledger is open.
    Started { ledger_records: u64 },
    /// A connection to the coordinator stands.
    Connected,
    /// It was lost; the next attempt is in this many milliseconds.
    Disconnected { retry_ms: u64 },
    /// This site has a new certificate, which the next connection is made with.
    CertificateRenewed,
    /// Another authority of the consortium signed it; SHA-256 of that one's key.
    AuthorityFollowed { key: Digest },
    /// The coordinator refused this site as such.
    NotAuthorised,
    /// A run waits for the privacy officer's decision.
    Proposed { run: RunId },
    /// The policy does not allow a proposed run.
    OutsidePolicy { run: RunId, rule: PolicyRule },
    /// The coordinator has heard what was decided about a run.
    Decided { run: RunId, decision: Decision },
    /// A round begins here.
    Joined { key: RoundKey, rounds: u32 },
    /// So many points are being evaluated by the coordinator.
    Comparing { key: RoundKey, points: u32 },
    /// An update that was already trained is sent (again).
    Sending { key: RoundKey, bytes: u64 },
    /// The coordinator's receipt is stored.
    Receipt { key: RoundKey, bytes: u64 },
    /// The coordinator did not take the update (the round was closed, or it was not valid).
    Declined { key: RoundKey },
    /// A rule of this site's policy refuses the round.
    Forbidden { key: RoundKey, rule: PolicyRule },
    /// This site cannot train this round.
    CannotTrain { key: RoundKey, reason: TrainFailure },
    /// A run's result is being measured on the records that were held back here.
    Measuring { run: RunId },
    /// The coordinator has heard what came out, or why nothing is said.
    Scored { run: RunId, said: OwnScores },
    /// A run is over.
    Finished { run: RunId },
    /// A run is over before its last round.
    Ended { run: RunId, end: RunEnd },
    /// The coordinator was told of another ledger of this site; nothing but the question whether it takes
    /// this one leaves until a person there has accepted it.
    LedgerRefused { retry_ms: u64 },
    /// The coordinator was restored from an older copy, and waits for its operator.
    CoordinatorRestored { retry_ms: u64 },
    /// No revocation list that holds is to be had, and nothing leaves without one.
    RevocationsMissing { retry_ms: u64 },
    /// The certificate of what answers as the coordinator was revoked.
    CoordinatorRevoked { retry_ms: u64 },
    /// The coordinator asked for or answered something that this site does not do or take; it goes on.
    NotDone { why: NotDone },
}

/// Why something that the coordinator asked for or answered was not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum NotDone {
    /// A file is larger than this site takes.
    FileTooLarge,
    /// A file's bytes are not the announced ones, or do not come as asked.
    FileNotAsAnnounced,
    /// The run's terms cannot be read, or are those of another run or round.
    TermsUnusable,
    /// The terms of a run that was begun are now others.
    OtherTerms,
    /// The run is over here, older than a run may be, or the round's update was sent and removed.
    RunIsOver,
    /// The round was begun too often or takes too long.
    RoundWearsOn,
    /// An answer of another kind than the question has, or a receipt of another update.
    UnexpectedAnswer,
    /// An update was asked for again more often than it is sent in a day.
    SentTooOften,
    /// The disk has no room for a file.
    NoRoom,
    /// The escrow may not grow, or its disk has no room: no frame leaves.
    EscrowFull,
    /// The site's policy or a check of its own says no.
    NotAllowedHere,
    /// More runs were proposed in a day than any consortium launches.
    TooManyRuns,
    /// Nobody here has agreed to the run, or this site has withdrawn from it.
    NotAgreed,
    /// It is outside the hours in which this site trains.
    OutsideHours,
    /// So many bytes of updates left in the last 24 hours that this one has to wait.
    DayIsFull,
}

/// The name of a round's raw update and of its training checkpoint, without an extension.
#[must_use]
pub fn round_file_stem(run: RunId, round: Round) -> String {
    format!("{run}-{:05}", round.0)
}

/// Length prefix and body, ready to be written to a pipe.
///
/// # Errors
/// `Pipe` when the message is too large; none of the messages above is.
pub fn to_bytes<T: Serialize>(message: &T) -> Result<Vec<u8>, SiteError> {
    let body = codec::encode_local(message).map_err(|error| SiteError::Pipe(error.to_string()))?;
    let length = u32::try_from(body.len()).map_err(|error| SiteError::Pipe(error.to_string()))?;
    let mut bytes = Vec::with_capacity(4 + body.len());
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&body);
    Ok(bytes)
}

fn body_length(prefix: [u8; 4]) -> Result<usize, SiteError> {
    let length = u32::from_le_bytes(prefix) as usize;
    if length == 0 || length > LOCAL_MESSAGE_BYTES_MAX {
        return Err(SiteError::Pipe(format!("a message of {length} bytes is announced")));
    }
    Ok(length)
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, SiteError> {
    codec::decode_local(body).map_err(|error| SiteError::Pipe(error.to_string()))
}

/// Writes one message; blocks while the pipe is full.
///
/// # Errors
/// `Pipe` when the other side is gone.
pub fn write_message<T: Serialize>(pipe: &mut impl Write, message: &T) -> Result<(), SiteError> {
    let bytes = to_bytes(message)?;
    pipe.write_all(&bytes).and_then(|()| pipe.flush()).map_err(|error| SiteError::Pipe(error.to_string()))
}

/// Reads one message; `None` when the other side closed the pipe between two messages.
///
/// # Errors
/// `Pipe` when the pipe breaks inside a message or the bytes are not a message.
pub fn read_message<T: DeserializeOwned>(pipe: &mut impl Read) -> Result<Option<T>, SiteError> {
    let mut prefix = [0; 4];
    match pipe.read_exact(&mut prefix) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(SiteError::Pipe(error.to_string())),
    }
    let mut body = vec![0; body_length(prefix)?];
    pipe.read_exact(&mut body).map_err(|error| SiteError::Pipe(error.to_string()))?;
    decode(&body).map(Some)
}

/// As [`write_message`], without blocking the thread. Not cancel-safe.
///
/// # Errors
/// `Pipe` when the other side is gone.
pub async fn write_message_async<T: Serialize>(
    pipe: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> Result<(), SiteError> {
    let bytes = to_bytes(message)?;
    pipe.write_all(&bytes).await.map_err(|error| SiteError::Pipe(error.to_string()))?;
    pipe.flush().await.map_err(|error| SiteError::Pipe(error.to_string()))
}

/// As [`read_message`], without blocking the thread. Not cancel-safe: never inside `select!`.
///
/// # Errors
/// `Pipe` when the pipe breaks inside a message or the bytes are not a message.
pub async fn read_message_async<T: DeserializeOwned>(
    pipe: &mut (impl AsyncRead + Unpin),
) -> Result<Option<T>, SiteError> {
    let mut prefix = [0; 4];
    match pipe.read_exact(&mut prefix).await {
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        Err(error) => return Err(SiteError::Pipe(error.to_string())),
    }
    let mut body = vec![0; body_length(prefix)?];
    pipe.read_exact(&mut body).await.map_err(|error| SiteError::Pipe(error.to_string()))?;
    decode(&body).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> RoundKey {
        RoundKey { run: RunId([7; 8]), round: Round(3) }
    }

    #[test]
    fn messages_cross_a_pipe_in_order() {
        let mut pipe = Vec::new();
        let train = ToWorker::Train { key: key(), manifest: Digest([1; 32]), adapter: Digest([2; 32]) };
        write_message(&mut pipe, &FromGateway::Worker(train)).unwrap();
        write_message(&mut pipe, &FromGateway::Notice(Notice::Connected)).unwrap();
        let mut reader = pipe.as_slice();
        assert_eq!(read_message::<FromGateway>(&mut reader).unwrap(), Some(FromGateway::Worker(train)));
        assert_eq!(
            read_message::<FromGateway>(&mut reader).unwrap(),
            Some(FromGateway::Notice(Notice::Connected))
        );
        assert_eq!(read_message::<FromGateway>(&mut reader).unwrap(), None);
    }

    #[test]
    fn garbage_is_an_error_and_costs_no_memory() {
        for bytes in [
            &[0, 0, 0, 0][..],
            &[0xff, 0xff, 0xff, 0xff, 1][..],
            &[1, 0, 0, 0, 0xff][..],
            &[9, 0, 0, 0, 1][..],
            &[2, 0, 0, 0, 1, 0][..],
        ] {
            let mut reader = bytes;
            assert!(matches!(read_message::<ToGateway>(&mut reader), Err(SiteError::Pipe(_))), "{bytes:?}");
        }
    }

    #[test]
    fn a_round_names_its_files_so_that_they_sort() {
        assert_eq!(round_file_stem(RunId([0xab; 8]), Round(12)), "abababababababab-00012");
    }
}
