//! What this site lets a run do, whatever the coordinator asks: `[policy]` of `agent.toml`, with safe
//! defaults, and the rules by name. Used by `config`, by the gateway (terms, counts, the global adapter) and
//! by the worker (what only who reads the records can know). Invariant: a rule that refuses has a name in
//! [`PolicyRule`], and no rule is skipped because a number is not a number.

mod hours;
pub mod launcher;
mod method;
mod operators;
mod rules;
mod terms;
mod text;

pub use hours::Hours;
pub use method::Method;
pub use operators::Operator;
pub use rules::PolicyRule;
pub use terms::Check;

use common::id::Digest;
use common::limits::{ADAPTER_GROWTH_MAX, ADAPTER_NORM_MAX, CHUNK_BYTES_MAX, SITES_MAX};
use common::run::TrainingSettings;
use serde::{Deserialize, Serialize};

use crate::limits::{
    CHUNK_FRAME_BYTES_MAX, POLICY_BASES_MAX, POLICY_METHODS_MAX, POLICY_OPERATORS_MAX,
    UPDATE_MANTISSA_BITS_MAX, UPDATE_MANTISSA_BITS_MIN,
};

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
    /// Fewest members whose updates a round of a run needs (its quorum): the fewer are averaged, the more the
    /// result says of each.
    pub sites_min: u32,
    /// Most rounds of a run.
    pub rounds_max: u32,
    /// Largest rank of the adapter.
    pub rank_max: u32,
    /// Most bytes of updates in a whole run, if no frame is lost: rounds times the adapter's size.
    pub run_bytes_max: u64,
    /// Fingerprints of the base models that may be trained for; empty: any.
    pub bases: Vec<Digest>,
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
    /// Ways of combining updates that a run may have; empty: any.
    pub methods: Vec<Method>,
    /// Most bytes of updates that leave in 24 hours, over all runs, what is sent again included.
    pub bytes_per_day_max: u64,
    /// Hours of the day in which this site trains, such as "20:00-06:00 +08:00"; outside them it waits.
    /// Empty: any.
    pub hours: Hours,
    /// Whether a run must have differential privacy. No run of this version can: with true none is taken.
    pub privacy_required: bool,
    /// Operators whose runs are taken, by name or by key; empty: any run, also one that was launched on the
    /// coordinator's machine and that nobody else signed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub operators: Vec<Operator>,
    /// Whether this site says, once in a run that asks, how base model and result do on the records that it
    /// held back: a rounded count, two mean losses and an interval. Where it does not, it still trains the
    /// run, and says only that it does not say.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub own_scores: bool,
    /// Whether this site takes part in runs in which each site trains alone: the update that leaves is of its
    /// records only, through the whole training, and goes into no average.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub alone: bool,
}

impl Default for PolicyConfig {
    fn default() -> Self {
        Self {
            approval: Approval::Ask,
            sites_min: 2,
            rounds_max: 1000,
            rank_max: 256,
            run_bytes_max: 64 << 30,
            bases: Vec::new(),
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
            methods: Vec::new(),
            bytes_per_day_max: 64 << 30,
            hours: Hours::default(),
            privacy_required: false,
            operators: Vec::new(),
            own_scores: false,
            alone: false,
        }
    }
}

/// How much one update is trained on, as the worker counts it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingVolume {
    /// Records of a pass.
    pub records: u64,
    /// Different records of a round, the fewest that one has.
    pub records_of_a_round: u64,
    /// Their tokens.
    pub tokens: u64,
    /// Optimiser steps of a round, the fewest that one has.
    pub steps: u64,
    /// Optimiser steps of a pass over all records.
    pub steps_of_a_pass: u64,
}

