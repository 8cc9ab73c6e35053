//! Reproducibility on the fixture: a second run, a resumed run, and refusals.

use model::train::Work;
use model::{
    Adapter, BaseModel, Batching, Checkpoint, Compute, Control, EvaluationSettings, LoraSettings, ModelError,
    Sample, Schedule, TrainData, TrainOutcome, TrainSettings, WeightFormat, train,
};

use crate::folder::Folder;

fn settings() -> TrainSettings {
    TrainSettings {
        work: Work::Passes(2),
        batch_size: 3,
        gradient_accumulation: 2,
        learning_rate: 1e-2,
        schedule: Schedule::Cosine,
        warmup_steps: 2,
        ..Default::default()
    }
}

/// 24 sequences of different lengths, one of them without a target.
fn samples(folder: &Folder) -> Vec<Sample> {
    let mut samples: Vec<Sample> = folder.steps().concat();
    for (index, sample) in samples.iter_mut().enumerate() {
        sample.truncate(sample.tokens.len() - index % 7);
    }
    samples[5].supervised.fill(false);
    samples
}

fn start(base: &BaseModel, dropout: f64) -> Adapter {
    let settings = LoraSettings { dropout, ..LoraSettings::all_linear(4, 8.0) };
    Adapter::init(base.config(), &settings, 3).unwrap()
}

/// Trains until step `stop`, from a checkpoint if there is one; returns the last checkpoint's bytes too.
fn run(
    base: &BaseModel,
    dropout: f64,
    samples: &[Sample],
    resume: Option<&[u8]>,
    stop: u64,
) -> Result<(TrainOutcome, Vec<u8>), ModelError> {
    let resume = resume.map(Checkpoint::from_bytes).transpose()?;
    let mut bytes = Vec::new();
    let outcome = train(
        base,
        start(base, dropout),
        TrainData::new(samples),
        &settings(),
        resume,
        &mut |report, checkpoint| {
            bytes = checkpoint().to_bytes().unwrap();
            if report.step == stop { Control::Stop } else { Control::Continue }
        },
    )?;
    Ok((outcome, bytes))
}

#[test]
fn a_second_run_and_a_resumed_run_give_the_same_bytes() {
    let folder = Folder::fixture();
    let samples = samples(&folder);
    for (dropout, compute) in [(0.0, Compute::F32), (0.1, Compute::F32), (0.1, Compute::Bf16)] {
        let base = folder.base_computing("model", WeightFormat::Nf4, compute);
        let (whole, _) = run(&base, dropout, &samples, None, 0).unwrap();
        // 23 usable samples, 6 a step: 4 steps an epoch, the last with a short batch.
        assert_eq!((whole.steps, whole.finished), (8, true));
        let expected = whole.adapter.to_safetensors().unwrap();
        assert_eq!(run(&base, dropout, &samples, None, 0).unwrap().0, whole, "a second run");
        // Step 3 lies in the middle of the first epoch, 4 between the epochs, 6 in the second.
        for stop in [3, 4, 6] {
            let (part, bytes) = run(&base, dropout, &samples, None, stop).unwrap();
            assert_eq!((part.steps, part.finished), (stop, false));
            let (resumed, _) = run(&base, dropout, &samples, Some(&bytes), 0).unwrap();
            assert_eq!(resumed.adapter.to_safetensors().unwrap(), expected, "resumed after {stop}");
            assert_eq!(resumed, whole);
        }
    }
}

/// Every feature at once.
fn everything() -> TrainSettings {
    TrainSettings {
        batch_size: 1,
        batching: Batching::Packed { capacity_tokens: 48 },
        schedule: Schedule::Wsd { decay_steps: 0, decay_ratio: 0.4 },
        warmup_ratio: 0.1,
        kl_weight: 0.3,
        proximal_mu: 0.2,
        neftune_alpha: 5.0,
        evaluation: EvaluationSettings { every_steps: 2, ..Default::default() },
        ..settings()
    }
}

