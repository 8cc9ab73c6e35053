//! What a site should do now (long poll), which blobs it may fetch, and that it is ready to train. Called by
//! `handler`. Invariant: a site learns only of runs that it takes part in.

use std::sync::Arc;
use std::time::Duration;

use common::id::{Digest, RunId, SiteId};
use common::limits::{POLL_WAIT_MS_MAX, VERSION_PART_MAX};
use common::net::server::Reply;
use common::wire::message::{Decision, Refusal, Response, RoundKey, RunEnd, Work};
use tokio::time::Instant;

use super::handler::RequestHandler;
use crate::blocking::{blocking, internal};
use crate::round::event::Event;
use crate::round::state::{Failure, Phase, RoundRecord, RunState};
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
                    return active.and_then(|state| proposal(&state, site)).unwrap_or(Work::Nothing);
                }
            }
        }
    }

    fn work(&self, site: &SiteId) -> Option<Work> {
        if let Some(state) = self.runs.active() {
            let launched = &state.launched;
            if let Some(record) = state.work_for(site) {
                return Some(Work::Train {
                    key: RoundKey { run: launched.run, round: record.round },
                    manifest: launched.manifest,
                    manifest_bytes: u32::try_from(launched.manifest_bytes).unwrap_or(u32::MAX),
                    adapter: record.from,
                    adapter_bytes: launched.adapter_bytes,
                });
            }
            if let Some(work) = proposal(&state, site)
                && self.told.proposal_is_new(site, launched.run)
            {
                return Some(work);
            }
            // A site of a run that goes on is told of its end first, as before.
            if state.has_agreed(site) && launched.sites.contains(site) {
                return None;
            }
        }
        let state = self.runs.finished_for(site)?;
        let run = state.launched.run;
        let work = match &state.phase {
            Phase::Failed(Failure::Stopped) => Work::Ended { run, end: RunEnd::Stopped },
            Phase::Failed(_) => Work::Ended { run, end: RunEnd::Failed },
            _ => Work::Finished { run },
        };
        self.told.first_time(site, run).then_some(work)
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
        let takes_part = state.launched.sites.contains(site) && state.launched.manifest == manifest;
        if !takes_part {
            return Err(Refusal::Unknown);
        }
        if state.is_over() {
            return Err(Refusal::RoundClosed);
        }
        let known = state.decisions.get(site).map(|answered| answered.decision);
        if known != Some(decision.into()) {
            tracing::info!(%site, %run, ?decision, "the site decided about the run");
        }
        let event = Event::SiteDecided { site: site.clone(), decision: decision.into() };
        internal(self.driver.submit(run, event).await)?;
        Ok(Response::Noted.into())
    }

    /// A site may read the manifest of a run that it is asked about, and once it has agreed the models
    /// published to it and the held-out set's pseudorandom values.
    pub(super) fn may_fetch(&self, site: &SiteId, digest: Digest) -> bool {
        self.runs.all().iter().any(|state| {
            let takes_part = state.launched.sites.contains(site) && !state.revoked.contains(site);
            let published = |record: &RoundRecord| record.from == digest;
            let set = state.launched.overlap.map(|terms| terms.set);
            let is_manifest = state.launched.manifest == digest;
            let is_handed = || set == Some(digest) || state.rounds.iter().any(published);
            takes_part && (is_manifest || (state.has_agreed(site) && is_handed()))
        })
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
        canonical: bool,
    ) -> Result<Reply, Refusal> {
        self.open_round(site, key)?;
        let expected = self.runs.find(key.run).map(|state| state.launched.model_fingerprint);
        if !canonical {
            return Err(Refusal::BadRequest);
        }
        if expected != Some(base_fingerprint) {
            tracing::warn!(%site, run = %key.run, "the site holds another base model");
            return Err(Refusal::BaseMismatch);
        }
        let event = Event::SiteReady { round: key.round, site: site.clone() };
        internal(self.driver.submit(key.run, event).await)?;
        Ok(Response::Noted.into())
    }
}

/// The run, where it waits for this site's decision.
fn proposal(state: &RunState, site: &SiteId) -> Option<Work> {
    let launched = &state.launched;
    state.is_proposed_to(site).then(|| Work::Proposed {
        run: launched.run,
        manifest: launched.manifest,
        manifest_bytes: u32::try_from(launched.manifest_bytes).unwrap_or(u32::MAX),
    })
}
