//! What this site lets a run do, whatever the coordinator asks: `[policy]` of `agent.toml`, with safe
//! defaults, and the rules by name. Used by `config`, by the gateway (terms, counts, the global adapter) and
//! by the worker (what only who reads the records can know). Invariant: a rule that refuses has a name in
//! [`PolicyRule`], and no rule is skipped because a number is not a number.

use common::id::Digest;
use common::limits::{ADAPTER_GROWTH_MAX, ADAPTER_NORM_MAX};
use common::run::{RunManifest, TrainingSettings};
use serde::{Deserialize, Serialize};

use crate::limits::{UPDATE_MANTISSA_BITS_MAX, UPDATE_MANTISSA_BITS_MIN};

/// Who agrees to a proposed run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Approval {
    /// The privacy officer, run by run.
    #[default]
    Ask,
    /// This policy, as far as the officer signed it.
    Auto,
}

/// `[policy]`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PolicyConfig {
    /// Who agrees to a run: "ask", the officer for each, or "auto", this policy with the officer's signature.
    pub approval: Approval,
    /// Largest L2 norm an adapter may have to be let out. A trained adapter is far below; a number above
    /// means that training diverged or that something other than an adapter is being sent.
    pub update_norm_max: f64,
    /// Largest number of bytes one update may have.
    pub update_bytes_max: u64,
    /// Mantissa bits of each value that leave, 1 to 23; the others are rounded away. Measured on 2,998 real
    /// records (medqa-zh, three rounds): test loss 5.05837 with 23, 5.05852 with 16, 5.05847 with 12, so that
    /// the default costs 0.002 %.
    pub update_mantissa_bits: u32,
    /// Whether records may be compared with the consortium's held-out set, where a run asks for it: blinded
    /// hashes leave, no text. A run that asks a site that says false goes on without that site.
    pub overlap: bool,
    /// Fewest records that an update may be trained on: an update of few records says much of each.
    pub records_min: u64,
    /// Fewest records in one optimiser step.
    pub step_records_min: u64,
    /// Fewest tokens in one optimiser step, on average.
    pub step_tokens_min: u64,
    /// Fewest optimiser steps in one update: one step is a gradient, and gradients can be read.
    pub steps_min: u64,
    /// Largest share by which the records of an update may fall below those of the last one: the difference
    /// of two updates would say much of the records in between.
    pub records_drop_max: f64,
    /// Largest learning rate.
    pub learning_rate_max: f64,
    /// Largest epsilon of AdamW: a large one turns Adam into plain gradient descent.
    pub epsilon_max: f64,
    /// Largest norm that gradients may be clipped to: a large one switches clipping off.
    pub gradient_norm_max: f64,
    /// Most passes over the records in one round.
    pub epochs_max: u32,
    /// Most updates in 24 hours.
    pub updates_per_day_max: u32,
    /// Largest factor by which the norm of a tensor of the global adapter may exceed that in the last one
    /// taken.
    pub adapter_growth_max: f64,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            approval: Approval::Ask,
            update_norm_max: ADAPTER_NORM_MAX,
            update_bytes_max: 2 << 30,
            update_mantissa_bits: 12,
            overlap: true,
            records_min: 100,
            step_records_min: 8,
            step_tokens_min: 512,
            steps_min: 10,
            records_drop_max: 0.1,
            learning_rate_max: 1e-2,
            epsilon_max: 1e-4,
            gradient_norm_max: 10.0,
            epochs_max: 100,
            updates_per_day_max: 100,
            adapter_growth_max: ADAPTER_GROWTH_MAX,
        }
    }
}

/// A rule of `[policy]`, by the key that holds its number. Closed: it crosses to the gateway and to the
/// person at the site, and says nothing of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PolicyRule {
    /// The manifest is outside the bounds of any run.
    RunBounds,
    /// `records_min`
    RecordsMin,
    /// `step_records_min`
    StepRecordsMin,
    /// `step_tokens_min`
    StepTokensMin,
    /// `steps_min`
    StepsMin,
    /// `records_drop_max`
    RecordsDropMax,
    /// `learning_rate_max`
    LearningRateMax,
    /// `epsilon_max`
    EpsilonMax,
    /// `gradient_norm_max`
    GradientNormMax,
    /// `epochs_max`
    EpochsMax,
    /// `updates_per_day_max`
    UpdatesPerDayMax,
    /// `update_norm_max`, of the global adapter
    GlobalAdapterNorm,
    /// `adapter_growth_max`
    AdapterGrowthMax,
}

