//! The engine's custom operations: one trait on burn backends, implemented per device.
//!
//! Called by the decoder's forward and backward passes, the trainer and the evaluator. Everything is
//! a rank-2 `Tensor<B, 2>` of f32 with tokens in rows; a batch is a concatenation of sequences
//! without padding ([`Segments`]). Base weights are frozen: no operation computes their gradient.
//!
//! Invariants: reductions run in a fixed order, so two calls with the same input give the same bytes;
//! shapes are checked with assertions because the loader has validated every outside input before.

use burn_backend::Backend;
use burn_tensor::Tensor;

use crate::device::DeviceMemory;
use crate::error::Result;
use crate::frozen::FrozenWeight;
use crate::options::Compute;
use crate::segments::{Heads, Segments};

pub use self::types::{
    AttentionGradients, BasePenalty, CrossEntropy, CrossEntropyKl, KeyValueCache, LoraGradients, LoraOutput,
    Normalised, RotaryTable, SavedAttention,
};

mod cached;
#[cfg(feature = "cubecl-engine")]
pub mod cube;
pub mod flex;
mod project;
pub mod types;

/// Operations a device must provide beyond burn's own, in the order a decoder layer uses them.
///
/// Conventions: `T` tokens, linears are `[out, in]` as in a checkpoint, so `y = x W^T`. Tensors that
/// are taken by value and returned are updated in place where the device allows it (uniquely owned).
/// `compute` selects the arithmetic of matrix products: see [`Compute`].
pub trait EngineOps: Backend {
    /// A frozen weight where this device wants it (packed bytes stay packed).
    type Frozen: Clone + Send + Sync + core::fmt::Debug + 'static;

    /// Runs work on the device, and turns what can go wrong there (memory, driver) into an error. On the
    /// processor nothing can: running out of memory ends the process.
    ///
    /// # Errors
    /// `Device`, saying what gave out.
    fn guarded<T: Send>(device: &Self::Device, work: impl FnOnce() -> T + Send) -> Result<T> {
        let _ = device;
        Ok(work())
    }

    /// What the device's allocator holds now; `None` where the operating system says it (the processor), or
    /// when it cannot be asked.
    fn memory(device: &Self::Device) -> Option<DeviceMemory> {
        let _ = device;
        None
    }

    /// Moves a frozen weight from the loader to the device.
    fn upload(weight: FrozenWeight, device: &Self::Device) -> Self::Frozen;

    /// The same weight held as what each product would make of it (bf16 under [`Compute::Bf16`]): more
    /// memory, no unpacking, the same results. A dense weight stays as it is.
    fn cached(weight: Self::Frozen, compute: Compute, device: &Self::Device) -> Self::Frozen;

    /// `[out, in]` of a frozen weight.
    fn frozen_shape(weight: &Self::Frozen) -> [usize; 2];

    /// `x W^T (+ bias)`: `[T, in] -> [T, out]`.
    fn linear(
        x: &Tensor<Self, 2>,
        weight: &Self::Frozen,
        bias: Option<&Tensor<Self, 1>>,
        compute: Compute,
    ) -> Tensor<Self, 2>;

