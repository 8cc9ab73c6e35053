//! The frozen tensors of a decoder on a device. Made by `base::loader` and `bench`; used by everything else
//! in `decoder`. Invariant: nothing here changes after loading but the policies of recomputation.

use std::ops::Range;

use burn_tensor::{Tensor, TensorData};

use crate::config::{LinearKind, ModelConfig};
use crate::ops::{EngineOps, RotaryTable};
use crate::options::{Compute, Recompute};
use crate::segments::Heads;

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
    /// What the forward pass of a training step keeps for the backward pass. The result does not depend on
    /// it.
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
    pub(super) fn rotary_table(&self, positions: Range<usize>) -> RotaryTable<B> {
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

/// Frozen tensors of a layer.
pub(crate) struct Layer<B: EngineOps> {
    /// `[hidden]`.
    pub(crate) input_norm: Tensor<B, 1>,
    /// `[hidden]`.
    pub(crate) post_norm: Tensor<B, 1>,
    /// Norms of query and key heads, `[head_dim]` each.
    pub(crate) head_norms: Option<[Tensor<B, 1>; 2]>,
    /// By [`LinearKind::index`].
    pub(crate) linears: [Linear<B>; 7],
}

impl<B: EngineOps> Layer<B> {
    pub(crate) fn linear(&self, kind: LinearKind) -> &Linear<B> {
        &self.linears[kind.index()]
    }
}

/// A frozen linear of the base.
#[derive(Debug, Clone)]
pub(crate) struct Linear<B: EngineOps> {
    /// `[out, in]`.
    pub(crate) weight: B::Frozen,
    /// `[out]`.
    pub(crate) bias: Option<Tensor<B, 1>>,
}
