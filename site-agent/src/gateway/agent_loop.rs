//! Performs what `state` decides: asks, fetches, sends, remembers. The gateway's main loop, called by
//! `gateway`.
//!
//! Every effect can be repeated: files are named by digest, the update of a round never changes, a receipt
//! replaces itself. So a crash at any line is mended by starting again. Invariant: nothing that the
//! coordinator or the worker says ends this loop; what cannot be done is told, the round is left, and the
//! next question comes later, the later the odder the answers were (`pace`).

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::time::{Duration, Instant};

use common::clock::Clock;
use common::crash_point;
use common::id::RunId;
use common::limits::{OVERLAP_SET_BYTES_MAX, POLL_WAIT_MS_MAX, RECORDS_MAX};
use common::wire::message::{Response, RoundKey};
use tokio::sync::mpsc::Receiver;

use super::connection::{Connection, Connector, name_of};
use super::identity::Coordinator;
use super::output::Output;
use super::overlap::exchange::Exchange;
use super::pace::Pace;
use super::progress::ProgressGate;
use super::protect::{RawUpdate, protect};
use super::state::{Agent, Assignment, Effect, Event, Known, Proposal};
use super::store::Store;
use crate::config::AgentConfig;
use crate::egress::{Answer, Outbound};
use crate::error::SiteError;
use crate::limits::{PROPOSAL_POLL_MS_MAX, ROUND_STARTS_MAX, RUN_MANIFEST_BYTES_MAX};
use crate::paths::StateFolder;
use crate::pipe::{NotDone, Notice, RawFacts, ToGateway, ToWorker};

mod considering;
mod fetching;
mod giving_up;
mod listening;
mod permitting;
mod scoring;
mod sending;
mod tidying;

/// Everything the gateway holds.
pub struct AgentLoop<N: Connector, C, O> {
    pub folder: StateFolder,
    pub config: AgentConfig,
    pub coordinator: Coordinator,
    pub store: Store,
    pub connection: Connection<N, C>,
    pub clock: C,
    pub output: O,
    pub worker: Receiver<ToGateway>,
    pub course: Course,
}

/// How it goes: what this process counts and times by its own clock.
#[derive(Debug)]
pub struct Course {
    /// When this process began; its clock only goes forward.
    began: Instant,
    /// When the present round began here.
    round_began: Instant,
    /// The rounds that this process gave up and told the coordinator of: said once, however often the
    /// coordinator names the round again.
    told: BTreeSet<RoundKey>,
    /// The proposed runs that the person was told of.
    proposed: BTreeSet<RunId>,
    /// The approvals that do not hold and were complained of.
    doubted: BTreeSet<i64>,
    /// Until when an officer is expected to decide: until then polls are short.
    watched_until: Option<Instant>,
    /// It is outside the hours of the policy, and that was said.
    waits_for_hours: bool,
    /// So many bytes wait for a day that has room for them, and that was said.
    waits_for_day: Option<u64>,
    /// The round that was stopped at the end of the hours and is to go on: at most one, for the next training
    /// removes what others left.
    suspended: Option<RoundKey>,
    /// How often a worker asked for a comparison in the present round.
    blindings: u32,
    /// When it was last looked for what replays need no more, by this process's clock.
    replays_tidied_ms: Option<u64>,
    pace: Pace,
    progress: ProgressGate,
    /// By how much pauses are shorter: 1, but in tests.
    hurry: u64,
}

impl Default for Course {
    fn default() -> Self {
        let now = Instant::now();
        Self {
            began: now,
            round_began: now,
            told: BTreeSet::new(),
            proposed: BTreeSet::new(),
            doubted: BTreeSet::new(),
            watched_until: None,
            waits_for_hours: false,
            waits_for_day: None,
            suspended: None,
            blindings: 0,
            replays_tidied_ms: None,
            pace: Pace::default(),
            progress: ProgressGate::default(),
            hurry: 1,
        }
    }
}

