//! Says, where a run that is over asks and this site's policy allows it, how the result does on the records
//! that this site held back. Called by `agent_loop`.
//!
//! Invariants: only of a run that was agreed to on terms that ask, and in which an update of this site was
//! counted; one adapter and one answer a run, noted here before it is sent; from then on the run is over
//! here, so that no round of it follows what was said.

use std::time::Instant;

use common::clock::Clock;
use common::id::RunId;
use common::wire::message::{Response, RoundKey};
use common::wire::own_scores::{NoScores, OwnScores};

use super::AgentLoop;
use crate::egress::{Answer, Outbound};
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::output::Output;
use crate::gateway::state::{Agent, Assignment, Effect, Event, Phase};
use crate::limits::{ROUND_STARTS_MAX, RUN_MANIFEST_BYTES_MAX};
use crate::pipe::{NotDone, Notice, ToWorker};
use crate::policy::PolicyRule;

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Performs what the scoring part of the machine decides.
    ///
    /// # Errors
    /// The ledger's, the database's and the line's.
    pub(super) async fn perform_scoring(&mut self, effect: Effect) -> Result<Option<Event>, SiteError> {
        match effect {
            Effect::FetchResult(assignment) => self.fetch_result(assignment).await.map(Some),
            Effect::Measure(Assignment { key, manifest, adapter, .. }) => {
                Ok(self.order(ToWorker::Measure { key, manifest, adapter }))
            }
            Effect::Say { key, said } => self.say(key, said).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Brings the result here, where it is to be measured.
    async fn fetch_result(&mut self, asked: Assignment) -> Result<Event, SiteError> {
        let Assignment { key, manifest, manifest_bytes, adapter, adapter_bytes } = asked;
        self.course.round_began = Instant::now();
        if let Some(said) = self.store.own_scores(key.run)? {
            return Ok(Event::Scored { key, said });
        }
        if self.store.is_over(key.run)? {
            // An honest coordinator asks again once a test set was measured late.
            tracing::info!(run = %key.run, "its result is not measured any more: the run is over here");
            return Ok(Event::Hindered);
        }
        if !self.is_agreed(key.run, manifest)? {
            return Ok(self.leave_it(NotDone::NotAgreed));
        }
        // Without a round in which it was counted a coordinator would learn of any adapter that it likes, as
        // often as runs may be proposed.
        if !self.was_counted(key.run)? {
            tracing::warn!(run = %key.run, "its result is not measured: no update of this site in it has a receipt");
            return Ok(Event::Hindered);
        }
        if self.is_outside_hours() {
            return Ok(Event::Hindered);
        }
        if let Some(event) = self.fetch_one(manifest, manifest_bytes, RUN_MANIFEST_BYTES_MAX).await? {
            return Ok(event);
        }
        let Some(terms) = self.agree(key.run, manifest)? else { return Ok(Event::Hindered) };
        let agreed = terms.manifest();
        if !agreed.own_scores {
            return Ok(self.leave_it(NotDone::TermsUnusable));
        }
        let allowed = self.permits_terms(&terms);
        let allowed =
            allowed.and(if self.config.policy.own_scores { Ok(()) } else { Err(PolicyRule::OwnScores) });
        if let Err(rule) = allowed {
            return Ok(self.decline(key, rule));
        }
        let adapter_bytes_max = self.config.policy.update_bytes_max;
        if adapter_bytes <= adapter_bytes_max && !self.has_room(adapter_bytes) {
            return Ok(self.leave_it(NotDone::NoRoom));
        }
        if self.store.count_start(key)? > ROUND_STARTS_MAX {
            self.not_done(NotDone::RoundWearsOn);
            return Ok(Event::Scored { key, said: OwnScores::NotMeasured(NoScores::Failed) });
        }
        if let Some(event) = self.fetch_one(adapter, adapter_bytes, adapter_bytes_max).await? {
            return Ok(event);
        }
        if let Err(rule) = self.permits_adapter(agreed, adapter)? {
            return Ok(self.decline(key, rule));
        }
        self.tidy_inbox(&asked, agreed)?;
        // From here on: what was fetched may have taken hours.
        self.course.round_began = Instant::now();
        self.output.notice(Notice::Measuring { run: key.run });
        Ok(Event::Fetched)
    }

    /// Whether an update of this site in this run has a receipt.
    fn was_counted(&self, run: RunId) -> Result<bool, SiteError> {
        let updates = self.store.updates()?;
        Ok(updates.iter().any(|update| update.key.run == run && update.receipt.is_some()))
    }

    fn leave_it(&mut self, why: NotDone) -> Event {
        self.not_done(why);
        Event::Hindered
    }

    /// A rule of the policy refuses to say: that is said.
    fn decline(&mut self, key: RoundKey, rule: PolicyRule) -> Event {
        tracing::info!(run = %key.run, "own scores are not said: {rule}");
        Event::Scored { key, said: OwnScores::NotMeasured(NoScores::NotAllowed) }
    }

    /// Says it; what was noted first, whatever a worker measured since.
    async fn say(&mut self, key: RoundKey, said: OwnScores) -> Result<Event, SiteError> {
        let said = self.store.first_own_scores(key.run, said)?;
        self.forget(key.run)?;
        self.drop_suspended()?;
        let item = Outbound::OwnScores { run: key.run, said };
        let Answer { response, .. } = self.connection.ask(item, &mut self.output).await?;
        Ok(match response {
            Response::Noted => {
                self.output.notice(Notice::Scored { run: key.run, said });
                Event::Noted
            }
            Response::Refused(refusal) => Event::Refused { refusal },
            other => self.unexpected(&other),
        })
    }

    /// What the worker measured, if it was asked to and the numbers are such as a site says; other numbers
    /// are a failure of it.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn scored(
        &mut self,
        key: RoundKey,
        said: OwnScores,
        agent: &Agent,
    ) -> Result<Option<Event>, SiteError> {
        if !matches!(agent.phase, Phase::Measuring(at) if at.key == key) {
            return Ok(None);
        }
        if said.is_canonical() {
            return Ok(Some(Event::Scored { key, said }));
        }
        tracing::error!(run = %key.run, "the worker's scores are no numbers that a site says");
        let failures = self.store.count_failure(key)?;
        let reason = common::wire::message::TrainFailure::WorkerFailed;
        Ok(Some(Event::TrainingFailed { key, reason, failures }))
    }
}
