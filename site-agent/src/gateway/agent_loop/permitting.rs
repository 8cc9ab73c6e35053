//! Whether this site takes part: the policy's word about a run's terms and about the global adapter. Called
//! by `agent_loop` while it fetches a round. Invariant: a refusal names its rule to the person at the site,
//! and the coordinator hears a code only.

use common::clock::Clock;
use common::id::Digest;
use common::run::RunManifest;
use common::wire::message::RoundKey;

use super::AgentLoop;
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::consent::Terms;
use crate::gateway::global_adapter::{self, Refused};
use crate::gateway::output::Output;
use crate::gateway::state::Event;
use crate::limits::{HOURS_LOOK_MS_MAX, UPDATES_PERIOD_MS_MIN};
use crate::pipe::{NotDone, Notice};
use crate::policy::PolicyRule;

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Whether the policy lets this site take part on these terms, today.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn permits(&self, terms: &Terms) -> Result<Result<(), PolicyRule>, SiteError> {
        let (policy, manifest) = (&self.config.policy, terms.manifest());
        if let Err(error) = manifest.validate() {
            tracing::error!(run = %manifest.run, "the run's manifest is refused: {error}");
        }
        let since_ms = self.clock.now().0.saturating_sub(UPDATES_PERIOD_MS_MIN);
        let updates = self.store.updates_since(since_ms)?;
        Ok(self.permits_terms(terms).and_then(|()| policy.permits_one_more(updates)))
    }

    /// Whether the policy allows these terms, and who launched them.
    pub(super) fn permits_terms(&self, terms: &Terms) -> Result<(), PolicyRule> {
        let policy = &self.config.policy;
        let launcher = terms.launcher.as_ref();
        policy.permits_terms(terms.manifest()).and_then(|()| policy.permits_launcher(launcher))
    }

    /// Whether it is outside the hours in which this site trains. Said once, until they begin.
    pub(super) fn is_outside_hours(&mut self) -> bool {
        let is_outside = self.is_outside_hours_now();
        if is_outside && !self.course.waits_for_hours {
            self.not_done(NotDone::OutsideHours);
        }
        self.course.waits_for_hours = is_outside;
        is_outside
    }

    /// The same, and nothing is said.
    pub(super) fn is_outside_hours_now(&self) -> bool {
        self.config.policy.hours.wait_ms(self.clock.now().0).is_some()
    }

    /// Whether the update of these terms has to wait because so much left in the last 24 hours; `bytes` where
    /// the terms are not here yet. Said once, until there is room. One that never fits is the terms' matter:
    /// it does not wait.
    pub(super) fn is_day_full(&mut self, manifest: Digest, bytes: u64) -> bool {
        let bytes = self.manifest(manifest).map_or(bytes, |terms| terms.update_bytes_most());
        self.waits_for_day(bytes)
    }

    /// Whether so many bytes of an update have to wait. Said once, until there is room.
    pub(super) fn waits_for_day(&mut self, bytes: u64) -> bool {
        let is_full = self.lacks_room_today(bytes);
        if is_full && self.course.waits_for_day.is_none() {
            self.not_done(NotDone::DayIsFull);
        }
        self.course.waits_for_day = is_full.then_some(bytes);
        is_full
    }

    fn lacks_room_today(&mut self, bytes: u64) -> bool {
        let sent = self.connection.update_bytes_of_a_day();
        let policy = &self.config.policy;
        policy.has_room_today(0, bytes) && !policy.has_room_today(sent, bytes)
    }

    /// How long to pause: while this site waits for its hours, until they begin, or a minute; while a day's
    /// bytes are used up, a minute. Never less than after the same answers at any other time.
    pub(super) fn pause_ms(&mut self) -> u64 {
        let usual_ms = self.course.pace.pause_ms();
        let wait_ms = self.config.policy.hours.wait_ms(self.clock.now().0);
        let lacks_room = self.course.waits_for_day.is_some_and(|bytes| self.lacks_room_today(bytes));
        let wait_ms = match wait_ms.filter(|_| self.course.waits_for_hours) {
            Some(wait_ms) => wait_ms.min(HOURS_LOOK_MS_MAX),
            None if lacks_room => HOURS_LOOK_MS_MAX,
            None => 0,
        };
        wait_ms.max(usual_ms)
    }

    /// Whether the global adapter is one that this site trains on: of the run's shapes, bounded, and not far
    /// beyond the one it took last.
    ///
    /// # Errors
    /// `Store`; `Io` when the adapter cannot be read.
    pub(super) fn permits_adapter(
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
    pub(super) fn forbid(&mut self, key: RoundKey, rule: PolicyRule) -> Event {
        tracing::error!(run = %key.run, round = key.round.0, "the policy refuses the round: {rule}");
        self.output.notice(Notice::Forbidden { key, rule });
        Event::Forbidden { key }
    }
}
