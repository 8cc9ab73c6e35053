//! The training steps of a reference folder: loss and gradient norm of each, and the adapter at the end.

use model::train::Trainer;
use model::{Sample, Schedule, TrainSettings, WeightFormat};

use crate::folder::{Folder, largest_difference};

pub(crate) fn check(folder: &Folder) {
    run(folder, "f32", "model", WeightFormat::F32, Split::Packed);
    run(folder, "nf4", "model-bnb-nf4", WeightFormat::Nf4, Split::Packed);
    run(folder, "f32", "model", WeightFormat::F32, Split::Accumulated);
    run(folder, "f32", "model", WeightFormat::F32, Split::Recomputed);
}

/// How the two sequences of a step are computed; all give the reference's update.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Split {
    /// One forward pass over both.
    Packed,
    /// One forward pass each.
    Accumulated,
    /// As packed, with no activation kept.
    Recomputed,
}

fn run(folder: &Folder, name: &str, model: &str, weights: WeightFormat, split: Split) {
    let mut base = folder.base(model, weights);
    if split == Split::Recomputed {
        base.set_activation_budget(0);
    }
    let adapter = folder.adapter("adapter-init", &base);
    let settings = TrainSettings {
        learning_rate: folder.number("lr"),
        schedule: Schedule::Constant,
        weight_decay: folder.number("weight_decay"),
        epsilon: folder.number("eps"),
        max_gradient_norm: folder.number("max_grad_norm"),
        ..Default::default()
    };
    let losses = folder.floats(&format!("train.loss.{name}"));
    let norms = folder.floats(&format!("train.gradnorm.{name}"));
    let steps = folder.steps();
    let mut trainer = Trainer::new(&base, adapter, &settings, steps.len() as u64).unwrap();
    for (index, step) in steps.iter().enumerate() {
        let batches: Vec<Vec<&Sample>> = match split {
            Split::Accumulated => step.iter().map(|sample| vec![sample]).collect(),
            Split::Packed | Split::Recomputed => vec![step.iter().collect()],
        };
        let report = trainer.step(&batches).unwrap();
        for (what, found, expected) in
            [("loss", report.loss, losses[index]), ("gradient norm", report.gradient_norm, norms[index])]
        {
            let relative = (found / f64::from(expected) - 1.0).abs();
            assert!(relative < 1e-4, "{name} {split:?} step {index}: {what} {found} instead of {expected}");
        }
    }
    let expected = folder.adapter(&format!("adapter-final-{name}"), &base);
    let trained = trainer.into_adapter();
    for ((layer, kind, ours), (_, _, theirs)) in trained.pairs().zip(expected.pairs()) {
        for (matrix, found, expected) in [("A", &ours.a, &theirs.a), ("B", &ours.b, &theirs.b)] {
            let worst = largest_difference(found, expected);
            let module = kind.module_name(layer);
            assert!(worst < 1e-4, "{name} {split:?} {module} {matrix} differs by {worst}");
        }
    }
}
