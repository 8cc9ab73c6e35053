//! One tokenised conversation with its supervision mask: made by `chat`, used by the trainer
//! and the evaluator. Invariant: `tokens` and `supervised` have the same length.

/// A token sequence; `supervised[i]` says whether token `i` is a target (never whether it is an input).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sample {
    /// Token ids of the whole conversation, in order.
    pub tokens: Vec<u32>,
    /// Same length as `tokens`: true where the model is to learn to predict this token.
    pub supervised: Vec<bool>,
}

impl Sample {
    /// Keeps the first `cutoff_tokens` tokens; returns how many supervised tokens were lost.
    pub fn truncate(&mut self, cutoff_tokens: usize) -> usize {
        let lost = self.supervised.iter().skip(cutoff_tokens).filter(|wanted| **wanted).count();
        self.tokens.truncate(cutoff_tokens);
        self.supervised.truncate(cutoff_tokens);
        lost
    }

    /// Tokens that are fed to the model: those before the last target. What follows it cannot matter.
    #[must_use]
    pub fn input_tokens(&self) -> usize {
        self.supervised.iter().rposition(|wanted| *wanted).unwrap_or(0)
    }

    /// How many tokens are targets. The first token never is one: nothing precedes it.
    #[must_use]
    pub fn supervised_tokens(&self) -> usize {
        self.supervised.iter().skip(1).filter(|wanted| **wanted).count()
    }
}
