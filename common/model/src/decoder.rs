//! The decoder: embedding, layers, final norm and head on one device, with explicit forward and backward passes.
//! Called by the trainer and the evaluator. One implementation; what families differ in is data (`ModelConfig`).
//!
//! Invariants: the base is frozen, so only LoRA pairs get gradients; a batch is a concatenation of sequences without
//! padding, and rows of one sequence never see another.

mod adapter;
mod attention;
mod cached;
mod layer;
mod linear;
mod mlp;
mod noise;
mod pass;

#[cfg(test)]
mod tests;

pub(crate) use adapter::{DeviceAdapter, Dropout, Gradients};
pub(crate) use cached::Cache;
pub(crate) use layer::Layer;
pub(crate) use linear::Linear;
pub(crate) use noise::Noise;
pub(crate) use pass::{Batch, Objective, PassResult};

use crate::config::ModelConfig;
use crate::device::Recompute;
use crate::ops::{Compute, EngineOps, Heads, RotaryTable};
use burn_tensor::{Tensor, TensorData};
use std::ops::Range;

/// A frozen decoder on a device.
pub(crate) struct Decoder<B: EngineOps> {
    pub(crate) config: ModelConfig,
    pub(crate) compute: Compute,
    pub(crate) device: B::Device,
    /// `[vocabulary, hidden]`.
    pub(crate) embedding: B::Frozen,
    /// `[vocabulary, hidden]`; the embedding itself when tied.
    pub(crate) head: B::Frozen,
    /// `[hidden]`.
    pub(crate) final_norm: Tensor<B, 1>,
    pub(crate) layers: Vec<Layer<B>>,
    /// What the forward pass of a training step keeps for the backward pass. The result does not depend on it.
    pub(crate) recompute: Recompute,
    /// Under [`Recompute::Auto`]: how much it may keep, in bytes; layers beyond it are recomputed.
    pub(crate) activation_budget_bytes: usize,
}

impl<B: EngineOps> Decoder<B> {
    pub(crate) fn heads(&self) -> Heads {
        Heads {
            query: self.config.num_attention_heads,
            key_value: self.config.num_key_value_heads,
            head_dim: self.config.head_dim,
        }
    }

    pub(crate) fn epsilon(&self) -> f32 {
        self.config.rms_norm_eps as f32
    }

    /// Cosines and sines, a row for each position. The angle is rounded to f32 first, as transformers does.
    fn rotary_table(&self, positions: Range<usize>) -> RotaryTable<B> {
        let frequencies = self.config.rope.inverse_frequencies(self.config.head_dim);
        let count = positions.len() * frequencies.len();
        let (mut cos, mut sin) = (Vec::with_capacity(count), Vec::with_capacity(count));
        let shape = [positions.len(), frequencies.len()];
        for position in positions {
            for frequency in &frequencies {
                let (s, c) = f64::from(position as f32 * frequency).sin_cos();
                cos.push(c as f32);
                sin.push(s as f32);
            }
        }
        let tensor = |values: Vec<f32>| Tensor::from_data(TensorData::new(values, shape), &self.device);
        RotaryTable { cos: tensor(cos), sin: tensor(sin) }
    }
}
