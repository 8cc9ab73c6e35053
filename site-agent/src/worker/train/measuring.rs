//! Base model and a run's result on the records that this site held back from its training: the same split as
//! in every round. Called by `worker`. Invariants: nothing of a record leaves this file but what
//! `OwnScores` holds; the same records, base and adapter give the same numbers; it stops between two batches
//! when nobody wants it any more.

use common::id::Digest;
use common::limits::{LOSS_NATS_MAX, OWN_SCORES_RECORDS_MAX, OWN_SCORES_RECORDS_MIN};
use common::wire::message::TrainFailure;
use common::wire::own_scores::{Measured, NoScores, OwnScores};
use evaluation::statistics::{Cluster, Interval, bootstrap};
use model::evaluate::SampleScore;
use model::{Adapter, BaseModel, ModelError, Sample, evaluate_each};
use prepare::settings;

use super::super::inbox::Inbox;
use super::super::train_error::TrainError;
use super::{RoundTrainer, RunSamples, TrainOrder};
use crate::limits::EVALUATION_BATCH_MAX;

/// Records that are measured before it is looked whether to go on.
const RECORDS_AT_ONCE: usize = 32;
/// Start of the bootstrap: the same records say the same every time.
const SEED: u64 = 0x0517_e5c0;

impl RoundTrainer {
    /// Measures base model and the adapter of the order; `None` when it was told to stop.
    ///
    /// # Errors
    /// A code and the words for the log.
    pub fn measure(
        &mut self,
        order: &TrainOrder,
        goes_on: &dyn Fn() -> bool,
    ) -> Result<Option<OwnScores>, TrainError> {
        let inbox = Inbox::new(&self.folder);
        let manifest = inbox.manifest(order.manifest)?;
        self.permits_terms(&manifest)?;
        if !(manifest.own_scores && self.config.policy.own_scores) {
            return Ok(Some(OwnScores::NotMeasured(NoScores::NotAllowed)));
        }
        let bytes = inbox.adapter(order.adapter)?;
        if self.make_samples(order.key.run, &manifest)?.is_some() {
            let words = "what the comparison with the held-out set found is not kept any more";
            return Err(TrainError::new(TrainFailure::OverlapFailed, words));
        }
        if Digest(self.base(&manifest)?.fingerprint()) != manifest.base_fingerprint {
            let words = "the model folder is not the run's base model any more";
            return Err(TrainError::new(TrainFailure::BaseMismatch, words));
        }
        let (Some(RunSamples { samples, .. }), Some(base)) = (&self.samples, &self.base) else {
            return Err(TrainError::new(TrainFailure::WorkerFailed, "the base model was not kept"));
        };
        let lora = settings::lora(&manifest.adapter);
        let adapter = Adapter::from_safetensors(&bytes, base.config(), &lora)
            .map_err(|error| TrainError::new(TrainFailure::BaseMismatch, error))?;
        let most = usize::try_from(OWN_SCORES_RECORDS_MAX).unwrap_or(usize::MAX);
        // Of more every second one or so: the first ones would be of one department, or of one year.
        let step = samples.validation.len().div_ceil(most).max(1);
        let held_out: Vec<Sample> = samples.validation.iter().step_by(step).cloned().collect();
        if let Some(silence) = too_few(held_out.len()) {
            return Ok(Some(silence));
        }
        let Some(before) = losses(base, None, &held_out, goes_on)? else { return Ok(None) };
        let Some(after) = losses(base, Some(&adapter), &held_out, goes_on)? else { return Ok(None) };
        let said = scores(&before, &after);
        tracing::info!(?said, "measured on the records that were held back here");
        Ok(Some(said))
    }
}

/// Why nothing is said of so many records, where nothing is.
fn too_few(records: usize) -> Option<OwnScores> {
    match records as u64 {
        0 => Some(OwnScores::NotMeasured(NoScores::NoHeldOut)),
        few if few < OWN_SCORES_RECORDS_MIN => Some(OwnScores::NotMeasured(NoScores::TooFew)),
        _ => None,
    }
}

/// The loss of each record with something to predict, in nats per supervised token, in their order.
fn losses(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    records: &[Sample],
    goes_on: &dyn Fn() -> bool,
) -> Result<Option<Vec<f64>>, TrainError> {
    let mut losses = Vec::with_capacity(records.len());
    for some in records.chunks(RECORDS_AT_ONCE) {
        if !goes_on() {
            return Ok(None);
        }
        match evaluate_each(base, adapter, some, EVALUATION_BATCH_MAX, &mut |_, _| {}) {
            Ok((_, each)) => losses.extend(each.iter().map(per_token)),
            Err(ModelError::NothingSupervised { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Some(losses))
}

/// Bounded: one record on which an adapter breaks down must not be seen in the mean of all.
fn per_token(score: &SampleScore) -> f64 {
    let loss = score.loss / score.tokens.max(1) as f64;
    if loss.is_nan() { LOSS_NATS_MAX } else { loss.clamp(0.0, LOSS_NATS_MAX) }
}

/// Means over records, and the 95 % interval of the gain: a bootstrap of the records' differences.
fn scores(before: &[f64], after: &[f64]) -> OwnScores {
    if let Some(silence) = too_few(before.len()) {
        return silence;
    }
    let mean = |losses: &[f64]| losses.iter().sum::<f64>() / losses.len() as f64;
    let gains = before.iter().zip(after).map(|(before, after)| before - after);
    let gains: Vec<Cluster> = gains.map(|difference| Cluster { difference, items: 1 }).collect();
    let Interval { low, high } = bootstrap(&gains, SEED);
    OwnScores::Measured(Measured::of(before.len() as u64, mean(before), mean(after), [low, high]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(said: OwnScores) -> Measured {
        let OwnScores::Measured(measured) = said else { panic!("{said:?}") };
        measured
    }

    #[test]
    fn the_mean_is_over_records_and_the_interval_holds_the_gain() {
        let before: Vec<f64> = (0..40).map(|at| 5.0 + f64::from(at % 4)).collect();
        let after: Vec<f64> =
            before.iter().enumerate().map(|(at, loss)| loss - 0.1 * (at % 5) as f64).collect();
        let said = measured(scores(&before, &after));
        assert_eq!((said.base.nats(), said.federated.nats()), (6.5, 6.3));
        let [low, high] = [said.gain_low.nats(), said.gain_high.nats()];
        assert!(low < 0.2 && 0.2 < high && low > 0.15 && high < 0.25, "{said:?}");
        assert_eq!(scores(&before, &after), scores(&before, &after), "the same every time");
        let lost = measured(scores(&after, &before));
        assert!(lost.gain_high.nats() < 0.0, "the interval is wholly on the wrong side: {lost:?}");
    }

    #[test]
    fn of_few_records_nothing_is_said() {
        let of = |count: usize| scores(&vec![5.0; count], &vec![4.0; count]);
        assert_eq!(of(0), OwnScores::NotMeasured(NoScores::NoHeldOut));
        assert_eq!(of(19), OwnScores::NotMeasured(NoScores::TooFew));
        assert_eq!(measured(of(20)).records.value(), 20);
    }
}
