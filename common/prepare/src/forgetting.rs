//! How far an adapter moves a model on texts that it was not tuned for: the Kullback-Leibler divergence from
//! the base, token by token. Called by the coordinator's evaluation child.
//!
//! With `p` the base's probabilities of the next token and `q` the tuned model's, behind each token of each
//! text: `KL(p || q) = sum p (ln p - ln q)`, in nats, the direction of Li and Hoiem 2016 ("Learning without
//! Forgetting") and of `kl_weight` in training: it grows where the tuned model gives up what the base held
//! for likely. The figure is the mean over all positions; its interval is a bootstrap of the texts.
//! By Pinsker's inequality no set of next tokens changes its probability by more than `sqrt(KL / 2)`.
//!
//! Invariant: the same model, adapter and texts give the same figure.

use evaluation::general::neutral_texts;
use evaluation::limits::NEUTRAL_TEXT_TOKENS_MAX;
use evaluation::statistics::{Cluster, Interval, bootstrap};
use model::{Adapter, BaseModel, ChatTokenizer, ModelError};

use crate::error::PrepareError;

/// Seed of the bootstrap.
const SEED: u64 = 0;

/// How far a tuned model is from its base.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Divergence {
    /// Texts.
    pub texts: u64,
    /// Positions in them: tokens behind which the next one was compared.
    pub positions: u64,
    /// The mean of `KL(base || tuned)` over the positions, in nats.
    pub nats: f64,
    /// Its 95 % interval.
    pub interval: Interval,
}

/// Compares both on the built-in texts.
///
/// # Errors
/// `Model` when a text cannot be encoded, the adapter does not fit, or it has diverged.
pub fn divergence(
    base: &BaseModel,
    adapter: &Adapter,
    tokenizer: &ChatTokenizer,
) -> Result<Divergence, PrepareError> {
    let vocabulary = base.config().vocab_size;
    let most = base.config().max_position_embeddings.min(NEUTRAL_TEXT_TOKENS_MAX);
    let mut clusters = Vec::new();
    for text in neutral_texts() {
        let mut tokens = tokenizer.encode_as_it_is(text)?;
        tokens.truncate(most);
        let (before, now) = (base.logits(None, &tokens)?, base.logits(Some(adapter), &tokens)?);
        let rows = before.chunks_exact(vocabulary).zip(now.chunks_exact(vocabulary));
        let sum: f64 = rows.map(|(before, now)| kl(before, now)).sum();
        if !sum.is_finite() {
            let reason = "the divergence is not a number: the adapter has diverged".to_owned();
            return Err(ModelError::Adapter { reason }.into());
        }
        clusters.push(Cluster { difference: sum, items: tokens.len() as u64 });
    }
    let positions: u64 = clusters.iter().map(|text| text.items).sum();
    let sum: f64 = clusters.iter().map(|text| text.difference).sum();
    Ok(Divergence {
        texts: clusters.len() as u64,
        positions,
        nats: sum / positions.max(1) as f64,
        interval: bootstrap(&clusters, SEED),
    })
}

/// `KL(p || q)` in nats of the softmax of two rows of logits; rounding does not make it negative.
fn kl(base: &[f32], tuned: &[f32]) -> f64 {
    let (of_base, of_tuned) = (log_sum_exp(base), log_sum_exp(tuned));
    let terms = base.iter().zip(tuned).map(|(base, tuned)| {
        let (ln_p, ln_q) = (f64::from(*base) - of_base, f64::from(*tuned) - of_tuned);
        // What the base holds for impossible adds nothing, whatever the other says.
        if ln_p == f64::NEG_INFINITY { 0.0 } else { ln_p.exp() * (ln_p - ln_q) }
    });
    let sum: f64 = terms.sum();
    if sum < 0.0 { 0.0 } else { sum }
}

fn log_sum_exp(values: &[f32]) -> f64 {
    let most = f64::from(values.iter().copied().fold(f32::NEG_INFINITY, f32::max));
    most + values.iter().map(|value| (f64::from(*value) - most).exp()).sum::<f64>().ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Logits of these probabilities, moved by a constant, which changes nothing.
    fn logits(probabilities: &[f64], by: f64) -> Vec<f32> {
        probabilities.iter().map(|p| (p.ln() + by) as f32).collect()
    }

    #[test]
    fn the_divergence_is_that_of_the_formula() {
        let (p, q) = ([0.5, 0.25, 0.25], [0.25, 0.25, 0.5]);
        // 0.5 ln 2 + 0 - 0.25 ln 2.
        let expected = 0.25 * 2.0_f64.ln();
        assert!((kl(&logits(&p, 3.0), &logits(&q, -7.0)) - expected).abs() < 1e-6);
        assert!(kl(&logits(&p, 3.0), &logits(&p, 0.0)).abs() < 1e-6);
        // Pinsker: half of the summed differences is 0.25.
        assert!(0.25 <= (expected / 2.0).sqrt());
    }

    #[test]
    fn what_the_base_holds_for_impossible_costs_nothing_and_what_is_given_up_costs_all() {
        let never = [0.0, f32::NEG_INFINITY];
        let both = [0.0, 0.0];
        assert!((kl(&never, &both) - 2.0_f64.ln()).abs() < 1e-12);
        assert_eq!(kl(&both, &never), f64::INFINITY);
        assert!(kl(&both, &[f32::NAN, 0.0]).is_nan());
    }
}
