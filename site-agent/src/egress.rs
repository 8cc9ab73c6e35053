//! THE ONLY FILE THAT SENDS. If you audit one file of this program, audit this one.
//!
//! For every item, in this order: 1. the consortium's revocation list must hold (or the item be the question
//! for one, or the greeting before it), the site's policy is asked, and of a frame of a run whether the site
//! has agreed to that run and not withdrawn, 2. the exact bytes are made, and where the site keeps an escrow
//! it has room for them, 3. a ledger record with their SHA-256 is on disk, and in the escrow the sealed bytes
//! are, too, 4. the bytes are sent, 5. the answer comes back. `Outbound` is everything that can leave this
//! hospital: numbers, digests and codes, the bytes of an update that passed `protect`, blinded points that
//! passed `overlap::points`, and progress that passed `gateway::progress` (their types have no other
//! constructor). There is no text in it but the site's own name in the request to join. Adding a variant is a
//! privacy review.
//!
//! Called by `gateway` (its loop and the connection under it) and, once in a site's life, by `cli::join`.
//! `clippy.toml` forbids the sending call everywhere else; the sandbox forbids a second socket kind; the
//! worker has no socket at all.

use std::net::SocketAddr;
use std::time::Duration;

use certs::{profile::COORDINATOR_NAME, tls::ALPN_RUN_IN_TURN};
use common::clock::Clock;
use common::crash_point;
use common::id::{Digest, RunId};
use common::ledger::{Kind, context};
use common::limits::{
    ADAPTER_BYTES_MAX, CERTIFICATE_REQUEST_BYTES_MAX, CHUNK_BYTES_MAX, COUNT_MAX, HANDSHAKE_MS_MAX,
    POLL_WAIT_MS_MAX, RECORDS_MAX, REQUEST_WAIT_MS_MAX,
};
use common::net::client::{ClientConnection, Sent};
use common::net::join;
use common::wire::codec::CodecError;
use common::wire::frame;
use common::wire::join::{JoinRequest, JoinResponse};
use common::wire::message::{
    Decision, Envelope, HASH_BYTES, LedgerHead, POINT_BYTES, PROTOCOL_VERSION, Receipt, Request, RoundKey,
    TrainFailure,
};
use common::wire::numbers::RoundedCount;
use common::wire::own_scores::OwnScores;

use self::encoding::{own_version, short};
use crate::error::SiteError;
use crate::gateway::consent::{Consent, ConsentBook, RunFrame};
use crate::gateway::escrow::Escrow;
use crate::gateway::ledger::{Frame, LedgerWriter, Note};
use crate::gateway::overlap::points::ProtectedPoints;
use crate::gateway::progress::{CoarseProgress, PERCENT};
use crate::gateway::protect::ProtectedUpdate;
use crate::gateway::renewal::KeyRequest;
use crate::gateway::revocations::Revocations;
use crate::policy::PolicyConfig;

mod encoding;
mod wire;

pub use self::encoding::offer_of;
pub use self::wire::Wire;
pub use common::net::client::{Answer, LineCounter};

