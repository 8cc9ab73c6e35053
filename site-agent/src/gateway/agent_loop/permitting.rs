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
use crate::gateway::global_adapter::{self, Refused};
use crate::gateway::output::Output;
use crate::gateway::state::Event;
use crate::limits::UPDATES_PERIOD_MS_MIN;
use crate::pipe::Notice;
use crate::policy::PolicyRule;

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// Whether the policy lets this site take part on these terms, today.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn permits(&self, manifest: &RunManifest) -> Result<Result<(), PolicyRule>, SiteError> {
        let policy = &self.config.policy;
        if let Err(error) = manifest.validate() {
            tracing::error!(run = %manifest.run, "the run's manifest is refused: {error}");
        }
        let since_ms = self.clock.now().0.saturating_sub(UPDATES_PERIOD_MS_MIN);
        let updates = self.store.updates_since(since_ms)?;
        Ok(policy.permits_terms(manifest).and_then(|()| policy.permits_one_more(updates)))
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