impl std::fmt::Display for PolicyRule {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::RunBounds => "its terms are outside the bounds of any run (see logs/gateway.log)",
            Self::RecordsMin => "too few records for an update (records_min)",
            Self::StepRecordsMin => "too few records in one step (step_records_min)",
            Self::StepTokensMin => "too few tokens in one step (step_tokens_min)",
            Self::StepsMin => "too few steps for an update (steps_min)",
            Self::RecordsDropMax => "far fewer records than in the last update (records_drop_max)",
            Self::LearningRateMax => "its learning rate is too large (learning_rate_max)",
            Self::EpsilonMax => "its epsilon is too large (epsilon_max)",
            Self::GradientNormMax => "it does not clip gradients (gradient_norm_max)",
            Self::EpochsMax => "too many passes over the records (epochs_max)",
            Self::UpdatesPerDayMax => "too many updates in 24 hours (updates_per_day_max)",
            Self::GlobalAdapterNorm => "the global adapter is too large (update_norm_max)",
            Self::AdapterGrowthMax => "the global adapter grew too much (adapter_growth_max)",
        })
    }
}

/// How much one update is trained on, as the worker counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingVolume {
    /// Records that are trained on.
    pub records: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Optimiser steps of the round.
    pub steps: u64,
}

impl PolicyConfig {
    /// Whether every number of the section makes sense.
    ///
    /// # Errors
    /// A sentence that names the first key that does not.
    pub fn validate(&self) -> Result<(), &'static str> {
        let positive = |value: f64| value.is_finite() && value > 0.0;
        for (value, reason) in [
            (self.update_norm_max, "`policy.update_norm_max` must be a positive number"),
            (self.learning_rate_max, "`policy.learning_rate_max` must be a positive number"),
            (self.epsilon_max, "`policy.epsilon_max` must be a positive number"),
            (self.gradient_norm_max, "`policy.gradient_norm_max` must be a positive number"),
            (self.adapter_growth_max, "`policy.adapter_growth_max` must be a positive number"),
        ] {
            if !positive(value) {
                return Err(reason);
            }
        }
        if !(UPDATE_MANTISSA_BITS_MIN..=UPDATE_MANTISSA_BITS_MAX).contains(&self.update_mantissa_bits) {
            return Err("`policy.update_mantissa_bits` must be between 1 and 23");
        }
        if !(0.0..=1.0).contains(&self.records_drop_max) {
            return Err("`policy.records_drop_max` must be between 0 and 1");
        }
        Ok(())
    }

    /// The SHA-256 of its canonical JSON: what the officer signs, and what the ledger notes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        // Numbers, words and lists: it can always be written.
        Digest::of(&serde_json::to_vec(self).unwrap_or_default())
    }

    /// Whether this site may agree to a proposed run.
    ///
    /// # Errors
    /// The rule that refuses.
    pub fn permits_proposal(&self, manifest: &RunManifest) -> Result<(), PolicyRule> {
        self.permits_terms(manifest)
    }

    /// Whether this site takes part on these terms. Asked by the gateway when it has the manifest, and again
    /// by the worker before it trains.
    ///
    /// # Errors
    /// The rule that refuses.
    pub fn permits_terms(&self, manifest: &RunManifest) -> Result<(), PolicyRule> {
        manifest.validate().map_err(|_| PolicyRule::RunBounds)?;
        let training = &manifest.training;
        // `<=` is false for not-a-number.
        for (holds, rule) in [
            (training.learning_rate <= self.learning_rate_max, PolicyRule::LearningRateMax),
            (training.epsilon <= self.epsilon_max, PolicyRule::EpsilonMax),
            (training.max_gradient_norm <= self.gradient_norm_max, PolicyRule::GradientNormMax),
            (training.epochs <= self.epochs_max, PolicyRule::EpochsMax),
        ] {
            if !holds {
                return Err(rule);
            }
        }
        Ok(())
    }

    /// Whether an update may be trained on so much.
    ///
    /// # Errors
    /// The rule that refuses.
    pub fn permits_volume(
        &self,
        training: &TrainingSettings,
        volume: TrainingVolume,
    ) -> Result<(), PolicyRule> {
        let TrainingVolume { records, tokens, steps } = volume;
        let passes = u64::from(training.epochs);
        let steps_of_a_pass = (steps / passes.max(1)).max(1);
        // The last step of a pass is smaller: a step has at least what the others are asked for.
        let nominal = (training.batch_size as u64).saturating_mul(training.gradient_accumulation as u64);
        let mean = records.div_ceil(steps_of_a_pass);
        for (holds, rule) in [
            (records >= self.records_min, PolicyRule::RecordsMin),
            (nominal.max(mean).min(records) >= self.step_records_min, PolicyRule::StepRecordsMin),
            (tokens.div_ceil(steps_of_a_pass) >= self.step_tokens_min, PolicyRule::StepTokensMin),
            (steps >= self.steps_min, PolicyRule::StepsMin),
        ] {
            if !holds {
                return Err(rule);
            }
        }
        Ok(())
    }

    /// Whether an update of so many records may follow the last one.
    ///
    /// # Errors
    /// The rule that refuses.
    pub fn permits_records(&self, records: u64, last: Option<u64>) -> Result<(), PolicyRule> {
        if records < self.records_min {
            return Err(PolicyRule::RecordsMin);
        }
        let floor = last.map_or(0.0, |last| last as f64 * (1.0 - self.records_drop_max));
        if (records as f64) < floor { Err(PolicyRule::RecordsDropMax) } else { Ok(()) }
    }

    /// Whether one more update may be made, after so many in the last 24 hours.
    ///
    /// # Errors
    /// The rule that refuses.
    pub fn permits_one_more(&self, updates_of_a_day: u32) -> Result<(), PolicyRule> {
        if updates_of_a_day < self.updates_per_day_max { Ok(()) } else { Err(PolicyRule::UpdatesPerDayMax) }
    }

    /// The section as `join` writes it.
    pub(crate) fn to_commented_toml(&self) -> String {
        format!(
            "[policy]\n\
             # Who agrees to a run: \"ask\", the privacy officer for each one, or \"auto\", this policy, where the officer\n\
             # has signed it (site-agent policy sign).\n\
             approval = \"{}\"\n\
             # Largest L2 norm of an update that may leave, and of the global adapter that is trained on.\n\
             update_norm_max = {:?}\n\
             # Largest size of an update that may leave, in bytes.\n\
             update_bytes_max = {}\n\
             # Mantissa bits of an update's values that leave (1 to 23); the others are rounded away.\n\
             update_mantissa_bits = {}\n\
             # Whether records may be compared with the consortium's held-out set (blinded hashes leave, no text).\n\
             overlap = {}\n\
             # What an update is made of, at least: records; records and tokens in one step; steps. Few of them say\n\
             # much of each record. A small site may lower them itself, and should know why they are here.\n\
             records_min = {}\n\
             step_records_min = {}\n\
             step_tokens_min = {}\n\
             steps_min = {}\n\
             # How far the records of an update may fall below those of the last one, as a share.\n\
             records_drop_max = {:?}\n\
             # What a run may ask of training, at most.\n\
             learning_rate_max = {:?}\n\
             epsilon_max = {:?}\n\
             gradient_norm_max = {:?}\n\
             epochs_max = {}\n\
             # Updates in 24 hours, at most.\n\
             updates_per_day_max = {}\n\
             # How much larger a tensor of the global adapter may be than in the last one taken.\n\
             adapter_growth_max = {:?}\n",
            match self.approval {
                Approval::Ask => "ask",
                Approval::Auto => "auto",
            },
            self.update_norm_max,
            self.update_bytes_max,
            self.update_mantissa_bits,
            self.overlap,
            self.records_min,
            self.step_records_min,
            self.step_tokens_min,
            self.steps_min,
            self.records_drop_max,
            self.learning_rate_max,
            self.epsilon_max,
            self.gradient_norm_max,
            self.epochs_max,
            self.updates_per_day_max,
            self.adapter_growth_max,
        )
    }
}

#[cfg(test)]
mod tests;
