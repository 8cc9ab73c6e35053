//! Text from a model, one token at a time: prompt in, tokens out as they are chosen, until the turn ends.
//! Called by `site-agent generate` and by `prepare`. What was computed of a conversation is kept, so that its
//! next turn costs only what is new.
//!
//! Invariants: the same model, prompt, settings and seed give the same tokens on the same processor; greedy
//! choices and processed probabilities are those of transformers.

mod defaults;
mod sampler;
mod settings;
mod stream;

#[cfg(test)]
mod tests;

use std::time::Instant;

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::base::engine::Session;
use crate::error::{ModelError, Result};
use crate::train::Control;

pub use self::defaults::GenerationDefaults;
pub use self::sampler::Sampler;
pub use self::settings::GenerateSettings;
pub use self::stream::TextStream;

/// Why a generation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finish {
    /// The model chose one of the stop tokens.
    EndOfTurn,
    /// `max_tokens` were generated.
    MaxTokens,
    /// The model's longest sequence is full.
    ContextFull,
    /// The caller wanted no more.
    Stopped,
}

/// What was generated, and what it cost.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct Generated {
    /// The chosen tokens, without the stop token.
    pub tokens: Vec<u32>,
    /// Why it ended.
    pub finish: Finish,
    /// Tokens of the prompt that were computed (the rest was kept from the turn before).
    pub prompt_tokens_computed: usize,
    /// Time from the start to the first chosen token.
    pub prompt_ms: u64,
    /// Time of all later tokens.
    pub tokens_ms: u64,
}

impl Generated {
    /// Tokens a second behind the first one; 0 where there was only one.
    #[must_use]
    pub fn tokens_per_s(&self) -> f64 {
        let later = self.tokens.len().saturating_sub(1) as f64;
        if self.tokens_ms == 0 { 0.0 } else { later * 1e3 / self.tokens_ms as f64 }
    }
}

/// A model, perhaps with an adapter, and the sequence it computed last.
pub struct Generator<'a> {
    base: &'a BaseModel,
    session: Box<dyn Session + 'a>,
    /// The tokens whose keys and values the session keeps.
    kept: Vec<u32>,
}

impl<'a> Generator<'a> {
    /// A generator for the base model, or for it with an adapter.
    ///
    /// # Errors
    /// `Adapter` when it does not fit.
    pub fn new(base: &'a BaseModel, adapter: Option<&Adapter>) -> Result<Self> {
        Ok(Self { base, session: base.session(adapter)?, kept: Vec::new() })
    }

    /// Forgets the sequence before: the next one is computed as if it were the first, to the last bit.
    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// Logits `[vocabulary]` of the token behind `tokens`; computes only what differs from the sequence
    /// before.
    ///
    /// # Errors
    /// `Setting` when there is no token, too many for the model, or one outside the vocabulary.
    pub fn next_logits(&mut self, tokens: &[u32]) -> Result<Vec<f32>> {
        Ok(self.extend(tokens)?.0)
    }

    /// The logits, and how many tokens were computed for them.
    fn extend(&mut self, tokens: &[u32]) -> Result<(Vec<f32>, usize)> {
        let longest = self.base.config().max_position_embeddings;
        if tokens.is_empty() || tokens.len() > longest {
            let reason = format!("it has {} tokens; the model takes 1 to {longest}", tokens.len());
            return Err(ModelError::Setting { name: "prompt", reason });
        }
        self.base.check_tokens(tokens)?;
        let common = self.kept.iter().zip(tokens).take_while(|(kept, token)| kept == token).count();
        // The last token is computed in any case: its logits are not kept.
        let common = common.min(tokens.len() - 1);
        // Cleared while it computes: after an error nothing is known of what the session keeps.
        self.kept.clear();
        let logits = self.session.extend(common, &tokens[common..])?;
        self.kept.extend_from_slice(tokens);
        Ok((logits, tokens.len() - common))
    }

    /// Generates behind `prompt`. `on_token` is told each token as it is chosen and may stop.
    ///
    /// # Errors
    /// `Setting` when the settings or the prompt cannot be used; `Adapter` when the logits are not numbers
    /// (the adapter has diverged).
    pub fn generate(
        &mut self,
        prompt: &[u32],
        settings: &GenerateSettings,
        on_token: &mut dyn FnMut(u32) -> Control,
    ) -> Result<Generated> {
        settings.validate()?;
        let started = Instant::now();
        let longest = self.base.config().max_position_embeddings;
        let mut sampler = Sampler::new(settings, prompt);
        let mut sequence = prompt.to_vec();
        let (mut logits, prompt_tokens_computed) = self.extend(prompt)?;
        let prompt_ms = milliseconds(started);
        let finish = loop {
            let token = sampler.next(logits)?;
            if settings.stop_tokens.contains(&token) {
                break Finish::EndOfTurn;
            }
            sequence.push(token);
            if on_token(token) == Control::Stop {
                break Finish::Stopped;
            }
            if sequence.len() - prompt.len() == settings.max_tokens {
                break Finish::MaxTokens;
            }
            if sequence.len() > longest {
                break Finish::ContextFull;
            }
            logits = self.extend(&sequence)?.0;
        };
        let tokens_ms = milliseconds(started).saturating_sub(prompt_ms);
        let tokens = sequence.split_off(prompt.len());
        Ok(Generated { tokens, finish, prompt_tokens_computed, prompt_ms, tokens_ms })
    }
}

fn milliseconds(since: Instant) -> u64 {
    u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX)
}
