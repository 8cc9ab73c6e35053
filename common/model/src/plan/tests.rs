//! The arithmetic against published sizes, the budget of the design, and its own rules. What the plan is
//! worth shows in README.md, beside measured peaks.

use super::elements::base_parameters;
use super::*;
use crate::config::published::{SHAPES, shape};
use crate::device::Device;
use crate::error::ModelError;
use crate::options::{Compute, Recompute, WeightFormat};

#[test]
fn the_named_shapes_have_the_published_number_of_parameters() {
    // Model cards, in billions, with the digits they give.
    for (name, billions, digits) in [
        ("qwen2.5-0.5b", 0.49, 0.005),
        ("qwen2.5-1.5b", 1.54, 0.005),
        ("qwen2.5-3b", 3.09, 0.005),
        ("qwen2.5-7b", 7.61, 0.01),
        ("qwen2.5-14b", 14.7, 0.1),
        ("qwen2.5-32b", 32.5, 0.3),
        ("qwen2.5-72b", 72.7, 0.1),
        ("qwen3-0.6b", 0.6, 0.05),
        ("qwen3-1.7b", 1.7, 0.05),
        ("qwen3-4b", 4.0, 0.05),
        ("qwen3-8b", 8.2, 0.05),
        ("qwen3-14b", 14.8, 0.05),
        ("qwen3-32b", 32.8, 0.05),
        ("llama-3.2-1b", 1.24, 0.005),
        ("llama-3.2-3b", 3.21, 0.005),
        ("llama-3.1-8b", 8.03, 0.005),
        ("llama-3.1-70b", 70.6, 0.06),
    ] {
        let found = base_parameters(&shape(name).unwrap()) as f64 / 1e9;
        assert!((found - billions).abs() <= digits, "{name}: {found}");
    }
    assert_eq!(SHAPES.len(), 17);
    assert_eq!(shape("Qwen2.5-7B-Instruct").unwrap().num_layers, 28);
    assert!(shape("qwen2.5-8b").is_none());
}

/// Qwen2.5-7B, one sample of 2,048 tokens, rank 16, on a GPU: the reference budget, but for activations in
/// f32 instead of bf16 (twice 6.1 and 0.41 GB) and an adapter whose moments are on the host (8 bytes instead
/// of 18 for 40.4 M).
#[test]
fn the_gpu_plan_is_the_engines_budget() {
    let mut request = PlanRequest::new(shape("qwen2.5-7b").unwrap());
    (request.device, request.sequence_tokens) = (Device::Cuda { index: 0 }, 2_048);
    request.activation_budget_bytes = usize::MAX;
    let all = plan(&request).unwrap();
    let gigabytes = |plan: &MemoryPlan, name: &str| {
        plan.parts.iter().find(|part| part.name == name).unwrap().bytes as f64 / 1e9
    };
    assert!((gigabytes(&all, "linears") - 3.37).abs() < 0.01);
    assert!((gigabytes(&all, "embedding and head") - 2.18).abs() < 0.01);
    assert!((gigabytes(&all, "adapter and its gradients") - 0.32).abs() < 0.01);
    assert!((gigabytes(&all, "unpacked weight, twice") - 0.27).abs() < 0.01);
    assert!((gigabytes(&all, "layer inputs") + gigabytes(&all, "activations kept") - 12.2).abs() < 0.1);
    request.activation_budget_bytes = 0;
    let none = plan(&request).unwrap();
    assert!((gigabytes(&none, "layer inputs") - 0.82).abs() < 0.01);
    assert_eq!((all.layers_kept, none.layers_kept, all.measured), (28, 0, false));
    // 19.7 and 8.7 GB, all parts added up, before the allocator's slack and the driver.
    let sum = |plan: &MemoryPlan| {
        let parts =
            plan.parts.iter().filter(|part| !["allocator slack", "driver and kernels"].contains(&part.name));
        parts.map(|part| part.bytes).sum::<u64>() as f64 / 1e9
    };
    assert!((sum(&all) - 19.7).abs() < 0.2 && (sum(&none) - 8.7).abs() < 0.2, "{} {}", sum(&all), sum(&none));
}

#[test]
fn the_peak_grows_with_everything_and_recomputing_saves() {
    let base = PlanRequest::new(shape("qwen2.5-0.5b").unwrap());
    let peak = |change: fn(&mut PlanRequest)| {
        let mut request = base.clone();
        change(&mut request);
        plan(&request).unwrap().peak_bytes
    };
    let start = peak(|_| {});
    assert!(peak(|r| r.sequence_tokens = 1_024) > start);
    assert!(peak(|r| r.batch = 2) > start);
    assert!(peak(|r| r.rank = 64) > start);
    assert!(peak(|r| r.weights = WeightFormat::F32) > start + 1_200_000_000);
    assert!(peak(|r| r.activation_budget_bytes = 0) < start - 300_000_000);
    assert!(peak(|r| (r.compute, r.checkpoint_is_f32) = (Compute::F32, true)) > start);
    let recompute = |recompute| plan(&PlanRequest { recompute, ..base.clone() }).unwrap().peak_bytes;
    assert!(recompute(Recompute::Full) < recompute(Recompute::Attention));
    assert!(recompute(Recompute::Attention) < recompute(Recompute::None));
    assert_eq!(recompute(Recompute::None), start, "24 layers of 512 tokens fit the budget");
    let plan = plan(&base).unwrap();
    assert_eq!((plan.layers_kept, plan.peak_phase()), (24, When::LossHead));
    assert_eq!(plan.adapter_parameters, 8_798_208);
}

#[test]
fn what_fits_is_the_edge() {
    let request = PlanRequest::new(shape("qwen2.5-1.5b").unwrap());
    for memory in [4_000_000_000, 16_000_000_000] {
        let found = fit(&request, memory).unwrap();
        let peak = |sequence_tokens: usize, batch: usize| {
            plan(&PlanRequest { sequence_tokens, batch, ..request.clone() }).unwrap().peak_bytes
        };
        assert!(found.fits && found.sequence_tokens > 512 && found.batch > 1, "{found:?}");
        assert!(peak(found.sequence_tokens, 1) <= memory && peak(512, found.batch) <= memory);
        assert!(peak(512, found.batch + 1) > memory);
        assert!(found.sequence_tokens == 32_768 || peak(found.sequence_tokens + 1, 1) > memory);
    }
    assert_eq!(fit(&request, 1_000_000_000).unwrap(), Fit { fits: false, sequence_tokens: 0, batch: 0 });
}

#[test]
fn requests_without_sense_are_refused() {
    let refused = |change: fn(&mut PlanRequest)| {
        let mut request = PlanRequest::new(shape("qwen2.5-0.5b").unwrap());
        change(&mut request);
        assert!(matches!(plan(&request), Err(ModelError::Setting { .. })));
    };
    refused(|r| r.sequence_tokens = 0);
    refused(|r| r.batch = 0);
    refused(|r| r.rank = 513);
    refused(|r| r.sequence_tokens = usize::MAX);
}
