//! Finds a published round's aggregation error. Called by `execution::beside`. Invariants: it writes no file
//! and asks nobody; whatever fails here costs no round, and is journalled as the reason why there is no
//! number.

use std::sync::Arc;
use std::time::{Duration, Instant};

use common::id::Round;

use super::Performer;
use crate::blocking::blocking;
use crate::execution::averaging;
use crate::limits::{EFFECT_WAIT_MS_MAX, ERROR_ATTEMPTS_MAX};
use crate::round::accuracy::{AggregationError, Method, Outcome};
use crate::round::aggregation_error::seed;
use crate::round::event::Event;
use crate::round::state::RunState;
use crate::state_folder::blobs;

impl Performer {
    /// Computes it from the updates that were averaged.
    pub async fn aggregation_error(&self, state: &RunState, round: Round) -> Event {
        let (run, started) = (state.launched.run, Instant::now());
        let outcome = match self.measure_aggregation_error(state, round).await {
            Ok(error) => {
                let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::info!(%run, %round, duration_ms, ?error, "the aggregation error is known");
                Outcome::Found { error, duration_ms }
            }
            Err(reason) => {
                tracing::warn!(%run, %round, %reason, "the aggregation error is not computed");
                Outcome::NotComputed { reason }
            }
        };
        Event::AggregationErrorFound { round, outcome }
    }

    /// The error, or one sentence why there is none.
    async fn measure_aggregation_error(
        &self,
        state: &RunState,
        round: Round,
    ) -> Result<AggregationError, String> {
        let record = state.round(round).ok_or("there is no such round")?;
        if let Some(rule) = state.launched.spec.aggregation.robust_rule() {
            return Err(format!("it is that of a mean, and the round was combined otherwise ({rule})"));
        }
        if state.launched.spec.aggregation.method.trains_halves() {
            // All updates share the factor that was not trained, so the mean is that of the products.
            return Ok(AggregationError { value: 0.0, method: Method::Exact });
        }
        let aggregate = record.aggregate.ok_or("the round has no average")?;
        let seed = seed(state.launched.run, round, aggregate.digest);
        let (folder, launched) = (Arc::clone(&self.folder), &state.launched);
        let (manifest, weighting) = (launched.manifest, launched.weighting());
        let inputs = self.inputs(record.updates.iter());
        if let Some((gone, _)) = inputs.iter().find(|(input, _)| !input.path.is_file()) {
            return Err(format!("the update of {} is not there any more", gone.site));
        }
        let inputs = Arc::new(inputs);
        let mut attempt = 1;
        loop {
            let (folder, inputs) = (Arc::clone(&folder), Arc::clone(&inputs));
            let work = move || {
                let manifest = blobs::manifest(&folder, manifest)?;
                averaging::error(&inputs, weighting, &manifest.tensors, seed)
            };
            match blocking(work).await {
                Ok(error) => return Ok(error),
                Err(error) if error.is_retryable() && attempt < ERROR_ATTEMPTS_MAX => attempt += 1,
                Err(error) => return Err(error.to_string()),
            }
            tokio::time::sleep(Duration::from_millis(EFFECT_WAIT_MS_MAX)).await;
        }
    }
}
