//! How likely a model takes each of several continuations of one context: what multiple choice is scored by.
//! Called by `prepare` for each question of a suite. The context is computed once for all its continuations,
//! and these in one pass; in f32 what all contexts of a suite begin with, once for all of them.
//!
//! Invariants: the sum of log-probabilities is that of lm-evaluation-harness (`loglikelihood`); a question's
//! result depends on itself and the shared beginning, not on the questions before: these are computed in the
//! same pieces whoever comes first.

#[cfg(test)]
mod tests;

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::base::engine::Session;
use crate::error::{ModelError, Result};
use crate::options::Compute;

/// A model, perhaps with an adapter, that is asked for likelihoods.
pub struct Likelihoods<'a> {
    base: &'a BaseModel,
    session: Box<dyn Session + 'a>,
    /// What contexts begin with, where that is shared.
    shared: Vec<u32>,
    /// Whether the session holds it.
    is_held: bool,
}

/// What one question gave.
#[derive(Debug, Clone, PartialEq)]
pub struct Likely {
    /// Of each continuation: the sum of its tokens' log-probabilities behind the context, in nats.
    pub log_likelihoods: Vec<f64>,
    /// Whether the context's beginning was left out, because the model takes no longer sequence.
    pub cut: bool,
}

impl<'a> Likelihoods<'a> {
    /// For the base model, or for it with an adapter.
    ///
    /// # Errors
    /// `Adapter` when it does not fit.
    pub fn new(base: &'a BaseModel, adapter: Option<&Adapter>) -> Result<Self> {
        Ok(Self { base, session: base.session(adapter)?, shared: Vec::new(), is_held: false })
    }

    /// Keeps the keys and values of these tokens for all contexts that begin with them and go on, where
    /// products are computed in f32; what they take is part of the one sequence that is kept in any case. In
    /// bf16 nothing is shared: there a sequence in two pieces scored otherwise than in one (a Brier score
    /// moved by .0008), so that a question's figures would hang on which others its suite has.
    ///
    /// # Errors
    /// `Setting` when a token is outside the vocabulary.
    pub fn share(&mut self, beginning: Vec<u32>) -> Result<()> {
        self.base.check_tokens(&beginning)?;
        let shares = self.base.options().compute == Compute::F32;
        (self.shared, self.is_held) = (if shares { beginning } else { Vec::new() }, false);
        Ok(())
    }

    /// How many tokens are shared.
    #[must_use]
    pub const fn shared_tokens(&self) -> usize {
        self.shared.len()
    }

    /// How many tokens of a context are there already; makes them be there where they are shared.
    fn hold(&mut self, context: &[u32]) -> Result<usize> {
        let shares =
            !self.shared.is_empty() && context.len() > self.shared.len() && context.starts_with(&self.shared);
        if shares && !self.is_held {
            self.session.extend(0, &self.shared)?;
        }
        // Until the context is computed, for an error leaves nothing that can be relied on.
        self.is_held = false;
        Ok(if shares { self.shared.len() } else { 0 })
    }

    /// The likelihoods of `continuations` behind `context`. A context that is too long with the longest of
    /// them loses its beginning.
    ///
    /// # Errors
    /// `Setting` when the context or a continuation has no token, a token is outside the vocabulary, or a
    /// continuation alone is longer than the model takes; `Adapter` when a likelihood is no number (the
    /// adapter has diverged).
    pub fn score(&mut self, context: &[u32], continuations: &[Vec<u32>]) -> Result<Likely> {
        let refuse = |reason: String| ModelError::Setting { name: "question", reason };
        let most = self.base.config().max_position_embeddings;
        let longest = continuations.iter().map(Vec::len).max().unwrap_or(0);
        if context.is_empty() || continuations.iter().any(Vec::is_empty) {
            return Err(refuse("it or one of its answers has no token".to_owned()));
        }
        // Of the last token nothing is computed, and one of the context is needed.
        if longest > most {
            return Err(refuse(format!("an answer of {longest} tokens is too long; the model takes {most}")));
        }
        self.base.check_tokens(context)?;
        for continuation in continuations {
            self.base.check_tokens(continuation)?;
        }
        let kept = context.len().min(most + 1 - longest);
        let context_kept = &context[context.len() - kept..];
        let there = self.hold(context_kept)?;
        let logits = self.session.extend(there, &context_kept[there..])?;
        let ways: Vec<&[u32]> = continuations.iter().map(Vec::as_slice).collect();
        let mut later = self.session.branch(&ways)?.into_iter();
        self.is_held = there > 0;
        let of_all = log_sum_exp(&logits);
        let sum = |way: &&[u32]| {
            let first = way.first().map_or(0.0, |token| f64::from(logits[*token as usize]) - of_all);
            first - later.by_ref().take(way.len().saturating_sub(1)).sum::<f64>()
        };
        let log_likelihoods: Vec<f64> = ways.iter().map(sum).collect();
        if log_likelihoods.iter().any(|value| !value.is_finite()) {
            let reason = "a likelihood is not a number: the adapter has diverged".to_owned();
            return Err(ModelError::Adapter { reason });
        }
        Ok(Likely { log_likelihoods, cut: kept < context.len() })
    }
}

/// `ln sum exp`, in f64.
pub(crate) fn log_sum_exp(values: &[f32]) -> f64 {
    let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let most = f64::from(most);
    most + values.iter().map(|value| (f64::from(*value) - most).exp()).sum::<f64>().ln()
}
