//! From the run's terms to the model crate's types. The two sides do not know each other; this is the only bridge.

use common::id::Round;
use common::run;
use model::{LoadOptions, LoraSettings, TrainSettings};

/// How the base is held in memory.
pub(super) fn load_options(base: &run::BaseSettings) -> LoadOptions {
    LoadOptions {
        weights: match base.weights {
            run::WeightFormat::Nf4 => model::WeightFormat::Nf4,
            run::WeightFormat::F32 => model::WeightFormat::F32,
        },
        compute: match base.compute {
            run::Compute::F32 => model::Compute::F32,
            run::Compute::Bf16 => model::Compute::Bf16,
        },
    }
}

/// The adapter's shape.
pub(super) fn lora(adapter: &run::AdapterSettings) -> LoraSettings {
    LoraSettings {
        rank: adapter.rank,
        alpha: adapter.alpha,
        dropout: adapter.dropout,
        target_modules: adapter.target_modules.names(),
    }
}

/// The hyper-parameters of one round. The seed depends on the round, so that records come in another order each time,
/// and on nothing else, so that a repeated round gives the same bytes.
pub(super) fn training(training: &run::TrainingSettings, round: Round) -> TrainSettings {
    TrainSettings {
        epochs: u64::from(training.epochs),
        batch_size: training.batch_size,
        gradient_accumulation: training.gradient_accumulation,
        learning_rate: training.learning_rate,
        schedule: match training.schedule {
            run::Schedule::Constant => model::Schedule::Constant,
            run::Schedule::Linear => model::Schedule::Linear,
            run::Schedule::Cosine => model::Schedule::Cosine,
        },
        warmup_steps: training.warmup_steps,
        weight_decay: training.weight_decay,
        beta1: training.beta1,
        beta2: training.beta2,
        epsilon: training.epsilon,
        max_gradient_norm: training.max_gradient_norm,
        seed: seed_of(training.seed, round),
    }
}

/// Consecutive rounds get far-apart seeds (a step of the SplitMix64 sequence, Steele et al. 2014).
fn seed_of(seed: u64, round: Round) -> u64 {
    const GOLDEN_GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;
    seed.wrapping_add(GOLDEN_GAMMA.wrapping_mul(u64::from(round.0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_differ_in_their_seed_and_in_nothing_else() {
        let terms = run::TrainingSettings::default();
        let (one, two) = (training(&terms, Round(1)), training(&terms, Round(2)));
        assert_ne!(one.seed, two.seed);
        assert_eq!(TrainSettings { seed: 0, ..one }, TrainSettings { seed: 0, ..two });
        assert_eq!(training(&terms, Round(1)), training(&terms, Round(1)));
    }
}
