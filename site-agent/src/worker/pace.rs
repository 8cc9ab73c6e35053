//! When the worker reports a step: the first one, then at most one a second, and the last. Used by `worker`.

use std::time::{Duration, Instant};

use common::limits::PROGRESS_INTERVAL_MS_MIN;
use model::StepReport;

use crate::pipe::Progress;

/// The time since training began in this process, and since the last report.
pub(super) struct Pace {
    started: Instant,
    tokens: u64,
    reported: Option<Instant>,
}

impl Pace {
    /// Training begins now.
    pub(super) fn new() -> Self {
        Self { started: Instant::now(), tokens: 0, reported: None }
    }

    /// What to report of this step, if it is time.
    pub(super) fn progress(&mut self, report: &StepReport) -> Option<Progress> {
        self.tokens += report.tokens;
        let is_due =
            self.reported.is_none_or(|at| at.elapsed() >= Duration::from_millis(PROGRESS_INTERVAL_MS_MIN));
        if !is_due && report.step < report.total_steps {
            return None;
        }
        self.reported = Some(Instant::now());
        let seconds = self.started.elapsed().as_secs_f64().max(1e-3);
        Some(Progress {
            step: u32::try_from(report.step).unwrap_or(u32::MAX),
            total_steps: u32::try_from(report.total_steps).unwrap_or(u32::MAX),
            loss: report.loss,
            // Saturating: a float beyond the range becomes the largest integer.
            tokens_per_s: (self.tokens as f64 / seconds) as u32,
        })
    }
}