/// Trains as `run`, on the first samples and watching the last; returns each step's checkpoint.
fn run_watched(
    base: &BaseModel,
    settings: &TrainSettings,
    samples: &[Sample],
    resume: Option<&[u8]>,
    stop: u64,
) -> (TrainOutcome, Vec<Vec<u8>>) {
    let (samples, validation) = samples.split_at(18);
    let resume = resume.map(|bytes| Checkpoint::from_bytes(bytes).unwrap());
    let mut checkpoints = Vec::new();
    let data = TrainData { samples, validation };
    let outcome = train(base, start(base, 0.1), data, settings, resume, &mut |report, checkpoint| {
        checkpoints.push(checkpoint().to_bytes().unwrap());
        if report.step == stop { Control::Stop } else { Control::Continue }
    });
    (outcome.unwrap(), checkpoints)
}

#[test]
fn with_every_feature_on_a_resumed_run_gives_the_same_bytes() {
    let folder = Folder::fixture();
    let samples = samples(&folder);
    let base = folder.base_computing("model", WeightFormat::Nf4, Compute::Bf16);
    let impatient = EvaluationSettings { every_steps: 1, patience: 2, min_delta: 1e9, keep_best: true };
    for (name, settings) in [
        ("everything", everything()),
        ("by length", TrainSettings { batching: Batching::ByLength, ..everything() }),
        ("stopped early", TrainSettings { evaluation: impatient, ..everything() }),
    ] {
        let (whole, checkpoints) = run_watched(&base, &settings, &samples, None, 0);
        assert!(whole.finished && whole.best.is_some(), "{name}");
        assert_eq!(whole.stopped_early, name == "stopped early");
        assert_eq!(run_watched(&base, &settings, &samples, None, 0).0, whole, "{name}: a second run");
        let steps = whole.steps;
        assert_eq!(checkpoints.len() as u64, steps, "{name}");
        for stop in 1..=steps {
            let checkpoint = &checkpoints[stop as usize - 1];
            let (resumed, rest) = run_watched(&base, &settings, &samples, Some(checkpoint), 0);
            assert_eq!(resumed, whole, "{name}: resumed after {stop}");
            assert_eq!(rest, checkpoints[stop as usize..], "{name}: every later checkpoint too");
        }
        let (part, _) = run_watched(&base, &settings, &samples, None, 1);
        assert_eq!((part.steps, part.finished), (1, false));
    }
}

#[test]
fn the_outcome_is_the_adapter_with_the_lowest_validation_loss() {
    let folder = Folder::fixture();
    let samples = samples(&folder);
    let base = folder.base("model", WeightFormat::F32);
    // A rate at which it soon gets worse on what it has not seen.
    let evaluation = EvaluationSettings { every_steps: 1, ..Default::default() };
    let settings = TrainSettings {
        work: Work::Passes(4),
        learning_rate: 0.1,
        schedule: Schedule::Constant,
        warmup_steps: 0,
        evaluation,
        ..settings()
    };
    let loss =
        |adapter| model::evaluate(&base, Some(adapter), &samples[18..], 8, &mut |_, _| {}).unwrap().loss;
    let (best, _) = run_watched(&base, &settings, &samples, None, 0);
    let found = best.best.unwrap();
    assert!(found.step < best.steps, "best after step {} of {}", found.step, best.steps);
    assert_eq!(loss(&best.adapter), found.loss);
    let last = EvaluationSettings { keep_best: false, ..evaluation };
    let (last, _) = run_watched(&base, &TrainSettings { evaluation: last, ..settings }, &samples, None, 0);
    assert_eq!(last.best, best.best);
    assert!(loss(&last.adapter) > found.loss);
}

