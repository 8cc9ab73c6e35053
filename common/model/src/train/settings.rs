//! Training hyper-parameters. Used by `train` and, as data, by run files.
//! Invariant: settings that pass `validate` can be trained with.

use serde::{Deserialize, Serialize};

use super::work::{Length, Work};
use crate::error::{ModelError, Result};

/// Which samples share a forward pass. Either way every epoch sees every sample once, in an order that
/// depends on (seed, epoch) only, and no sample sees another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batching {
    /// `batch_size` samples in random order.
    Shuffled,
    /// `batch_size` samples of like length; the order of the batches is random.
    ByLength,
    /// `batch_size` packs: samples laid end to end up to so many tokens. Steps are of even size.
    Packed {
        /// Most tokens of one pack.
        capacity_tokens: usize,
    },
}

/// How a validation set steers the training. Without one nothing of this happens.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct EvaluationSettings {
    /// Optimiser steps between two evaluations; one more follows the last step. 0 evaluates after each epoch.
    pub every_steps: u64,
    /// Evaluations in a row without an improvement after which the training ends; 0 never ends it.
    pub patience: u64,
    /// What the loss must fall below the best one so far to be an improvement, in nats.
    pub min_delta: f64,
    /// Whether the outcome is the adapter with the lowest validation loss instead of the last one.
    pub keep_best: bool,
}

impl Default for EvaluationSettings {
    fn default() -> Self {
        Self { every_steps: 0, patience: 0, min_delta: 0.0, keep_best: true }
    }
}

/// How the learning rate develops after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// Stays.
    Constant,
    /// Falls linearly to 0 at the last step.
    Linear,
    /// Falls along half a cosine to 0 at the last step.
    Cosine,
    /// Half a cosine again and again, each from the peak
    /// (`get_cosine_with_hard_restarts_schedule_with_warmup`).
    CosineWithRestarts {
        /// How many half cosines; 1 is [`Schedule::Cosine`].
        cycles: u32,
    },
    /// Warm-up, stable, decay: stays at the peak and falls along half a cosine to 0 over the last steps
    /// (`get_wsd_schedule`; Hu et al. 2024, "MiniCPM", section 4).
    Wsd {
        /// Optimiser steps of the decay; 0 takes `decay_ratio`.
        decay_steps: u64,
        /// Share of all steps, rounded up to whole steps.
        decay_ratio: f64,
    },
}

/// Which part of the learning rate's development a training is, where several trainings of one length are
/// parts of one: each takes the same share of warm-up and decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchedulePart {
    /// Trainings of this length that the schedule has behind it.
    pub before: u64,
    /// Trainings of this length that it is made for; at least 1.
    pub of: u64,
}

impl SchedulePart {
    /// A training with a schedule of its own.
    pub const WHOLE: Self = Self { before: 0, of: 1 };
}

/// Which matrix of every LoRA pair is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Factors {
    /// A and B.
    #[default]
    Both,
    /// A alone.
    A,
    /// B alone.
    B,
}

impl Factors {
    /// Whether they need not be written: checkpoints of before name none.
    fn are_both(&self) -> bool {
        *self == Self::Both
    }

    /// Whether A and whether B is trained.
    pub(crate) fn of_pair(self) -> [bool; 2] {
        [self != Self::B, self != Self::A]
    }
}

/// Hyper-parameters of one training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainSettings {
    /// How much of the samples.
    pub work: Work,
    /// Samples (or packs) of one forward pass.
    pub batch_size: usize,
    /// Forward passes of one optimiser step.
    pub gradient_accumulation: usize,
    /// Which samples share a forward pass.
    pub batching: Batching,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Development of the learning rate.
    pub schedule: Schedule,
    /// Which part of that development this training is.
    pub schedule_part: SchedulePart,
    /// Optimiser steps over which the learning rate rises linearly from 0; 0 takes `warmup_ratio`.
    pub warmup_steps: u64,
    /// The same as a share of all steps, rounded up to whole steps.
    pub warmup_ratio: f64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// The gradient's global norm is clipped to this. Clipping is always on: without it one step may go
    /// anywhere, and a large number does the same for who wants none.
    pub max_gradient_norm: f64,
    /// Weight of the penalty `KL(base || model)` per supervised token; 0 computes none. It costs one more
    /// forward pass and keeps what the base model knew.
    pub kl_weight: f64,
    /// FedProx: `proximal_mu / 2 |w - w_0|^2` is added to what is minimised, w_0 being the adapter that the
    /// training begins with (Li et al. 2020, equation 2); 0 adds nothing. It pulls a site's adapter back
    /// to the common one.
    pub proximal_mu: f64,
    /// Which matrices are trained; the others stay as they are.
    #[serde(default, skip_serializing_if = "Factors::are_both")]
    pub factors: Factors,
    /// NEFTune: uniform noise of `alpha / sqrt(tokens * width)` on the embeddings (Jain et al. 2023); 0 adds
    /// none.
    pub neftune_alpha: f64,
    /// What is done with a validation set.
    pub evaluation: EvaluationSettings,
    /// Seed of dropout and of noise, and of the batch order unless `work` names one.
    pub seed: u64,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            work: Work::Passes(1),
            batch_size: 8,
            gradient_accumulation: 1,
            batching: Batching::Shuffled,
            learning_rate: 2e-4,
            schedule: Schedule::Cosine,
            schedule_part: SchedulePart::WHOLE,
            warmup_steps: 0,
            warmup_ratio: 0.0,
            weight_decay: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            max_gradient_norm: 1.0,
            kl_weight: 0.0,
            proximal_mu: 0.0,
            factors: Factors::Both,
            neftune_alpha: 0.0,
            evaluation: EvaluationSettings::default(),
            seed: 7,
        }
    }
}

