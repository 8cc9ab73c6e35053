//! `[training]` of a run file, and of the TOML that `site-agent train` reads: its defaults and bounds.
//! Defaults are the common QLoRA recipe (AdamW 0.9/0.999/1e-8, clip 1.0).
//!
//! Used by `run` and by `site-agent train`. Invariant: what `validate` accepts is within `limits`.

mod schedule;
mod work;

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use crate::limits::{
    BATCH_SIZE_MAX, CUTOFF_TOKENS_MAX, CUTOFF_TOKENS_MIN, GRADIENT_ACCUMULATION_MAX, IMPROVEMENT_NATS_MAX,
    KL_WEIGHT_MAX, LEARNING_RATE_MAX, NEFTUNE_ALPHA_MAX, PATIENCE_MAX, PROXIMAL_MU_MAX, ROUNDS_MAX,
    SCHEDULE_CYCLES_MAX, STEPS_MAX, VALIDATION_SHARE_MAX,
};

pub use schedule::ScheduleOver;
pub use work::{Epochs, LocalWork, PASS_MILLIONTHS};

/// Learning-rate schedule, as transformers defines them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Schedule {
    /// After warm-up, the peak rate throughout.
    Constant,
    /// After warm-up, a straight line to 0.
    Linear,
    /// After warm-up, half a cosine to 0.
    Cosine,
    /// After warm-up, `schedule_cycles` times half a cosine, each from the peak to 0.
    CosineWithRestarts,
    /// Warm-up, stable, decay: the peak rate, and half a cosine to 0 over the last `decay_ratio` or
    /// `decay_steps`.
    Wsd,
}

/// Which records share a forward pass. Every epoch trains on every record once, and no record sees another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Batching {
    /// `batch_size` records in random order.
    Shuffled,
    /// `batch_size` records of like length, the batches in random order.
    ByLength,
    /// `batch_size` packs of up to `cutoff_tokens` tokens each, filled with whole records.
    Packed,
}

/// `[training]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TrainingSettings {
    /// Passes over the local records in each round: a whole number, or a fraction such as 0.25. A round goes
    /// on in the order of the records where the last one ended. Without it and `steps`: one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epochs: Option<Epochs>,
    /// Optimiser steps of each round, instead of `epochs`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<u64>,
    /// Records (or packs) per forward pass.
    pub batch_size: usize,
    /// Forward passes per optimiser step.
    pub gradient_accumulation: usize,
    /// Which records share a forward pass.
    pub batching: Batching,
    /// Records are cut after this many tokens.
    pub cutoff_tokens: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Shape of the learning rate over the steps of a round, or of the run.
    pub schedule: Schedule,
    /// Whether `schedule`, warm-up and decay are gone through in each round, or once over all rounds.
    #[serde(default, skip_serializing_if = "ScheduleOver::is_default")]
    pub schedule_over: ScheduleOver,
    /// Rounds of a schedule over the run that an earlier run has behind it; `coordinator resume` counts them.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub schedule_rounds_before: u32,
    /// Half cosines of `cosine-with-restarts`.
    pub schedule_cycles: u32,
    /// Optimiser steps of the decay of `wsd`; 0 takes `decay_ratio`.
    pub decay_steps: u64,
    /// Share of all steps over which `wsd` decays.
    pub decay_ratio: f64,
    /// Optimiser steps of linear warm-up; 0 takes `warmup_ratio`.
    pub warmup_steps: u64,
    /// Share of all steps that are warm-up.
    pub warmup_ratio: f64,
    /// Decoupled weight decay of AdamW.
    pub weight_decay: f64,
    /// AdamW's first moment.
    pub beta1: f64,
    /// AdamW's second moment.
    pub beta2: f64,
    /// AdamW's denominator guard.
    pub epsilon: f64,
    /// Global gradient norm is clipped to this.
    pub max_gradient_norm: f64,
    /// Weight of the penalty for leaving the base model's distribution, `KL(base || model)` per supervised
    /// token.
    pub kl_weight: f64,
    /// FedProx: how strongly a site's adapter is pulled back to the common one that the round began with.
    #[serde(default, skip_serializing_if = "is_none")]
    pub proximal_mu: f64,
    /// NEFTune: strength of the noise on the embeddings.
    pub neftune_alpha: f64,
    /// Share of the local records that is held out to measure the training, not trained on.
    pub validation_share: f64,
    /// Optimiser steps between two measurements; 0 measures after each epoch.
    pub evaluate_every_steps: u64,
    /// Measurements in a row without an improvement after which training ends; 0 never ends it.
    pub early_stopping_patience: u64,
    /// What the loss must fall below the best one to be an improvement, in nats per token.
    pub early_stopping_min_delta: f64,
    /// Whether the result is the adapter with the lowest held-out loss instead of the last one.
    pub keep_best: bool,
    /// Seed of adapter initialisation and record order.
    pub seed: u64,
}

