//! Loss, perplexity and next-token accuracy over samples. Called by the coordinator (validation, test) and by
//! the site worker. Invariant: the result does not depend on `batch_size` beyond the rounding of matrix
//! products.

use serde::{Deserialize, Serialize};

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::decoder::Batch;
use crate::error::{ModelError, Result};
use crate::sample::Sample;

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

/// Scores `samples` with the base model, and the adapter if there is one. `on_progress(done, total)` is
/// called after each batch, in samples. Batches are made by length, longest first, so that memory peaks at
/// once.
///
/// # Errors
/// `NothingSupervised` when no sample has a target; `Adapter` when the adapter does not fit.
pub fn evaluate(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    samples: &[Sample],
    batch_size: usize,
    on_progress: &mut dyn FnMut(usize, usize),
) -> Result<Evaluation> {
    Ok(evaluate_each(base, adapter, samples, batch_size, on_progress)?.0)
}

/// One sample of an evaluation.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct SampleScore {
    /// Negative log-likelihood of its targets in nats, their sum.
    pub loss: f64,
    /// Its targets.
    pub tokens: u64,
    /// Of these, the ones that were the most likely token.
    pub correct: u64,
}

/// As [`evaluate`], and the score of each sample that has a target, in the order of `samples`.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_each(
    base: &BaseModel,
    adapter: Option<&Adapter>,
    samples: &[Sample],
    batch_size: usize,
    on_progress: &mut dyn FnMut(usize, usize),
) -> Result<(Evaluation, Vec<SampleScore>)> {
    if batch_size == 0 {
        return Err(ModelError::Setting { name: "batch_size", reason: "it must be at least 1".to_owned() });
    }
    let session = base.session(adapter)?;
    let scored = scorable(base, samples)?;
    let mut order: Vec<usize> = (0..scored.len()).collect();
    // The sort is stable, so equal lengths stay in the caller's order and the sums are reproducible.
    order.sort_by_key(|index| std::cmp::Reverse(scored[*index].tokens.len()));
    let mut each = vec![SampleScore::default(); scored.len()];
    let (mut loss_sum, mut correct, mut targets, mut done) = (0.0, 0_u64, 0_u64, 0);
    for chunk in order.chunks(batch_size) {
        let batch = Batch::pack(chunk.iter().map(|index| scored[*index]));
        let result = session.score(&batch)?;
        loss_sum += result.losses.iter().sum::<f64>();
        targets += batch.supervised_tokens() as u64;
        let (mut losses, mut hits) = (result.losses.into_iter(), result.hits.into_iter());
        for index in chunk {
            let tokens = scored[*index].supervised_tokens();
            let loss = losses.by_ref().take(tokens).sum();
            let hits = hits.by_ref().take(tokens).filter(|hit| *hit).count() as u64;
            each[*index] = SampleScore { loss, tokens: tokens as u64, correct: hits };
            correct += hits;
        }
        done += chunk.len();
        on_progress(done, scored.len());
    }
    let loss = loss_sum / targets as f64;
    let evaluation = Evaluation {
        loss,
        perplexity: loss.exp(),
        token_accuracy: correct as f64 / targets as f64,
        supervised_tokens: targets,
        samples: scored.len() as u64,
    };
    Ok((evaluation, each))
}

/// The samples that have a target, checked against the model.
pub(crate) fn scorable<'a>(base: &BaseModel, samples: &'a [Sample]) -> Result<Vec<&'a Sample>> {
    for sample in samples {
        if sample.tokens.len() != sample.supervised.len() {
            return Err(ModelError::Setting {
                name: "samples",
                reason: "a sample has a mask of another length than its tokens".to_owned(),
            });
        }
        base.check_tokens(&sample.tokens)?;
    }
    let usable: Vec<_> = samples.iter().filter(|sample| sample.supervised_tokens() > 0).collect();
    if usable.is_empty() {
        return Err(ModelError::NothingSupervised {
            reason: format!("none of {} samples has a target", samples.len()),
        });
    }
    Ok(usable)
}
