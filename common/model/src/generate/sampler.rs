//! Chooses the next token from logits: repetition penalty, temperature, top-k, top-p, in the order of
//! transformers' `_get_logits_processor`, then one draw. Called by `generate`.
//!
//! Invariants: the draw depends on the seed and on how many tokens were drawn before, nothing else; among
//! equal logits the lower id wins.

use std::collections::BTreeSet;

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use super::settings::GenerateSettings;
use crate::error::{ModelError, Result};

/// The state of one generation's choices.
pub struct Sampler {
    settings: GenerateSettings,
    stream: ChaCha20Rng,
    /// Tokens of the prompt and of the answer so far.
    seen: BTreeSet<u32>,
}

impl Sampler {
    /// A sampler for the answer to `prompt`.
    #[must_use]
    pub fn new(settings: &GenerateSettings, prompt: &[u32]) -> Self {
        Self {
            settings: settings.clone(),
            stream: ChaCha20Rng::seed_from_u64(settings.seed),
            seen: prompt.iter().copied().collect(),
        }
    }

    /// Chooses a token and remembers it.
    ///
    /// # Errors
    /// `Adapter` when no logit is a finite number.
    pub fn next(&mut self, logits: Vec<f32>) -> Result<u32> {
        let token = if self.settings.temperature == 0.0 {
            largest(&self.penalised(logits))
        } else {
            let candidates = self.candidates(logits);
            let draw = (self.stream.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
            pick(&candidates, draw)
        };
        let token = token.ok_or_else(|| ModelError::Adapter {
            reason: "the logits are not finite numbers; its training has diverged".to_owned(),
        })?;
        self.seen.insert(token);
        Ok(token)
    }

    /// The tokens that can be chosen with their probabilities, in order of ids; the settings' temperature is
    /// not 0.
    #[must_use]
    pub fn candidates(&self, logits: Vec<f32>) -> Vec<(u32, f64)> {
        let temperature = self.settings.temperature as f32;
        let logits = self.penalised(logits);
        let mut kept: Vec<(u32, f32)> = (0..)
            .zip(&logits)
            .map(|(id, logit)| (id, logit / temperature))
            .filter(|(_, logit)| logit.is_finite())
            .collect();
        keep_top_k(&mut kept, self.settings.top_k);
        keep_top_p(&mut kept, self.settings.top_p);
        kept.sort_unstable_by_key(|(id, _)| *id);
        probabilities(&kept)
    }

    fn penalised(&self, mut logits: Vec<f32>) -> Vec<f32> {
        let penalty = self.settings.repetition_penalty as f32;
        if penalty != 1.0 {
            for token in &self.seen {
                if let Some(logit) = logits.get_mut(*token as usize) {
                    *logit = if *logit < 0.0 { *logit * penalty } else { *logit / penalty };
                }
            }
        }
        logits
    }
}

/// The id of the largest finite logit, the lowest on a tie.
fn largest(logits: &[f32]) -> Option<u32> {
    let finite = (0..).zip(logits).filter(|(_, logit)| logit.is_finite());
    finite.reduce(|best, next| if next.1 > best.1 { next } else { best }).map(|(id, _)| id)
}

/// Keeps the `k` largest, and what equals the last of them.
fn keep_top_k(kept: &mut Vec<(u32, f32)>, k: usize) {
    if k > 0 && k < kept.len() {
        let (_, (_, least), _) = kept.select_nth_unstable_by(k - 1, |a, b| b.1.total_cmp(&a.1));
        let least = *least;
        kept.retain(|(_, logit)| *logit >= least);
    }
}

/// Drops the least likely as long as all that is dropped has a probability of at most `1 - p`; keeps at least
/// one.
fn keep_top_p(kept: &mut Vec<(u32, f32)>, p: f64) {
    if p >= 1.0 || kept.is_empty() {
        return;
    }
    // Ascending; of equal ones the higher id goes first.
    kept.sort_unstable_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)));
    let mut sum = 0.0;
    let dropped = probabilities(kept)
        .iter()
        .take_while(|(_, probability)| {
            sum += probability;
            sum <= 1.0 - p
        })
        .count();
    kept.drain(..dropped.min(kept.len() - 1));
}

/// Softmax, in the order given.
fn probabilities(kept: &[(u32, f32)]) -> Vec<(u32, f64)> {
    let largest = kept.iter().fold(f32::NEG_INFINITY, |largest, (_, logit)| largest.max(*logit));
    let mut result: Vec<(u32, f64)> =
        kept.iter().map(|(id, logit)| (*id, f64::from(logit - largest).exp())).collect();
    let sum: f64 = result.iter().map(|(_, weight)| weight).sum();
    result.iter_mut().for_each(|(_, weight)| *weight /= sum);
    result
}

/// The first token whose cumulative probability exceeds the draw (in `0 .. 1`).
fn pick(candidates: &[(u32, f64)], draw: f64) -> Option<u32> {
    let mut sum = 0.0;
    let found = candidates.iter().find(|(_, probability)| {
        sum += probability;
        sum > draw
    });
    // Rounding may leave the sum a little below 1.
    found.or_else(|| candidates.last()).map(|(id, _)| *id)
}
