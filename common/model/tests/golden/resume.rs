//! Reproducibility on the fixture: a second run, a resumed run, and refusals.

use crate::folder::Folder;
use model::{
    Adapter, BaseModel, Checkpoint, Compute, Control, LoraSettings, ModelError, Sample, Schedule,
    TrainOutcome, TrainSettings, WeightFormat, train,
};

fn settings() -> TrainSettings {
    TrainSettings {
        epochs: 2,
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
    let outcome =
        train(base, start(base, dropout), samples, &settings(), resume, &mut |report, checkpoint| {
            bytes = checkpoint().to_bytes().unwrap();
            if report.step == stop { Control::Stop } else { Control::Continue }
        })?;
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
