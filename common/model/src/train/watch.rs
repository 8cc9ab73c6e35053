//! Watches the validation loss: when to evaluate, which adapter was best, when it is time to stop. Called by
//! `train`. Invariant: what it decides is a function of the losses it has seen, and its memory is part of
//! every checkpoint.

use serde::{Deserialize, Serialize};

use super::settings::EvaluationSettings;
use crate::adapter::Adapter;
use crate::evaluate::Evaluation;

/// One evaluation during a training, and what it meant.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EvaluationReport {
    /// What was measured on the validation set.
    pub measured: Evaluation,
    /// Whether no earlier evaluation had a lower loss.
    pub is_best: bool,
    /// Evaluations in a row without an improvement, this one included.
    pub without_improvement: u64,
}

/// The lowest validation loss so far.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Best {
    /// Optimiser steps done when it was measured.
    pub step: u64,
    /// Mean validation loss in nats per supervised token.
    pub loss: f64,
}

/// What a checkpoint keeps of the watch besides the best adapter. Losses are kept as bits: JSON would round
/// them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Memory {
    /// Step and loss bits of the best evaluation.
    best: Option<(u64, u64)>,
    without_improvement: u64,
}

/// The watch over one training.
pub(super) struct Watch {
    settings: EvaluationSettings,
    pub(super) memory: Memory,
    /// The adapter at the best evaluation, where the outcome is to be that one.
    pub(super) best_adapter: Option<Adapter>,
}

impl Watch {
    pub(super) fn new(settings: EvaluationSettings) -> Self {
        Self { settings, memory: Memory::default(), best_adapter: None }
    }

    /// Whether an evaluation is due after optimiser step `step` (counted from 1).
    pub(super) fn is_due(&self, step: u64, total_steps: u64, ends_an_epoch: bool) -> bool {
        let every = self.settings.every_steps;
        let is_turn = if every > 0 { step.is_multiple_of(every) } else { ends_an_epoch };
        is_turn || step == total_steps
    }

    /// Takes note of an evaluation of `adapter` after step `step`.
    pub(super) fn note(&mut self, step: u64, measured: Evaluation, adapter: &Adapter) -> EvaluationReport {
        let best = self.best().map_or(f64::INFINITY, |best| best.loss);
        let is_best = measured.loss < best;
        if measured.loss < best - self.settings.min_delta {
            self.memory.without_improvement = 0;
        } else {
            self.memory.without_improvement += 1;
        }
        if is_best {
            self.memory.best = Some((step, measured.loss.to_bits()));
            if self.settings.keep_best {
                self.best_adapter = Some(adapter.clone());
            }
        }
        EvaluationReport { measured, is_best, without_improvement: self.memory.without_improvement }
    }

    pub(super) fn best(&self) -> Option<Best> {
        self.memory.best.map(|(step, bits)| Best { step, loss: f64::from_bits(bits) })
    }

    /// Whether patience has run out.
    pub(super) fn is_over(&self) -> bool {
        self.settings.patience > 0 && self.memory.without_improvement >= self.settings.patience
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapter::LoraSettings;
    use crate::config::ModelConfig;

    fn adapter(seed: u64) -> Adapter {
        let folder = tempfile::tempdir().unwrap();
        let config = serde_json::json!({
            "model_type": "qwen2", "architectures": ["Qwen2ForCausalLM"], "hidden_size": 64,
            "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 4, "num_key_value_heads": 2,
            "vocab_size": 64, "rms_norm_eps": 1e-6, "rope_theta": 1e6, "max_position_embeddings": 64,
            "tie_word_embeddings": true, "hidden_act": "silu"
        });
        std::fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
        let config = ModelConfig::from_dir(folder.path()).unwrap();
        Adapter::init(&config, &LoraSettings::all_linear(2, 4.0), seed).unwrap()
    }

    fn measured(loss: f64) -> Evaluation {
        Evaluation { loss, perplexity: loss.exp(), token_accuracy: 0.0, supervised_tokens: 1, samples: 1 }
    }

    #[test]
    fn small_gains_are_kept_but_do_not_buy_patience() {
        let settings = EvaluationSettings { patience: 3, min_delta: 0.1, ..Default::default() };
        let mut watch = Watch::new(settings);
        let mut seen = Vec::new();
        for (step, loss) in [(1, 2.0), (2, 1.5), (3, 1.45), (4, 1.6), (5, 1.42)] {
            assert!(!watch.is_over(), "before step {step}");
            let report = watch.note(step, measured(loss), &adapter(step));
            seen.push((report.is_best, report.without_improvement));
        }
        assert_eq!(seen, [(true, 0), (true, 0), (true, 1), (false, 2), (true, 3)]);
        assert!(watch.is_over());
        assert_eq!(watch.best(), Some(Best { step: 5, loss: 1.42 }));
        assert_eq!(watch.best_adapter, Some(adapter(5)));
    }

    #[test]
    fn without_patience_it_never_ends_and_a_loss_that_is_no_number_is_no_best() {
        let settings = EvaluationSettings { keep_best: false, ..Default::default() };
        let mut watch = Watch::new(settings);
        for step in 1..50 {
            assert!(!watch.note(step, measured(f64::NAN), &adapter(1)).is_best);
        }
        assert!(!watch.is_over());
        assert!(watch.note(50, measured(3.0), &adapter(1)).is_best);
        assert_eq!(watch.best_adapter, None);
    }

    #[test]
    fn evaluations_are_due_every_so_often_and_at_the_end() {
        let due = |every_steps| {
            let watch = Watch::new(EvaluationSettings { every_steps, ..Default::default() });
            (1..=11).filter(|step| watch.is_due(*step, 11, step % 5 == 0)).collect::<Vec<_>>()
        };
        assert_eq!(due(4), [4, 8, 11]);
        assert_eq!(due(0), [5, 10, 11], "after each epoch");
    }
}
