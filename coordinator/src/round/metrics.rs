//! The numbers of one evaluation, as the journal keeps them. Used by `state` and `baseline`, which hold them;
//! by `evaluate`, which makes them, and by `report`. Invariant: written names stay, so that old journals
//! replay.

use serde::{Deserialize, Serialize};

use crate::limits::INTERVAL_RECORDS_MIN;

/// The two-sided 95 % quantile of the normal distribution.
const QUANTILE: f64 = 1.96;

/// Numbers of one evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Metrics {
    /// Mean negative log-likelihood per supervised token, in nats.
    pub loss: f64,
    /// exp(loss).
    pub perplexity: f64,
    /// Share of supervised tokens whose most likely prediction is right, 0 to 1.
    pub token_accuracy: f64,
    /// Tokens that were scored.
    pub supervised_tokens: u64,
    /// Records that were scored.
    pub samples: u64,
    /// Wall time of the evaluation (shared where several models were measured together).
    pub duration_ms: u64,
    /// Beside the base model, record by record: of a model that was measured together with it. Not in
    /// journals of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paired: Option<Paired>,
}

/// One model beside another on the same records. It is a few numbers and not a loss a record, so that a
/// journal does not grow with the test set.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Paired {
    /// Records on which both were measured.
    pub records: u64,
    /// Records on which this model's loss is the lower one.
    pub better: u64,
    /// The change of the loss over the other model's loss: below 0 where this model is better.
    pub change: f64,
    /// The standard error of `change`, from the differences of the records.
    pub standard_error: f64,
}

impl Paired {
    /// The 95 % interval of the change; nothing where the records are too few for it.
    pub fn interval(&self) -> Option<[f64; 2]> {
        let half = QUANTILE * self.standard_error;
        let is_fine = self.records >= INTERVAL_RECORDS_MIN && half.is_finite();
        is_fine.then_some([self.change - half, self.change + half])
    }
}
