//! The training itself, inside the locked child. Called by `alone::child`.
//! Invariant: the same job gives the same adapter, also when it was killed and resumed in between.

use std::sync::atomic::AtomicBool;

use model::{BaseModel, TrainData, TrainOutcome, evaluate};
use prepare::{PrepareError, settings};

use super::course::{Course, Say};
use super::job::{Summary, TrainJob, TrainingReport};
use super::out::OutFolder;
use super::samples;
use crate::error::SiteError;
use crate::limits::EVALUATION_BATCH_MAX;

/// Does the job and says how it goes.
///
/// # Errors
/// What is wrong with the records, the model, the start adapter, the checkpoint or the disk; `Pipe`.
pub(super) fn work(job: &TrainJob, stop: &AtomicBool, say: &mut Say<'_>) -> Result<(), SiteError> {
    let (samples, prepared) = samples::of_training(job)?;
    say(&TrainingReport::Prepared(Box::new(prepared)))?;
    let options = settings::load_options(&job.settings.base);
    let base = BaseModel::load_on(&job.model, &options, job.device).map_err(PrepareError::from)?;
    let training = settings::training(&job.settings.training);
    let course = Course { job, base: &base, settings: &training, stop };
    let adapter = course.start().map_err(PrepareError::from)?;
    let folder = OutFolder::begin(job)?;
    let metrics = folder.metrics();
    let mut begun = course.begin(&adapter, &samples.training, folder.checkpoint(), &metrics, say)?;
    if begun.resumed_from == 0 && !samples.validation.is_empty() {
        let measured =
            evaluate(&base, Some(&adapter), &samples.validation, EVALUATION_BATCH_MAX, &mut |_, _| {})
                .map_err(PrepareError::from)?;
        begun.metrics.evaluation(0, &measured, false).map_err(SiteError::at(&metrics))?;
        say(&TrainingReport::Baseline(measured))?;
    }
    let total_steps = begun.total_steps;
    let data = TrainData { samples: &samples.training, validation: &samples.validation };
    let (outcome, elapsed_s) = course.train(adapter, data, begun, say)?;
    if !outcome.finished {
        return say(&TrainingReport::Stopped { step: outcome.steps, total_steps });
    }
    folder.finish(&outcome.adapter, &job.base_name)?;
    say(&TrainingReport::Finished(summary(&outcome, total_steps, training.evaluation.keep_best, elapsed_s)))
}

fn summary(outcome: &TrainOutcome, total_steps: u64, keep_best: bool, elapsed_s: f64) -> Summary {
    Summary {
        steps: outcome.steps,
        total_steps,
        stopped_early: outcome.stopped_early,
        mean_loss: outcome.mean_loss,
        best: outcome.best,
        kept_best: keep_best && outcome.best.is_some(),
        elapsed_s,
        rank: outcome.adapter.settings().rank as u64,
    }
}
