//! Trains an adapter on samples: batching, forward, loss, backward, clip, AdamW, checkpoints. Called by the
//! site worker. Invariants: a second run gives the same bytes; so does a run resumed from any of its
//! checkpoints.

mod optimizer;
mod order;
mod packing;
mod report;
mod schedule;
mod settings;
mod state;
mod trainer;
mod watch;
mod work;

use sha2::{Digest, Sha256};

use self::order::SampleOrder;
use self::state::{Header, refused};
use self::watch::Watch;
use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{ModelError, Result};
use crate::evaluate::{evaluate, scorable};
use crate::sample::Sample;

pub use self::order::hold_out;
pub use self::report::StepReport;
pub use self::settings::{Batching, EvaluationSettings, Factors, Schedule, SchedulePart, TrainSettings};
pub use self::state::Checkpoint;
pub use self::trainer::Trainer;
pub use self::watch::{Best, EvaluationReport};
pub use self::work::{Length, PASS_MILLIONTHS, Work};

/// Sequences of one forward pass when a validation set is measured in training: what `batch_size` is by
/// default, so that an evaluation takes less memory than a training step, which also keeps activations.
const EVALUATION_BATCH: usize = 8;

/// What the caller wants after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Return what there is now.
    Stop,
}

/// What a training reads.
#[derive(Debug, Clone, Copy)]
pub struct TrainData<'a> {
    /// What is trained on.
    pub samples: &'a [Sample],
    /// What is only measured; may be empty.
    pub validation: &'a [Sample],
}

impl<'a> TrainData<'a> {
    /// Without a validation set.
    #[must_use]
    pub const fn new(samples: &'a [Sample]) -> Self {
        Self { samples, validation: &[] }
    }
}

/// The result of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOutcome {
    /// The trained adapter: the last one, or of a finished training with `keep_best` and a validation set the
    /// best one.
    pub adapter: Adapter,
    /// Optimiser steps done, including those before a resume.
    pub steps: u64,
    /// Whether it came to its end, early or not (false after [`Control::Stop`]).
    pub finished: bool,
    /// Whether patience ran out before all steps were done.
    pub stopped_early: bool,
    /// The lowest validation loss.
    pub best: Option<Best>,
    /// Mean loss over all supervised tokens of all steps, in nats, including those before a resume.
    pub mean_loss: f64,
    /// All tokens seen.
    pub tokens: u64,
    /// Targets seen.
    pub supervised_tokens: u64,
}

/// How long a training on some samples will be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// Optimiser steps.
    pub steps: u64,
    /// The fewest that a training of this length has, wherever in the order it begins.
    pub steps_min: u64,
    /// The fewest different samples of it: a lower bound.
    pub samples_min: u64,
    /// Optimiser steps of a pass over all samples.
    pub steps_of_a_pass: u64,
    /// Forward passes of it.
    pub forward_passes: u64,
}

/// How long a training on `samples` will be.
///
/// # Errors
/// `Setting`, `NothingSupervised`, as [`train`].
pub fn planned_steps(base: &BaseModel, samples: &[Sample], settings: &TrainSettings) -> Result<Planned> {
    settings.validate()?;
    let order = SampleOrder::new(lengths(&scorable(base, samples)?), settings);
    let steps_of_a_pass = order.steps_per_epoch();
    Ok(Planned {
        steps: order.total_steps(),
        steps_min: settings.work.steps_min(steps_of_a_pass),
        samples_min: order.samples_min(settings.work),
        steps_of_a_pass,
        forward_passes: order.passes_per_epoch() as u64,
    })
}

