//! Trains an adapter on samples: batching, forward, loss, backward, clip, AdamW, checkpoints. Called by the site
//! worker. Invariants: a second run gives the same bytes; so does a run resumed from any of its checkpoints.

mod settings;
mod state;

pub use settings::{Schedule, TrainSettings};
pub use state::Checkpoint;

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{ModelError, Result};
use crate::sample::Sample;
use serde::{Deserialize, Serialize};

/// What one optimiser step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Optimiser step, counted from 1.
    pub step: u64,
    /// Optimiser steps of the whole training.
    pub total_steps: u64,
    /// Mean loss over the step's supervised tokens, in nats.
    pub loss: f64,
    /// Global norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate that was applied.
    pub learning_rate: f64,
    /// All tokens of the step.
    pub tokens: u64,
    /// Targets of the step.
    pub supervised_tokens: u64,
    /// Wall time of the step.
    pub elapsed_ms: u64,
}

/// What the caller wants after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Go on.
    Continue,
    /// Return what there is now.
    Stop,
}

/// The result of a training.
#[derive(Debug, Clone, PartialEq)]
pub struct TrainOutcome {
    /// The trained adapter.
    pub adapter: Adapter,
    /// Optimiser steps done, including those before a resume.
    pub steps: u64,
    /// Whether all steps were done (false after [`Control::Stop`]).
    pub finished: bool,
    /// Mean loss over all supervised tokens of all steps, in nats, including those before a resume.
    pub mean_loss: f64,
    /// All tokens seen.
    pub tokens: u64,
    /// Targets seen.
    pub supervised_tokens: u64,
}

/// Trains `adapter` on `samples`. `on_step` is called after each optimiser step with a report and a function that
/// makes a checkpoint of that moment; it decides whether to go on.
///
/// # Errors
/// `Setting`, `NothingSupervised`, `Adapter`, `Resume` before the first step; `Diverged` when a number overflows.
pub fn train(
    _base: &BaseModel,
    _adapter: Adapter,
    _samples: &[Sample],
    _settings: &TrainSettings,
    _resume: Option<Checkpoint>,
    _on_step: &mut dyn FnMut(&StepReport, &dyn Fn() -> Checkpoint) -> Control,
) -> Result<TrainOutcome> {
    Err(ModelError::Internal { reason: "training is not there yet".to_owned() })
}
