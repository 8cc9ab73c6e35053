//! What a training step will take in memory, worked out from the model's shape before anything is loaded. Pure
//! arithmetic; called by `site-agent plan`, and the decoder takes its own policy from here.
//!
//! Invariants: a part is counted once; the peak is what is always there plus the largest of what is never there at the
//! same time. README.md compares the CPU plan with measured peaks; the GPU plan is reckoned, and says so.

mod cpu;
mod fit;
mod gpu;
mod shapes;

#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::base::{Compute, WeightFormat};
use crate::config::{LinearKind, ModelConfig};
use crate::device::{Device, Recompute};
use crate::error::{ModelError, Result};
use crate::limits::{ACTIVATION_BUDGET_BYTES, MAX_RANK, MAX_SEQUENCE_TOKENS};
use crate::nf4::table::{BLOCK, NESTED_BLOCK};

pub use fit::{Fit, fit};
pub use shapes::{SHAPES, shape};

/// What is to be trained, and how.
#[derive(Debug, Clone)]
pub struct PlanRequest {
    /// The model's shape.
    pub config: ModelConfig,
    /// Whether the checkpoint's tensors are in f32 (else in 16 bits).
    pub checkpoint_is_f32: bool,
    /// Tokens of one sample.
    pub sequence_tokens: usize,
    /// Samples of one forward pass.
    pub batch: usize,
    /// LoRA rank, on all linears.
    pub rank: usize,
    /// Format of the linears.
    pub weights: WeightFormat,
    /// Precision of the products.
    pub compute: Compute,
    /// Where it runs.
    pub device: Device,
    /// What a pass keeps instead of computing it twice.
    pub recompute: Recompute,
    /// Under [`Recompute::Auto`]: how much it may keep, in bytes.
    pub activation_budget_bytes: usize,
}

impl PlanRequest {
    /// NF4, bf16, rank 16, one sample of 512 tokens, on the processor.
    #[must_use]
    pub fn new(config: ModelConfig) -> Self {
        Self {
            config,
            checkpoint_is_f32: false,
            sequence_tokens: 512,
            batch: 1,
            rank: 16,
            weights: WeightFormat::Nf4,
            compute: Compute::Bf16,
            device: Device::Cpu,
            recompute: Recompute::Auto,
            activation_budget_bytes: ACTIVATION_BUDGET_BYTES,
        }
    }

    /// Rows of a pass.
    fn tokens(&self) -> usize {
        self.sequence_tokens * self.batch
    }

    fn validate(&self) -> Result<()> {
        let within = |name: &'static str, value: usize, most: usize| {
            if value == 0 || value > most {
                let reason = format!("it is {value}; it must be between 1 and {most}");
                return Err(ModelError::Setting { name, reason });
            }
            Ok(())
        };
        within("seq", self.sequence_tokens, MAX_SEQUENCE_TOKENS)?;
        // Also keeps every product below in 64 bits.
        within("batch", self.batch, MAX_SEQUENCE_TOKENS / self.sequence_tokens)?;
        within("rank", self.rank, MAX_RANK)
    }
}

/// When a part is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum When {
    /// From loading to the end.
    Always,
    /// While a pass runs, beside one of the next.
    Pass,
    /// In the loss head only.
    LossHead,
    /// In the backward pass of one layer only.
    Layer,
    /// Between steps only, when no activation is there.
    BetweenSteps,
}

/// One part of the memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Part {
    /// What it is.
    pub name: &'static str,
    /// Its size.
    pub bytes: u64,
    /// When it is there.
    pub when: When,
}

/// The plan of one training step.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemoryPlan {
    /// All parts.
    pub parts: Vec<Part>,
    /// Highest sum of what is there at the same time.
    pub peak_bytes: u64,
    /// Layers whose activations are kept; those of the others are computed twice.
    pub layers_kept: usize,
    /// Layers of the model.
    pub layers: usize,
    /// Parameters of the adapter.
    pub adapter_parameters: u64,
    /// Parameters of the base model.
    pub base_parameters: u64,
    /// Whether the numbers have been compared with measurements (they have on the CPU).
    pub measured: bool,
}

impl MemoryPlan {
    /// Bytes of the parts of one kind.
    #[must_use]
    pub fn bytes(&self, when: When) -> u64 {
        self.parts.iter().filter(|part| part.when == when).map(|part| part.bytes).sum()
    }

