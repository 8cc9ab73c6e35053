//! The training steps of a reference folder: loss and gradient norm of each, and the adapter at the end.

use model::train::{Factors, Trainer};
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

/// FedProx (Li et al. 2020): the gradient of `mu/2 |w - w_0|^2` is `mu (w - w_0)`, which is nothing in the
/// first step, and beside a large mu all there is in the second one.
#[test]
fn a_pull_to_the_start_is_nothing_at_first_and_then_as_strong_as_the_way_is_long() {
    let folder = Folder::fixture();
    let base = folder.base("model", WeightFormat::F32);
    let start = || folder.adapter("adapter-init", &base);
    let steps = folder.steps();
    let settings = |proximal_mu| TrainSettings {
        learning_rate: 1e-2,
        schedule: Schedule::Constant,
        proximal_mu,
        ..Default::default()
    };
    let way = |trainer: &Trainer<'_>| {
        let start = start();
        let pairs = trainer.adapter().pairs().zip(start.pairs());
        let squares = pairs.flat_map(|((_, _, now), (_, _, then))| {
            let of = |now: &[f32], then: &[f32]| -> f64 {
                now.iter().zip(then).map(|(now, then)| f64::from(now - then).powi(2)).sum()
            };
            [of(&now.a, &then.a), of(&now.b, &then.b)]
        });
        squares.sum::<f64>().sqrt()
    };
    let mut free = Trainer::new(&base, start(), &settings(0.0), steps.len() as u64).unwrap();
    let mut pulled = Trainer::new(&base, start(), &settings(1e4), steps.len() as u64).unwrap();
    let batch = |step: usize| vec![steps[step].iter().collect::<Vec<&Sample>>()];
    let (first, same) = (free.step(&batch(0)).unwrap(), pulled.step(&batch(0)).unwrap());
    assert_eq!((first.gradient_norm, first.loss), (same.gradient_norm, same.loss));
    assert_eq!(way(&free), way(&pulled));
    let expected = 1e4 * way(&pulled);
    let norm = pulled.step(&batch(1)).unwrap().gradient_norm;
    assert!((norm / expected - 1.0).abs() < 1e-2, "{norm} instead of {expected}");
    for step in 2..steps.len() {
        pulled.step(&batch(step)).unwrap();
    }
    for step in 1..steps.len() {
        free.step(&batch(step)).unwrap();
    }
    assert!(way(&pulled) < 0.5 * way(&free), "{} and {}", way(&pulled), way(&free));
}

/// FFA-LoRA and RoLoRA: one matrix of each pair is trained, and the other one has every bit that it had,
/// weight decay and a norm that is clipped included. The first step's loss is that of training both.
#[test]
fn of_a_pair_what_is_not_trained_keeps_its_bits_and_counts_in_no_norm() {
    let folder = Folder::fixture();
    let base = folder.base("model", WeightFormat::F32);
    // B of a new adapter is zero, and A then has no gradient.
    let start = || folder.adapter("adapter-final-f32", &base);
    let steps = folder.steps();
    let batch = |step: usize| vec![steps[step].iter().collect::<Vec<&Sample>>()];
    let settings = |factors| TrainSettings {
        learning_rate: 1e-2,
        schedule: Schedule::Constant,
        weight_decay: 0.1,
        factors,
        ..Default::default()
    };
    let first = |factors| {
        let mut trainer = Trainer::new(&base, start(), &settings(factors), steps.len() as u64).unwrap();
        let report = trainer.step(&batch(0)).unwrap();
        for step in 1..steps.len() {
            trainer.step(&batch(step)).unwrap();
        }
        (report, trainer.into_adapter())
    };
    let (both, _) = first(Factors::Both);
    let ((of_a, only_a), (of_b, only_b)) = (first(Factors::A), first(Factors::B));
    assert_eq!((of_a.loss, of_b.loss), (both.loss, both.loss));
    let together = of_a.gradient_norm.hypot(of_b.gradient_norm);
    assert!((together / both.gradient_norm - 1.0).abs() < 1e-9, "{together} and {}", both.gradient_norm);
    for ((_, _, begun), ((_, _, a), (_, _, b))) in start().pairs().zip(only_a.pairs().zip(only_b.pairs())) {
        assert_eq!((&a.b, &b.a), (&begun.b, &begun.a));
        assert!(a.a != begun.a && b.b != begun.b);
    }
}
