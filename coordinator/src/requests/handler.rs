//! The way of each request: authorised by certificate serial and key against the database, counted for
//! reconciliation, then answered here or by `work`, `update` or `overlap`. Called by the QUIC server
//! (`common::net::server`) for every connection and every request. Invariant: a refusal tells a site a code,
//! never a text; the reason is in our log.

use std::sync::Arc;

use certs::{PeerCertificate, ReceiptSigningKey, SerialNumber, SpkiPin};
use common::clock::Clock;
use common::id::{Digest, SiteId};
use common::ledger::Kind;
use common::limits::CHUNK_BYTES_MAX;
use common::net::server::{Handler, Received, Reply};
use common::net::{CloseCode, Connections, Peer};
use common::wire::message::{Refusal, Request, Response, RoundKey, TrainFailure};

use super::intake::Intake;
use super::places::Places;
use super::rules;
use super::standing::{self, Asked};
use super::told::Told;
use crate::blocking::{blocking, internal};
use crate::enrolment::close_older;
use crate::enrolment::issuer::Issuer;
use crate::enrolment::lists::Lists;
use crate::execution::driver::Driver;
use crate::execution::runs::Runs;
use crate::limits::DAY_OVER_WAIT_MS_MIN;
use crate::state_folder::{StateFolder, blobs};
use crate::store::{FrameRefusal, FrameTotals, Progress, ReceivedFrame, Store};

/// Answers the requests of sites, with everything a request may need.
pub struct RequestHandler {
    /// Facts.
    pub store: Arc<Store>,
    /// Run states.
    pub runs: Runs,
    /// Where events go.
    pub driver: Driver,
    /// Where updates go.
    pub intake: Intake,
    /// Where blobs are.
    pub folder: Arc<StateFolder>,
    /// Makes certificates for sites' next keys.
    pub issuer: Arc<Issuer>,
    /// What counts no more, for sites.
    pub lists: Arc<Lists>,
    /// Signs receipts.
    pub receipts: Arc<ReceiptSigningKey>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Those of members: a site has one certificate.
    pub connections: Connections,
    /// Places for evaluations for the comparison with the held-out set.
    pub places: Places,
    /// Which ended runs each site was told of since we started.
    pub told: Told,
    /// Whether the operator accepts that we were restored from an older copy.
    pub accepts_restored: bool,
}

/// Whose request it is, its totals with this frame, and the answer if it was about the ledger.
type Entered = (SiteId, FrameTotals, Option<Response>);

/// What the database says of a request before it is answered.
enum Entry {
    Counted(Box<Entered>),
    Unauthorised,
    Refused(Refusal),
    Uncounted(SiteId, FrameRefusal),
}

impl Handler for RequestHandler {
    async fn admit(&self, peer: &Peer) -> Result<(), CloseCode> {
        match self.authorise(peer).await {
            Ok((site, is_newer)) => {
                tracing::info!(%site, address = %peer.address, "connected");
                if is_newer {
                    let closed = close_older(&self.connections, &site, &peer.certificate_der);
                    tracing::info!(%site, closed, "the site came with its new certificate; the older one counts no more");
                }
                Ok(())
            }
            Err(Refusal::NotAuthorised) => Err(self.why_not(peer).await),
            // The database cannot be asked now.
            Err(_) => Err(CloseCode::TooMany),
        }
    }

    async fn handle(&self, peer: &Peer, received: Received) -> Reply {
        let (site, totals, answered) = match self.enter(peer, &received).await {
            Ok(entered) => entered,
            Err(reply) => return reply,
        };
        if let Some(response) = answered {
            return response.into();
        }
        match self.answer(&site, peer, received, totals).await {
            Ok(reply) => reply,
            Err(refusal) => {
                tracing::debug!(%site, ?refusal, "refused");
                refusal.into()
            }
        }
    }
}

impl RequestHandler {
    /// The peer's certificate, unless it has expired.
    fn certificate(&self, peer: &Peer) -> Result<PeerCertificate, Refusal> {
        let certificate =
            PeerCertificate::from_der(&peer.certificate_der).map_err(|_| Refusal::NotAuthorised)?;
        if !certificate.is_valid_at(self.clock.now().into()) {
            tracing::warn!(address = %peer.address, serial = %certificate.serial, "certificate has expired");
            return Err(Refusal::NotAuthorised);
        }
        Ok(certificate)
    }

