//! From the sections of a run file to the engine's settings. Used by the worker, by training alone and by the
//! coordinator's evaluation child. Invariant: what a run file does not say is what the engine does by default
//! (tested).

use common::id::Round;
use common::run;
use model::train::{Factors, Length, SchedulePart, Work};
use model::{EvaluationSettings, LoadOptions, LoraSettings, TrainSettings};

// A run file cannot ask for an adapter that the engine refuses.
const _: () = assert!(common::limits::ADAPTER_RANK_MAX <= model::limits::LORA_RANK_MAX);
// Both sides mean the same by a millionth of a pass.
const _: () = assert!(run::PASS_MILLIONTHS == model::train::PASS_MILLIONTHS);

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

/// The hyper-parameters of one round of `rounds`. The seed depends on the round, so that whole passes come in
/// another order each time, and on nothing else, so that a repeated round gives the same bytes. Rounds of a
/// fraction or of steps go on in one order, of the run's seed: where one begins follows from its number, so
/// that a site that missed a round, joined later or lost its state is where all the others are. The same
/// holds of its part of a learning-rate schedule over the whole run, and of what the method trains in it.
pub fn of_round(
    training: &run::TrainingSettings,
    method: run::AggregationMethod,
    round: Round,
    rounds: u32,
) -> TrainSettings {
    let before = u64::from(round.0.saturating_sub(1));
    TrainSettings {
        seed: seed_of(training.seed, round),
        work: work(training, before),
        schedule_part: schedule_part(training, before, rounds),
        factors: match method.factors(round, rounds) {
            run::Factors::Both => Factors::Both,
            run::Factors::A => Factors::A,
            run::Factors::B => Factors::B,
        },
        ..self::training(training)
    }
}

/// The part of the schedule that is gone through in a round with `before` rounds of the run behind it.
fn schedule_part(training: &run::TrainingSettings, before: u64, rounds: u32) -> SchedulePart {
    match training.schedule_over {
        run::ScheduleOver::Round => SchedulePart::WHOLE,
        run::ScheduleOver::Run => {
            let earlier = u64::from(training.schedule_rounds_before);
            SchedulePart { before: earlier + before, of: earlier + u64::from(rounds) }
        }
    }
}

/// What a training does of the records after so many of its length.
fn work(training: &run::TrainingSettings, before: u64) -> Work {
    let order_seed = training.seed;
    match training.work() {
        run::LocalWork::Steps(steps) => Work::Stretch { length: Length::Steps(steps), before, order_seed },
        run::LocalWork::Epochs(epochs) => match epochs.as_whole() {
            Some(passes) => Work::Passes(passes),
            None => Work::Stretch { length: Length::Millionths(epochs.millionths()), before, order_seed },
        },
    }
}

