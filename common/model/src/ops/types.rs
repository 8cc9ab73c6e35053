//! Tensors that the operations take and return together, shared by every device. Used by `ops`, its devices
//! and `decoder`. Invariant: a cache never holds more positions than it has rows.

use burn_backend::Backend;
use burn_tensor::Tensor;

/// Cosines and sines of the rotary embedding by position.
#[derive(Debug, Clone)]
pub struct RotaryTable<B: Backend> {
    /// `[positions, head_dim / 2]`: `cos(position * inverse_frequency)`, times any attention scaling.
    pub cos: Tensor<B, 2>,
    /// `[positions, head_dim / 2]`.
    pub sin: Tensor<B, 2>,
}

/// Keys and values that one layer keeps of the positions it has seen, for
/// [`super::EngineOps::cached_attention`].
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

/// What the backward pass of attention reads besides the output's gradient.
#[derive(Debug)]
pub struct SavedAttention<'a, B: Backend> {
    /// `[T, query_heads * head_dim]`, after rotary embedding.
    pub q: &'a Tensor<B, 2>,
    /// `[T, key_value_heads * head_dim]`, after rotary embedding.
    pub k: &'a Tensor<B, 2>,
    /// `[T, key_value_heads * head_dim]`.
    pub v: &'a Tensor<B, 2>,
    /// What the forward pass returned, shaped like `q`.
    pub output: &'a Tensor<B, 2>,
    /// `[T, query_heads]`.
    pub log_sum_exp: &'a Tensor<B, 2>,
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

/// The penalty for leaving the base model.
#[derive(Debug)]
pub struct BasePenalty<'a, B: Backend> {
    /// The base model's rows `[S, h]`, after the final norm.
    pub hidden: &'a Tensor<B, 2>,
    /// Weight of `KL(base || model)`.
    pub weight: f32,
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
    /// Whether each row's most likely token is the target (the lowest id wins a tie).
    pub hits: Vec<bool>,
    /// `[S, h]`, present when a gradient was asked for.
    pub d_hidden: Option<Tensor<B, 2>>,
}

impl<B: Backend> CrossEntropy<B> {
    /// Sum of the losses, in row order.
    pub fn loss_sum(&self) -> f64 {
        self.losses.iter().sum()
    }

    /// Rows whose most likely token is the target.
    pub fn correct(&self) -> u64 {
        self.hits.iter().filter(|hit| **hit).count() as u64
    }
}
