//! Training hyper-parameters and the learning-rate schedule, as transformers defines them. Used by `train` and, as
//! data, by run files. Invariant: the learning rate is a pure function of (settings, step, total steps).

use crate::error::{ModelError, Result};
use serde::{Deserialize, Serialize};

/// How the learning rate develops after the warm-up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Stays.
    Constant,
    /// Falls linearly to 0 at the last step.
    Linear,
    /// Falls along half a cosine to 0 at the last step.
    Cosine,
}

/// Hyper-parameters of one training.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrainSettings {
    /// Passes over the samples.
    pub epochs: u64,
    /// Samples of one forward pass.
    pub batch_size: usize,
    /// Batches of one optimiser step.
    pub gradient_accumulation: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Development of the learning rate.
    pub schedule: Schedule,
    /// Optimiser steps over which the learning rate rises linearly from 0.
    pub warmup_steps: u64,
    /// Decoupled weight decay.
    pub weight_decay: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// The gradient's global norm is clipped to this; 0 switches clipping off.
    pub max_gradient_norm: f64,
    /// Seed of the batch order and of dropout.
    pub seed: u64,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            epochs: 1,
            batch_size: 8,
            gradient_accumulation: 1,
            learning_rate: 2e-4,
            schedule: Schedule::Cosine,
            warmup_steps: 0,
            weight_decay: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            max_gradient_norm: 1.0,
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
        let bad =
            |name: &'static str, reason: &str| Err(ModelError::Setting { name, reason: reason.to_owned() });
        if self.epochs == 0 {
            return bad("epochs", "it must be at least 1");
        }
        if self.batch_size == 0 {
            return bad("batch_size", "it must be at least 1");
        }
        if self.gradient_accumulation == 0 {
            return bad("gradient_accumulation", "it must be at least 1");
        }
        let at_least_zero = |value: f64| value.is_finite() && value >= 0.0;
        for (name, value) in [
            ("learning_rate", self.learning_rate),
            ("weight_decay", self.weight_decay),
            ("max_gradient_norm", self.max_gradient_norm),
        ] {
            if !at_least_zero(value) {
                return bad(name, "it must be a number that is not negative");
            }
        }
        for (name, value) in [("beta1", self.beta1), ("beta2", self.beta2)] {
            if !(0.0..1.0).contains(&value) {
                return bad(name, "it must be at least 0 and less than 1");
            }
        }
        if !self.epsilon.is_finite() || self.epsilon <= 0.0 {
            return bad("epsilon", "it must be a positive number");
        }
        Ok(())
    }

    /// The learning rate of optimiser step `step` (counted from 0), as transformers' `get_*_schedule_with_warmup`.
    #[must_use]
    pub fn learning_rate_at(&self, step: u64, total_steps: u64) -> f64 {
        if step < self.warmup_steps {
            return self.learning_rate * step as f64 / self.warmup_steps.max(1) as f64;
        }
        let decay_steps = total_steps.saturating_sub(self.warmup_steps).max(1) as f64;
        let progress = (step - self.warmup_steps) as f64 / decay_steps;
        let factor = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Linear => (1.0 - progress).max(0.0),
            Schedule::Cosine => (0.5 * (1.0 + (std::f64::consts::PI * progress).cos())).max(0.0),
        };
        self.learning_rate * factor
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_match_transformers() {
        // transformers 5.23 get_{constant,linear,cosine}_schedule_with_warmup(warmup 2, total 6), rate 1.0.
        let rates = |schedule| {
            let settings =
                TrainSettings { learning_rate: 1.0, schedule, warmup_steps: 2, ..Default::default() };
            (0..6).map(|step| settings.learning_rate_at(step, 6)).collect::<Vec<_>>()
        };
        let close = |got: Vec<f64>, expected: [f64; 6]| {
            for (a, b) in got.iter().zip(expected) {
                assert!((a - b).abs() < 1e-12, "{got:?}");
            }
        };
        close(rates(Schedule::Constant), [0.0, 0.5, 1.0, 1.0, 1.0, 1.0]);
        close(rates(Schedule::Linear), [0.0, 0.5, 1.0, 0.75, 0.5, 0.25]);
        close(
            rates(Schedule::Cosine),
            [0.0, 0.5, 1.0, 0.853_553_390_593_273_8, 0.5, 0.146_446_609_406_726_24],
        );
    }

    #[test]
    fn unusable_settings_are_named() {
        let bad = TrainSettings { beta2: 1.0, ..Default::default() };
        assert!(bad.validate().unwrap_err().to_string().starts_with("beta2"));
        assert!(TrainSettings { learning_rate: f64::NAN, ..Default::default() }.validate().is_err());
        assert!(TrainSettings { batch_size: 0, ..Default::default() }.validate().is_err());
        TrainSettings::default().validate().unwrap();
    }
}