impl PolicyConfig {
    /// Every key with its value, with those that the canonical text leaves out where they are empty or no.
    ///
    /// # Errors
    /// A number that JSON cannot hold.
    pub fn every_key(&self) -> serde_json::Result<serde_json::Map<String, serde_json::Value>> {
        let mut keys = match serde_json::to_value(self)? {
            serde_json::Value::Object(keys) => keys,
            _ => serde_json::Map::new(),
        };
        keys.entry("operators").or_insert_with(|| serde_json::Value::Array(Vec::new()));
        for key in ["own_scores", "alone"] {
            keys.entry(key).or_insert(serde_json::Value::Bool(false));
        }
        Ok(keys)
    }

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
        if !(1..=SITES_MAX).contains(&(self.sites_min as usize)) {
            return Err("`policy.sites_min` must be between 1 and 100");
        }
        if self.rounds_max == 0 || self.rank_max == 0 || self.run_bytes_max == 0 {
            return Err(
                "`policy.rounds_max`, `policy.rank_max` and `policy.run_bytes_max` must be at least 1",
            );
        }
        if self.bytes_per_day_max == 0 {
            return Err("`policy.bytes_per_day_max` must be at least 1");
        }
        if self.methods.len() > POLICY_METHODS_MAX {
            return Err("`policy.methods` must name each method once");
        }
        if self.operators.len() > POLICY_OPERATORS_MAX {
            return Err("`policy.operators` must name at most 32 operators");
        }
        if self.bases.len() > POLICY_BASES_MAX {
            return Err("`policy.bases` must name at most 100 base models");
        }
        if !(0.0..=1.0).contains(&self.records_drop_max) {
            return Err("`policy.records_drop_max` must be between 0 and 1");
        }
        Ok(())
    }

    /// The SHA-256 of its canonical text: what the officer signs, and what the ledger notes.
    #[must_use]
    pub fn digest(&self) -> Digest {
        Digest::of(self.canonical().as_bytes())
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
        let TrainingVolume { records, records_of_a_round, tokens, steps, steps_of_a_pass } = volume;
        let steps_of_a_pass = steps_of_a_pass.max(1);
        // What leaves may be the adapter of the first measurement on records that were held back here.
        let every =
            if training.evaluate_every_steps == 0 { steps_of_a_pass } else { training.evaluate_every_steps };
        let may_be_earlier =
            training.validation_share > 0.0 && (training.keep_best || training.early_stopping_patience > 0);
        let planned = steps;
        let steps = if may_be_earlier { steps.min(every) } else { steps };
        // A round that is less than a pass has fewer records than the site, and one that may end early yet
        // fewer.
        let share =
            u128::from(records) * u128::from(steps.min(steps_of_a_pass)) / u128::from(steps_of_a_pass);
        let trained_on = records_of_a_round.min(u64::try_from(share).unwrap_or(u64::MAX));
        let most = u64::from(self.epochs_max).saturating_mul(steps_of_a_pass);
        // The last step of a pass is smaller: a step has at least what the others are asked for.
        let nominal = (training.batch_size as u64).saturating_mul(training.gradient_accumulation as u64);
        let mean = records.div_ceil(steps_of_a_pass);
        for (holds, rule) in [
            (trained_on >= self.records_min, PolicyRule::RecordsMin),
            (nominal.max(mean).min(records) >= self.step_records_min, PolicyRule::StepRecordsMin),
            (tokens.div_ceil(steps_of_a_pass) >= self.step_tokens_min, PolicyRule::StepTokensMin),
            (steps >= self.steps_min, PolicyRule::StepsMin),
            (planned <= most, PolicyRule::EpochsMax),
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

    /// Whether so many bytes of an update may leave, after those of the last 24 hours: with the frames that
    /// they leave in.
    #[must_use]
    pub fn has_room_today(&self, sent_bytes: u64, bytes: u64) -> bool {
        let frames = bytes.div_ceil(CHUNK_BYTES_MAX as u64).saturating_mul(CHUNK_FRAME_BYTES_MAX);
        sent_bytes.saturating_add(bytes).saturating_add(frames) <= self.bytes_per_day_max
    }

    /// Whether one more update may be made, after so many in the last 24 hours.
    ///
    /// # Errors
    /// The rule that refuses.
    pub fn permits_one_more(&self, updates_of_a_day: u32) -> Result<(), PolicyRule> {
        if updates_of_a_day < self.updates_per_day_max { Ok(()) } else { Err(PolicyRule::UpdatesPerDayMax) }
    }
}

#[cfg(test)]
mod tests;