impl Default for TrainingSettings {
    fn default() -> Self {
        Self {
            epochs: Some(Epochs::whole(1)),
            steps: None,
            batch_size: 8,
            gradient_accumulation: 1,
            batching: Batching::Shuffled,
            cutoff_tokens: 1024,
            learning_rate: 2e-4,
            schedule: Schedule::Cosine,
            schedule_over: ScheduleOver::Round,
            schedule_rounds_before: 0,
            schedule_cycles: 1,
            decay_steps: 0,
            decay_ratio: 0.1,
            warmup_steps: 0,
            warmup_ratio: 0.0,
            weight_decay: 0.0,
            beta1: 0.9,
            beta2: 0.999,
            epsilon: 1e-8,
            max_gradient_norm: 1.0,
            kl_weight: 0.0,
            proximal_mu: 0.0,
            neftune_alpha: 0.0,
            validation_share: 0.0,
            evaluate_every_steps: 0,
            early_stopping_patience: 0,
            early_stopping_min_delta: 0.0,
            keep_best: true,
            seed: 7,
        }
    }
}

impl TrainingSettings {
    /// Checks every number against its bounds.
    ///
    /// # Errors
    /// [`RunError::OutOfBounds`] for the first key whose value is outside its bounds.
    pub fn validate(&self) -> Result<(), RunError> {
        self.validate_work()?;
        let batch = self.batch_size;
        bound((1..=BATCH_SIZE_MAX).contains(&batch), "training.batch_size", batch, "1 to 4096")?;
        let accumulation = self.gradient_accumulation;
        let is_fine = (1..=GRADIENT_ACCUMULATION_MAX).contains(&accumulation);
        bound(is_fine, "training.gradient_accumulation", accumulation, "1 to 4096")?;
        let cutoff = self.cutoff_tokens;
        let is_fine = (CUTOFF_TOKENS_MIN..=CUTOFF_TOKENS_MAX).contains(&cutoff);
        bound(is_fine, "training.cutoff_tokens", cutoff, "8 to 131072")?;
        self.validate_optimiser()?;
        self.validate_schedule()?;
        let penalty = self.kl_weight;
        bound((0.0..=KL_WEIGHT_MAX).contains(&penalty), "training.kl_weight", penalty, "0 to 100")?;
        let pull = self.proximal_mu;
        bound((0.0..=PROXIMAL_MU_MAX).contains(&pull), "training.proximal_mu", pull, "0 to 100")?;
        let noise = self.neftune_alpha;
        bound((0.0..=NEFTUNE_ALPHA_MAX).contains(&noise), "training.neftune_alpha", noise, "0 to 100")?;
        let share = self.validation_share;
        let is_fine = (0.0..=VALIDATION_SHARE_MAX).contains(&share);
        bound(is_fine, "training.validation_share", share, "0 to 0.5")?;
        let every = self.evaluate_every_steps;
        bound(every <= STEPS_MAX, "training.evaluate_every_steps", every, "0 to 1000000")?;
        let patience = self.early_stopping_patience;
        bound(patience <= PATIENCE_MAX, "training.early_stopping_patience", patience, "0 to 1000")?;
        let delta = self.early_stopping_min_delta;
        let is_fine = (0.0..=IMPROVEMENT_NATS_MAX).contains(&delta);
        bound(is_fine, "training.early_stopping_min_delta", delta, "0 to 10")
    }