    /// Whose connection it is, and whether it is the first with a newer certificate: the site has no other
    /// from now on.
    async fn authorise(&self, peer: &Peer) -> Result<(SiteId, bool), Refusal> {
        let (serial, key) = serial_and_key(&self.certificate(peer)?);
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        let work = move || {
            let Some(site) = store.authorise(serial, key)? else { return Ok(None) };
            let is_newer = store.supersede(&site, serial, now)?;
            Ok(Some((site, is_newer)))
        };
        internal(blocking(work).await)?.ok_or_else(|| unauthorised(peer, serial))
    }

    /// What a peer without authorisation is told: nothing that its own certificate does not say.
    async fn why_not(&self, peer: &Peer) -> CloseCode {
        let Ok(certificate) = PeerCertificate::from_der(&peer.certificate_der) else {
            return CloseCode::NotAuthorised;
        };
        if !certificate.is_valid_at(self.clock.now().into()) {
            return CloseCode::Expired;
        }
        let store = Arc::clone(&self.store);
        let was_ours = move || Ok(store.is_revoked(certificate.serial, certificate.key)?);
        match blocking(was_ours).await {
            Ok(true) => CloseCode::Revoked,
            _ => CloseCode::NotAuthorised,
        }
    }

    /// Authorises a request, insists that the site's ledger stands, and counts the frame. What was asked
    /// about the ledger is answered then. One visit to the database's thread: it is every request's way.
    async fn enter(&self, peer: &Peer, received: &Received) -> Result<Entered, Reply> {
        let (serial, key) = serial_and_key(&self.certificate(peer)?);
        let asked = Asked::of(received);
        let frame = ReceivedFrame {
            sequence: received.envelope.sequence,
            kind: Kind::of(&received.envelope.request).word(),
            bytes: received.frame_bytes,
            sha256: received.frame_digest,
        };
        let (store, now) = (Arc::clone(&self.store), self.clock.now());
        let work = move || {
            let Some(site) = store.authorise(serial, key)? else { return Ok(Entry::Unauthorised) };
            let answered = match standing::stands(&store, &site, &asked, now)? {
                Ok(answered) => answered,
                Err(refusal) => return Ok(Entry::Refused(refusal)),
            };
            Ok(match store.record_frame(&site, &frame, now)? {
                Ok(totals) => Entry::Counted(Box::new((site, totals, answered))),
                Err(refusal) => Entry::Uncounted(site, refusal),
            })
        };
        match internal(blocking(work).await)? {
            Entry::Counted(entered) => Ok(*entered),
            Entry::Unauthorised => Err(unauthorised(peer, serial).into()),
            Entry::Refused(refusal) => Err(refusal.into()),
            Entry::Uncounted(site, FrameRefusal::Sequence { last }) => {
                let sequence = frame.sequence;
                tracing::error!(%site, sequence, last, "a sequence number far from the last one, which no honest site sends");
                Err(Refusal::BadRequest.into())
            }
            Entry::Uncounted(site, FrameRefusal::Repeated) => {
                let sequence = frame.sequence;
                tracing::error!(%site, sequence, "a second frame with this number, which no honest site sends: `coordinator sites` says more");
                Err(Refusal::BadRequest.into())
            }
            Entry::Uncounted(site, FrameRefusal::Overtaken { hello }) => {
                let sequence = frame.sequence;
                tracing::info!(%site, sequence, hello, "a frame of an older connection came behind the greeting of a newer one, and is not counted");
                Err(Refusal::BadRequest.into())
            }
            Entry::Uncounted(site, FrameRefusal::TooMany) => {
                tracing::debug!(%site, "the site has sent all that it may today");
                Err(Response::Busy { retry_after_ms: DAY_OVER_WAIT_MS_MIN }.into())
            }
        }
    }