/// Everything that can leave this hospital.
#[derive(Clone, Copy, Debug)]
pub enum Outbound<'a> {
    /// "I was invited": certificate request, one-time token, and the site's name as the invitation gives it.
    /// The one frame that leaves before there is a certificate, and the one with text in it. Sent by
    /// [`release_join`] only.
    Join(&'a JoinRequest),
    /// Protocol version; size and root of our ledger.
    Hello,
    /// Hashes that show that our ledger extends its first `from` records, which the coordinator was told of.
    LedgerProof { from: u64 },
    /// "This you signed last": the coordinator's own receipt, so that one restored from an old copy notices.
    ShowReceipt(&'a Receipt),
    /// Version of this program, the clock in whole minutes, whether the disk is nearly full.
    Condition { now_ms: u64, disk_low: bool },
    /// "Is there work?"
    Poll { wait_ms: u32 },
    /// "Give me this file from this byte on": a digest the coordinator named, and a number.
    Fetch { digest: Digest, offset: u64 },
    /// "I take part": fingerprint of the public base model; number of records, rounded to two digits.
    Ready { key: RoundKey, base_fingerprint: Digest, records: u64 },
    /// How far training is, in hundredths by fiftieths: speed in two digits, the loss in thousandths.
    Progress { key: RoundKey, progress: CoarseProgress },
    /// Digest and size of the update; rounded counts; mean loss.
    Offer(&'a ProtectedUpdate),
    /// A piece of the update.
    Chunk { update: &'a ProtectedUpdate, offset: u64 },
    /// "That was all; give me the receipt."
    Commit(&'a ProtectedUpdate),
    /// "This is my next key": its public half, signed with it. Made by `gateway::renewal` and nothing else.
    Renew(&'a KeyRequest),
    /// "I leave the consortium": the last frame.
    Leave,
    /// "Is there a newer revocation list?": the number of the one that is here, which the coordinator signed.
    Revocations { known: u64 },
    /// "I cannot", and one of nine codes.
    Failed { key: RoundKey, reason: TrainFailure },
    /// "I take part in the run of this manifest", or not, or no longer: one of four codes.
    Decide { run: RunId, manifest: Digest, decision: Decision },
    /// How many points are asked: a power of two.
    OverlapDeclare(&'a ProtectedPoints),
    /// Blinded points, 32 bytes each: hashes times secret random numbers, uniform whatever was hashed.
    OverlapBlinded { points: &'a ProtectedPoints, offset: u32 },
    /// How base model and result of a run do on the records that were held back here: a rounded count, two
    /// mean losses and an interval in thousandths, once a run and where agent.toml allows it; or one of four
    /// codes.
    OwnScores { run: RunId, said: OwnScores },
}

/// The gate.
pub struct Egress<C> {
    ledger: LedgerWriter,
    /// What this site agreed to.
    consent: ConsentBook,
    policy: PolicyConfig,
    /// Keeps the bytes of every frame for the privacy officer, where agent.toml wants it.
    escrow: Option<Escrow>,
    /// Who is revoked, by the consortium's list: without one that holds next to nothing leaves.
    revocations: Option<Revocations>,
    /// Who receives: SHA-256 of the consortium's CA key.
    peer: Digest,
    clock: C,
}

impl<C: Clock> Egress<C> {
    pub fn new(
        ledger: LedgerWriter,
        consent: ConsentBook,
        policy: PolicyConfig,
        peer: Digest,
        clock: C,
    ) -> Self {
        Self { ledger, consent, policy, escrow: None, revocations: None, peer, clock }
    }

    /// Keeps every frame before it leaves.
    #[must_use]
    pub fn with_escrow(self, escrow: Option<Escrow>) -> Self {
        Self { escrow, ..self }
    }

    /// Lets nothing out while there is no revocation list that holds, but what it takes to ask for one.
    #[must_use]
    pub fn with_revocations(self, revocations: Revocations) -> Self {
        Self { revocations: Some(revocations), ..self }
    }

    /// The revocation list.
    pub fn revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }

    /// The same, to take another one.
    pub fn revocations_mut(&mut self) -> Option<&mut Revocations> {
        self.revocations.as_mut()
    }

    /// What this site agreed to.
    pub fn consent(&self) -> &ConsentBook {
        &self.consent
    }

    /// Lets one item out and returns the coordinator's answer.
    ///
    /// # Errors
    /// Those of policy, ledger and disk mean that nothing was sent; any other that it may have arrived or
    /// not. Whether it was noted first, [`Self::records`] says.
    pub async fn release(&mut self, wire: &mut impl Wire, item: Outbound<'_>) -> Result<Answer, SiteError> {
        let bytes = self.recorded(&item)?;
        wire.exchange(&bytes).await
    }

    /// Lets one item out and waits for no answer: the gate is the same, and the next item passes it when it
    /// follows.
    ///
    /// # Errors
    /// As [`Self::release`].
    pub async fn release_ahead<W: Wire>(
        &mut self,
        wire: &mut W,
        item: Outbound<'_>,
    ) -> Result<W::Sent, SiteError> {
        let bytes = self.recorded(&item)?;
        wire.send(&bytes).await
    }

    /// The bytes of an item that may leave, once they are in the ledger and in the escrow.
    fn recorded(&mut self, item: &Outbound<'_>) -> Result<Vec<u8>, SiteError> {
        self.current(item)?;
        self.permit(item)?;
        self.agreed(item)?;
        let (frame, bytes) = encode(item, &self.ledger)?;
        self.has_room(bytes.len() as u64)?;
        crash_point!("site-before-ledger");
        let sequence = self.ledger.append(self.clock.now().0, &self.peer, &frame)?;
        crash_point!("site-ledger-written");
        if let Some(escrow) = &mut self.escrow {
            escrow.keep(sequence, &bytes)?;
        }
        Ok(bytes)
    }

    /// Whether the escrow could keep a frame of so many bytes now; where there is none it could.
    ///
    /// # Errors
    /// `Io`: it could not, and so the frame would not leave.
    pub fn has_room(&mut self, frame_bytes: u64) -> Result<(), SiteError> {
        let now_ms = self.clock.now().0;
        self.escrow.as_mut().map_or(Ok(()), |escrow| escrow.make_room(frame_bytes, now_ms))
    }

    /// How many records the ledger has.
    pub fn records(&self) -> u64 {
        self.ledger.next_sequence()
    }

    /// Size and root of the ledger as it is now: what the next hello says.
    pub fn ledger_head(&self) -> LedgerHead {
        self.ledger.head()
    }

    /// Bytes of chunks of updates that left in 24 hours.
    pub fn update_bytes_of_a_day(&mut self) -> u64 {
        self.ledger.update_bytes_of_a_day(self.clock.now().0)
    }

    /// The time.
    pub fn now_ms(&self) -> u64 {
        self.clock.now().0
    }

    /// Notes something in the ledger; where `is_change`, only if the last such note says something else.
    /// Nothing is sent. Returns whether it was noted.
    ///
    /// # Errors
    /// Those of the ledger and the disk.
    pub fn note(&mut self, note: &Note, is_change: bool) -> Result<bool, SiteError> {
        let now_ms = self.clock.now().0;
        if is_change {
            return self.ledger.note_change(now_ms, &self.peer, note);
        }
        self.ledger.note(now_ms, &self.peer, note).map(|()| true)
    }

    /// Whether the consortium's revocation list holds, or this is what it takes to ask for one.
    fn current(&self, item: &Outbound<'_>) -> Result<(), SiteError> {
        let asks =
            matches!(item, Outbound::Hello | Outbound::LedgerProof { .. } | Outbound::Revocations { .. });
        let Some(revocations) = self.revocations.as_ref().filter(|_| !asks) else { return Ok(()) };
        revocations.must_hold(self.clock.now().into())
    }

    /// Whether this site has agreed to what the item belongs to. Asked for every frame, so that a withdrawal
    /// holds from the next one on.
    fn agreed(&self, item: &Outbound<'_>) -> Result<(), SiteError> {
        let Some(run) = run_of(item) else { return Ok(()) };
        // The ledger remembers a withdrawal also where the database was restored from before it.
        let is_withdrawn = self.ledger.has_note(Kind::Withdrawal, run);
        let consent = if is_withdrawn { Consent::Withdrawn } else { self.consent.consent(run)? };
        let frame = match item {
            Outbound::Decide { decision: Decision::Approved, manifest, .. } => RunFrame::Approval(*manifest),
            Outbound::Decide { .. } => RunFrame::Refusal,
            _ => RunFrame::Part,
        };
        if consent.lets_out(frame) { Ok(()) } else { Err(SiteError::NotAgreed { run }) }
    }

    /// The site's own rules, whatever the coordinator or another part of this program asks for.
    fn permit(&mut self, item: &Outbound<'_>) -> Result<(), SiteError> {
        let sent_bytes = self.update_bytes_of_a_day();
        let refuse = |reason| Err(SiteError::PolicyRefused { reason });
        match item {
            Outbound::Join(_) => refuse("a site that has a certificate does not join again"),
            Outbound::LedgerProof { from } if *from == 0 || *from >= self.ledger.next_sequence() => {
                refuse("the ledger does not extend what it does not have")
            }
            Outbound::Poll { wait_ms } if *wait_ms > POLL_WAIT_MS_MAX => {
                refuse("a poll is longer than allowed")
            }
            Outbound::Fetch { offset, .. } if *offset > ADAPTER_BYTES_MAX => refuse("no file is that long"),
            Outbound::Ready { records, .. } if *records > RECORDS_MAX => {
                refuse("no site has so many records")
            }
            Outbound::Offer(update)
                if update.update().records > RECORDS_MAX || update.update().tokens > COUNT_MAX =>
            {
                refuse("no update is trained on so many records or tokens")
            }
            Outbound::Offer(update) | Outbound::Commit(update) | Outbound::Chunk { update, .. }
                if update.update().bytes > self.policy.update_bytes_max =>
            {
                refuse("the update is larger than agent.toml allows")
            }
            Outbound::OverlapDeclare(_) | Outbound::OverlapBlinded { .. } if !self.policy.overlap => {
                refuse("agent.toml does not allow the comparison with the held-out set")
            }
            Outbound::OwnScores { said, .. } if !said.is_canonical() => {
                refuse("these are no scores that a site says")
            }
            Outbound::OwnScores { said: OwnScores::Measured(_), .. } if !self.policy.own_scores => {
                refuse("agent.toml does not allow scores on own held-out records (own_scores)")
            }
            Outbound::OverlapBlinded { points, offset } if *offset >= points.points() => {
                refuse("no more points leave than were declared")
            }
            Outbound::Renew(request) if request.der().len() > CERTIFICATE_REQUEST_BYTES_MAX => {
                refuse("no request for a certificate is that long")
            }
            Outbound::Chunk { update, offset } if *offset >= update.update().bytes => {
                refuse("there is no byte behind the end of an update")
            }
            Outbound::Chunk { update, offset }
                if !self.policy.has_room_today(
                    sent_bytes,
                    (update.update().bytes - offset).min(CHUNK_BYTES_MAX as u64),
                ) =>
            {
                refuse("no more bytes of updates may leave in 24 hours (bytes_per_day_max)")
            }
            _ => Ok(()),
        }
    }
}

/// The run that an item is a frame of.
fn run_of(item: &Outbound<'_>) -> Option<RunId> {
    match item {
        Outbound::Ready { key, .. } | Outbound::Progress { key, .. } | Outbound::Failed { key, .. } => {
            Some(key.run)
        }
        Outbound::Offer(update) | Outbound::Commit(update) | Outbound::Chunk { update, .. } => {
            Some(update.update().key.run)
        }
        Outbound::OverlapDeclare(points) | Outbound::OverlapBlinded { points, .. } => Some(points.run()),
        Outbound::Decide { run, .. } | Outbound::OwnScores { run, .. } => Some(*run),
        Outbound::Join(_)
        | Outbound::Hello
        | Outbound::LedgerProof { .. }
        | Outbound::ShowReceipt(_)
        | Outbound::Condition { .. }
        | Outbound::Renew(_)
        | Outbound::Leave
        | Outbound::Revocations { .. }
        | Outbound::Poll { .. }
        | Outbound::Fetch { .. } => None,
    }
}

/// The exact bytes of an item as the next frame, and what the ledger will say of them.
fn encode(item: &Outbound<'_>, ledger: &LedgerWriter) -> Result<(Frame, Vec<u8>), SiteError> {
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
        Outbound::OwnScores { run, said } => Request::OwnScores { run, said },
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

/// Where a site joins: an address, and TLS that accepts nobody but the coordinator of the invitation.
pub struct JoinEndpoint {
    /// Where the coordinator's endpoint for enrolment may be; they are tried one after the other.
    pub remotes: Vec<SocketAddr>,
    /// Pins the consortium's CA.
    pub tls: rustls::ClientConfig,
}

/// Lets [`Outbound::Join`] out and returns the coordinator's answer. `peer` is the pin of the invitation.
///
/// # Errors
/// Those of the ledger and the disk mean that nothing was sent; `Net` that the request may have arrived or
/// not.
#[expect(clippy::disallowed_methods, reason = "this is the one place that sends; see the top of the file")]
pub async fn release_join(
    ledger: &mut LedgerWriter,
    clock: &impl Clock,
    peer: &Digest,
    endpoint: JoinEndpoint,
    request: &JoinRequest,
) -> Result<JoinResponse, SiteError> {
    let (frame, bytes) = encode(&Outbound::Join(request), ledger)?;
    ledger.append(clock.now().0, peer, &frame)?;
    let deadline = Duration::from_millis(HANDSHAKE_MS_MAX);
    Ok(join::request(&endpoint.remotes, endpoint.tls, COORDINATOR_NAME, &bytes, deadline).await?)
}

const ANSWER: Duration = Duration::from_millis(REQUEST_WAIT_MS_MAX);

#[expect(clippy::disallowed_methods, reason = "this is the one place that sends; see the top of the file")]
impl Wire for ClientConnection {
    type Sent = Sent;

    async fn exchange(&mut self, bytes: &[u8]) -> Result<Answer, SiteError> {
        Ok(Self::exchange(self, bytes, ANSWER).await?)
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<Sent, SiteError> {
        Ok(Self::send(self, bytes, ANSWER).await?)
    }

    async fn answer(&mut self, sent: Sent) -> Result<Answer, SiteError> {
        Ok(sent.answer(ANSWER).await?)
    }

    fn is_in_turn(&self) -> bool {
        self.protocol().as_deref() == Some(ALPN_RUN_IN_TURN)
    }

    fn counter(&self) -> Option<LineCounter> {
        Some(Self::counter(self))
    }
}

#[cfg(test)]
mod tests;
