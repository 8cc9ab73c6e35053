//! One model on the records of a held-out file: its numbers, and each record's loss to compare it with
//! another one. Called by `child`. Invariant: what comes out is written as JSON, so no number is infinite.

use std::time::Instant;

use model::{Adapter, BaseModel, Sample, SampleScore};
use prepare::PrepareError;

use super::paired;
use crate::limits::LOSS_NATS_MAX;
use crate::round::baseline::Figures;
use crate::round::metrics::{Metrics, Paired};

/// A model, measured.
pub(super) struct Measured {
    /// Over all records.
    pub(super) metrics: Metrics,
    /// Record by record, in the order of the file.
    pub(super) each: Vec<SampleScore>,
}

impl Measured {
    /// Measures the base model with this adapter, or without one.
    ///
    /// # Errors
    /// The model cannot be computed.
    pub(super) fn of(
        base: &BaseModel,
        adapter: Option<&Adapter>,
        samples: &[Sample],
        batch_size: usize,
    ) -> Result<Self, PrepareError> {
        let started = Instant::now();
        let (measured, mut each) = model::evaluate_each(base, adapter, samples, batch_size, &mut |_, _| {})?;
        each.iter_mut().for_each(|score| score.loss = as_number(score.loss));
        let loss = as_number(measured.loss);
        let metrics = Metrics {
            loss,
            perplexity: loss.exp().min(f64::MAX),
            token_accuracy: measured.token_accuracy,
            supervised_tokens: measured.supervised_tokens,
            samples: measured.samples,
            duration_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            paired: None,
        };
        Ok(Self { metrics, each })
    }

    /// This model beside another one on the same records.
    pub(super) fn beside(&self, other: &Self) -> Option<Paired> {
        let losses = |of: &Self| of.each.iter().map(|score| score.loss).collect::<Vec<f64>>();
        paired::compare(&losses(other), &losses(self))
    }
}

/// Base model, a site's own and what sites trained together, each beside the others.
pub(super) fn figures(base: Measured, alone: Measured, together: Option<Measured>) -> Figures {
    let beside_base = |of: &Measured| Metrics { paired: of.beside(&base), ..of.metrics };
    Figures {
        base: base.metrics,
        alone: beside_base(&alone),
        together: together.as_ref().map(beside_base),
        difference: together.as_ref().and_then(|together| together.beside(&alone)),
    }
}

/// A loss that JSON can hold: what is no number, or larger than any that says something, is the largest. An
/// adapter whose numbers overflow is measured as what it is, and the veto sees it.
fn as_number(loss: f64) -> f64 {
    if loss.is_finite() { loss.min(LOSS_NATS_MAX) } else { LOSS_NATS_MAX }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_that_json_cannot_hold_is_the_largest_and_any_other_is_itself() {
        for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2.0 * LOSS_NATS_MAX] {
            assert_eq!(as_number(odd), LOSS_NATS_MAX);
        }
        assert_eq!((as_number(0.0), as_number(4.7713)), (0.0, 4.7713));
        // Its perplexity is a number, too.
        let perplexity = LOSS_NATS_MAX.exp().min(f64::MAX);
        let read: f64 = serde_json::from_str(&serde_json::to_string(&perplexity).unwrap()).unwrap();
        assert_eq!(read, f64::MAX);
    }
}
