//! What happens after each optimiser step of any training, in a round and at one site alone: the step is
//! reported, its metrics are written, and a checkpoint is saved when one is due or training is about to stop.
//!
//! Called by `worker::train` and `alone::course`. Invariants: metrics are written before the checkpoint, so
//! that a resumed training has every row; nothing that cannot be written ends a training.

use std::time::{Duration, Instant};

use model::{Checkpoint, Control, StepReport};

use super::checkpoint::CheckpointFile;
use super::metrics::Metrics;

/// Who follows a training.
pub trait Watch {
    /// Hears of a step; says whether to go on.
    fn step(&mut self, report: &StepReport) -> Control;
    /// Hears of a file that cannot be written; training goes on without it.
    fn warn(&mut self, warning: &str);
    /// Whether training that was stopped will be continued: only then is a checkpoint of any use.
    fn will_go_on(&self) -> bool;
}

/// The state between two steps.
pub(crate) struct AfterStep<'a> {
    checkpoint: CheckpointFile,
    metrics: Option<Metrics>,
    /// Whether the last row could not be written: said once, and tried again with the next.
    metrics_are_broken: bool,
    saved: Instant,
    interval: Duration,
    watch: &'a mut dyn Watch,
}

impl<'a> AfterStep<'a> {
    /// Before the first step. Without `metrics` none are written.
    pub(crate) fn new(
        checkpoint: CheckpointFile,
        metrics: Option<Metrics>,
        interval: Duration,
        watch: &'a mut dyn Watch,
    ) -> Self {
        Self { checkpoint, metrics, metrics_are_broken: false, saved: Instant::now(), interval, watch }
    }

    /// After a step; `save` makes a checkpoint of the state after it.
    pub(crate) fn step(&mut self, report: &StepReport, save: &dyn Fn() -> Checkpoint) -> Control {
        let control = self.watch.step(report);
        let written = self.metrics.as_mut().map_or(Ok(()), |metrics| metrics.step(report));
        if let (Err(error), false) = (&written, self.metrics_are_broken) {
            self.watch.warn(&format!("the metrics cannot be written: {error}"));
        }
        self.metrics_are_broken = written.is_err();
        let is_last = report.step == report.total_steps;
        let is_asked = control == Control::Stop && self.watch.will_go_on();
        let is_due = control == Control::Continue && self.saved.elapsed() >= self.interval && !is_last;
        if is_asked || is_due {
            self.saved = Instant::now();
            if let Err(error) = self.checkpoint.write(&save()) {
                self.watch.warn(&format!("no checkpoint can be written: {error}"));
            }
        }
        control
    }

    /// Seconds of training, those before a resume included.
    pub(crate) fn elapsed_s(&self) -> f64 {
        self.metrics.as_ref().map_or(0.0, Metrics::elapsed_s)
    }

    /// The checkpoint's file, when training is over.
    pub(crate) fn into_checkpoint(self) -> CheckpointFile {
        self.checkpoint
    }
}