/// Trains `adapter`. `on_step` is called after each optimiser step, and the evaluation that followed it, with
/// a report and a function that makes a checkpoint of that moment; it decides whether to go on.
///
/// # Errors
/// `Setting`, `NothingSupervised`, `Adapter`, `Resume` before the first step; `Diverged` when a number
/// overflows.
pub fn train(
    base: &BaseModel,
    adapter: Adapter,
    data: TrainData<'_>,
    settings: &TrainSettings,
    resume: Option<Checkpoint>,
    on_step: &mut dyn FnMut(&StepReport, &dyn Fn() -> Checkpoint) -> Control,
) -> Result<TrainOutcome> {
    settings.validate()?;
    let usable = scorable(base, data.samples)?;
    if !data.validation.is_empty() {
        scorable(base, data.validation)?;
    }
    let mut order = SampleOrder::new(lengths(&usable), settings);
    let total_steps = order.total_steps();
    if total_steps == 0 {
        let reason = "so small a share of the samples is less than one step".to_owned();
        return Err(ModelError::Setting { name: "epochs", reason });
    }
    let mut header = Header { training: identity(base, &adapter, data, settings)?, ..Header::default() };
    let mut trainer = Trainer::new(base, adapter, settings, total_steps)?;
    let mut watch = Watch::new(settings.evaluation);
    if let Some(checkpoint) = resume {
        if checkpoint.header.training != header.training || checkpoint.header.step > total_steps {
            return Err(refused("it was made with another base model, adapter, dataset or other settings"));
        }
        checkpoint.restore(&mut trainer, &mut watch)?;
        header = checkpoint.header;
    }
    let mut is_stopped = false;
    while trainer.step < total_steps && !watch.is_over() && !is_stopped {
        let batches: Vec<Vec<&Sample>> = order
            .step(trainer.step)
            .into_iter()
            .map(|batch| batch.into_iter().map(|index| usable[index]).collect())
            .collect();
        let mut report = trainer.step(&batches)?;
        header.count(&report);
        if !data.validation.is_empty()
            && watch.is_due(report.step, total_steps, order.ends_an_epoch(report.step))
        {
            let measured =
                evaluate(base, Some(&trainer.adapter), data.validation, EVALUATION_BATCH, &mut |_, _| {})?;
            report.evaluation = Some(watch.note(report.step, measured, &trainer.adapter));
        }
        let control = on_step(&report, &|| Checkpoint::capture(&trainer, &watch, header));
        is_stopped = control == Control::Stop;
    }
    let finished = trainer.step == total_steps || watch.is_over();
    let best = watch.best();
    let kept = watch.best_adapter.take().filter(|_| finished);
    Ok(TrainOutcome {
        steps: trainer.step,
        finished,
        stopped_early: finished && trainer.step < total_steps,
        best,
        mean_loss: header.mean_loss(),
        tokens: header.tokens,
        supervised_tokens: header.supervised_tokens,
        adapter: kept.unwrap_or_else(|| trainer.into_adapter()),
    })
}

fn lengths(samples: &[&Sample]) -> Vec<usize> {
    samples.iter().map(|sample| sample.input_tokens()).collect()
}

/// SHA-256 over everything that determines a training: a checkpoint of one cannot continue another.
fn identity(
    base: &BaseModel,
    adapter: &Adapter,
    data: TrainData<'_>,
    settings: &TrainSettings,
) -> Result<[u8; 32]> {
    let text = serde_json::to_vec(&(settings, adapter.settings()))
        .map_err(|error| ModelError::Internal { reason: error.to_string() })?;
    let mut hash = Sha256::new();
    hash.update(b"training/2\0");
    hash.update(base.fingerprint());
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(&text);
    hash.update(Sha256::digest(adapter.to_safetensors()?));
    for samples in [data.samples, data.validation] {
        hash.update((samples.len() as u64).to_le_bytes());
        for sample in samples {
            hash.update((sample.tokens.len() as u64).to_le_bytes());
            for (token, wanted) in sample.tokens.iter().zip(&sample.supervised) {
                hash.update(token.to_le_bytes());
                hash.update([u8::from(*wanted)]);
            }
        }
    }
    Ok(hash.finalize().into())
}
