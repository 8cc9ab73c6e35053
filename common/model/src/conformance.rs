//! Compares the engine on a device with reference folders that transformers, PEFT and bitsandbytes made:
//! logits, losses, every training step, final adapters. Called by the `model-check` binary on a new machine,
//! and by the tests of devices.
//!
//! Invariants: a comparison that is not a number fails; what is compared with which tolerance depends on the
//! arithmetic only, never on the device.

mod folder;

use std::path::Path;

use serde::Serialize;

use self::folder::Folder;
use crate::adapter::Adapter;
use crate::base::BaseModel;
use crate::error::Result;
use crate::evaluate::evaluate;
use crate::options::{Compute, LoadOptions, WeightFormat};
use crate::sample::Sample;
use crate::train::{Schedule, TrainSettings, Trainer};

/// One number and its limit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of the reference folder.
    pub folder: String,
    /// What was compared.
    pub what: String,
    /// The largest difference found.
    pub difference: f64,
    /// The largest difference allowed.
    pub tolerance: f64,
}

impl Comparison {
    /// Whether the difference is a number within the tolerance.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.difference <= self.tolerance
    }
}

/// How far the engine may be from the reference, which was computed in f32.
struct Tolerances {
    /// Logits: in f32 absolute, in bf16 relative to the largest logit. A bf16 has 8 bits, so its error grows
    /// with the value: transformers in bf16 is 0.06 from itself in f32 on the reference folders, whose logits
    /// reach 4.0.
    logits: f64,
    /// Mean losses, absolute.
    mean_loss: f64,
    /// Loss of a training step, relative.
    step_loss: f64,
    /// Norm of a step's gradient, relative.
    gradient_norm: f64,
    /// Elements of the trained adapter, absolute; not compared in bf16, where each update's direction is
    /// rounded.
    adapter: Option<f64>,
    /// Loss after the training on sequences that it saw, relative.
    final_loss: f64,
}

impl Tolerances {
    const fn of(compute: Compute) -> Self {
        match compute {
            Compute::F32 => Self {
                logits: 1e-4,
                mean_loss: 1e-4,
                step_loss: 1e-4,
                gradient_norm: 1e-4,
                adapter: Some(1e-4),
                final_loss: 1e-4,
            },
            Compute::Bf16 => Self {
                logits: 2e-2,
                mean_loss: 2e-2,
                step_loss: 1e-2,
                gradient_norm: 5e-2,
                adapter: None,
                final_loss: 5e-3,
            },
        }
    }
}

/// Loads a model folder where it is to be checked.
pub type Load<'a> = &'a dyn Fn(&Path, &LoadOptions) -> Result<BaseModel>;

/// Makes every comparison that a reference folder allows, and reports each.
///
/// # Errors
/// `Io` or `Config` when the folder is not such a folder; what loading and computing say. A comparison out of
/// tolerance is no error: it is reported.
pub fn check_folder(
    path: &Path,
    compute: Compute,
    load: Load<'_>,
    report: &mut dyn FnMut(Comparison),
) -> Result<()> {
    let folder = Folder::open(path)?;
    let mut check = Check { folder: &folder, compute, load, report, tolerances: Tolerances::of(compute) };
    check.logits("model", WeightFormat::F32, ["base", "adapter"])?;
    check.logits("model-bnb-nf4", WeightFormat::Nf4, ["nf4", "nf4.adapter"])?;
    check.training("f32", "model", WeightFormat::F32)?;
    check.training("nf4", "model-bnb-nf4", WeightFormat::Nf4)
}

struct Check<'a> {
    folder: &'a Folder,
    compute: Compute,
    load: Load<'a>,
    report: &'a mut dyn FnMut(Comparison),
    tolerances: Tolerances,
}

