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
use model::compare::kl;
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
