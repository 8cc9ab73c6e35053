//! What a site should do now (long poll), which blobs it may fetch, and that it takes part.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::id::{Digest, RunId, SiteId};
use common::limits::POLL_WAIT_MS_MAX;
use common::net::server::Reply;
use common::wire::message::{Refusal, Response, RoundKey, Work};
use tokio::time::Instant;

use super::{Sessions, internal};
use crate::round::event::Event;

/// Which ended run each site was last told of. In memory: telling it again after a restart is harmless.
#[derive(Debug, Clone, Default)]
pub struct Told(Arc<Mutex<HashMap<SiteId, RunId>>>);

impl Told {
    /// Whether `site` has not been told of `run` yet; it counts as told from now on.
    fn first_time(&self, site: &SiteId, run: RunId) -> bool {
        let mut told = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        told.insert(site.clone(), run) != Some(run)
    }
}

impl Sessions {
    /// Waits until there is something to do, at most `wait_ms`.
    pub(super) async fn poll(&self, site: &SiteId, wait_ms: u32) -> Work {
        let deadline = Instant::now() + Duration::from_millis(u64::from(wait_ms.min(POLL_WAIT_MS_MAX)));
        let mut changes = self.runs.subscribe();
        loop {
            if let Some(work) = self.work(site) {
                return work;
            }
            match tokio::time::timeout_at(deadline, changes.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return Work::Nothing,
            }
        }
    }

    fn work(&self, site: &SiteId) -> Option<Work> {
        if let Some(state) = self.runs.active() {
            let record = state.work_for(site)?;
            let plan = &state.plan;
            return Some(Work::Train {
                key: RoundKey { run: plan.run, round: record.round },
                manifest: plan.manifest,
                manifest_bytes: u32::try_from(plan.manifest_bytes).unwrap_or(u32::MAX),
                adapter: record.from,
                adapter_bytes: plan.adapter_bytes,
            });
        }
        let run = self.runs.finished_for(site)?;
        self.told.first_time(site, run).then_some(Work::Finished { run })
    }

    /// A site may read the manifest of a run it takes part in, the models published to it, and the held-out set's
    /// pseudorandom values.
    pub(super) fn may_fetch(&self, site: &SiteId, digest: Digest) -> bool {
        self.runs.all().iter().any(|state| {
            let takes_part = state.plan.sites.contains(site) && !state.revoked.contains(site);
            let published = |record: &crate::round::state::RoundRecord| record.from == digest;
            let set = state.plan.overlap.map(|terms| terms.set);
            let named = state.plan.manifest == digest || set == Some(digest);
            takes_part && (named || state.rounds.iter().any(published))
        })
    }

    pub(super) async fn ready(
        &self,
        site: &SiteId,
        key: RoundKey,
        base_fingerprint: Digest,
        canonical: bool,
    ) -> Result<Reply, Refusal> {
        self.open_round(site, key)?;
        let expected = self.runs.find(key.run).map(|state| state.plan.model_fingerprint);
        if !canonical {
            return Err(Refusal::BadRequest);
        }
        if expected != Some(base_fingerprint) {
            tracing::warn!(%site, run = %key.run, "the site holds another base model");
            return Err(Refusal::BaseMismatch);
        }
        let event = Event::Taken { round: key.round, site: site.clone() };
        internal(self.driver.submit(key.run, event).await)?;
        Ok(Response::Noted.into())
    }
}