    /// `dy W (+ accumulate)`: `[T, out] -> [T, in]`, the gradient of [`EngineOps::linear`] in `x`.
    fn linear_input_gradient(
        dy: &Tensor<Self, 2>,
        weight: &Self::Frozen,
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> Tensor<Self, 2>;

    /// LoRA on top of a base output: `y + s (x A^T) B^T` with `A [r, in]`, `B [out, r]`.
    ///
    /// Returns the new `y` and `xa = x A^T [T, r]`, which [`EngineOps::lora_backward`] needs.
    fn lora_forward(
        x: &Tensor<Self, 2>,
        pair: &LoraPair<'_, Self>,
        y: Tensor<Self, 2>,
        compute: Compute,
    ) -> LoraOutput<Self>;

    /// Gradients of LoRA, without ever forming a dense `[out, in]` matrix:
    /// `dA = s (dy B)^T x`, `dB = s dy^T xa`, `dx = accumulate + s (dy B) A`.
    fn lora_backward(
        x: &Tensor<Self, 2>,
        xa: &Tensor<Self, 2>,
        dy: &Tensor<Self, 2>,
        pair: &LoraPair<'_, Self>,
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> LoraGradients<Self>;

    /// Several linears of one input, each with its LoRA pair where it has one: for each part `(y, xa)` of
    /// [`EngineOps::linear`] and [`EngineOps::lora_forward`]. Where sharing does not pay: `ops::project`.
    fn project(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>],
        compute: Compute,
    ) -> Vec<(Tensor<Self, 2>, Option<Tensor<Self, 2>>)>;

    /// Gradients of [`EngineOps::project`]: the sum of the parts' gradients in `x` (`+ accumulate`), and for
    /// each part with a pair `(dA, dB)`. `outputs` holds for each part its output gradient and its `xa`.
    fn project_backward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>],
        outputs: &[(&Tensor<Self, 2>, Option<&Tensor<Self, 2>>)],
        accumulate: Option<Tensor<Self, 2>>,
        compute: Compute,
    ) -> ProjectionGradients<Self>;

    /// `y = down(silu(gate(x)) * up(x))`, `parts` being gate, up and down: [`EngineOps::project`] and
    /// [`EngineOps::swiglu_keeping`] in one. Where that does not pay: `ops::project`.
    fn feed_forward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>; 3],
        compute: Compute,
    ) -> FeedForward<Self>;

    /// Gradients of [`EngineOps::feed_forward`] in `x` and in the three pairs, for the output's gradient
    /// `dy`. `kept` is what the forward pass of the same `x` and `parts` returned.
    fn feed_forward_backward(
        x: &Tensor<Self, 2>,
        parts: &[Projection<'_, Self>; 3],
        kept: KeptFeedForward<'_, Self>,
        dy: &Tensor<Self, 2>,
        compute: Compute,
    ) -> ProjectionGradients<Self>;

    /// Root-mean-square normalisation of each row, then `* weight` (the order transformers uses):
    /// `y = weight * (x * rstd)`, `rstd = 1/sqrt(mean(x^2) + epsilon)`.
    fn rms_norm(x: &Tensor<Self, 2>, weight: &Tensor<Self, 1>, epsilon: f32) -> Normalised<Self>;

    /// Gradient of [`EngineOps::rms_norm`] in `x` (`+ accumulate`); the norm's weight is frozen.
    fn rms_norm_backward(
        dy: &Tensor<Self, 2>,
        x: &Tensor<Self, 2>,
        rstd: &Tensor<Self, 1>,
        weight: &Tensor<Self, 1>,
        accumulate: Option<Tensor<Self, 2>>,
    ) -> Tensor<Self, 2>;

    /// Rotary position embedding of `[T, heads * head_dim]`, rotate-half as in transformers; positions
    /// restart at 0 in each segment. `inverse` rotates back: it is the backward pass.
    fn rotary(
        x: Tensor<Self, 2>,
        head_dim: usize,
        table: &RotaryTable<Self>,
        segments: &Segments,
        inverse: bool,
    ) -> Tensor<Self, 2>;

    /// `silu(gate) * up`, element-wise.
    fn swiglu(gate: &Tensor<Self, 2>, up: &Tensor<Self, 2>) -> Tensor<Self, 2>;

    /// [`EngineOps::swiglu`] of a pass that will be followed by a backward pass: `(h, gate, up)`, the last
    /// two in the form in which they are kept until then (for `swiglu` and `swiglu_backward` only).
    fn swiglu_keeping(gate: Tensor<Self, 2>, up: Tensor<Self, 2>, compute: Compute) -> [Tensor<Self, 2>; 3] {
        let _ = compute;
        [Self::swiglu(&gate, &up), gate, up]
    }

    /// Bytes of an element of what [`EngineOps::swiglu_keeping`] keeps.
    fn kept_element_bytes(compute: Compute) -> usize {
        let _ = compute;
        size_of::<f32>()
    }

    /// Gradients of [`EngineOps::swiglu`]: `(dgate, dup)`.
    fn swiglu_backward(
        dh: &Tensor<Self, 2>,
        gate: &Tensor<Self, 2>,
        up: &Tensor<Self, 2>,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2>);

    /// Causal grouped-query attention inside each segment, scale `1/sqrt(head_dim)`.
    ///
    /// `q [T, query_heads * head_dim]`, `k`, `v [T, key_value_heads * head_dim]`, after rotary
    /// embedding. Returns the output, shaped like `q`, and the log-sum-exp of every score row
    /// `[T, query_heads]`, from which the backward pass rebuilds the probabilities.
    fn attention(
        q: &Tensor<Self, 2>,
        k: &Tensor<Self, 2>,
        v: &Tensor<Self, 2>,
        heads: Heads,
        segments: &Segments,
        compute: Compute,
    ) -> (Tensor<Self, 2>, Tensor<Self, 2>);

    /// Gradients of [`EngineOps::attention`] in `q`, `k` and `v`.
    fn attention_backward(
        d_output: &Tensor<Self, 2>,
        saved: &SavedAttention<'_, Self>,
        heads: Heads,
        segments: &Segments,
        compute: Compute,
    ) -> AttentionGradients<Self>;

    /// Attention of one sequence that grows, for generation: appends `k` and `v` to the cache, then lets row
    /// `i` of `q` attend to every position up to its own, `past + i`, where `past` is the cache's length
    /// before.
    ///
    /// `q [T, query_heads * head_dim]`, `k`, `v [T, key_value_heads * head_dim]`, after rotary embedding at
    /// their positions. The cache must have room for `T` more. Returns the output, shaped like `q`. The
    /// default is written in burn's own operations; a device overrides it where it has something faster.
    fn cached_attention(
        q: &Tensor<Self, 2>,
        k: &Tensor<Self, 2>,
        v: &Tensor<Self, 2>,
        cache: &mut KeyValueCache<Self>,
        heads: Heads,
        compute: Compute,
    ) -> Tensor<Self, 2> {
        let _ = compute; // a few rows at a time: never worth rounding for
        cached::attention(q, k, v, cache, heads)
    }

    /// Output projection and cross-entropy in one, over the supervised rows only.
    ///
    /// `hidden [S, h]` (after the final norm), `head [V, h]`, one target below `V` per row. Works in
    /// chunks of rows: no `[T, V]` tensor is ever built. With `gradient_scale = Some(s)` the result
    /// carries `s * d(sum of losses)/d(hidden)`; evaluation passes `None`.
    fn linear_cross_entropy(
        hidden: &Tensor<Self, 2>,
        head: &Self::Frozen,
        targets: &[u32],
        gradient_scale: Option<f32>,
        compute: Compute,
    ) -> CrossEntropy<Self>;

    /// [`EngineOps::linear_cross_entropy`] with a penalty for leaving the base model: each row's loss is
    /// `CE(q, target) + weight KL(p || q)`, where `q` is the softmax of `hidden head^T` and `p` of the
    /// penalty's `hidden head^T`, which is a constant. Both are `[S, h]`, after the final norm. The gradient
    /// in the logits is `q - onehot + weight (q - p)` (Hinton, Vinyals, Dean 2015, section 2, at temperature
    /// 1).
    fn linear_cross_entropy_kl(
        hidden: &Tensor<Self, 2>,
        penalty: BasePenalty<'_, Self>,
        head: &Self::Frozen,
        targets: &[u32],
        gradient_scale: Option<f32>,
        compute: Compute,
    ) -> CrossEntropyKl<Self>;

    /// Rows of a dense frozen table (`[V, h]`, f32 or bf16) as f32: `[tokens, h]`.
    /// Every token must be below `V`.
    fn embedding(table: &Self::Frozen, tokens: &[u32], device: &Self::Device) -> Tensor<Self, 2>;

    /// The given rows of `x`, in that order: `[rows, columns]`.
    fn gather_rows(x: &Tensor<Self, 2>, rows: &[usize]) -> Tensor<Self, 2>;

    /// The reverse of [`EngineOps::gather_rows`]: a `[total, columns]` tensor that holds `x` in the
    /// given (distinct) rows and zero elsewhere.
    fn scatter_rows(x: &Tensor<Self, 2>, rows: &[usize], total: usize) -> Tensor<Self, 2>;

    /// `x + y`, into `x` where it is uniquely owned (the residual connection).
    fn add(x: Tensor<Self, 2>, y: &Tensor<Self, 2>) -> Tensor<Self, 2>;
}