#[test]
fn packed_sorted_and_accumulated_epochs_give_the_same_update() {
    let folder = Folder::fixture();
    let samples = samples(&folder);
    let base = folder.base("model", WeightFormat::F32);
    // One step is the whole epoch. A large epsilon makes the update proportional to the gradient, so that
    // rounding in a tiny gradient does not become a whole step of AdamW.
    let update = |batching: Batching, batch_size: usize| {
        let settings = TrainSettings {
            work: Work::Passes(1),
            batch_size,
            gradient_accumulation: 24usize.div_ceil(batch_size),
            batching,
            learning_rate: 10.0,
            schedule: Schedule::Constant,
            epsilon: 1.0,
            warmup_steps: 0,
            ..settings()
        };
        let mut reports = Vec::new();
        let outcome =
            train(&base, start(&base, 0.0), TrainData::new(&samples), &settings, None, &mut |report, _| {
                reports.push(*report);
                Control::Continue
            });
        assert_eq!(reports.len(), 1);
        (outcome.unwrap().adapter, reports[0])
    };
    let (adapter, report) = update(Batching::Shuffled, 24);
    for (batching, batch_size) in [
        (Batching::Shuffled, 1),
        (Batching::ByLength, 5),
        (Batching::Packed { capacity_tokens: 64 }, 1),
        (Batching::Packed { capacity_tokens: 40 }, 3),
    ] {
        let (other, other_report) = update(batching, batch_size);
        assert_eq!(other_report.supervised_tokens, report.supervised_tokens);
        assert!((other_report.loss / report.loss - 1.0).abs() < 1e-6, "{batching:?}");
        assert!((other_report.gradient_norm / report.gradient_norm - 1.0).abs() < 1e-5, "{batching:?}");
        let mut moved = 0.0_f32;
        for ((_, _, one), (_, _, two)) in adapter.pairs().zip(other.pairs()) {
            moved = one.b.iter().fold(moved, |most, value| most.max(value.abs()));
            for (a, b) in one.a.iter().chain(&one.b).zip(two.a.iter().chain(&two.b)) {
                assert!((a - b).abs() < 1e-5, "{batching:?}: {a} {b}");
            }
        }
        assert!(moved > 1e-2, "the update is large beside the tolerance: {moved}");
    }
}

#[test]
fn a_penalised_training_stays_closer_to_the_base_model() {
    let folder = Folder::fixture();
    let samples = samples(&folder);
    let base = folder.base("model", WeightFormat::F32);
    let divergences = |kl_weight: f64| {
        let settings = TrainSettings { kl_weight, ..settings() };
        let mut seen = Vec::new();
        let outcome =
            train(&base, start(&base, 0.0), TrainData::new(&samples), &settings, None, &mut |report, _| {
                seen.push(report.divergence.unwrap());
                Control::Continue
            });
        outcome.unwrap();
        seen
    };
    let (weak, strong) = (divergences(1e-6), divergences(100.0));
    assert_eq!((weak[0], strong[0]), (0.0, 0.0), "a new adapter is the base model");
    let last = weak.len() - 1;
    assert!(weak[last] > 1e-3 && strong[last] < 0.5 * weak[last], "{weak:?} {strong:?}");
}

#[test]
fn dropout_changes_training_but_not_evaluation_and_the_loss_falls() {
    let folder = Folder::fixture();
    let base = folder.base("model", WeightFormat::F32);
    let samples = samples(&folder);
    let plain = run(&base, 0.0, &samples, None, 0).unwrap().0;
    let dropped = run(&base, 0.2, &samples, None, 0).unwrap().0;
    assert_ne!(plain.adapter.to_safetensors().unwrap(), dropped.adapter.to_safetensors().unwrap());
    let loss = |adapter| model::evaluate(&base, adapter, &samples, 4, &mut |_, _| {}).unwrap().loss;
    assert!(loss(Some(&plain.adapter)) < loss(None) - 0.1, "it learns its samples");
    assert!(loss(Some(&dropped.adapter)) < loss(None) - 0.1, "it learns its samples");
    assert_eq!(loss(Some(&start(&base, 0.0))), loss(Some(&start(&base, 0.9))));
}

#[test]
fn foreign_and_damaged_checkpoints_are_refused() {
    let folder = Folder::fixture();
    let base = folder.base("model", WeightFormat::F32);
    let mut samples = samples(&folder);
    let (_, bytes) = run(&base, 0.0, &samples, None, 2).unwrap();
    let refused = |result: Result<(TrainOutcome, Vec<u8>), ModelError>| {
        assert!(matches!(result.unwrap_err(), ModelError::Resume { .. }));
    };
    for length in [0, 10, 40, bytes.len() - 1] {
        refused(run(&base, 0.0, &samples, Some(&bytes[..length]), 0));
    }
    let mut flipped = bytes.clone();
    flipped[bytes.len() / 2] ^= 1;
    refused(run(&base, 0.0, &samples, Some(&flipped), 0));
    refused(run(&base, 0.1, &samples, Some(&bytes), 0));
    refused(run(&folder.base("model", WeightFormat::Nf4), 0.0, &samples, Some(&bytes), 0));
    samples[0].supervised[8] ^= true;
    refused(run(&base, 0.0, &samples, Some(&bytes), 0));
}
