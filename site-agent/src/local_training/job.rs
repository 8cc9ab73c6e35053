//! The training itself, inside the locked child. Called by `run_child`.
//! Invariant: the same job gives the same adapter, also when it was killed and resumed in between.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use model::chat::Document;
use model::train::planned_steps;
use model::{
    Adapter, BaseModel, Checkpoint, Control, ModelError, StepReport, TrainData, TrainOutcome, evaluate,
    load_peft,
};

use super::{FromTrainer, OutFolder, Prepared, Summary, TrainJob, at, data_error, model_error};
use crate::error::SiteError;
use crate::train::checkpoint::CheckpointFile;
use crate::train::metrics::Metrics;
use crate::train::samples::{self, Samples};
use crate::train::settings;

/// Sequences of one forward pass of the measurement before the first step.
const BASELINE_BATCH: usize = 8;

type Say<'a> = dyn FnMut(&FromTrainer) -> Result<(), SiteError> + 'a;

/// Does the job and says how it goes.
///
/// # Errors
/// What is wrong with the records, the model, the start adapter, the checkpoint or the disk; `Pipe`.
pub(super) fn work(job: &TrainJob, stop: &AtomicBool, say: &mut Say<'_>) -> Result<(), SiteError> {
    let (samples, prepared) = samples(job)?;
    say(&FromTrainer::Prepared(Box::new(prepared)))?;
    let options = settings::load_options(&job.settings.base);
    let base = BaseModel::load_on(&job.model, &options, job.device).map_err(model_error)?;
    let adapter = start(job, &base).map_err(model_error)?;
    let training = settings::training(&job.settings.training);
    let folder = OutFolder::begin(job)?;
    let checkpoint = folder.checkpoint();
    let resume = if job.resume { checkpoint.read().map_err(model_error)? } else { None };
    let resumed_from = resume.as_ref().map_or(0, Checkpoint::step);
    let (total_steps, passes) = planned_steps(&base, &samples.training, &training).map_err(model_error)?;
    let lora = adapter.settings();
    let (rank, alpha) = (lora.rank as u64, lora.alpha);
    let parameters = adapter.pairs().map(|(_, _, pair)| (pair.a.len() + pair.b.len()) as u64).sum();
    say(&FromTrainer::Ready { total_steps, passes, resumed_from, parameters, rank, alpha })?;
    let mut metrics = Metrics::open(&folder.metrics(), resumed_from).map_err(at(&folder.metrics()))?;
    if resumed_from == 0 && !samples.validation.is_empty() {
        let measured = evaluate(&base, Some(&adapter), &samples.validation, BASELINE_BATCH, &mut |_, _| {})
            .map_err(model_error)?;
        metrics.evaluation(0, &measured, false).map_err(at(&folder.metrics()))?;
        say(&FromTrainer::Baseline(measured))?;
    }
    let mut steps = Steps {
        stop,
        say,
        checkpoint,
        metrics,
        saved: Instant::now(),
        interval: Duration::from_secs(job.checkpoint_interval_s),
        failure: None,
    };
    let data = TrainData { samples: &samples.training, validation: &samples.validation };
    let outcome =
        model::train(&base, adapter, data, &training, resume, &mut |report, save| steps.after(report, save))
            .map_err(model_error)?;
    if let Some(failure) = steps.failure {
        return Err(failure);
    }
    let elapsed_s = steps.metrics.elapsed_s();
    if !outcome.finished {
        return say(&FromTrainer::Stopped { step: outcome.steps, total_steps });
    }
    folder.finish(&outcome.adapter, &job.base_name)?;
    say(&FromTrainer::Finished(summary(&outcome, total_steps, training.evaluation.keep_best, elapsed_s)))
}

fn samples(job: &TrainJob) -> Result<(Samples, Prepared), SiteError> {
    let training = &job.settings.training;
    let cutoff = training.cutoff_tokens;
    // Files to measure on replace the share that would be held out.
    let share = if job.validation.is_empty() { training.validation_share } else { 0.0 };
    let read = samples::read_local(job).map_err(data_error)?;
    let prepare = |documents: &[Document], share: f64| {
        samples::prepare(documents, &job.model, cutoff, (share, training.seed)).map_err(model_error)
    };
    let mut samples = prepare(&read.training, share)?;
    let mut validation_report = None;
    if !job.validation.is_empty() {
        let prepared = prepare(&read.validation, 0.0)?;
        samples.validation = prepared.training;
        validation_report = Some(prepared.report);
    }
    let prepared = Prepared {
        report: samples.report,
        validation_report,
        training: samples.training.len() as u64,
        validation: samples.validation.len() as u64,
        left_out: read.left_out,
        left_out_total: read.left_out_total,
    };
    Ok((samples, prepared))
}

/// The adapter before the first step: a new one, or the one of a PEFT folder with that folder's own settings.
fn start(job: &TrainJob, base: &BaseModel) -> Result<Adapter, ModelError> {
    match &job.start {
        Some(folder) => load_peft(folder, base.config()),
        None => {
            let lora = settings::lora(&job.settings.adapter);
            Adapter::init(base.config(), &lora, job.settings.training.seed)
        }
    }
}

/// What happens after each step.
struct Steps<'a, 'b> {
    stop: &'a AtomicBool,
    say: &'a mut Say<'b>,
    checkpoint: CheckpointFile,
    metrics: Metrics,
    saved: Instant,
    interval: Duration,
    /// Why training cannot go on: the command is gone.
    failure: Option<SiteError>,
}

impl Steps<'_, '_> {
    fn after(&mut self, report: &StepReport, save: &dyn Fn() -> Checkpoint) -> Control {
        let mut result = (self.say)(&FromTrainer::Step(*report));
        if let (Ok(()), Err(error)) = (&result, self.metrics.step(report)) {
            result = (self.say)(&FromTrainer::Warning(format!("the metrics cannot be written: {error}")));
        }
        let is_stopping = self.stop.load(Ordering::SeqCst);
        let is_last = report.step == report.total_steps;
        if is_stopping || (self.saved.elapsed() >= self.interval && !is_last) {
            self.saved = Instant::now();
            if let (Ok(()), Err(error)) = (&result, self.checkpoint.write(&save())) {
                result = (self.say)(&FromTrainer::Warning(format!("no checkpoint can be written: {error}")));
            }
        }
        self.failure = result.err();
        if is_stopping || self.failure.is_some() { Control::Stop } else { Control::Continue }
    }
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