/// A LoRA pair as an operation reads it.
#[derive(Debug)]
pub struct LoraPair<'a, B: EngineOps> {
    /// `[r, in]`.
    pub a: &'a Tensor<B, 2>,
    /// `[out, r]`.
    pub b: &'a Tensor<B, 2>,
    /// `s`.
    pub scaling: f32,
}

/// One linear of several that read the same rows.
#[derive(Debug)]
pub struct Projection<'a, B: EngineOps> {
    /// `[out, in]`.
    pub weight: &'a B::Frozen,
    /// `[out]`.
    pub bias: Option<&'a Tensor<B, 1>>,
    /// Its adapter, if it has one.
    pub pair: Option<LoraPair<'a, B>>,
}

/// Gradients of a group of projections.
#[derive(Debug, Clone)]
pub struct ProjectionGradients<B: EngineOps> {
    /// `[T, in]`.
    pub dx: Tensor<B, 2>,
    /// `(dA, dB)` of each part that has a pair.
    pub pairs: Vec<Option<(Tensor<B, 2>, Tensor<B, 2>)>>,
}

/// What [`FeedForward`] holds, as the backward pass reads it.
#[derive(Debug)]
pub struct KeptFeedForward<'a, B: EngineOps> {
    /// See [`FeedForward::kept`].
    pub kept: [&'a Tensor<B, 2>; 2],
    /// See [`FeedForward::xa`].
    pub xa: [Option<&'a Tensor<B, 2>>; 3],
}

/// A feed-forward block's output and what its backward pass reads.
#[derive(Debug, Clone)]
pub struct FeedForward<B: EngineOps> {
    /// `[T, hidden]`.
    pub y: Tensor<B, 2>,
    /// Gate and up, in a form of the device's own.
    pub kept: [Tensor<B, 2>; 2],
    /// The input times `A^T` of gate, up and down where they have a pair.
    pub xa: [Option<Tensor<B, 2>>; 3],
}
