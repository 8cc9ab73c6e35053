//! What the worker says, as far as it matters to the state, and what ends the waiting for it: a withdrawal,
//! the end of the hours, a round that takes too long. Called by `agent_loop`. Invariants: a withdrawal is
//! seen however much the worker says; what it has finished counts, also where the hours end before that is
//! heard.

use std::time::{Duration, Instant};

use common::clock::Clock;
use common::ledger::Kind;
use common::wire::message::{Response, RoundKey, TrainFailure};

use super::AgentLoop;
use crate::egress::Outbound;
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::consent::Consent;
use crate::gateway::ledger::Note;
use crate::gateway::output::Output;
use crate::gateway::state::{Agent, Event, Phase};
use crate::limits::{BLINDINGS_MAX, CONSENT_LOOK_MS_MAX, OWN_SCORES_S_MAX, ROUND_S_MAX};
use crate::pipe::{FromWorker, NotDone, Progress, ToGateway, ToWorker};

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Waits for the worker; `None` when the supervisor is gone.
    ///
    /// # Errors
    /// What no retry mends: the ledger, the database, the disk.
    pub(super) async fn next_from_worker(&mut self, agent: &Agent) -> Result<Option<Event>, SiteError> {
        let is_measuring = matches!(agent.phase, Phase::Measuring(_));
        // The site asks for no other work meanwhile, and another run may be waiting for it.
        let most_s = if is_measuring { OWN_SCORES_S_MAX } else { ROUND_S_MAX };
        let deadline = self.course.round_began + Duration::from_secs(most_s);
        let pause = Duration::from_millis(CONSENT_LOOK_MS_MAX);
        let mut look = Instant::now() + pause;
        loop {
            // However much the worker says meanwhile.
            if Instant::now() >= look {
                self.connection.renew_if_due(&mut self.output).await?;
                if self.is_withdrawn(agent.phase)? {
                    self.not_done(NotDone::NotAgreed);
                    return Ok(Some(Event::Hindered));
                }
                if self.is_outside_hours_now()
                    && let Some(event) = self.next_queued(agent).await?
                {
                    return Ok(Some(event));
                }
                if self.is_outside_hours() {
                    return Ok(Some(Event::HoursEnded));
                }
                look = Instant::now() + pause;
            }
            let until = look.min(deadline);
            let Ok(message) = tokio::time::timeout_at(until.into(), self.worker.recv()).await else {
                if Instant::now() < deadline {
                    continue;
                }
                return Ok(Some(self.wears_on(is_measuring)));
            };
            let Some(message) = message else { return Ok(None) };
            let heard = match self.hear(message, agent).await {
                Ok(event) => event,
                Err(error) => Some(self.hindered(error)?),
            };
            if heard.is_some() {
                return Ok(heard);
            }
            // A worker that talks without pause is not waited for longer than one that says nothing.
            if Instant::now() >= deadline {
                return Ok(Some(self.wears_on(is_measuring)));
            }
        }
    }

    /// The worker takes too long.
    fn wears_on(&mut self, is_measuring: bool) -> Event {
        self.not_done(NotDone::RoundWearsOn);
        if is_measuring { Event::WorkerGone { failures: u32::MAX } } else { Event::Hindered }
    }

    /// What the worker has said already.
    ///
    /// # Errors
    /// As [`Self::next_from_worker`].
    pub(super) async fn next_queued(&mut self, agent: &Agent) -> Result<Option<Event>, SiteError> {
        for _ in 0..self.worker.len() {
            let Ok(message) = self.worker.try_recv() else { break };
            let heard = match self.hear(message, agent).await {
                Ok(event) => event,
                Err(error) => Some(self.hindered(error)?),
            };
            if heard.is_some() {
                return Ok(heard);
            }
        }
        Ok(None)
    }

    /// Has the worker forget the round that was stopped at the end of the hours, where its run has ended here
    /// or is agreed to no longer: nobody else would tell it.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn drop_suspended(&mut self) -> Result<(), SiteError> {
        let Some(key) = self.course.suspended else { return Ok(()) };
        let is_agreed = matches!(self.connection.consent(key.run)?, Consent::Approved(_));
        if !is_agreed || self.store.is_over(key.run)? {
            self.course.suspended = None;
            self.output.order(ToWorker::Abandon { key });
        }
        Ok(())
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
                let note =
                    Note { kind: Kind::Data, run: Some(key.run), round: Some(key.round), digest: root };
                if matches!(agent.phase, Phase::Preparing(at) | Phase::Measuring(at) if at.key == key)
                    && self.connection.note(&note, true)?
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
                if is_current { self.tell(key, &progress).await? } else { None }
            }
            FromWorker::Blinded { key, facts } => {
                self.course.blindings = self.course.blindings.saturating_add(1);
                if self.course.blindings > BLINDINGS_MAX {
                    let reason = TrainFailure::OverlapFailed;
                    return Ok(Some(Event::TrainingFailed { key, reason, failures: self.course.blindings }));
                }
                Some(Event::Blinded { key, facts })
            }
            FromWorker::Compared { key, left_out } => {
                self.exchange().compared(key, &left_out)?;
                None
            }
            FromWorker::Scored { key, said } => self.scored(key, said, agent)?,
            FromWorker::Forbidden { .. } => None,
            FromWorker::Finished { key, facts } => Some(Event::Trained { key, facts }),
            FromWorker::Failed { key, reason } => {
                let is_current = matches!(
                    agent.phase,
                    Phase::Preparing(at) | Phase::Training(at) | Phase::Measuring(at) if at.key == key
                );
                if !is_current {
                    return Ok(None);
                }
                let failures = self.store.count_failure(key)?;
                Some(Event::TrainingFailed { key, reason, failures })
            }
        })
    }

    /// Tells the coordinator of progress, as far as the gate lets it.
    async fn tell(&mut self, key: RoundKey, progress: &Progress) -> Result<Option<Event>, SiteError> {
        let (told, now_ms) = (self.store.told(key)?, self.course.now_ms());
        let Ok((progress, told)) = self.course.progress.admit(key, progress, told, now_ms) else {
            return Ok(None);
        };
        self.store.tell(key, &told)?;
        Ok(match self.connection.mention(Outbound::Progress { key, progress }).await? {
            Some(Response::Refused(refusal)) => Some(Event::Refused { refusal }),
            _ => None,
        })
    }
}
