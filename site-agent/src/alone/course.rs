//! One training from its first step, or its last checkpoint, to its end, and how it is told. Called by
//! `training` and, for each fold, by `folds`. Invariant: it stops at the next step when the command asks for
//! it or is gone, and leaves a checkpoint then.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use model::train::planned_steps;
use model::{
    Adapter, BaseModel, Checkpoint, Control, ModelError, Sample, StepReport, TrainData, TrainOutcome,
    TrainSettings, load_peft,
};
use prepare::{PrepareError, settings};

use super::job::{TrainJob, TrainingReport};
use crate::error::SiteError;
use crate::worker::train::after_step::{AfterStep, Watch};
use crate::worker::train::checkpoint::CheckpointFile;
use crate::worker::train::metrics::Metrics;

/// How the command hears of it.
pub(super) type Say<'a> = dyn FnMut(&TrainingReport) -> Result<(), SiteError> + 'a;

/// What a training goes by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Course<'a> {
    pub(super) job: &'a TrainJob,
    pub(super) base: &'a BaseModel,
    pub(super) settings: &'a TrainSettings,
    pub(super) stop: &'a AtomicBool,
}

/// A training that can begin: what a checkpoint says, and its files.
pub(super) struct Begun {
    checkpoint: CheckpointFile,
    resume: Option<Checkpoint>,
    /// Its rows so far.
    pub(super) metrics: Metrics,
    /// Steps that are done.
    pub(super) resumed_from: u64,
    /// Steps of the whole.
    pub(super) total_steps: u64,
}

impl Course<'_> {
    /// The adapter before the first step: a new one, or the one of a PEFT folder with that folder's own
    /// settings.
    ///
    /// # Errors
    /// `Adapter` and what reading the folder may fail with.
    pub(super) fn start(&self) -> Result<Adapter, ModelError> {
        match &self.job.start {
            Some(folder) => load_peft(folder, self.base.config()),
            None => {
                let lora = settings::lora(&self.job.settings.adapter);
                Adapter::init(self.base.config(), &lora, self.job.settings.training.seed)
            }
        }
    }

    /// Looks for a checkpoint, opens the metrics, and says how long it will be.
    ///
    /// # Errors
    /// A checkpoint that is damaged, files that cannot be written, settings that do not fit the samples.
    pub(super) fn begin(
        &self,
        adapter: &Adapter,
        samples: &[Sample],
        checkpoint: CheckpointFile,
        metrics: &Path,
        say: &mut Say<'_>,
    ) -> Result<Begun, SiteError> {
        let resume = if self.job.resume { checkpoint.read().map_err(PrepareError::from)? } else { None };
        let resumed_from = resume.as_ref().map_or(0, Checkpoint::step);
        let planned = planned_steps(self.base, samples, self.settings).map_err(PrepareError::from)?;
        let (total_steps, passes) = (planned.steps, planned.forward_passes);
        let lora = adapter.settings();
        let (rank, alpha) = (lora.rank as u64, lora.alpha);
        let parameters = adapter.pairs().map(|(_, _, pair)| (pair.a.len() + pair.b.len()) as u64).sum();
        say(&TrainingReport::Ready { total_steps, passes, resumed_from, parameters, rank, alpha })?;
        let metrics = Metrics::open(metrics, resumed_from).map_err(SiteError::at(metrics))?;
        Ok(Begun { checkpoint, resume, metrics, resumed_from, total_steps })
    }

    /// Trains to the end, or until it is stopped; with the seconds it took, those before a resume included.
    ///
    /// # Errors
    /// A checkpoint of another training, a number that overflows; `Pipe` when the command is gone.
    pub(super) fn train(
        &self,
        adapter: Adapter,
        data: TrainData<'_>,
        begun: Begun,
        say: &mut Say<'_>,
    ) -> Result<(TrainOutcome, f64), SiteError> {
        let mut watch = CommandWatch { stop: self.stop, say, failure: None };
        let interval = Duration::from_secs(self.job.checkpoint_interval_s);
        let mut after = AfterStep::new(begun.checkpoint, Some(begun.metrics), interval, &mut watch);
        let on_step = &mut |report: &StepReport, save: &dyn Fn() -> Checkpoint| after.step(report, save);
        let outcome = model::train(self.base, adapter, data, self.settings, begun.resume, on_step)
            .map_err(PrepareError::from)?;
        let elapsed_s = after.elapsed_s();
        match watch.failure {
            Some(failure) => Err(failure),
            None => Ok((outcome, elapsed_s)),
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
