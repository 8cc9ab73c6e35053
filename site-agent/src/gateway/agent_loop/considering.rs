//! A proposed run, and what was decided about it: shown to the person once, decided by the policy where the
//! officer signed that, noted in the ledger, told to the coordinator. Called by `agent_loop`.
//!
//! Invariants: a decision is in the ledger before the coordinator hears of it; only what holds is told; what
//! the policy does not allow nobody can agree to here.

use std::time::{Duration, Instant};

use common::clock::Clock;
use common::id::{Digest, RunId};
use common::ledger::Kind;
use common::wire::message::{Decision, Response};

use super::AgentLoop;
use crate::egress::{Answer, Outbound};
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::consent::{Consent, statement};
use crate::gateway::ledger::Note;
use crate::gateway::output::Output;
use crate::gateway::state::{Event, Phase, Proposal};
use crate::gateway::store::consent::{Choice, RunDecision};
use crate::limits::{PROPOSAL_WATCH_S_MAX, RUN_MANIFEST_BYTES_MAX, RUNS_A_DAY_MAX, UPDATES_PERIOD_MS_MIN};
use crate::pipe::{NotDone, Notice};
use crate::policy::{Approval, PolicyRule};

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Brings the terms of a proposed run here, and decides as far as the policy does.
    ///
    /// # Errors
    /// The ledger's, the database's and the disk's.
    pub(super) async fn consider(&mut self, proposal: Proposal) -> Result<Event, SiteError> {
        let Proposal { run, manifest: digest, manifest_bytes } = proposal;
        if self.store.is_over(run)? {
            self.say_again_that_we_left(run)?;
            return Ok(Event::NothingToDo);
        }
        let is_new = !self.store.knows_run(run)?;
        let since_ms = self.clock.now().0.saturating_sub(UPDATES_PERIOD_MS_MIN);
        if is_new && self.store.runs_since(since_ms)? >= RUNS_A_DAY_MAX {
            self.not_done(NotDone::TooManyRuns);
            return Ok(Event::Hindered);
        }
        if let Some(event) = self.fetch_one(digest, manifest_bytes, RUN_MANIFEST_BYTES_MAX).await? {
            return Ok(match event {
                Event::Refused { .. } => event,
                _ => Event::Hindered,
            });
        }
        let Some(terms) = self.agree(run, digest)? else { return Ok(Event::Hindered) };
        if is_new {
            self.tidy_manifests()?;
        }
        let consent = self.connection.consent(run)?;
        let mut permitted = self.permits_terms(&terms);
        // A run that was agreed to goes on without a member who was revoked since, or its operator.
        if !matches!(consent, Consent::Approved(_)) {
            if self.connection.has_revoked_member(&terms.manifest().roster) {
                permitted = Err(PolicyRule::MemberRevoked);
            } else if self.connection.has_revoked_launcher(terms.launcher.as_ref()) {
                permitted = Err(PolicyRule::OperatorRevoked);
            }
        }
        match (consent, permitted) {
            (Consent::Open | Consent::Approved(_), Err(rule)) => self.refuse(run, digest, rule)?,
            (Consent::Open | Consent::OutsidePolicy, Ok(())) => self.ask(run, digest)?,
            (Consent::OutsidePolicy, Err(_)) => {}
            // Asked about what it was told of: a coordinator that lost it. An honest one asks only then.
            (Consent::Approved(_) | Consent::Withdrawn, _) => self.store.tell_again(run)?,
            (Consent::Declined, _) => {}
        }
        self.tell_decisions().await?;
        Ok(Event::NothingToDo)
    }

    /// Whether this site has agreed to exactly these terms.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn is_agreed(&self, run: RunId, manifest: Digest) -> Result<bool, SiteError> {
        Ok(self.connection.consent(run)? == Consent::Approved(manifest))
    }

    /// Whether the run that the worker is at was agreed to and is no longer.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn is_withdrawn(&mut self, phase: Phase) -> Result<bool, SiteError> {
        let (Phase::Preparing(at) | Phase::Training(at) | Phase::AwaitingWorker(at) | Phase::Measuring(at)) =
            phase
        else {
            return Ok(false);
        };
        if self.is_agreed(at.key.run, at.manifest)? {
            return Ok(false);
        }
        tracing::warn!(run = %at.key.run, "this site has not agreed to the run any more");
        Ok(true)
    }

    /// A coordinator that asks for a run that this site withdrew from does not know it (was it restored?): it
    /// hears it before the next poll.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn say_again_that_we_left(&mut self, run: RunId) -> Result<(), SiteError> {
        if self.connection.consent(run)? == Consent::Withdrawn {
            self.store.tell_again(run)?;
        }
        Ok(())
    }

    /// What was decided and nobody has heard of: into the ledger, then to the coordinator.
    ///
    /// # Errors
    /// The ledger's, the database's and the line's.
    pub(super) async fn tell_decisions(&mut self) -> Result<(), SiteError> {
        for decision in self.store.untold_decisions()? {
            let RunDecision { id, run, manifest, choice, .. } = decision;
            if !self.connection.judge().holds(&self.store, &decision)? {
                // It may hold after a restart, with another key that is trusted by then.
                if self.course.doubted.insert(id) {
                    tracing::error!(%run, "an approval that is not the privacy officer's counts for nothing");
                }
                continue;
            }
            if !decision.noted {
                let digest = Digest::of(&statement(self.connection.judge().site(), &decision));
                self.connection
                    .note(&Note { kind: note_of(choice), run: Some(run), round: None, digest }, false)?;
                self.store.decision_noted(id)?;
            }
            if !decision.told && self.tell_decision(run, manifest, choice).await? {
                self.store.decision_told(id)?;
            }
        }
        Ok(())
    }

    /// Returns whether nobody needs to hear of it any more.
    async fn tell_decision(
        &mut self,
        run: RunId,
        manifest: Digest,
        choice: Choice,
    ) -> Result<bool, SiteError> {
        // A later decision made this one void, or the run ended meanwhile.
        let is_current = self.connection.consent(run)?.still_says(choice, manifest);
        // Of a run that is over only a withdrawal matters, where the coordinator does not know of either.
        if !is_current || (choice != Choice::Withdrawn && self.store.is_over(run)?) {
            return Ok(true);
        }
        let decision = match choice {
            Choice::Approved => Decision::Approved,
            Choice::Declined => Decision::Declined,
            Choice::OutsidePolicy => Decision::OutsidePolicy,
            Choice::Withdrawn => Decision::Withdrawn,
        };
        let item = Outbound::Decide { run, manifest, decision };
        let Answer { response, .. } = self.connection.ask(item, &mut self.output).await?;
        match response {
            Response::Noted => self.output.notice(Notice::Decided { run, decision }),
            // The next poll comes first; then again.
            Response::Refused(refusal) if refusal.is_retryable() => return Ok(false),
            other => {
                tracing::warn!(%run, answer = super::name_of(&other), "the decision was not noted");
                self.not_done(NotDone::UnexpectedAnswer);
            }
        }
        if decision == Decision::Withdrawn {
            self.forget(run)?;
        }
        self.course.watched_until = None;
        Ok(true)
    }

    /// The policy does not allow it: nobody here can agree to it.
    fn refuse(&mut self, run: RunId, manifest: Digest, rule: PolicyRule) -> Result<(), SiteError> {
        tracing::error!(%run, "the policy refuses the run: {rule}");
        self.output.notice(Notice::OutsidePolicy { run, rule });
        self.decide(run, manifest, Choice::OutsidePolicy, None)
    }

    /// It is the policy's to agree where the officer signed that, or a person's.
    fn ask(&mut self, run: RunId, manifest: Digest) -> Result<(), SiteError> {
        let policy = self.config.policy.digest();
        if self.config.policy.approval == Approval::Auto
            && self.connection.judge().trusts_policy(&self.store, policy)?
        {
            return self.decide(run, manifest, Choice::Approved, Some(policy));
        }
        if self.course.proposed.insert(run) {
            if self.config.policy.approval == Approval::Auto {
                tracing::error!(
                    "the policy says `approval = \"auto\"` and bears no signature of the officer"
                );
            }
            self.output.notice(Notice::Proposed { run });
            self.course.watched_until = Some(Instant::now() + Duration::from_secs(PROPOSAL_WATCH_S_MAX));
        }
        Ok(())
    }

    fn decide(
        &mut self,
        run: RunId,
        manifest: Digest,
        choice: Choice,
        policy: Option<Digest>,
    ) -> Result<(), SiteError> {
        let at_ms = self.clock.now().0;
        let decision = RunDecision { at_ms, policy, ..RunDecision::new(run, manifest, choice) };
        self.store.record_decision(&decision)
    }
}

fn note_of(choice: Choice) -> Kind {
    match choice {
        Choice::Approved => Kind::Approval,
        Choice::Declined | Choice::OutsidePolicy => Kind::Refusal,
        Choice::Withdrawn => Kind::Withdrawal,
    }
}
