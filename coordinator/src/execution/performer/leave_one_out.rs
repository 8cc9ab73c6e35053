//! Finds whose update does the harm in a round that was not adopted: averages it without one site after the
//! other, and measures each average on the validation set. Called by `execution::beside`. Invariants: what it
//! writes stays in a folder of its own in the spool and goes at its end, after a crash at the next start;
//! whatever fails here costs no round, and where nothing could be measured that is journalled with the
//! reason.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use common::id::{Round, SiteId};

use super::Performer;
use crate::aggregate::AggregateError;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::execution::averaging::Averaging;
use crate::round::event::Event;
use crate::round::state::{RoundRecord, RunState};
use crate::round::veto;
use crate::round::vetoed::Harm;
use crate::state_folder::blobs;

impl Performer {
    /// Leaves one update out after the other.
    pub async fn leave_one_out(&self, state: &RunState, round: Round) -> Event {
        let (run, started) = (state.launched.run, Instant::now());
        let folder = self.folder.leave_one_out(run);
        let found = match state.round(round) {
            Some(record) => self.measure_harm(state, record, &folder).await,
            None => Err("there is no such round".to_owned()),
        };
        if let Err(error) = remove(&folder) {
            tracing::warn!(%run, %round, %error, "cannot remove what was averaged to find the harm");
        }
        let harm = match found {
            Ok((together, without)) => {
                let duration_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
                tracing::warn!(%run, %round, ?together, ?without, duration_ms, "measured whose update does the harm");
                Harm::Measured { together, without, duration_ms }
            }
            Err(reason) => {
                tracing::warn!(%run, %round, %reason, "it is not known whose update does the harm");
                Harm::NotMeasured { reason }
            }
        };
        Event::HarmFound { round, harm }
    }

    /// The loss of all updates together and without each suspect, as far as they can be measured, or one
    /// sentence why there is none.
    async fn measure_harm(
        &self,
        state: &RunState,
        record: &RoundRecord,
        folder: &Path,
    ) -> std::result::Result<(Option<f64>, BTreeMap<SiteId, f64>), String> {
        if record.updates.len() < 2 {
            return Err("it had one update, and nothing is left without it".to_owned());
        }
        remove(folder).and_then(|()| make(folder)).map_err(|error| error.to_string())?;
        let mut reason = "sites would refuse the mean without any one of them".to_owned();
        let together = self.loss_without(state, record, None, folder).await.unwrap_or_default();
        let mut without = BTreeMap::new();
        for site in veto::suspects(state, record) {
            match self.loss_without(state, record, Some(&site), folder).await {
                Ok(Some(loss)) => _ = without.insert(site, loss),
                // What sites would refuse is no round that could have been adopted.
                Ok(None) => {}
                Err(error) => reason = error.to_string(),
            }
        }
        if without.is_empty() { Err(reason) } else { Ok((together, without)) }
    }

    /// The validation loss of the mean of a round's updates, without those of `left_out`; `None` where sites
    /// would refuse that mean.
    async fn loss_without(
        &self,
        state: &RunState,
        record: &RoundRecord,
        left_out: Option<&SiteId>,
        folder: &Path,
    ) -> Result<Option<f64>> {
        let inputs = self.inputs(record.updates.iter().filter(|(site, _)| Some(*site) != left_out));
        let (spool, launched) = (Arc::clone(&self.folder), &state.launched);
        let (manifest, combining) = (launched.manifest, (&launched.spec.aggregation).into());
        let factors = launched.spec.aggregation.method.factors(record.round, launched.spec.rounds);
        let (last, out) = (spool.blob(record.from), folder.join("mean"));
        let averaged = out.clone();
        let average = move || {
            let manifest = blobs::manifest(&spool, manifest)?;
            let tensors = &manifest.tensors;
            let averaging = Averaging { inputs: &inputs, combining, tensors, factors, last: &last };
            match averaging.write(&averaged) {
                Ok(_) => Ok(true),
                Err(Error::Aggregate(AggregateError::Refused { .. })) => Ok(false),
                Err(error) => Err(error),
            }
        };
        if !blocking(average).await? {
            return Ok(None);
        }
        let data = launched.validation.as_ref();
        let data = data.ok_or_else(|| Error::Internal("the run has no validation file".into()))?;
        let (scores, _) = self.score(state, data, vec![Some(out)]).await?;
        Ok(scores.first().map(|metrics| metrics.loss))
    }
}

fn make(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::io("create the folder", folder))
}

fn remove(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder)(error)),
        _ => Ok(()),
    }
}
