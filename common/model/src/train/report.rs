//! What one optimiser step did. Made by `train::trainer`, used by `train::state` and both binaries.
//! Invariant: numbers only, never a sample.

use serde::{Deserialize, Serialize};

use super::watch::EvaluationReport;

/// What one optimiser step did.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct StepReport {
    /// Optimiser step, counted from 1.
    pub step: u64,
    /// Optimiser steps of the whole training.
    pub total_steps: u64,
    /// Mean loss over the step's supervised tokens, in nats.
    pub loss: f64,
    /// Mean `KL(base || model)` over the step's supervised tokens, in nats and not weighted; where it is
    /// penalised.
    pub divergence: Option<f64>,
    /// Global norm of the gradient before clipping.
    pub gradient_norm: f64,
    /// Learning rate that was applied.
    pub learning_rate: f64,
    /// All tokens of the step.
    pub tokens: u64,
    /// Targets of the step.
    pub supervised_tokens: u64,
    /// Wall time of the step, without an evaluation.
    pub elapsed_ms: u64,
    /// The evaluation that followed the step, if one was due.
    pub evaluation: Option<EvaluationReport>,
}
