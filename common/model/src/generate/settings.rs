//! How tokens are chosen. Names and meaning are transformers' (`GenerationConfig`); the order in which they
//! act is in `sampler`. Used by `generate` and by `site-agent generate`. Invariant: a value outside its range
//! is refused by `validate`, never clamped.

use crate::error::{ModelError, Result};

/// Settings of one generation.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateSettings {
    /// Divides the logits; 0 chooses the most likely token (`do_sample=False`), and the next two do not act.
    pub temperature: f64,
    /// Only the most likely tokens that together have this probability can be chosen; 1 is off.
    pub top_p: f64,
    /// Only that many most likely tokens can be chosen; 0 is off.
    pub top_k: usize,
    /// Logits of tokens that the prompt or the answer has already are divided by it (multiplied where
    /// negative); 1 is off. Acts on greedy choices too.
    pub repetition_penalty: f64,
    /// Most tokens to generate.
    pub max_tokens: usize,
    /// Seed of the choices.
    pub seed: u64,
    /// Tokens that end the answer.
    pub stop_tokens: Vec<u32>,
}

impl Default for GenerateSettings {
    /// Greedy, at most 512 tokens, no stop token.
    fn default() -> Self {
        Self {
            temperature: 0.0,
            top_p: 1.0,
            top_k: 0,
            repetition_penalty: 1.0,
            max_tokens: 512,
            seed: 0,
            stop_tokens: Vec::new(),
        }
    }
}

impl GenerateSettings {
    /// Checks that the settings can be used.
    ///
    /// # Errors
    /// `Setting` naming the first one that cannot.
    pub fn validate(&self) -> Result<()> {
        let bad = |name: &'static str, reason: String| Err(ModelError::Setting { name, reason });
        if !self.temperature.is_finite() || self.temperature < 0.0 {
            return bad(
                "temperature",
                format!("it is {}; it must be 0 or a positive number", self.temperature),
            );
        }
        if !(self.top_p > 0.0 && self.top_p <= 1.0) {
            return bad("top_p", format!("it is {}; it must be above 0 and at most 1", self.top_p));
        }
        if !self.repetition_penalty.is_finite() || self.repetition_penalty <= 0.0 {
            let found = self.repetition_penalty;
            return bad("repetition_penalty", format!("it is {found}; it must be a positive number"));
        }
        if self.max_tokens == 0 {
            return bad("max_tokens", "it is 0; it must be at least 1".to_owned());
        }
        Ok(())
    }
}
