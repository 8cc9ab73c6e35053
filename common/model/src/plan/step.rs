//! The plan of one training step. Called by `site-agent plan` and by `plan::fit`. Invariant: the peak is what
//! is always there plus the largest of what is never there at the same time.

use super::elements::{adapter_parameters, base_parameters, layers_to_keep};
use super::parts::{MemoryPlan, Part, When};
use super::request::PlanRequest;
use super::{cpu, gpu};
use crate::device::Device;
use crate::error::Result;
use crate::options::Recompute;

/// Works out the plan.
///
/// # Errors
/// `Setting` when the request makes no sense.
pub fn plan(request: &PlanRequest) -> Result<MemoryPlan> {
    request.validate()?;
    // What is kept is f32, except gate and up on the processor.
    let bytes_per_value = match request.device {
        Device::Cpu => [4, cpu::gate_bytes(request.compute)],
        Device::Cuda { .. } => [4, 4],
    };
    let layers_kept = match request.recompute {
        Recompute::None | Recompute::Attention => request.config.num_layers,
        Recompute::Full => 0,
        Recompute::Auto => layers_to_keep(
            &request.config,
            request.tokens(),
            request.activation_budget_bytes,
            bytes_per_value,
        ),
    };
    let parts = match request.device {
        Device::Cpu => cpu::parts(request, layers_kept),
        Device::Cuda { .. } => gpu::parts(request, layers_kept),
    };
    let mut plan = MemoryPlan {
        parts,
        peak_bytes: 0,
        layers_kept,
        layers: request.config.num_layers,
        adapter_parameters: adapter_parameters(&request.config, request.rank),
        base_parameters: base_parameters(&request.config),
        measured: request.device == Device::Cpu,
    };
    let pass = plan.bytes(When::Pass);
    let largest = match plan.peak_phase() {
        When::BetweenSteps => plan.bytes(When::BetweenSteps),
        phase => plan.bytes(phase) + pass,
    };
    let used = plan.bytes(When::Always) + largest;
    let slack = used * slack_percent(request.device) / 100;
    plan.parts.push(Part { name: "allocator slack", bytes: slack, when: When::Always });
    plan.peak_bytes = used + slack;
    Ok(plan)
}

/// Freed blocks that the allocator cannot give back at once, of what is in use: measured on the CPU
/// (README.md), on the GPU the 10 to 20 % of a caching pool.
const fn slack_percent(device: Device) -> u64 {
    match device {
        Device::Cpu => 3,
        Device::Cuda { .. } => 15,
    }
}