    /// Which of the parts that exclude each other makes the peak.
    #[must_use]
    pub fn peak_phase(&self) -> When {
        let pass = self.bytes(When::Pass);
        let phases = [
            (self.bytes(When::LossHead) + pass, When::LossHead),
            (self.bytes(When::Layer) + pass, When::Layer),
            (self.bytes(When::BetweenSteps), When::BetweenSteps),
        ];
        phases.into_iter().max_by_key(|(bytes, _)| *bytes).map_or(When::LossHead, |(_, when)| when)
    }
}

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

/// Freed blocks that the allocator cannot give back at once, of what is in use: measured on the CPU (README.md), on the GPU
/// the 10 to 20 % of a caching pool.
const fn slack_percent(device: Device) -> u64 {
    match device {
        Device::Cpu => 3,
        Device::Cuda { .. } => 15,
    }
}

/// Values that one layer keeps a token for its backward pass, its input included: x, middle, attended (hidden or query
/// width), query, key, value, gate, up, log-sum-exp, and the unnormalised heads where there are any.
pub(crate) fn saved_values_per_token(config: &ModelConfig) -> usize {
    let queries = config.num_attention_heads * config.head_dim;
    let keys = config.num_key_value_heads * config.head_dim;
    let heads = if config.query_key_norm { queries + keys } else { 0 };
    2 * config.hidden_size
        + 2 * queries
        + 2 * keys
        + 2 * config.intermediate_size
        + heads
        + config.num_attention_heads
}

/// Values that a kept layer keeps a token beside its input, and those it computes again.
fn kept_and_repeated(request: &PlanRequest, layers_kept: usize) -> (u64, u64) {
    let config = &request.config;
    let all = (saved_values_per_token(config) - config.hidden_size) as u64;
    // The feed-forward block's input, gate and up projection.
    let feed_forward = (config.hidden_size + 2 * config.intermediate_size) as u64;
    match request.recompute {
        Recompute::Attention => (feed_forward, all - feed_forward),
        // The kept layers are the last ones: they are gone before the first is computed again.
        _ if layers_kept == 0 => (all, all),
        _ => (all, 0),
    }
}

/// How many layers' activations of that many tokens fit a budget; bytes of a value, and of one of gate and up.
pub(crate) fn layers_to_keep(
    config: &ModelConfig,
    tokens: usize,
    budget_bytes: usize,
    [bytes_per_value, gate_bytes]: [usize; 2],
) -> usize {
    let gates = 2 * config.intermediate_size;
    let a_token = (saved_values_per_token(config) - gates) * bytes_per_value + gates * gate_bytes;
    let one_layer = (tokens * a_token).max(1);
    (budget_bytes / one_layer).min(config.num_layers)
}

fn product(shape: [usize; 2]) -> u64 {
    shape[0] as u64 * shape[1] as u64
}

/// Elements of all linears of all layers.
fn linear_elements(config: &ModelConfig) -> u64 {
    let layer: u64 = LinearKind::ALL.iter().map(|kind| product(config.linear_shape(*kind))).sum();
    layer * config.num_layers as u64
}

/// Bytes of the linears as they are held.
fn linear_bytes(config: &ModelConfig, weights: WeightFormat) -> u64 {
    let elements = linear_elements(config);
    match weights {
        WeightFormat::F32 => 4 * elements,
        // Four bits a weight, one byte a block of 64, four bytes for 256 of those.
        WeightFormat::Nf4 => {
            elements / 2 + elements / BLOCK as u64 + 4 * elements / (BLOCK * NESTED_BLOCK) as u64
        }
    }
}

/// Values of norms and biases.
fn vector_elements(config: &ModelConfig) -> u64 {
    let biases: usize = LinearKind::ALL
        .into_iter()
        .filter(|kind| config.linear_bias(*kind))
        .map(|kind| config.linear_shape(kind)[0])
        .sum();
    let head_norms = if config.query_key_norm { 2 * config.head_dim } else { 0 };
    let layer = 2 * config.hidden_size + biases + head_norms;
    (layer * config.num_layers + config.hidden_size) as u64
}

/// Elements of the embedding, and of the head where it is another matrix.
fn table_elements(config: &ModelConfig) -> u64 {
    let table = config.vocab_size as u64 * config.hidden_size as u64;
    if config.tie_word_embeddings { table } else { 2 * table }
}

fn base_parameters(config: &ModelConfig) -> u64 {
    linear_elements(config) + vector_elements(config) + table_elements(config)
}

fn adapter_parameters(config: &ModelConfig, rank: usize) -> u64 {
    let widths: usize =
        LinearKind::ALL.iter().map(|kind| config.linear_shape(*kind).iter().sum::<usize>()).sum();
    (rank * widths * config.num_layers) as u64
}
