//! One optimiser step: forward and backward passes of its batches, clip, AdamW. Called by [`super::train`],
//! and directly by whoever chooses the batches. Invariant: the loss is the mean over all supervised tokens of
//! the step, not a mean of means, so splitting a step into more batches changes nothing but rounding.

use std::time::Instant;

use super::optimizer::{AdamW, Step, clip_factor, global_norm};
use super::report::StepReport;
use super::settings::TrainSettings;
use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::decoder::{Batch, Dropout, Gradients, Noise, Objective, PassResult};
use crate::error::{ModelError, Result};
use crate::sample::Sample;

/// An adapter in training.
pub struct Trainer<'a> {
    base: &'a BaseModel,
    settings: TrainSettings,
    total_steps: u64,
    pub(super) adapter: Adapter,
    /// What the training began with, where it is pulled back to it; also when it is resumed.
    start: Option<Adapter>,
    pub(super) optimizer: AdamW,
    /// Optimiser steps done.
    pub(super) step: u64,
}

impl<'a> Trainer<'a> {
    /// Starts a training of `total_steps` optimiser steps.
    ///
    /// # Errors
    /// `Setting` or `Adapter` when they cannot be used.
    pub fn new(
        base: &'a BaseModel,
        adapter: Adapter,
        settings: &TrainSettings,
        total_steps: u64,
    ) -> Result<Self> {
        settings.validate()?;
        adapter.settings().validate()?;
        base.check_adapter(&adapter)?;
        let optimizer = AdamW::new(&adapter);
        let start = (settings.proximal_mu > 0.0).then(|| adapter.clone());
        Ok(Self { base, settings: settings.clone(), total_steps, adapter, start, optimizer, step: 0 })
    }

    /// The adapter as it is now.
    #[must_use]
    pub fn adapter(&self) -> &Adapter {
        &self.adapter
    }

    /// Ends the training.
    #[must_use]
    pub fn into_adapter(self) -> Adapter {
        self.adapter
    }

    /// One optimiser step over `batches`, each one forward and backward pass.
    ///
    /// # Errors
    /// `NothingSupervised` when no sample has a target; `Device` when a GPU gives out; `Diverged` when the
    /// loss or the gradient is not finite (the adapter is then as before the step).
    pub fn step(&mut self, batches: &[Vec<&Sample>]) -> Result<StepReport> {
        let started = Instant::now();
        let learning_rate = self.settings.learning_rate_at(self.step, self.total_steps);
        let packed: Vec<Batch> = batches.iter().map(|batch| Batch::pack(batch.iter().copied())).collect();
        let targets: usize = packed.iter().map(Batch::supervised_tokens).sum();
        if targets == 0 {
            return Err(ModelError::NothingSupervised { reason: "the step has no target".to_owned() });
        }
        let (sums, mut gradients) = self.gradients(&packed, targets)?;
        if let Some(start) = &self.start {
            gradients.add_proximal(self.settings.proximal_mu as f32, &self.adapter, start);
        }
        gradients.keep(self.settings.factors.of_pair());
        let loss = sums.loss_sum / targets as f64;
        let divergence = sums.divergence_sum / targets as f64;
        let number = self.step + 1;
        let gradient_norm = global_norm(&gradients);
        for (what, value) in [("the loss", loss + divergence), ("the gradient", gradient_norm)] {
            if !value.is_finite() {
                return Err(ModelError::Diverged { step: number, what });
            }
        }
        let gradient_factor = clip_factor(gradient_norm, self.settings.max_gradient_norm);
        let step = Step { number, learning_rate, gradient_factor };
        self.optimizer.update(&mut self.adapter, &gradients, &self.settings, step);
        self.step = number;
        Ok(StepReport {
            step: number,
            total_steps: self.total_steps,
            loss,
            divergence: (self.settings.kl_weight > 0.0).then_some(divergence),
            gradient_norm,
            learning_rate,
            tokens: batches.iter().flatten().map(|sample| sample.tokens.len() as u64).sum(),
            supervised_tokens: targets as u64,
            elapsed_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            evaluation: None,
        })
    }

    /// Sums over the step's targets, and the gradient of their mean.
    pub(super) fn gradients(&self, batches: &[Batch], targets: usize) -> Result<(PassResult, Gradients)> {
        let mut session = self.base.session(Some(&self.adapter))?;
        let settings = &self.settings;
        let mut gradients = Gradients::new(self.adapter.num_layers());
        let mut sums = PassResult::default();
        for (number, batch) in batches.iter().enumerate() {
            let probability = self.adapter.settings().dropout;
            // Passes are numbered by (step, batch): a resumed run drops the same inputs and adds the same
            // noise.
            let (seed, pass) = (settings.seed, (self.step << 20) + number as u64);
            session.set_dropout((probability > 0.0).then_some(Dropout { probability, seed, pass }));
            let alpha = settings.neftune_alpha;
            let objective = Objective {
                scale: 1.0 / targets as f32,
                kl_weight: settings.kl_weight as f32,
                noise: (alpha > 0.0).then_some(Noise { alpha, seed, pass }),
            };
            let result = session.train(batch, &objective, &mut gradients)?;
            sums.loss_sum += result.loss_sum;
            sums.divergence_sum += result.divergence_sum;
        }
        Ok((sums, gradients))
    }
}
