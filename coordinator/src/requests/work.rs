//! What a site should do now (long poll), which blobs it may fetch, and that it is ready to train. Called by
//! `handler`. Invariant: a site learns only of runs that it takes part in.

use std::sync::Arc;
use std::time::Duration;

use common::id::{Digest, RunId, SiteId};
use common::limits::{POLL_WAIT_MS_MAX, VERSION_PART_MAX};
use common::net::server::Reply;
use common::wire::message::{Decision, Refusal, Response, RoundKey, Work};
use common::wire::numbers::RoundedCount;
use common::wire::own_scores::OwnScores;
use tokio::time::Instant;

use super::handler::RequestHandler;
use super::own_scores;
use super::rules;
use crate::blocking::{blocking, internal};
use crate::store::presence::Condition;

impl RequestHandler {
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
                // A site that was told of a proposal is told again each time, not at once.
                Ok(Err(_)) | Err(_) => {
                    let active = self.runs.active();
                    return active.and_then(|state| rules::proposal(&state, site)).unwrap_or(Work::Nothing);
                }
            }
        }
    }

    fn work(&self, site: &SiteId) -> Option<Work> {
        let now = self.clock.now();
        let ended = || self.runs.finished_for(site, now);
        rules::work(self.runs.active().as_deref(), ended, site, &self.told, now)
    }

    /// Notes what a site decided about a run. It speaks of exactly the terms that it was told of.
    pub(super) async fn decide(
        &self,
        site: &SiteId,
        run: RunId,
        manifest: Digest,
        decision: Decision,
    ) -> Result<Reply, Refusal> {
        let state = self.runs.find(run).ok_or(Refusal::Unknown)?;
        let event = rules::decided(&state, site, manifest, decision)?;
        let known = state.decisions.get(site).map(|answered| answered.decision);
        if known != Some(decision.into()) {
            tracing::info!(%site, %run, ?decision, "the site decided about the run");
        }
        internal(self.driver.submit(run, event).await)?;
        Ok(Response::Noted.into())
    }

    /// Notes what a site says of its own held-out records.
    pub(super) async fn own_scores(
        &self,
        site: &SiteId,
        run: RunId,
        said: OwnScores,
    ) -> Result<Reply, Refusal> {
        let state = self.runs.find(run);
        if let Some(event) = own_scores::scored(state.as_deref(), site, said, self.clock.now())? {
            tracing::info!(%site, %run, "the site said its own scores, or why it does not");
            internal(self.driver.submit(run, event).await)?;
        }
        Ok(Response::Noted.into())
    }

    /// A site may read the files of runs that it takes part in, as far as it has agreed to them.
    pub(super) fn may_fetch(&self, site: &SiteId, digest: Digest) -> bool {
        let now = self.clock.now();
        self.runs.all().iter().any(|state| rules::may_fetch(state, site, digest, now))
    }

    /// Notes how the site's machine is: for the operator only, nothing depends on it.
    pub(super) async fn condition(
        &self,
        site: &SiteId,
        version: [u16; 3],
        clock_minutes: u32,
        disk_low: bool,
    ) -> Result<Reply, Refusal> {
        if version.iter().any(|part| *part >= VERSION_PART_MAX) {
            return Err(Refusal::BadRequest);
        }
        // It says whole minutes, so the middle of one is meant.
        let theirs = i64::from(clock_minutes) * 60 + 30;
        let clock_ahead_s = theirs - self.clock.now().unix_s();
        let condition = Condition { version, clock_ahead_s, disk_low };
        let (store, who) = (Arc::clone(&self.store), site.clone());
        internal(blocking(move || Ok(store.put_condition(&who, &condition)?)).await)?;
        Ok(Response::Noted.into())
    }

    pub(super) async fn ready(
        &self,
        site: &SiteId,
        key: RoundKey,
        base_fingerprint: Digest,
        records: RoundedCount,
    ) -> Result<Reply, Refusal> {
        let event = rules::ready(self.runs.find(key.run).as_deref(), site, key, base_fingerprint, records)
            .inspect_err(|refusal| {
                if *refusal == Refusal::BaseMismatch {
                    tracing::warn!(%site, run = %key.run, "the site holds another base model");
                }
            })?;
        internal(self.driver.submit(key.run, event).await)?;
        Ok(Response::Noted.into())
    }
}
