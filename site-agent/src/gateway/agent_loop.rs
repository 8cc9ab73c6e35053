//! Performs what `state` decides: asks, fetches, sends, remembers. The gateway's main loop, called by
//! `gateway`.
//!
//! Every effect can be repeated: files are named by digest, the update of a round never changes, a receipt
//! replaces itself. So a crash at any line is mended by starting again.

use std::collections::VecDeque;
use std::fs;
use std::path::Path;
use std::time::Duration;

use common::clock::Clock;
use common::crash_point;
use common::id::{Digest, RunId};
use common::limits::{OVERLAP_SET_BYTES_MAX, POLL_WAIT_MS_MAX};
use common::net::transfer::{self, Opened, PartialFile, TransferError};
use common::run::RunManifest;
use common::wire::message::{Receipt, Refusal, Response, RoundKey, TrainFailure, Work};
use tokio::sync::mpsc::Receiver;

use super::connection::{Connection, Connector, name_of};
use super::global_adapter::{self, Refused};
use super::identity::Identity;
use super::output::Output;
use super::overlap::exchange::Exchange;
use super::protect::{ProtectedUpdate, RawUpdate, protect};
use super::state::{Agent, Assignment, Effect, Event, Known, Phase};
use super::store::Store;
use crate::config::AgentConfig;
use crate::egress::{Answer, Outbound};
use crate::error::SiteError;
use crate::overlap;
use crate::paths::StateFolder;
use crate::pipe::{FromWorker, Notice, RawFacts, ToGateway, ToWorker};
use crate::policy::PolicyRule;

/// Between two attempts at something the coordinator or the worker just refused.
const PAUSE: Duration = Duration::from_secs(1);
/// What `updates_per_day_max` counts over.
const DAY_MS: u64 = 86_400_000;

