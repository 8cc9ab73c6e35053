//! From the sections of a run file to the engine's settings. Used by the worker, by training alone and by the
//! coordinator's evaluation child. Invariant: what a run file does not say is what the engine does by default
//! (tested).

use common::id::Round;
use common::run;
use model::{EvaluationSettings, LoadOptions, LoraSettings, TrainSettings};

// A run file cannot ask for an adapter that the engine refuses.
const _: () = assert!(common::limits::ADAPTER_RANK_MAX <= model::limits::LORA_RANK_MAX);

/// How the base is held in memory.
pub fn load_options(base: &run::BaseSettings) -> LoadOptions {
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
pub fn lora(adapter: &run::AdapterSettings) -> LoraSettings {
    LoraSettings {
        rank: adapter.rank,
        alpha: adapter.alpha,
        use_rslora: adapter.use_rslora,
        dropout: adapter.dropout,
        target_modules: adapter.target_modules.names(),
    }
}

/// The hyper-parameters of one round. The seed depends on the round, so that records come in another order
/// each time, and on nothing else, so that a repeated round gives the same bytes.
pub fn of_round(training: &run::TrainingSettings, round: Round) -> TrainSettings {
    TrainSettings { seed: seed_of(training.seed, round), ..self::training(training) }
}

/// The hyper-parameters of a training that is no round.
pub fn training(training: &run::TrainingSettings) -> TrainSettings {
    TrainSettings {
        epochs: u64::from(training.epochs),
        batch_size: training.batch_size,
        gradient_accumulation: training.gradient_accumulation,
        batching: match training.batching {
            run::Batching::Shuffled => model::Batching::Shuffled,
            run::Batching::ByLength => model::Batching::ByLength,
            run::Batching::Packed => model::Batching::Packed { capacity_tokens: training.cutoff_tokens },
        },
        learning_rate: training.learning_rate,
        schedule: schedule(training),
        warmup_steps: training.warmup_steps,
        warmup_ratio: training.warmup_ratio,
        weight_decay: training.weight_decay,
        beta1: training.beta1,
        beta2: training.beta2,
        epsilon: training.epsilon,
        max_gradient_norm: training.max_gradient_norm,
        kl_weight: training.kl_weight,
        neftune_alpha: training.neftune_alpha,
        evaluation: EvaluationSettings {
            every_steps: training.evaluate_every_steps,
            patience: training.early_stopping_patience,
            min_delta: training.early_stopping_min_delta,
            keep_best: training.keep_best,
        },
        seed: training.seed,
    }
}

fn schedule(training: &run::TrainingSettings) -> model::Schedule {
    match training.schedule {
        run::Schedule::Constant => model::Schedule::Constant,
        run::Schedule::Linear => model::Schedule::Linear,
        run::Schedule::Cosine => model::Schedule::Cosine,
        run::Schedule::CosineWithRestarts => {
            model::Schedule::CosineWithRestarts { cycles: training.schedule_cycles }
        }
        run::Schedule::Wsd => {
            model::Schedule::Wsd { decay_steps: training.decay_steps, decay_ratio: training.decay_ratio }
        }
    }
}

/// The seed of a run that goes on where another stopped after so many rounds: its first round gets the seed
/// that the next round of the other would have had.
pub fn seed_after(seed: u64, rounds: u32) -> u64 {
    seed_of(seed, Round(rounds))
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
        let (one, two) = (of_round(&terms, Round(1)), of_round(&terms, Round(2)));
        assert_ne!(one.seed, two.seed);
        assert_eq!(TrainSettings { seed: 0, ..one }, TrainSettings { seed: 0, ..two });
        assert_eq!(of_round(&terms, Round(1)), of_round(&terms, Round(1)));
        let later = run::TrainingSettings { seed: seed_after(terms.seed, 2), ..terms.clone() };
        assert_eq!(of_round(&later, Round(1)), of_round(&terms, Round(3)), "where another stopped");
    }

    /// The defaults live twice; a run file that says nothing must mean what the engine does by default.
    #[test]
    fn the_defaults_of_both_sides_agree() {
        let terms = run::TrainingSettings::default();
        assert_eq!(training(&terms), TrainSettings::default());
        let lora = lora(&run::AdapterSettings::default());
        assert_eq!(lora, LoraSettings::all_linear(16, 32.0));
    }

    #[test]
    fn every_schedule_and_every_batching_reaches_the_engine() {
        let terms = run::TrainingSettings {
            batching: run::Batching::Packed,
            cutoff_tokens: 77,
            schedule: run::Schedule::Wsd,
            decay_ratio: 0.25,
            kl_weight: 0.5,
            neftune_alpha: 5.0,
            warmup_ratio: 0.03,
            early_stopping_patience: 4,
            ..Default::default()
        };
        let settings = training(&terms);
        assert_eq!(settings.batching, model::Batching::Packed { capacity_tokens: 77 });
        assert_eq!(settings.schedule, model::Schedule::Wsd { decay_steps: 0, decay_ratio: 0.25 });
        assert_eq!((settings.kl_weight, settings.neftune_alpha, settings.warmup_ratio), (0.5, 5.0, 0.03));
        assert_eq!(settings.evaluation.patience, 4);
        let terms = run::TrainingSettings {
            schedule: run::Schedule::CosineWithRestarts,
            schedule_cycles: 3,
            batching: run::Batching::ByLength,
            ..terms
        };
        assert_eq!(training(&terms).schedule, model::Schedule::CosineWithRestarts { cycles: 3 });
        assert_eq!(training(&terms).batching, model::Batching::ByLength);
    }
}