impl Check<'_> {
    fn base(&self, model: &str, weights: WeightFormat) -> Result<BaseModel> {
        (self.load)(&self.folder.path.join(model), &LoadOptions { weights, compute: self.compute })
    }

    fn report(&mut self, what: String, difference: f64, tolerance: f64) {
        let precision = match self.compute {
            Compute::F32 => "f32",
            Compute::Bf16 => "bf16",
        };
        let what = format!("{what}, {precision}");
        (self.report)(Comparison { folder: self.folder.name.clone(), what, difference, tolerance });
    }

    /// Logits and mean loss, without and with the adapter.
    fn logits(&mut self, model: &str, weights: WeightFormat, names: [&str; 2]) -> Result<()> {
        let base = self.base(model, weights)?;
        let adapter = self.folder.adapter("adapter-init", &base)?;
        let vocabulary = base.config().vocab_size;
        let (rows, width) = (self.folder.rows()?, self.folder.width()?);
        for (name, adapter) in names.into_iter().zip([None, Some(&adapter)]) {
            let expected = self.folder.floats(&format!("logits.{name}"))?;
            let (mut worst, mut largest) = (0.0, 0.0_f32);
            for (index, row) in rows.iter().enumerate() {
                let found = base.logits(adapter, &row.tokens)?;
                let start = index * width * vocabulary;
                let expected = expected.get(start..start + found.len()).unwrap_or_default();
                worst = larger(worst, largest_difference(&found, expected));
                largest = expected.iter().fold(largest, |largest, logit| largest.max(logit.abs()));
            }
            let scale = if self.compute == Compute::Bf16 { f64::from(largest.max(1.0)) } else { 1.0 };
            self.report(format!("logits {name}"), worst / scale, self.tolerances.logits);
            let expected = self.folder.floats(&format!("loss.{name}"))?.first().copied();
            let found = evaluate(&base, adapter, &rows, rows.len().max(1), &mut |_, _| {})?.loss;
            let difference = (found - f64::from(expected.unwrap_or(f32::NAN))).abs();
            self.report(format!("mean loss {name}"), difference, self.tolerances.mean_loss);
        }
        Ok(())
    }

    /// Every step of the reference's training, and the result.
    fn training(&mut self, name: &str, model: &str, weights: WeightFormat) -> Result<()> {
        let base = self.base(model, weights)?;
        let settings = self.folder.settings()?;
        let losses = self.folder.floats(&format!("train.loss.{name}"))?;
        let norms = self.folder.floats(&format!("train.gradnorm.{name}"))?;
        let steps = self.folder.steps()?;
        let adapter = self.folder.adapter("adapter-init", &base)?;
        let mut trainer = Trainer::new(&base, adapter, &settings, steps.len() as u64)?;
        let (mut loss, mut norm) = (0.0, 0.0);
        for ((step, expected_loss), expected_norm) in steps.iter().zip(&losses).zip(&norms) {
            let report = trainer.step(&[step.iter().collect()])?;
            loss = larger(loss, relative(report.loss, f64::from(*expected_loss)));
            norm = larger(norm, relative(report.gradient_norm, f64::from(*expected_norm)));
        }
        self.report(format!("step losses {name}"), loss, self.tolerances.step_loss);
        self.report(format!("gradient norms {name}"), norm, self.tolerances.gradient_norm);
        let expected = self.folder.adapter(&format!("adapter-final-{name}"), &base)?;
        let trained = trainer.into_adapter();
        if let Some(tolerance) = self.tolerances.adapter {
            self.report(format!("final adapter {name}"), adapter_difference(&trained, &expected), tolerance);
        }
        let samples: Vec<Sample> = steps.concat();
        let loss = |adapter| Ok(evaluate(&base, Some(adapter), &samples, 4, &mut |_, _| {})?.loss);
        let difference = relative(loss(&trained)?, loss(&expected)?);
        self.report(format!("final loss {name}"), difference, self.tolerances.final_loss);
        Ok(())
    }
}

impl Folder {
    /// The reference's optimiser settings.
    fn settings(&self) -> Result<TrainSettings> {
        Ok(TrainSettings {
            learning_rate: self.number("lr")?,
            schedule: Schedule::Constant,
            weight_decay: self.number("weight_decay")?,
            epsilon: self.number("eps")?,
            max_gradient_norm: self.number("max_grad_norm")?,
            ..Default::default()
        })
    }
}

/// The larger one; not a number if either is not.
fn larger(one: f64, other: f64) -> f64 {
    if one.is_nan() || one > other { one } else { other }
}

fn relative(found: f64, expected: f64) -> f64 {
    (found / expected - 1.0).abs()
}

/// Not a number when the lengths differ.
fn largest_difference(found: &[f32], expected: &[f32]) -> f64 {
    if found.len() != expected.len() {
        return f64::NAN;
    }
    found.iter().zip(expected).map(|(a, b)| f64::from((a - b).abs())).fold(0.0, larger)
}

fn adapter_difference(found: &Adapter, expected: &Adapter) -> f64 {
    let pairs = found.pairs().zip(expected.pairs());
    pairs
        .flat_map(|((_, _, ours), (_, _, theirs))| {
            [largest_difference(&ours.a, &theirs.a), largest_difference(&ours.b, &theirs.b)]
        })
        .fold(0.0, larger)
}

#[cfg(test)]
mod tests;
