//! Measures multiple choice on a random-weight model: questions of random tokens, each with four answers.
//! Called by the `model-bench` binary for `--evaluate`. Invariant: what is timed is the same
//! [`Likelihoods::score`] that asks the questions of a suite.

use std::time::Instant;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore as _, SeedableRng as _};

use super::BenchSettings;
use crate::adapter::{Adapter, LoraSettings};
use crate::base::BaseModel;
use crate::error::Result;
use crate::likelihood::Likelihoods;

/// Answers of a question.
const ANSWERS: usize = 4;
/// Tokens of an answer where whole answers are compared: about 18 English words or 30 Chinese characters.
const ANSWER_TOKENS: usize = 24;

/// What is compared of each answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Asked {
    /// Its letter: one token.
    Letters,
    /// All of it.
    Options,
}

/// A model with a fresh adapter, and a stream of random questions.
pub struct AskingBench<'a> {
    likelihoods: Likelihoods<'a>,
    stream: ChaCha8Rng,
    vocabulary: u32,
    context_tokens: usize,
    answer_tokens: usize,
    questions: usize,
}

impl<'a> AskingBench<'a> {
    /// Asks `settings.sequences` questions of `settings.tokens` tokens at a time.
    ///
    /// # Errors
    /// `Setting` when the settings cannot be used.
    pub fn new(base: &'a BaseModel, settings: &BenchSettings, asked: Asked) -> Result<Self> {
        let adapter = Adapter::init(base.config(), &LoraSettings::all_linear(settings.rank, 32.0), 7)?;
        Ok(Self {
            likelihoods: Likelihoods::new(base, Some(&adapter))?,
            stream: ChaCha8Rng::seed_from_u64(11),
            vocabulary: u32::try_from(base.config().vocab_size).unwrap_or(u32::MAX),
            context_tokens: settings.tokens,
            answer_tokens: if asked == Asked::Letters { 1 } else { ANSWER_TOKENS },
            questions: settings.sequences,
        })
    }

    /// Asks the next questions; returns how long that took, in milliseconds.
    ///
    /// # Errors
    /// What [`Likelihoods::score`] returns.
    pub fn ask(&mut self) -> Result<f64> {
        let questions: Vec<(Vec<u32>, Vec<Vec<u32>>)> = (0..self.questions)
            .map(|_| {
                let context = self.random(self.context_tokens);
                (context, (0..ANSWERS).map(|_| self.random(self.answer_tokens)).collect())
            })
            .collect();
        let started = Instant::now();
        for (context, answers) in &questions {
            self.likelihoods.score(context, answers)?;
        }
        Ok(started.elapsed().as_secs_f64() * 1e3)
    }

    fn random(&mut self, tokens: usize) -> Vec<u32> {
        (0..tokens).map(|_| self.stream.next_u32() % self.vocabulary).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::random_base;
    use crate::config::published::shape;
    use crate::device::Placement;
    use crate::options::{Compute, LoadOptions, WeightFormat};

    #[test]
    fn random_questions_are_asked_and_timed() {
        let mut config = shape("qwen2.5-0.5b").unwrap();
        (config.num_layers, config.vocab_size, config.hidden_size) = (1, 97, 128);
        (config.intermediate_size, config.num_attention_heads, config.num_key_value_heads) = (128, 2, 1);
        config.head_dim = 64;
        let options = LoadOptions { weights: WeightFormat::F32, compute: Compute::F32 };
        let base = random_base(config, &options, Placement::default()).unwrap();
        let settings = BenchSettings { tokens: 6, sequences: 3, rank: 2, supervised_fraction: 1.0, steps: 1 };
        for asked in [Asked::Letters, Asked::Options] {
            assert!(AskingBench::new(&base, &settings, asked).unwrap().ask().unwrap() > 0.0);
        }
    }
}