/// Everything the gateway holds.
pub struct AgentLoop<N: Connector, C, O> {
    pub folder: StateFolder,
    pub config: AgentConfig,
    pub identity: Identity,
    pub store: Store,
    pub connection: Connection<N, C>,
    pub clock: C,
    pub output: O,
    pub worker: Receiver<ToGateway>,
}

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Runs until the supervisor closes the pipe.
    ///
    /// # Errors
    /// What no retry mends: the policy, the ledger, the database, the disk.
    pub async fn run(mut self) -> Result<(), SiteError> {
        let mut agent = Agent::new(self.config.training.attempts_max);
        let mut events = VecDeque::from([Event::NothingToDo]);
        loop {
            let event = match events.pop_front() {
                Some(event) => event,
                None => match self.next_from_worker(&agent).await? {
                    Some(event) => event,
                    None => return Ok(()),
                },
            };
            let (next, effects) = agent.step(event);
            if next.phase != agent.phase {
                tracing::debug!(phase = ?next.phase, "phase");
            }
            agent = next;
            for effect in effects {
                if let Some(event) = self.perform(effect).await? {
                    events.push_back(event);
                }
            }
        }
    }

    /// Waits for the worker; `None` when the supervisor is gone.
    async fn next_from_worker(&mut self, agent: &Agent) -> Result<Option<Event>, SiteError> {
        loop {
            let Some(message) = self.worker.recv().await else { return Ok(None) };
            if let Some(event) = self.hear(message, agent).await? {
                return Ok(Some(event));
            }
        }
    }

    /// Turns the worker's words into an event, if they matter to the state.
    async fn hear(&mut self, message: ToGateway, agent: &Agent) -> Result<Option<Event>, SiteError> {
        let message = match message {
            ToGateway::Worker(message) => message,
            ToGateway::WorkerGone => return self.worker_gone(agent).map(Some),
        };
        Ok(match message {
            FromWorker::Started => Some(Event::WorkerStarted),
            FromWorker::Data { key, root } => {
                // Before any frame that says something of these records. A word about an earlier order
                // changes nothing.
                if matches!(agent.phase, Phase::Preparing(assignment) if assignment.key == key)
                    && self.connection.note_data(key, root)?
                {
                    tracing::info!(run = %key.run, %root, "the run's data root is in the ledger");
                }
                None
            }
            FromWorker::Ready { key, base_fingerprint, records } => {
                let Phase::Preparing(assignment) = agent.phase else { return Ok(None) };
                if let Err(rule) = self.config.policy.permits_records(records, self.store.last_records()?) {
                    return Ok(Some(self.forbid(key, rule)));
                }
                let expected = self.manifest(assignment.manifest)?.base_fingerprint;
                Some(Event::Prepared { key, base_fingerprint, expected, records })
            }
            FromWorker::Progress { key, progress } => {
                let is_current = matches!(agent.phase, Phase::Training(assignment) if assignment.key == key);
                if !is_current {
                    return Ok(None);
                }
                match self.connection.mention(Outbound::Progress { key, progress }).await? {
                    Some(Response::Refused(refusal)) => Some(Event::Refused { refusal }),
                    _ => None,
                }
            }
            FromWorker::Blinded { key, facts } => Some(Event::Blinded { key, facts }),
            FromWorker::Compared { key, left_out } => {
                self.exchange().compared(key, &left_out)?;
                None
            }
            FromWorker::Forbidden { .. } => None,
            FromWorker::Finished { key, facts } => Some(Event::Trained { key, facts }),
            FromWorker::Failed { key, reason } => {
                let failures = self.store.count_failure(key)?;
                Some(Event::TrainingFailed { key, reason, failures })
            }
        })
    }

    fn worker_gone(&mut self, agent: &Agent) -> Result<Event, SiteError> {
        let failures = match agent.phase {
            Phase::Preparing(assignment) | Phase::Training(assignment) => {
                self.store.count_failure(assignment.key)?
            }
            _ => 0,
        };
        Ok(Event::WorkerGone { failures })
    }

    /// Does one thing; returns the resulting event, unless the worker will report it.
    async fn perform(&mut self, effect: Effect) -> Result<Option<Event>, SiteError> {
        match effect {
            Effect::Poll => self.poll().await.map(Some),
            Effect::Pause => {
                tokio::time::sleep(PAUSE).await;
                Ok(None)
            }
            Effect::Fetch(assignment) => self.fetch(assignment).await.map(Some),
            Effect::Prepare(assignment) => {
                self.output.order(ToWorker::Prepare { key: assignment.key, manifest: assignment.manifest });
                Ok(None)
            }
            Effect::Compare { key, facts } => {
                let now_ms = self.clock.now().0;
                self.exchange().compare(key, facts, now_ms).await.map(Some)
            }
            Effect::SendReady { key, base_fingerprint, records } => {
                let item = Outbound::Ready { key, base_fingerprint, records };
                let Answer { response, .. } = self.connection.ask(item, &mut self.output).await?;
                Ok(match response {
                    Response::Refused(refusal) => Some(Event::Refused { refusal }),
                    _ => None,
                })
            }
            Effect::Train(assignment) => {
                let Assignment { key, manifest, adapter, .. } = assignment;
                self.output.order(ToWorker::Train { key, manifest, adapter });
                Ok(None)
            }
            Effect::Abandon(key) => {
                self.output.order(ToWorker::Abandon { key });
                Ok(None)
            }
            Effect::Protect { assignment, facts } => self.protect(assignment, &facts).map(Some),
            Effect::Send(key) => self.send(key).await.map(Some),
            Effect::Report { key, reason } => self.report(key, reason).await.map(Some),
            Effect::Declined { key, refusal } => {
                tracing::warn!(run = %key.run, round = key.round.0, ?refusal, "the update was not taken");
                self.store.record_declined(key)?;
                self.output.notice(Notice::Declined { key });
                Ok(None)
            }
            Effect::Forget(run) => {
                self.forget(run);
                self.output.notice(Notice::Finished { run });
                Ok(None)
            }
        }
    }

    /// The exchange about the held-out set, with what it needs of this loop.
    fn exchange(&mut self) -> Exchange<'_, N, C, O> {
        Exchange {
            folder: &self.folder,
            store: &mut self.store,
            connection: &mut self.connection,
            output: &mut self.output,
        }
    }

    async fn poll(&mut self) -> Result<Event, SiteError> {
        // What the worker said of rounds that are over for us; every new round asks it afresh.
        while self.worker.try_recv().is_ok() {}
        let item = Outbound::Poll { wait_ms: POLL_WAIT_MS_MAX };
        let Answer { response, .. } = self.connection.ask(item, &mut self.output).await?;
        match response {
            Response::Work(Work::Nothing) => Ok(Event::NothingToDo),
            Response::Work(Work::Finished { run }) => Ok(Event::RunOver { run }),
            Response::Work(Work::Train { key, manifest, manifest_bytes, adapter, adapter_bytes }) => {
                let manifest_bytes = u64::from(manifest_bytes);
                let assignment = Assignment { key, manifest, manifest_bytes, adapter, adapter_bytes };
                Ok(Event::Assigned { assignment, known: self.known(key)? })
            }
            Response::Refused(refusal) => Ok(Event::Refused { refusal }),
            other => {
                tracing::warn!(answer = name_of(&other), "an unexpected answer to a poll");
                Ok(Event::Refused { refusal: Refusal::Internal })
            }
        }
    }

    fn known(&self, key: RoundKey) -> Result<Known, SiteError> {
        if self.store.update(key)?.is_some() {
            return Ok(Known::Protected);
        }
        let (failures, given_up) = self.store.attempts(key)?;
        Ok(given_up.map_or(Known::Nothing { failures }, |reason| Known::GivenUp { reason }))
    }

    async fn fetch(&mut self, assignment: Assignment) -> Result<Event, SiteError> {
        if let Some(event) = self.fetch_one(assignment.manifest, assignment.manifest_bytes).await? {
            return Ok(event);
        }
        let manifest = self.manifest(assignment.manifest)?;
        if let Err(rule) = self.permits(&manifest)? {
            return Ok(self.forbid(assignment.key, rule));
        }
        if let Some(event) = self.fetch_one(assignment.adapter, assignment.adapter_bytes).await? {
            return Ok(event);
        }
        if let Err(rule) = self.permits_adapter(&manifest, assignment.adapter)? {
            return Ok(self.forbid(assignment.key, rule));
        }
        // A longer one is not fetched; the worker then finds none and says so.
        if let Some(terms) = manifest.overlap.filter(|terms| terms.set_bytes <= OVERLAP_SET_BYTES_MAX)
            && let Some(event) = self.fetch_one(terms.set, terms.set_bytes).await?
        {
            return Ok(event);
        }
        crash_point!("site-fetched");
        let rounds = manifest.rounds;
        self.output.notice(Notice::Joined { key: assignment.key, rounds });
        Ok(Event::Fetched)
    }

    /// Whether the policy lets this site take part on these terms, today.
    fn permits(&self, manifest: &RunManifest) -> Result<Result<(), PolicyRule>, SiteError> {
        let policy = &self.config.policy;
        if let Err(error) = manifest.validate() {
            tracing::error!(run = %manifest.run, "the run's manifest is refused: {error}");
        }
        let since_ms = self.clock.now().0.saturating_sub(DAY_MS);
        let updates = self.store.updates_since(since_ms)?;
        Ok(policy.permits_terms(manifest).and_then(|()| policy.permits_one_more(updates)))
    }

    /// Whether the global adapter is one that this site trains on: of the run's shapes, bounded, and not far
    /// beyond the one it took last.
    fn permits_adapter(
        &mut self,
        manifest: &RunManifest,
        adapter: Digest,
    ) -> Result<Result<(), PolicyRule>, SiteError> {
        let path = self.folder.inbox().join(adapter.to_string());
        let before = self.store.norms_before(manifest.run, adapter)?;
        match global_adapter::examine(&path, manifest, &self.config.policy, before.as_deref()) {
            Ok(norms) => self.store.record_taken(manifest.run, adapter, &norms).map(Ok),
            Err(Refused::Rule(rule, words)) => {
                tracing::error!(run = %manifest.run, "the global adapter is refused: {words}");
                Ok(Err(rule))
            }
            Err(Refused::Disk(source)) => Err(SiteError::io(&path, source)),
        }
    }

    /// Tells the person which rule refuses a round.
    fn forbid(&mut self, key: RoundKey, rule: PolicyRule) -> Event {
        tracing::error!(run = %key.run, round = key.round.0, "the policy refuses the round: {rule}");
        self.output.notice(Notice::Forbidden { key, rule });
        Event::Forbidden { key }
    }

    /// Brings one file into the inbox, from where an earlier attempt ended; an event says why it could not
    /// be.
    async fn fetch_one(&mut self, digest: Digest, bytes: u64) -> Result<Option<Event>, SiteError> {
        let mut part = match transfer::open(&self.folder.inbox(), digest, bytes).map_err(transfer_error)? {
            Opened::Complete(_) => return Ok(None),
            Opened::Partial(part) => part,
        };
        while part.next_offset() < bytes {
            let item = Outbound::Fetch { digest, offset: part.next_offset() };
            let Answer { response, payload: piece } = self.connection.ask(item, &mut self.output).await?;
            match response {
                Response::Blob { offset, total, .. } if total == bytes && !piece.is_empty() => {
                    take(&mut part, offset, &piece)?;
                }
                Response::Refused(refusal) => return Ok(Some(Event::Refused { refusal })),
                other => {
                    tracing::warn!(answer = name_of(&other), "an unexpected answer to a fetch");
                    return Ok(Some(Event::FetchFailed));
                }
            }
        }
        match part.finish() {
            Ok(_) => Ok(None),
            Err(error @ TransferError::DigestMismatch { .. }) => {
                tracing::warn!("{error}");
                Ok(Some(Event::FetchFailed))
            }
            Err(error) => Err(transfer_error(error)),
        }
    }

    fn manifest(&self, digest: Digest) -> Result<RunManifest, SiteError> {
        let path = self.folder.inbox().join(digest.to_string());
        let bytes = fs::read(&path).map_err(|source| SiteError::io(&path, source))?;
        RunManifest::from_bytes(&bytes).map_err(|error| SiteError::config(&path, error.to_string()))
    }

    fn protect(&mut self, assignment: Assignment, facts: &RawFacts) -> Result<Event, SiteError> {
        let manifest = self.manifest(assignment.manifest)?;
        let now_ms = self.clock.now().0;
        crash_point!("site-before-protect");
        let raw = RawUpdate { key: assignment.key, facts, manifest: &manifest };
        match protect(&self.folder, &mut self.store, &self.config.policy, &raw, now_ms) {
            Ok(_) => Ok(Event::Protected),
            Err(error @ SiteError::UpdateRefused { .. }) => {
                tracing::error!(run = %assignment.key.run, round = assignment.key.round.0, "{error}");
                Ok(Event::UpdateRejected)
            }
            Err(error) => Err(error),
        }
    }

    /// Offer, the missing chunks, commit. Each step may be answered by the receipt at once.
    async fn send(&mut self, key: RoundKey) -> Result<Event, SiteError> {
        let Some(update) = ProtectedUpdate::find(&self.folder, &self.store, key)? else {
            return Err(SiteError::Internal("an update to be sent is not in the outbox".into()));
        };
        let bytes = update.update().bytes;
        self.output.notice(Notice::Sending { key, bytes });
        let mut answer = self.connection.ask(Outbound::Offer(&update), &mut self.output).await?.response;
        loop {
            answer = match answer {
                Response::Continue { next_offset } if next_offset < bytes => {
                    let item = Outbound::Chunk { update: &update, offset: next_offset };
                    let answer = self.connection.ask(item, &mut self.output).await?.response;
                    crash_point!("site-chunk-sent");
                    answer
                }
                Response::Continue { .. } => {
                    let answer =
                        self.connection.ask(Outbound::Commit(&update), &mut self.output).await?.response;
                    crash_point!("site-committed");
                    answer
                }
                Response::Receipt(receipt) => return self.acknowledge(&update, &receipt),
                Response::Refused(refusal) => return Ok(Event::Refused { refusal }),
                other => {
                    tracing::warn!(answer = name_of(&other), "an unexpected answer to an update");
                    return Ok(Event::Refused { refusal: Refusal::Internal });
                }
            };
        }
    }

    /// Checks the coordinator's signature and keeps the receipt.
    fn acknowledge(&mut self, update: &ProtectedUpdate, receipt: &Receipt) -> Result<Event, SiteError> {
        let ours = update.update();
        let body = &receipt.body;
        let is_ours = (body.key, body.digest, body.bytes) == (ours.key, ours.digest, ours.bytes)
            && body.site == Digest::of(self.identity.coordinator.site.as_str().as_bytes());
        let is_signed = self.identity.receipt_key().verify(&body.signed_bytes(), &receipt.signature).is_ok();
        if !(is_ours && is_signed) {
            tracing::error!("a receipt is not ours or not signed by the coordinator; asking again");
            return Ok(Event::Refused { refusal: Refusal::Internal });
        }
        self.store.record_receipt(ours.key, receipt, self.clock.now().0)?;
        crash_point!("site-receipt-stored");
        self.output.notice(Notice::Receipt { key: ours.key, bytes: ours.bytes });
        Ok(Event::Acknowledged)
    }

    async fn report(&mut self, key: RoundKey, reason: TrainFailure) -> Result<Event, SiteError> {
        self.store.record_given_up(key, reason)?;
        self.output.notice(Notice::CannotTrain { key, reason });
        let Answer { response, .. } =
            self.connection.ask(Outbound::Failed { key, reason }, &mut self.output).await?;
        Ok(match response {
            Response::Refused(refusal) => Event::Refused { refusal },
            _ => Event::Noted,
        })
    }

    /// Removes what a finished run left in the outbox; receipts and the ledger stay.
    fn forget(&self, run: RunId) {
        let Ok(updates) = self.store.updates() else { return };
        for update in updates.iter().filter(|update| update.key.run == run) {
            remove(&self.folder.outbox().join(update.digest.to_string()));
        }
        if let Ok(Some(points)) = self.store.overlap(run) {
            remove(&self.folder.outbox().join(points.digest.to_string()));
        }
        remove(&overlap::answers_path(&self.folder, run));
    }
}

/// A piece at a wrong offset is the coordinator's mistake and costs another question; a full disk is ours.
fn take(part: &mut PartialFile, offset: u64, piece: &[u8]) -> Result<(), SiteError> {
    match part.write(offset, piece) {
        Ok(_) => Ok(()),
        Err(error @ (TransferError::Gap { .. } | TransferError::PastEnd { .. })) => {
            tracing::warn!("{error}");
            Err(SiteError::Connection {
                reason: "the coordinator sent a piece that was not asked for".into(),
            })
        }
        Err(error) => Err(transfer_error(error)),
    }
}

fn transfer_error(error: TransferError) -> SiteError {
    match error {
        TransferError::Io { path, source } => SiteError::Io { path, source },
        TransferError::StorageFull { folder, .. } => {
            SiteError::io(&folder, std::io::ErrorKind::StorageFull.into())
        }
        other => SiteError::Internal(other.to_string()),
    }
}

/// Tidying up: what cannot be removed now is only untidy.
fn remove(path: &Path) {
    let _ = fs::remove_file(path);
}
