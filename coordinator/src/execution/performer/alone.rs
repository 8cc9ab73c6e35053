//! Measures what one site trained alone, in a child process: beside the base model, and beside what the sites
//! trained together where the run is compared with one in which they did. Called by `performer`. Invariant:
//! whatever fails here ends in an event that says why, and costs the run nothing but this row.

use common::id::{Digest, SiteId};

use super::{Performer, model_job};
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::evaluate::{Answer, Job};
use crate::round::baseline::{Baseline, Figures, HeldOut};
use crate::round::event::Event;
use crate::round::state::RunState;
use crate::state_folder::blobs;

impl Performer {
    /// Measures one site's adapter on one set.
    pub(super) async fn measure_alone(
        &self,
        state: &RunState,
        site: SiteId,
        set: HeldOut,
        adapter: Digest,
    ) -> Event {
        let outcome = match self.score_alone(state, set, adapter).await {
            Ok(figures) => Baseline::Measured(Box::new(figures)),
            Err(error) => Baseline::NotMeasured { reason: error.to_string() },
        };
        Event::AloneMeasured { site, set, outcome }
    }

    async fn score_alone(&self, state: &RunState, set: HeldOut, adapter: Digest) -> Result<Figures> {
        let launched = &state.launched;
        let data = match set {
            HeldOut::Validation => &launched.validation,
            HeldOut::Test => &launched.test,
        };
        let data = data.clone().ok_or_else(|| Error::Internal("the run has no such file".into()))?;
        for digest in [adapter].into_iter().chain(launched.beside.map(|beside| beside.adapter)) {
            let path = self.folder.blob(digest);
            if blocking(move || blobs::digest_of(&path)).await? != digest {
                return Err(blobs::damaged("adapter", digest));
            }
        }
        let job = Job::ScoreAlone {
            model: model_job(state),
            data,
            base_fingerprint: launched.model_fingerprint,
            adapter: self.folder.blob(adapter),
            together: launched.beside.map(|beside| self.folder.blob(beside.adapter)),
            batch_size: launched.spec.training.batch_size,
        };
        let take = |answer, _| match answer {
            Answer::AloneScored { figures } => Some(*figures),
            _ => None,
        };
        self.ask(launched.run, &job, take).await
    }
}
