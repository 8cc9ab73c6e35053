//! Loss, perplexity and next-token accuracy over samples. Called by the coordinator (validation, test) and by the
//! site worker. Invariant: the result does not depend on `batch_size` beyond the rounding of sums.

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{ModelError, Result};
use crate::sample::Sample;
use serde::{Deserialize, Serialize};

/// What an evaluation measured.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean negative log-likelihood, nats per supervised token.
    pub loss: f64,
    /// `exp(loss)`.
    pub perplexity: f64,
    /// Share of supervised tokens that were the most likely one.
    pub token_accuracy: f64,
    /// Tokens scored.
    pub supervised_tokens: u64,
    /// Samples with at least one supervised token.
    pub samples: u64,
}

/// Scores `samples` with the base model, and the adapter if there is one. `on_progress(done, total)` is called
/// after each batch, in samples.
///
/// # Errors
/// `NothingSupervised` when no sample has a target; `Adapter` when the adapter does not fit.
pub fn evaluate(
    _base: &BaseModel,
    _adapter: Option<&Adapter>,
    _samples: &[Sample],
    _batch_size: usize,
    _on_progress: &mut dyn FnMut(usize, usize),
) -> Result<Evaluation> {
    Err(ModelError::Internal { reason: "evaluation is not there yet".to_owned() })
}
