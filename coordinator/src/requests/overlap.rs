//! What a site may ask about the held-out set: it declares a number of points, and gets so many evaluated,
//! each once. Called by `handler`. Invariants: what is asked is durable before it is evaluated; a
//! repetition is answered again and counts once; of the points nothing but digests is kept.

use std::sync::Arc;

use common::id::{Digest, RunId, SiteId};
use common::net::server::Reply;
use common::run::OverlapTerms;
use common::wire::message::{POINT_BYTES, Refusal, Response};
use data::overlap::{Batch, batch_points, is_padded};

use super::handler::RequestHandler;
use crate::blocking::{blocking, internal};
use crate::limits::PLACE_WAIT_MS_MIN;
use crate::overlap;

/// What a run says of the comparison to one of its sites.
struct Terms {
    overlap: OverlapTerms,
    /// The most points that one site may ask.
    points_max: u32,
}

impl RequestHandler {
    pub(super) async fn overlap_declare(
        &self,
        site: &SiteId,
        run: RunId,
        points: u32,
    ) -> Result<Reply, Refusal> {
        let Terms { points_max, .. } = self.overlap_terms(site, run)?;
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
        offset: u32,
        count: u32,
        payload: Vec<u8>,
    ) -> Result<Reply, Refusal> {
        let Terms { overlap: terms, .. } = self.overlap_terms(site, run)?;
        let Some(place) = self.places.enter(site).await else {
            return Ok(Response::Busy { retry_after_ms: PLACE_WAIT_MS_MIN }.into());
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
    fn overlap_terms(&self, site: &SiteId, run: RunId) -> Result<Terms, Refusal> {
        let state = self.runs.find(run).ok_or(Refusal::Unknown)?;
        let takes_part = state.launched.sites.contains(site) && state.has_agreed(site);
        if !takes_part || state.revoked.contains(site) {
            return Err(Refusal::Unknown);
        }
        if state.is_over() {
            return Err(Refusal::RoundClosed);
        }
        let points_max = state.launched.spec.overlap.points_max;
        state.launched.overlap.map(|overlap| Terms { overlap, points_max }).ok_or(Refusal::BadRequest)
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
