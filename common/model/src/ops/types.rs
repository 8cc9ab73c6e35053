//! Plain types that the operations take and return, shared by every device.
//!
//! Used by `ops` implementations and by the decoder. They carry no behaviour beyond their invariants:
//! segments tile the batch, heads divide evenly.

use std::ops::Range;
use std::sync::Arc;

use burn_backend::Backend;
use burn_tensor::Tensor;

/// Arithmetic of the large matrix products. Activations, reductions and accumulation stay f32.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Compute {
    /// f32 operands: reproduces transformers in f32.
    F32,
    /// Operands rounded to bf16, f32 accumulation: what AVX512-BF16 and tensor cores run.
    Bf16,
}

/// Head counts of grouped-query attention; `query` is a multiple of `key_value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key and value heads.
    pub key_value: usize,
    /// Width of one head.
    pub head_dim: usize,
}

impl Heads {
    /// Query heads that share one key-value head.
    pub const fn group(&self) -> usize {
        self.query / self.key_value
    }
}

/// How the rows of a batch split into independent sequences. Rows of a segment attend only to each
/// other, and positions restart at 0 in each. There are no padding rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    /// `0 = b[0] < b[1] < ... < b[n] = total rows`.
    boundaries: Arc<[usize]>,
}

impl Segments {
    /// Consecutive segments of these lengths; empty ones are dropped.
    pub fn from_lengths(lengths: &[usize]) -> Self {
        let mut boundaries = vec![0];
        let mut end = 0;
        for length in lengths.iter().filter(|length| **length > 0) {
            end += length;
            boundaries.push(end);
        }
        Self { boundaries: boundaries.into() }
    }

    /// Rows in the batch.
    pub fn total(&self) -> usize {
        self.boundaries[self.boundaries.len() - 1]
    }

    /// Number of sequences.
    pub fn count(&self) -> usize {
        self.boundaries.len() - 1
    }

    /// The rows of each sequence, in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.boundaries.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Length of the longest sequence.
    pub fn longest(&self) -> usize {
        self.ranges().map(|range| range.len()).max().unwrap_or(0)
    }
}

/// Cosines and sines of the rotary embedding by position.
#[derive(Debug, Clone)]
pub struct RotaryTable<B: Backend> {
    /// `[positions, head_dim / 2]`: `cos(position * inverse_frequency)`, times any attention scaling.
    pub cos: Tensor<B, 2>,
    /// `[positions, head_dim / 2]`.
    pub sin: Tensor<B, 2>,
}

/// Keys and values that one layer keeps of the positions it has seen, for [`super::EngineOps::cached_attention`].
#[derive(Debug, Clone)]
pub struct KeyValueCache<B: Backend> {
    /// `[capacity, key_value_heads * head_dim]`, after rotary embedding; rows from `length` on hold anything.
    pub keys: Tensor<B, 2>,
    /// Like `keys`.
    pub values: Tensor<B, 2>,
    /// Positions kept.
    pub length: usize,
}

impl<B: Backend> KeyValueCache<B> {
    /// An empty cache for `capacity` positions (at least one) of `width = key_value_heads * head_dim`.
    pub fn new(capacity: usize, width: usize, device: &B::Device) -> Self {
        let zeros = || Tensor::zeros([capacity.max(1), width], device);
        Self { keys: zeros(), values: zeros(), length: 0 }
    }

    /// Positions there is room for.
    pub fn capacity(&self) -> usize {
        self.keys.dims()[0]
    }

    /// Makes room for `capacity` positions; what is kept stays.
    pub fn reserve(&mut self, capacity: usize) {
        let more = capacity.saturating_sub(self.capacity());
        if more > 0 {
            for kept in [&mut self.keys, &mut self.values] {
                let rows = Tensor::zeros([more, kept.dims()[1]], &kept.device());
                *kept = Tensor::cat(vec![kept.clone(), rows], 0);
            }
        }
    }

    /// Forgets all positions from `length` on.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

/// Result of a LoRA forward pass.
#[derive(Debug, Clone)]
pub struct LoraOutput<B: Backend> {
    /// Base output plus the adapter's share, `[T, out]`.
    pub y: Tensor<B, 2>,
    /// `x A^T`, `[T, r]`, unscaled.
    pub xa: Tensor<B, 2>,
}

/// Gradients of one LoRA pair.
#[derive(Debug, Clone)]
pub struct LoraGradients<B: Backend> {
    /// Accumulated input gradient, `[T, in]`.
    pub dx: Tensor<B, 2>,
    /// `[r, in]`.
    pub da: Tensor<B, 2>,
    /// `[out, r]`.
    pub db: Tensor<B, 2>,
}

/// Result of a root-mean-square normalisation.
#[derive(Debug, Clone)]
pub struct Normalised<B: Backend> {
    /// Normalised and weighted rows, `[T, h]`.
    pub y: Tensor<B, 2>,
    /// Reciprocal root mean square of each row, `[T]`.
    pub rstd: Tensor<B, 1>,
}

/// Gradients of attention, shaped like its inputs.
#[derive(Debug, Clone)]
pub struct AttentionGradients<B: Backend> {
    /// `[T, query_heads * head_dim]`.
    pub dq: Tensor<B, 2>,
    /// `[T, key_value_heads * head_dim]`.
    pub dk: Tensor<B, 2>,
    /// `[T, key_value_heads * head_dim]`.
    pub dv: Tensor<B, 2>,
}

/// Result of the output projection with cross-entropy and a penalty towards the base model.
#[derive(Debug, Clone)]
pub struct CrossEntropyKl<B: Backend> {
    /// Losses and hits of the targets, without the penalty; `d_hidden` is of the sum of both.
    pub cross_entropy: CrossEntropy<B>,
    /// `KL(base || model)` of each row in nats, not weighted.
    pub divergences: Vec<f64>,
}

/// Result of the output projection with cross-entropy.
#[derive(Debug, Clone)]
pub struct CrossEntropy<B: Backend> {
    /// Negative log-likelihood in nats of each row's target.
    pub losses: Vec<f64>,
    /// Rows whose most likely token is the target (the lowest id wins a tie).
    pub correct: u64,
    /// `[S, h]`, present when a gradient was asked for.
    pub d_hidden: Option<Tensor<B, 2>>,
}

impl<B: Backend> CrossEntropy<B> {
    /// Sum of the losses, in row order.
    pub fn loss_sum(&self) -> f64 {
        self.losses.iter().sum()
    }
}