/// The hyper-parameters of a training that is no round.
pub fn training(training: &run::TrainingSettings) -> TrainSettings {
    TrainSettings {
        work: work(training, 0),
        batch_size: training.batch_size,
        gradient_accumulation: training.gradient_accumulation,
        batching: match training.batching {
            run::Batching::Shuffled => model::Batching::Shuffled,
            run::Batching::ByLength => model::Batching::ByLength,
            run::Batching::Packed => model::Batching::Packed { capacity_tokens: training.cutoff_tokens },
        },
        learning_rate: training.learning_rate,
        schedule: schedule(training),
        schedule_part: SchedulePart::WHOLE,
        warmup_steps: training.warmup_steps,
        warmup_ratio: training.warmup_ratio,
        weight_decay: training.weight_decay,
        beta1: training.beta1,
        beta2: training.beta2,
        epsilon: training.epsilon,
        max_gradient_norm: training.max_gradient_norm,
        kl_weight: training.kl_weight,
        proximal_mu: training.proximal_mu,
        factors: Factors::Both,
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

    const FEDAVG: run::AggregationMethod = run::AggregationMethod::FedAvg;

    #[test]
    fn rounds_differ_in_their_seed_and_in_nothing_else() {
        let terms = run::TrainingSettings::default();
        let (one, two) = (of_round(&terms, FEDAVG, Round(1), 3), of_round(&terms, FEDAVG, Round(2), 3));
        assert_ne!(one.seed, two.seed);
        assert_eq!(TrainSettings { seed: 0, ..one }, TrainSettings { seed: 0, ..two });
        assert_eq!(of_round(&terms, FEDAVG, Round(1), 3), of_round(&terms, FEDAVG, Round(1), 3));
        let later = run::TrainingSettings { seed: seed_after(terms.seed, 2), ..terms.clone() };
        assert_eq!(
            of_round(&later, FEDAVG, Round(1), 1),
            of_round(&terms, FEDAVG, Round(3), 3),
            "where another stopped"
        );
    }

    #[test]
    fn a_round_trains_what_its_method_trains_in_it() {
        let terms = run::TrainingSettings::default();
        let of = |method, round| of_round(&terms, method, Round(round), 3).factors;
        assert_eq!((of(FEDAVG, 1), of(FEDAVG, 2)), (Factors::Both, Factors::Both));
        let ffa = run::AggregationMethod::Ffa;
        assert_eq!((of(ffa, 1), of(ffa, 2)), (Factors::B, Factors::B));
        let rolora = run::AggregationMethod::RoLora;
        assert_eq!((of(rolora, 1), of(rolora, 2), of(rolora, 3)), (Factors::B, Factors::A, Factors::B));
    }

    #[test]
    fn rounds_of_a_fraction_or_of_steps_go_on_in_one_order_and_whole_ones_as_they_always_did() {
        let of =
            |text: &str, round| of_round(&serde_json::from_str(text).unwrap(), FEDAVG, Round(round), 9).work;
        let stretch = |length, before| Work::Stretch { length, before, order_seed: 9 };
        let quarter = Length::Millionths(250_000);
        assert_eq!(of(r#"{"epochs": 0.25, "seed": 9}"#, 1), stretch(quarter, 0));
        assert_eq!(of(r#"{"epochs": 0.25, "seed": 9}"#, 6), stretch(quarter, 5));
        assert_eq!(of(r#"{"steps": 20, "seed": 9}"#, 3), stretch(Length::Steps(20), 2));
        assert_eq!(of(r#"{"epochs": 2, "seed": 9}"#, 3), Work::Passes(2));
        assert_eq!(of("{}", 3), Work::Passes(1));
    }

    #[test]
    fn a_schedule_over_the_run_is_gone_through_once_and_goes_on_after_a_resumption() {
        let text = r#"{"schedule": "linear", "schedule_over": "run", "learning_rate": 0.1, "seed": 9}"#;
        let terms: run::TrainingSettings = serde_json::from_str(text).unwrap();
        let begins =
            |terms: &_, round, rounds| of_round(terms, FEDAVG, Round(round), rounds).learning_rate_at(0, 10);
        let rates: Vec<f64> = (1..=4).map(|round| begins(&terms, round, 4)).collect();
        for (got, expected) in rates.iter().zip([0.1, 0.075, 0.05, 0.025]) {
            assert!((got - expected).abs() < 1e-12, "{rates:?}");
        }
        let resumed = run::TrainingSettings { schedule_rounds_before: 2, ..terms.clone() };
        assert_eq!(begins(&resumed, 1, 2), begins(&terms, 3, 4));
        assert_eq!(begins(&resumed, 2, 2), begins(&terms, 4, 4));
        let each = run::TrainingSettings { schedule_over: run::ScheduleOver::Round, ..terms };
        assert_eq!(begins(&each, 3, 4), 0.1, "by default each round has its own");
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
            proximal_mu: 0.01,
            neftune_alpha: 5.0,
            warmup_ratio: 0.03,
            early_stopping_patience: 4,
            ..Default::default()
        };
        let settings = training(&terms);
        assert_eq!(settings.batching, model::Batching::Packed { capacity_tokens: 77 });
        assert_eq!(settings.schedule, model::Schedule::Wsd { decay_steps: 0, decay_ratio: 0.25 });
        assert_eq!(settings.warmup_ratio, 0.03);
        assert_eq!((settings.kl_weight, settings.neftune_alpha, settings.proximal_mu), (0.5, 5.0, 0.01));
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
