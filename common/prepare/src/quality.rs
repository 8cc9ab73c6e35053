//! What a written model lost: the model that was to be written, whose weights nobody rounded, beside the one
//! that the files hold. Called by the coordinator's export, behind its locks.
//!
//! Both are asked in f32, so that the difference is the weights' alone. Behind each token of a text, with `p`
//! the probabilities of the exact model and `q` those of the written one: the losses are the mean of `-ln p`
//! and `-ln q` of the token that comes next, the divergence that of `KL(p || q) = sum p (ln p - ln q)`, in
//! nats; intervals are a bootstrap of the texts (Efron and Tibshirani 1993), paired by text, where there are
//! texts enough for one.
//!
//! Invariant: the same files and texts give the same figures on the same processor.

use std::path::Path;

use evaluation::general::neutral_texts;
use evaluation::limits::{INTERVAL_TEXTS_MIN, NEUTRAL_TEXT_TOKENS_MAX};
use evaluation::statistics::{Cluster, Interval, bootstrap};
use model::{Adapted, ChatTokenizer, Compared, ModelConfig, ModelError, Sample};
use serde::Serialize;

use crate::error::PrepareError;
use crate::held_out;

/// Seed of the bootstrap.
const SEED: u64 = 0;

/// What both models are asked.
#[derive(Debug, Clone)]
pub struct Texts {
    samples: Vec<Sample>,
}

/// How far a written model is from the exact one on a set of texts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Lost {
    /// Texts with a token that is counted.
    pub texts: u64,
    /// Tokens that are counted.
    pub tokens: u64,
    /// Nats a token, of the exact model.
    pub exact_loss: f64,
    /// Nats a token, of the written one.
    pub written_loss: f64,
    /// The written one's less the exact one's.
    pub difference: f64,
    /// Its 95 % interval, of texts enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference_interval: Option<[f64; 2]>,
    /// `KL(exact || written)` in nats a token.
    pub divergence: f64,
    /// Its 95 % interval, of texts enough.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub divergence_interval: Option<[f64; 2]>,
    /// The share of tokens before which both models have the same first guess.
    pub same_first_guess: f64,
}

impl Texts {
    /// The built-in neutral texts; every token but the first is counted.
    ///
    /// # Errors
    /// The tokenizer cannot be read or cannot encode a text.
    pub fn neutral(model: &Path) -> Result<Self, PrepareError> {
        let tokenizer = ChatTokenizer::load(model)?;
        let most = ModelConfig::from_dir(model)?.max_position_embeddings.min(NEUTRAL_TEXT_TOKENS_MAX);
        let sample = |text: &str| -> Result<Sample, ModelError> {
            let mut tokens = tokenizer.encode_as_it_is(text)?;
            tokens.truncate(most);
            let supervised = vec![true; tokens.len()];
            Ok(Sample { tokens, supervised })
        };
        Ok(Self { samples: neutral_texts().map(sample).collect::<Result<_, _>>()? })
    }

    /// The records of a held-out file for the model in the folder `model`; the tokens that training would
    /// learn are counted.
    ///
    /// # Errors
    /// The tokenizer or the file cannot be read; `NothingUsable` where the file has no record to measure.
    pub fn records(file: &Path, model: &Path, cutoff_tokens: usize) -> Result<Self, PrepareError> {
        Ok(Self { samples: held_out::samples_of(file, model, cutoff_tokens)?.samples })
    }

    /// How many texts.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.samples.len()
    }

    /// All their tokens, counted or not: both models compute each.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.samples.iter().map(|sample| sample.tokens.len()).sum()
    }
}

/// Asks both models. Nothing where one of them gives no numbers: what has diverged cannot be compared.
/// `on_progress(done, total)` is called after each text.
///
/// # Errors
/// What the engine says; no text has a token that is counted.
pub fn lost(
    exact: Adapted<'_>,
    written: Adapted<'_>,
    texts: &Texts,
    on_progress: &mut dyn FnMut(usize, usize),
) -> Result<Option<Lost>, ModelError> {
    let each = model::compare(exact, written, &texts.samples, on_progress)?;
    Ok(summed(&each))
}

fn summed(each: &[Compared]) -> Option<Lost> {
    let tokens: u64 = each.iter().map(|text| text.tokens).sum();
    let mean = |of: &dyn Fn(&Compared) -> f64| each.iter().map(of).sum::<f64>() / tokens.max(1) as f64;
    let interval = |of: &dyn Fn(&Compared) -> f64| {
        if (each.len() as u64) < INTERVAL_TEXTS_MIN {
            return None;
        }
        let clusters = each.iter().map(|text| Cluster { difference: of(text), items: text.tokens });
        let Interval { low, high } = bootstrap(&clusters.collect::<Vec<_>>(), SEED);
        Some([low, high])
    };
    let difference = |text: &Compared| text.losses[1] - text.losses[0];
    let divergence = |text: &Compared| text.divergence;
    let (difference_mean, divergence_mean) = (mean(&difference), mean(&divergence));
    if !difference_mean.is_finite() || !divergence_mean.is_finite() {
        return None;
    }
    Some(Lost {
        texts: each.len() as u64,
        tokens,
        exact_loss: mean(&|text| text.losses[0]),
        written_loss: mean(&|text| text.losses[1]),
        difference: difference_mean,
        difference_interval: interval(&difference),
        divergence: divergence_mean,
        divergence_interval: interval(&divergence),
        same_first_guess: mean(&|text| text.same as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_means_over_tokens_and_intervals_are_of_texts() {
        let text = |tokens: u64, losses: [f64; 2], divergence: f64, same: u64| Compared {
            tokens,
            losses,
            divergence,
            same,
        };
        let lost = summed(&[text(1, [2.0, 2.5], 0.2, 1), text(3, [4.0, 4.1], 0.2, 2)]).unwrap();
        assert_eq!((lost.texts, lost.tokens), (2, 4));
        let near = |found: f64, wanted: f64| assert!((found - wanted).abs() < 1e-12, "{found} {wanted}");
        near(lost.exact_loss, 1.5);
        near(lost.written_loss, 1.65);
        near(lost.difference, 0.15);
        near(lost.divergence, 0.1);
        near(lost.same_first_guess, 0.75);
        // Of two texts there is no interval; of thirty alike it is the mean's.
        assert_eq!((lost.difference_interval, lost.divergence_interval), (None, None));
        for (texts, wanted) in [(INTERVAL_TEXTS_MIN - 1, None), (INTERVAL_TEXTS_MIN, Some(0.25))] {
            let lost = summed(&vec![text(2, [2.0, 2.5], 0.2, 1); texts as usize]).unwrap();
            assert_eq!(lost.difference_interval.map(|ends| ends[0]), wanted);
            assert_eq!(lost.difference_interval.map(|ends| ends[1]), wanted);
            assert_eq!(lost.divergence_interval.is_some(), wanted.is_some());
        }
    }

    #[test]
    fn what_is_no_number_is_no_figure() {
        for losses in [[f64::NAN, 1.0], [1.0, f64::INFINITY]] {
            assert_eq!(summed(&[Compared { tokens: 1, losses, divergence: 0.0, same: 0 }]), None);
        }
        assert_eq!(summed(&[Compared { tokens: 1, divergence: f64::INFINITY, ..Compared::default() }]), None);
    }
}
