//! The training itself, inside the locked child. Called by `alone::child`.
//! Invariant: the same job gives the same adapter, also when it was killed and resumed in between.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::chat::Document;
use model::train::planned_steps;
use model::{
    Adapter, BaseModel, Checkpoint, Control, ModelError, StepReport, TrainData, TrainOutcome, evaluate,
    load_peft,
};
use prepare::fitting::{Fitting, cutoff_within};
use prepare::samples::{SampleSettings, Samples, of_documents};
use prepare::{PrepareError, settings};

use super::job::{Prepared, Summary, TrainJob, TrainingReport};
use super::out::OutFolder;
use super::records;
use crate::error::SiteError;
use crate::worker::train::after_step::{AfterStep, Watch};
use crate::worker::train::metrics::Metrics;

/// Sequences of one forward pass of the measurement before the first step.
const BASELINE_BATCH: usize = 8;

type Say<'a> = dyn FnMut(&TrainingReport) -> Result<(), SiteError> + 'a;

/// Does the job and says how it goes.
///
/// # Errors
/// What is wrong with the records, the model, the start adapter, the checkpoint or the disk; `Pipe`.
pub(super) fn work(job: &TrainJob, stop: &AtomicBool, say: &mut Say<'_>) -> Result<(), SiteError> {
    let (samples, prepared) = samples(job)?;
    say(&TrainingReport::Prepared(Box::new(prepared)))?;
    let options = settings::load_options(&job.settings.base);
    let base = BaseModel::load_on(&job.model, &options, job.device).map_err(PrepareError::from)?;
    let adapter = start(job, &base).map_err(PrepareError::from)?;
    let training = settings::training(&job.settings.training);
    let folder = OutFolder::begin(job)?;
    let checkpoint = folder.checkpoint();
    let resume = if job.resume { checkpoint.read().map_err(PrepareError::from)? } else { None };
    let resumed_from = resume.as_ref().map_or(0, Checkpoint::step);
    let planned = planned_steps(&base, &samples.training, &training).map_err(PrepareError::from)?;
    let (total_steps, passes) = (planned.steps, planned.forward_passes);
    let lora = adapter.settings();
    let (rank, alpha) = (lora.rank as u64, lora.alpha);
    let parameters = adapter.pairs().map(|(_, _, pair)| (pair.a.len() + pair.b.len()) as u64).sum();
    say(&TrainingReport::Ready { total_steps, passes, resumed_from, parameters, rank, alpha })?;
    let metrics_path: PathBuf = folder.metrics();
    let mut metrics = Metrics::open(&metrics_path, resumed_from).map_err(SiteError::at(&metrics_path))?;
    if resumed_from == 0 && !samples.validation.is_empty() {
        let measured = evaluate(&base, Some(&adapter), &samples.validation, BASELINE_BATCH, &mut |_, _| {})
            .map_err(PrepareError::from)?;
        metrics.evaluation(0, &measured, false).map_err(SiteError::at(&metrics_path))?;
        say(&TrainingReport::Baseline(measured))?;
    }
    let mut watch = CommandWatch { stop, say, failure: None };
    let interval = Duration::from_secs(job.checkpoint_interval_s);
    let mut after = AfterStep::new(checkpoint, Some(metrics), interval, &mut watch);
    let data = TrainData { samples: &samples.training, validation: &samples.validation };
    let outcome =
        model::train(&base, adapter, data, &training, resume, &mut |report, save| after.step(report, save))
            .map_err(PrepareError::from)?;
    let elapsed_s = after.elapsed_s();
    if let Some(failure) = watch.failure {
        return Err(failure);
    }
    if !outcome.finished {
        return say(&TrainingReport::Stopped { step: outcome.steps, total_steps });
    }
    folder.finish(&outcome.adapter, &job.base_name)?;
    say(&TrainingReport::Finished(summary(&outcome, total_steps, training.evaluation.keep_best, elapsed_s)))
}

fn samples(job: &TrainJob) -> Result<(Samples, Prepared), SiteError> {
    let training = &job.settings.training;
    let cutoff_tokens = cutoff_within(&job.model, training.cutoff_tokens).map_err(PrepareError::from)?;
    let fitting = Fitting::of(&job.model, Some(cutoff_tokens)).map_err(PrepareError::from)?;
    // Files to measure on replace the share that would be held out.
    let share = if job.validation.is_empty() { training.validation_share } else { 0.0 };
    let read = records::read(job, fitting.fit());
    if let Some(fault) = fitting.fault() {
        return Err(PrepareError::from(fault).into());
    }
    let read = read.map_err(PrepareError::from)?;
    let prepare = |documents: &[Document], share: f64| {
        of_documents(
            documents,
            &job.model,
            SampleSettings { cutoff_tokens, validation_share: share, seed: training.seed },
        )
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
        cutoff_tokens: cutoff_tokens as u64,
        left_out: read.left_out,
        left_out_total: read.left_out_total,
        outdated: read.outdated,
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

/// Tells the command of each step, and stops when it asks for it or is gone.
struct CommandWatch<'a, 'b> {
    stop: &'a AtomicBool,
    say: &'a mut Say<'b>,
    /// Why training cannot go on: the command is gone.
    failure: Option<SiteError>,
}

impl CommandWatch<'_, '_> {
    fn tell(&mut self, report: &TrainingReport) {
        if self.failure.is_none() {
            self.failure = (self.say)(report).err();
        }
    }
}

impl Watch for CommandWatch<'_, '_> {
    fn step(&mut self, report: &StepReport) -> Control {
        self.tell(&TrainingReport::Step(*report));
        let stop = self.failure.is_some() || self.stop.load(Ordering::SeqCst);
        if stop { Control::Stop } else { Control::Continue }
    }

    fn warn(&mut self, warning: &str) {
        self.tell(&TrainingReport::Warning(warning.to_owned()));
    }

    fn will_go_on(&self) -> bool {
        true
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
