//! What a site may ask about the held-out set: it declares a number of points, and gets so many evaluated, each once.
//! Invariants: what is asked is durable before it is evaluated; a repetition is answered again and counts once; of the
//! points nothing but digests is kept.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::id::{Digest, RunId, SiteId};
use common::limits::{OVERLAP_EVALUATIONS_MAX, OVERLAP_WAIT_MS_MAX};
use common::net::server::Reply;
use common::run::OverlapTerms;
use common::wire::message::{POINT_BYTES, Refusal, Response};
use data::overlap::{Batch, batch_points, is_padded};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::{Sessions, internal};
use crate::overlap;
use crate::performer::blocking;

/// What a site that finds no place is told to wait.
const RETRY_AFTER_MS: u32 = 2_000;

/// Places for evaluations: a few in all, so that they do not wait for each other's cores, and one for each site, so that no
/// member takes them all.
#[derive(Debug, Clone)]
pub struct Evaluations {
    places: Arc<Semaphore>,
    sites: Arc<Mutex<HashSet<SiteId>>>,
}

/// A site's place; given back when dropped.
struct Place {
    _place: OwnedSemaphorePermit,
    sites: Arc<Mutex<HashSet<SiteId>>>,
    site: SiteId,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.sites.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.site);
    }
}

impl Default for Evaluations {
    fn default() -> Self {
        Self { places: Arc::new(Semaphore::new(OVERLAP_EVALUATIONS_MAX)), sites: Arc::default() }
    }
}

impl Evaluations {
    /// Waits a while for a place; `None` without one, or while the site has one already.
    async fn enter(&self, site: &SiteId) -> Option<Place> {
        let waiting = Arc::clone(&self.places).acquire_owned();
        let place = tokio::time::timeout(Duration::from_millis(OVERLAP_WAIT_MS_MAX), waiting).await.ok()?.ok()?;
        let is_first = self.sites.lock().unwrap_or_else(PoisonError::into_inner).insert(site.clone());
        is_first.then(|| Place { _place: place, sites: Arc::clone(&self.sites), site: site.clone() })
    }
}

impl Sessions {
    pub(super) async fn overlap_declare(
        &self,
        site: &SiteId,
        run: RunId,
        points: u32,
    ) -> Result<Reply, Refusal> {
        let (_, points_max) = self.overlap_terms(site, run)?;
        if !is_padded(points) || points > points_max {
            tracing::warn!(%site, %run, points, points_max, "not a number of points that a site may ask");
            return Err(Refusal::BadRequest);
        }
        let (store, who, now) = (Arc::clone(&self.store), site.clone(), self.clock.now());
        let standing = internal(blocking(move || Ok(store.declare_overlap(run, &who, points, now)?)).await)?;
        common::crash_point!("overlap-declared");
        if standing != points {
            tracing::warn!(%site, %run, standing, points, "the site declares another number of points");
            return Err(Refusal::Conflict);
        }
        tracing::info!(%site, %run, points, "the site compares its records with the held-out set");
        Ok(Response::Noted.into())
    }

    pub(super) async fn overlap_evaluate(
        &self,
        site: &SiteId,
        run: RunId,
        (offset, count): (u32, u32),
        payload: Vec<u8>,
    ) -> Result<Reply, Refusal> {
        let (terms, _) = self.overlap_terms(site, run)?;
        let Some(place) = self.evaluations.enter(site).await else {
            return Ok(Response::Busy { retry_after_ms: RETRY_AFTER_MS }.into());
        };
        let (store, folder, who) = (Arc::clone(&self.store), Arc::clone(&self.folder), site.clone());
        let now = self.clock.now();
        let work = move || {
            // Until the work is done, also if nobody waits for it any more.
            let _place = place;
            let declared = store.overlap_points(run, &who)?;
            if let Err(refusal) = in_declared(declared, offset, count, payload.len()) {
                tracing::warn!(site = %who, %run, offset, count, ?declared, "not points that were declared");
                return Ok(Err(refusal));
            }
            let batch = match Batch::parse(&payload) {
                Ok(batch) => batch,
                Err(error) => {
                    tracing::warn!(site = %who, %run, offset, %error, "not points");
                    return Ok(Err(Refusal::BadRequest));
                }
            };
            let digest = Digest::of(&payload);
            if store.put_overlap_batch(run, &who, offset, digest, now)? != digest {
                tracing::warn!(site = %who, %run, offset, "other points than before");
                return Ok(Err(Refusal::Conflict));
            }
            common::crash_point!("overlap-batch-noted");
            let answer = overlap::evaluate(&folder, run, terms.public_key, &batch)?;
            common::crash_point!("overlap-evaluated");
            Ok(Ok(answer))
        };
        let payload = internal(blocking(work).await)??;
        Ok(Reply { response: Response::OverlapEvaluated { offset, count }, payload })
    }

    /// The terms of a run that is going, that compares, and in which the site takes part.
    /// With the most points that one site may ask.
    fn overlap_terms(&self, site: &SiteId, run: RunId) -> Result<(OverlapTerms, u32), Refusal> {
        let state = self.runs.find(run).ok_or(Refusal::Unknown)?;
        if !state.plan.sites.contains(site) || state.revoked.contains(site) {
            return Err(Refusal::Unknown);
        }
        if state.is_over() {
            return Err(Refusal::RoundClosed);
        }
        let points_max = state.plan.spec.overlap.points_max;
        state.plan.overlap.map(|terms| (terms, points_max)).ok_or(Refusal::BadRequest)
    }
}

/// Whether these are points that the site declared: exactly one of its batches.
fn in_declared(declared: Option<u32>, offset: u32, count: u32, bytes: usize) -> Result<(), Refusal> {
    let declared = declared.ok_or(Refusal::Unknown)?;
    let whole =
        batch_points(declared, offset) == Some(count as usize) && bytes == count as usize * POINT_BYTES;
    if whole { Ok(()) } else { Err(Refusal::BadRequest) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_site_has_one_place_and_gives_it_back() {
        let evaluations = Evaluations::default();
        let [one, two]: [SiteId; 2] = ["a".parse().unwrap(), "b".parse().unwrap()];
        let place = evaluations.enter(&one).await.unwrap();
        assert!(evaluations.enter(&one).await.is_none(), "a second one for the same site");
        assert!(evaluations.enter(&two).await.is_some());
        drop(place);
        assert!(evaluations.enter(&one).await.is_some());
    }

    #[test]
    fn nobody_asks_more_than_was_declared() {
        let ask = |declared, offset, count: u32| in_declared(declared, offset, count, count as usize * 32);
        assert_eq!(ask(Some(8192), 4096, 4096), Ok(()));
        assert_eq!(ask(Some(1024), 0, 1024), Ok(()));
        assert_eq!(ask(None, 0, 1024), Err(Refusal::Unknown));
        for (declared, offset, count) in
            [(8192, 8192, 4096), (8192, 100, 4096), (1024, 0, 1023), (1024, 0, 4096), (1024, 1024, 1)]
        {
            assert_eq!(
                ask(Some(declared), offset, count),
                Err(Refusal::BadRequest),
                "{declared} {offset} {count}"
            );
        }
        assert_eq!(in_declared(Some(1024), 0, 1024, 1024 * 32 - 1), Err(Refusal::BadRequest));
    }
}