    /// What a site does of its records in a round.
    #[must_use]
    pub fn work(&self) -> LocalWork {
        match self.steps {
            Some(steps) => LocalWork::Steps(steps),
            None => LocalWork::Epochs(self.epochs.unwrap_or(Epochs::whole(1))),
        }
    }

    /// Says what is meant where neither `epochs` nor `steps` is said, so that whoever reads it again need not
    /// know the default.
    pub fn say_work(&mut self) {
        if self.steps.is_none() {
            self.epochs.get_or_insert(Epochs::whole(1));
        }
    }

    fn validate_work(&self) -> Result<(), RunError> {
        let steps = self.steps.unwrap_or(1);
        let expected = "left out where training.epochs is given";
        bound(self.steps.is_none() || self.epochs.is_none(), "training.steps", steps, expected)?;
        bound((1..=STEPS_MAX).contains(&steps), "training.steps", steps, "1 to 1000000")?;
        let epochs = self.epochs.unwrap_or(Epochs::whole(1));
        bound(epochs.is_in_bounds(), "training.epochs", epochs, "0.001 to 1000")
    }

    fn validate_optimiser(&self) -> Result<(), RunError> {
        let fraction = |value: f64| (0.0..1.0).contains(&value);
        let positive = |value: f64| value.is_finite() && value > 0.0;
        let rate = self.learning_rate;
        bound(
            positive(rate) && rate <= LEARNING_RATE_MAX,
            "training.learning_rate",
            rate,
            "above 0, at most 1",
        )?;
        bound(fraction(self.weight_decay), "training.weight_decay", self.weight_decay, "0 to below 1")?;
        bound(fraction(self.beta1), "training.beta1", self.beta1, "0 to below 1")?;
        bound(fraction(self.beta2), "training.beta2", self.beta2, "0 to below 1")?;
        bound(positive(self.epsilon), "training.epsilon", self.epsilon, "a positive number")?;
        let norm = self.max_gradient_norm;
        bound(positive(norm), "training.max_gradient_norm", norm, "a positive number")
    }

    fn validate_schedule(&self) -> Result<(), RunError> {
        let share = |value: f64| (0.0..=1.0).contains(&value);
        let (warmup, decay) = (self.warmup_steps, self.decay_steps);
        bound(warmup <= STEPS_MAX, "training.warmup_steps", warmup, "0 to 1000000")?;
        bound(decay <= STEPS_MAX, "training.decay_steps", decay, "0 to 1000000")?;
        bound(share(self.warmup_ratio), "training.warmup_ratio", self.warmup_ratio, "0 to 1")?;
        bound(share(self.decay_ratio), "training.decay_ratio", self.decay_ratio, "0 to 1")?;
        let cycles = self.schedule_cycles;
        bound((1..=SCHEDULE_CYCLES_MAX).contains(&cycles), "training.schedule_cycles", cycles, "1 to 1000")?;
        let (before, key) = (self.schedule_rounds_before, "training.schedule_rounds_before");
        bound(before <= ROUNDS_MAX, key, before, "0 to 10000")?;
        let is_used = before == 0 || self.schedule_over == ScheduleOver::Run;
        bound(is_used, key, before, "0 unless training.schedule_over is \"run\"")
    }
}

// Serde hands a reference.
fn is_zero(number: &u32) -> bool {
    *number == 0
}

// Terms without it keep the bytes that they always had.
fn is_none(strength: &f64) -> bool {
    *strength == 0.0
}
