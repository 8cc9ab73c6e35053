//! Trains an adapter on samples: batching, forward, loss, backward, clip, AdamW, checkpoints. Called by the site
//! worker. Invariants: a second run gives the same bytes; so does a run resumed from any of its checkpoints.

mod optimizer;
mod order;
mod settings;
mod state;
mod trainer;

pub use settings::{Schedule, TrainSettings};
pub use state::Checkpoint;
pub use trainer::Trainer;

use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::{ModelError, Result};
use crate::evaluate::scorable;
use crate::sample::Sample;
use order::Plan;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use state::{Header, refused};

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
    base: &BaseModel,
    adapter: Adapter,
    samples: &[Sample],
    settings: &TrainSettings,
    resume: Option<Checkpoint>,
    on_step: &mut dyn FnMut(&StepReport, &dyn Fn() -> Checkpoint) -> Control,
) -> Result<TrainOutcome> {
    settings.validate()?;
    let usable = scorable(base, samples)?;
    let mut plan = Plan::new(usable.len(), settings);
    let total_steps = plan.total_steps();
    let mut header = Header {
        training: identity(base, &adapter, samples, settings)?,
        step: 0,
        loss_sum_bits: 0,
        tokens: 0,
        supervised_tokens: 0,
    };
    let mut trainer = Trainer::new(base, adapter, settings, total_steps)?;
    if let Some(checkpoint) = resume {
        if checkpoint.header.training != header.training || checkpoint.header.step > total_steps {
            return Err(refused("it was made with another base model, adapter, dataset or other settings"));
        }
        checkpoint.restore(&mut trainer)?;
        header = checkpoint.header;
    }
    while trainer.step < total_steps {
        let batches: Vec<Vec<&Sample>> = plan
            .step(trainer.step)
            .into_iter()
            .map(|batch| batch.into_iter().map(|index| usable[index]).collect())
            .collect();
        let report = trainer.step(&batches)?;
        let loss_sum = f64::from_bits(header.loss_sum_bits) + report.loss * report.supervised_tokens as f64;
        header.loss_sum_bits = loss_sum.to_bits();
        header.step = report.step;
        header.tokens += report.tokens;
        header.supervised_tokens += report.supervised_tokens;
        let control = on_step(&report, &|| Checkpoint::capture(&trainer, header));
        if control == Control::Stop {
            break;
        }
    }
    Ok(TrainOutcome {
        steps: trainer.step,
        finished: trainer.step == total_steps,
        mean_loss: f64::from_bits(header.loss_sum_bits) / header.supervised_tokens.max(1) as f64,
        tokens: header.tokens,
        supervised_tokens: header.supervised_tokens,
        adapter: trainer.into_adapter(),
    })
}

/// SHA-256 over everything that determines a training: a checkpoint of one cannot continue another.
fn identity(
    base: &BaseModel,
    adapter: &Adapter,
    samples: &[Sample],
    settings: &TrainSettings,
) -> Result<[u8; 32]> {
    let text = serde_json::to_vec(&(settings, adapter.settings()))
        .map_err(|error| ModelError::Internal { reason: error.to_string() })?;
    let mut hash = Sha256::new();
    hash.update(b"training/1\0");
    hash.update(base.fingerprint());
    hash.update((text.len() as u64).to_le_bytes());
    hash.update(&text);
    hash.update(Sha256::digest(adapter.to_safetensors()?));
    for sample in samples {
        hash.update((sample.tokens.len() as u64).to_le_bytes());
        for (token, wanted) in sample.tokens.iter().zip(&sample.supervised) {
            hash.update(token.to_le_bytes());
            hash.update([u8::from(*wanted)]);
        }
    }
    Ok(hash.finalize().into())
}
