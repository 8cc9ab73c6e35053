//! What a memory plan is asked about. Filled by `site-agent plan`; used by everything in `plan`.
//! Invariant: every product of the sizes of a request that passes `validate` fits in 64 bits.

use crate::config::ModelConfig;
use crate::device::Device;
use crate::error::{ModelError, Result};
use crate::limits::{ACTIVATION_BYTES_MAX, LORA_RANK_MAX, SEQUENCE_TOKENS_MAX};
use crate::options::{Compute, Recompute, WeightFormat};

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
            activation_budget_bytes: ACTIVATION_BYTES_MAX,
        }
    }

    /// Rows of a pass.
    pub(super) fn tokens(&self) -> usize {
        self.sequence_tokens * self.batch
    }

    pub(super) fn validate(&self) -> Result<()> {
        let within = |name: &'static str, value: usize, most: usize| {
            if value == 0 || value > most {
                let reason = format!("it is {value}; it must be between 1 and {most}");
                return Err(ModelError::Setting { name, reason });
            }
            Ok(())
        };
        within("seq", self.sequence_tokens, SEQUENCE_TOKENS_MAX)?;
        // Also keeps every product below in 64 bits.
        within("batch", self.batch, SEQUENCE_TOKENS_MAX / self.sequence_tokens)?;
        within("rank", self.rank, LORA_RANK_MAX)
    }
}