impl TrainSettings {
    /// Checks that the settings can be used at all.
    ///
    /// # Errors
    /// `Setting` naming the first one that cannot.
    pub fn validate(&self) -> Result<()> {
        let at_least_one = "it must be at least 1";
        match self.work {
            Work::Passes(passes) => require("epochs", passes > 0, at_least_one)?,
            Work::Stretch { length: Length::Steps(steps), .. } => require("steps", steps > 0, at_least_one)?,
            Work::Stretch { length: Length::Millionths(share), .. } => {
                require("epochs", share > 0, "it must be above 0")?;
            }
        }
        require("batch_size", self.batch_size > 0, at_least_one)?;
        require("gradient_accumulation", self.gradient_accumulation > 0, at_least_one)?;
        for (name, value) in [
            ("learning_rate", self.learning_rate),
            ("weight_decay", self.weight_decay),
            ("kl_weight", self.kl_weight),
            ("proximal_mu", self.proximal_mu),
            ("neftune_alpha", self.neftune_alpha),
            ("early_stopping_min_delta", self.evaluation.min_delta),
        ] {
            require(name, value.is_finite() && value >= 0.0, "it must be a number that is not negative")?;
        }
        for (name, value) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            require(name, (0.0..1.0).contains(&value), "it must be at least 0 and less than 1")?;
        }
        for (name, value) in [("epsilon", self.epsilon), ("max_gradient_norm", self.max_gradient_norm)] {
            require(name, value.is_finite() && value > 0.0, "it must be a positive number")?;
        }
        let SchedulePart { before, of } = self.schedule_part;
        require("schedule_part", before < of, "it must be one of the parts there are")?;
        let is_share = |value: f64| (0.0..=1.0).contains(&value);
        require("warmup_ratio", is_share(self.warmup_ratio), "it must be between 0 and 1")?;
        match self.schedule {
            Schedule::Wsd { decay_ratio, .. } => {
                require("decay_ratio", is_share(decay_ratio), "it must be between 0 and 1")?;
            }
            Schedule::CosineWithRestarts { cycles } => require("schedule_cycles", cycles > 0, at_least_one)?,
            Schedule::Constant | Schedule::Linear | Schedule::Cosine => {}
        }
        match self.batching {
            Batching::Packed { capacity_tokens } => {
                require("cutoff_tokens", capacity_tokens > 0, at_least_one)
            }
            Batching::Shuffled | Batching::ByLength => Ok(()),
        }
    }
}

fn require(name: &'static str, is_fine: bool, reason: &str) -> Result<()> {
    if is_fine { Ok(()) } else { Err(ModelError::Setting { name, reason: reason.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unusable_settings_are_named() {
        TrainSettings::default().validate().unwrap();
        let fine = TrainSettings::default;
        let restarts = Schedule::CosineWithRestarts { cycles: 0 };
        let decay = Schedule::Wsd { decay_steps: 0, decay_ratio: 1.1 };
        for (name, bad) in [
            ("epochs", TrainSettings { work: Work::Passes(0), ..fine() }),
            ("beta2", TrainSettings { beta2: 1.0, ..fine() }),
            ("learning_rate", TrainSettings { learning_rate: f64::NAN, ..fine() }),
            ("batch_size", TrainSettings { batch_size: 0, ..fine() }),
            ("kl_weight", TrainSettings { kl_weight: -0.1, ..fine() }),
            ("proximal_mu", TrainSettings { proximal_mu: f64::NAN, ..fine() }),
            ("neftune_alpha", TrainSettings { neftune_alpha: f64::INFINITY, ..fine() }),
            ("warmup_ratio", TrainSettings { warmup_ratio: 1.5, ..fine() }),
            ("schedule_cycles", TrainSettings { schedule: restarts, ..fine() }),
            ("decay_ratio", TrainSettings { schedule: decay, ..fine() }),
            ("schedule_part", TrainSettings { schedule_part: SchedulePart { before: 3, of: 3 }, ..fine() }),
            ("cutoff_tokens", TrainSettings { batching: Batching::Packed { capacity_tokens: 0 }, ..fine() }),
        ] {
            assert!(bad.validate().unwrap_err().to_string().starts_with(name), "{name}");
        }
    }
}