    async fn answer(
        &self,
        site: &SiteId,
        peer: &Peer,
        received: Received,
        totals: FrameTotals,
    ) -> Result<Reply, Refusal> {
        match received.envelope.request {
            // Answered by `standing`.
            Request::Hello { .. } | Request::LedgerProof { .. } => Err(Refusal::Internal),
            Request::ShowReceipt { receipt } => self.shown(site, &receipt).await,
            Request::Condition { version, clock_minutes, disk_low } => {
                self.condition(site, version, clock_minutes, disk_low).await
            }
            Request::Poll { wait_ms } => Ok(Response::Work(self.poll(site, wait_ms).await).into()),
            Request::Fetch { digest, offset } => self.fetch(site, digest, offset).await,
            Request::Ready { key, base_fingerprint, records } => {
                self.ready(site, key, base_fingerprint, records).await
            }
            Request::Progress { key, step, total_steps, loss, tokens_per_s } => {
                let at = self.clock.now();
                let progress = Progress { step, total_steps, loss: loss.nats(), tokens_per_s, at };
                if !loss.is_canonical() || step > total_steps {
                    return Err(Refusal::BadRequest);
                }
                self.progress(site, key, progress).await
            }
            Request::Offer { key, digest, bytes, records, tokens, loss } => {
                let offer = rules::offer(digest, bytes, records, tokens, loss).inspect_err(|_| {
                    tracing::warn!(%site, ?records, ?tokens, ?loss, "not numbers that a site may offer");
                })?;
                self.offer(site, key, offer, totals).await
            }
            Request::Chunk { digest, offset, length } => {
                if received.payload.len() != length as usize || received.payload.len() > CHUNK_BYTES_MAX {
                    return Err(Refusal::BadRequest);
                }
                self.chunk(site, digest, offset, received.payload).await
            }
            Request::Commit { key, digest } => self.commit(site, key, digest, totals).await,
            Request::Decide { run, manifest, decision } => self.decide(site, run, manifest, decision).await,
            Request::Renew { .. } => {
                let used = self.certificate(peer)?.serial;
                self.renew(site, used, received.payload).await
            }
            Request::Leave => self.leave(site).await,
            Request::Revocations { known } => self.revocations(known).await,
            Request::OwnScores { run, said } => self.own_scores(site, run, said).await,
            Request::Failed { key, reason } => self.failed(site, key, reason).await,
            Request::OverlapDeclare { run, points } => self.overlap_declare(site, run, points).await,
            Request::OverlapBlinded { run, offset, count } => {
                self.overlap_evaluate(site, run, offset, count, received.payload).await
            }
        }
    }

    async fn fetch(&self, site: &SiteId, digest: Digest, offset: u64) -> Result<Reply, Refusal> {
        if !self.may_fetch(site, digest) {
            return Err(Refusal::Unknown);
        }
        let folder = Arc::clone(&self.folder);
        let chunk = internal(blocking(move || blobs::read_chunk(&folder, digest, offset)).await)?;
        let (payload, total) = chunk.ok_or(Refusal::Unknown)?;
        // At most CHUNK_BYTES_MAX, which fits.
        let length = u32::try_from(payload.len()).map_err(|_| Refusal::Internal)?;
        Ok(Reply { response: Response::Blob { offset, length, total }, payload })
    }

    async fn progress(&self, site: &SiteId, key: RoundKey, progress: Progress) -> Result<Reply, Refusal> {
        self.open_round(site, key)?;
        let (store, who) = (Arc::clone(&self.store), site.clone());
        internal(blocking(move || Ok(store.put_progress(key.run, key.round, &who, &progress)?)).await)?;
        self.runs.notify();
        Ok(Response::Noted.into())
    }

    async fn failed(&self, site: &SiteId, key: RoundKey, reason: TrainFailure) -> Result<Reply, Refusal> {
        let event = rules::failed(self.runs.find(key.run).as_deref(), site, key, reason)?;
        tracing::warn!(%site, run = %key.run, round = %key.round, ?reason, "the site cannot train this round");
        internal(self.driver.submit(key.run, event).await)?;
        Ok(Response::Noted.into())
    }

    /// Refuses a request about a round in which the site has nothing to do.
    pub(super) fn open_round(&self, site: &SiteId, key: RoundKey) -> Result<(), Refusal> {
        rules::open_round(self.runs.find(key.run).as_deref(), site, key)
    }
}

fn serial_and_key(certificate: &PeerCertificate) -> (SerialNumber, SpkiPin) {
    (certificate.serial, certificate.key)
}

fn unauthorised(peer: &Peer, serial: SerialNumber) -> Refusal {
    tracing::warn!(address = %peer.address, %serial, "certificate is not authorised");
    Refusal::NotAuthorised
}