impl Course {
    fn now_ms(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    async fn rest(&self, wait_ms: u64) {
        tokio::time::sleep(Duration::from_millis(wait_ms / self.hurry)).await;
    }
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
                let event = match self.perform(effect).await {
                    Ok(event) => event,
                    Err(error) => Some(self.hindered(error)?),
                };
                events.extend(event);
            }
        }
    }

    /// What could not be done for a reason that is not ours alone, as an event.
    ///
    /// # Errors
    /// The others: the ledger, the database, our own disk.
    fn hindered(&mut self, error: SiteError) -> Result<Event, SiteError> {
        let is_exchanged = |path: &std::path::Path| {
            [self.folder.inbox(), self.folder.raw(), self.folder.outbox()]
                .iter()
                .any(|at| path.starts_with(at))
        };
        let why = match &error {
            // Nothing was sent: it goes on when days of the escrow went, or somebody has made room.
            error @ SiteError::Io { path, .. }
                if error.is_disk_full() && path.starts_with(self.folder.escrow()) =>
            {
                NotDone::EscrowFull
            }
            // Nothing was sent and nothing is half-written: it goes on when somebody has made room.
            error if error.is_disk_full() => NotDone::NoRoom,
            // The line broke; the person has been told.
            SiteError::Connection { .. }
            | SiteError::Net(_)
            | SiteError::Revocations { .. }
            | SiteError::CoordinatorRevoked => return Ok(Event::Hindered),
            SiteError::NotAgreed { .. } => NotDone::NotAgreed,
            SiteError::PolicyRefused { .. }
            | SiteError::UpdateRefused { .. }
            | SiteError::PointsRefused { .. } => NotDone::NotAllowedHere,
            SiteError::Config { path, .. } if path.starts_with(self.folder.inbox()) => NotDone::TermsUnusable,
            SiteError::Io { path, source } if is_exchanged(path) => match source.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::UnexpectedEof => NotDone::NotAllowedHere,
                _ => return Err(error),
            },
            _ => return Err(error),
        };
        tracing::warn!("{error}");
        self.not_done(why);
        Ok(Event::Hindered)
    }

    /// Says what was not done. What no honest coordinator causes makes the next pauses longer.
    fn not_done(&mut self, why: NotDone) {
        let is_ours = matches!(
            why,
            NotDone::NoRoom
                | NotDone::EscrowFull
                | NotDone::NotAgreed
                | NotDone::OutsideHours
                | NotDone::DayIsFull
        );
        if !is_ours {
            self.course.pace.odd();
        }
        tracing::warn!(?why, "not done");
        self.output.notice(Notice::NotDone { why });
    }

    /// An answer of another kind than the question has.
    fn unexpected(&mut self, response: &Response) -> Event {
        tracing::warn!(answer = name_of(response), "an unexpected answer");
        self.not_done(NotDone::UnexpectedAnswer);
        Event::Hindered
    }

    /// Does one thing; returns the resulting event, unless the worker will report it.
    async fn perform(&mut self, effect: Effect) -> Result<Option<Event>, SiteError> {
        match effect {
            Effect::Poll => self.poll().await.map(Some),
            Effect::Pause => {
                let pause_ms = self.pause_ms();
                self.course.rest(pause_ms).await;
                Ok(None)
            }
            Effect::Consider(proposal) => self.consider(proposal).await.map(Some),
            Effect::Fetch(assignment) => self.fetch(assignment).await.map(Some),
            Effect::Prepare(assignment) => {
                Ok(self.order(ToWorker::Prepare { key: assignment.key, manifest: assignment.manifest }))
            }
            Effect::Compare { key, facts } => {
                let now_ms = self.clock.now().0;
                let event = self.exchange().compare(key, facts, now_ms).await?;
                if event == Event::Hindered {
                    self.not_done(NotDone::UnexpectedAnswer);
                }
                Ok(Some(event))
            }
            Effect::SendReady { key, base_fingerprint, records } => {
                // The first count of a round is its only one, whatever a worker counts later.
                let records = self.store.ready_records(key, records.min(RECORDS_MAX))?;
                let item = Outbound::Ready { key, base_fingerprint, records };
                let Answer { response, .. } = self.connection.ask(item, &mut self.output).await?;
                Ok(match response {
                    Response::Refused(refusal) => Some(Event::Refused { refusal }),
                    _ => None,
                })
            }
            Effect::Train(assignment) => {
                let Assignment { key, manifest, adapter, .. } = assignment;
                self.course.suspended = None;
                Ok(self.order(ToWorker::Train { key, manifest, adapter }))
            }
            Effect::Abandon(key) => Ok(self.order(ToWorker::Abandon { key })),
            Effect::Suspend(key) => {
                self.course.suspended = Some(key);
                Ok(self.order(ToWorker::Suspend { key }))
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
            Effect::FetchResult(_) | Effect::Measure(_) | Effect::Say { .. } => {
                self.perform_scoring(effect).await
            }
            Effect::Forget(run, end) => {
                self.forget(run)?;
                self.drop_suspended()?;
                self.output.notice(match end {
                    None => Notice::Finished { run },
                    Some(end) => Notice::Ended { run, end },
                });
                Ok(None)
            }
        }
    }

    /// The worker reports what comes of it.
    fn order(&mut self, order: ToWorker) -> Option<Event> {
        self.output.order(order);
        None
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
        let wait_ms = self.course.pace.before_poll(self.course.now_ms());
        self.course.rest(wait_ms).await;
        self.tidy_replays_when_due()?;
        // What the worker said of rounds that are over for us; every new round asks it afresh.
        while self.worker.try_recv().is_ok() {}
        self.connection.renew_if_due(&mut self.output).await?;
        self.tell_decisions().await?;
        self.drop_suspended()?;
        let is_watched = self.course.watched_until.is_some_and(|until| Instant::now() < until);
        let item =
            Outbound::Poll { wait_ms: if is_watched { PROPOSAL_POLL_MS_MAX } else { POLL_WAIT_MS_MAX } };
        let Answer { response, .. } = self.connection.ask(item, &mut self.output).await?;
        let event = match response {
            Response::Work(work) => Event::of_work(work, |key| {
                self.say_again_that_we_left(key.run)?;
                self.known(key)
            })?,
            Response::Refused(refusal) => Event::Refused { refusal },
            other => self.unexpected(&other),
        };
        let is_news = match event {
            Event::Assigned { assignment, known: Known::Protected } => {
                self.is_unacknowledged(assignment.key)?
            }
            Event::Assigned { known: Known::Nothing { .. }, .. } => true,
            _ => false,
        };
        self.course.pace.polled(self.course.now_ms(), is_news);
        Ok(event)
    }

    async fn fetch(&mut self, assignment: Assignment) -> Result<Event, SiteError> {
        let Assignment { key, manifest, manifest_bytes, adapter, adapter_bytes } = assignment;
        (self.course.round_began, self.course.blindings) = (Instant::now(), 0);
        // An adapter has the size of an update.
        let adapter_bytes_max = self.config.policy.update_bytes_max;
        if !self.is_agreed(key.run, manifest)? {
            // As if it were proposed: a coordinator may know of an agreement that was lost here.
            let event = self.consider(Proposal { run: key.run, manifest, manifest_bytes }).await?;
            if !self.is_agreed(key.run, manifest)? {
                self.not_done(NotDone::NotAgreed);
                return Ok(match event {
                    Event::Refused { .. } => event,
                    _ => Event::Hindered,
                });
            }
        }
        // Before the round counts as begun: waiting for the hours or for room may take days.
        if self.is_outside_hours() || self.is_day_full(manifest, adapter_bytes) {
            return Ok(Event::Hindered);
        }
        if adapter_bytes <= adapter_bytes_max && !self.has_room(adapter_bytes) {
            self.not_done(NotDone::NoRoom);
            return Ok(Event::Hindered);
        }
        if self.store.count_start(key)? > ROUND_STARTS_MAX {
            self.not_done(NotDone::RoundWearsOn);
            return Ok(Event::TermsRefused);
        }
        if let Some(event) = self.fetch_one(manifest, manifest_bytes, RUN_MANIFEST_BYTES_MAX).await? {
            return Ok(event);
        }
        let Some(terms) = self.agree_round(key, manifest)? else { return Ok(Event::TermsRefused) };
        if let Err(rule) = self.permits(&terms)? {
            return Ok(self.forbid(key, rule));
        }
        let agreed = terms.signed.manifest;
        if self.is_day_full(manifest, adapter_bytes) {
            return Ok(Event::Hindered);
        }
        if let Some(event) = self.fetch_one(adapter, adapter_bytes, adapter_bytes_max).await? {
            return Ok(event);
        }
        if let Err(rule) = self.permits_adapter(&agreed, adapter)? {
            return Ok(self.forbid(key, rule));
        }
        if let Some(terms) = agreed.overlap
            && let Some(event) = self.fetch_one(terms.set, terms.set_bytes, OVERLAP_SET_BYTES_MAX).await?
        {
            return Ok(event);
        }
        self.tidy_inbox(&assignment, &agreed)?;
        crash_point!("site-fetched");
        self.output.notice(Notice::Joined { key, rounds: agreed.rounds });
        Ok(Event::Fetched)
    }

    fn protect(&mut self, assignment: Assignment, facts: &RawFacts) -> Result<Event, SiteError> {
        let manifest = self.manifest(assignment.manifest)?;
        let now_ms = self.clock.now().0;
        crash_point!("site-before-protect");
        let facts = facts.bounded();
        let raw = RawUpdate { key: assignment.key, facts: &facts, manifest: &manifest };
        match protect(&self.folder, &mut self.store, &self.config.policy, &raw, now_ms) {
            Ok(_) => {
                self.note_made(&assignment, now_ms)?;
                self.course.pace.done();
                Ok(Event::Protected)
            }
            // A worker that announces a file and has none.
            Err(SiteError::Io { path, source }) if path.starts_with(self.folder.raw()) => {
                tracing::error!(run = %assignment.key.run, %source, "the raw update cannot be read");
                Ok(Event::UpdateRejected)
            }
            Err(error @ SiteError::UpdateRefused { .. }) => {
                tracing::error!(run = %assignment.key.run, round = assignment.key.round.0, "{error}");
                Ok(Event::UpdateRejected)
            }
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests;
