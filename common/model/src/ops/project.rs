//! Several linears of one input, composed from the operations of single ones: right on every device.
//!
//! Called by [`EngineOps::project`] and [`EngineOps::project_backward`] where a device has nothing faster.

use burn_tensor::Tensor;

use super::{Compute, EngineOps};

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

/// What [`FeedForward`] holds, as the backward pass reads it: `kept` and `xa`.
pub type KeptFeedForward<'a, B> = ([&'a Tensor<B, 2>; 2], [Option<&'a Tensor<B, 2>>; 3]);

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

pub(super) fn feed_forward<B: EngineOps>(
    x: &Tensor<B, 2>,
    parts: &[Projection<'_, B>; 3],
    compute: Compute,
) -> FeedForward<B> {
    let (first, down) = parts.split_at(2);
    let mut outputs = B::project(x, first, compute).into_iter();
    let mut next = || outputs.next().unwrap_or_else(|| unreachable!("one output a part"));
    let ((gate, gate_xa), (up, up_xa)) = (next(), next());
    let [h, gate, up] = B::swiglu_keeping(gate, up, compute);
    let (y, down_xa) =
        B::project(&h, down, compute).pop().unwrap_or_else(|| unreachable!("one output a part"));
    FeedForward { y, kept: [gate, up], xa: [gate_xa, up_xa, down_xa] }
}

pub(super) fn feed_forward_backward<B: EngineOps>(
    x: &Tensor<B, 2>,
    parts: &[Projection<'_, B>; 3],
    ([gate, up], [gate_xa, up_xa, down_xa]): KeptFeedForward<'_, B>,
    dy: &Tensor<B, 2>,
    compute: Compute,
) -> ProjectionGradients<B> {
    let (first, down) = parts.split_at(2);
    let h = B::swiglu(gate, up);
    let mut of_down = B::project_backward(&h, down, &[(dy, down_xa)], None, compute);
    drop(h);
    let (d_gate, d_up) = B::swiglu_backward(&of_down.dx, gate, up);
    drop(of_down.dx);
    let outputs = [(&d_gate, gate_xa), (&d_up, up_xa)];
    let mut found = B::project_backward(x, first, &outputs, None, compute);
    found.pairs.append(&mut of_down.pairs);
    found
}

pub(super) fn forward<B: EngineOps>(
    x: &Tensor<B, 2>,
    parts: &[Projection<'_, B>],
    compute: Compute,
) -> Vec<(Tensor<B, 2>, Option<Tensor<B, 2>>)> {
    let part = |part: &Projection<'_, B>| {
        let y = <B as EngineOps>::linear(x, part.weight, part.bias, compute);
        let Some(LoraPair { a, b, scaling }) = &part.pair else {
            return (y, None);
        };
        let output = B::lora_forward(x, a, b, *scaling, y, compute);
        (output.y, Some(output.xa))
    };
    parts.iter().map(part).collect()
}

pub(super) fn backward<B: EngineOps>(
    x: &Tensor<B, 2>,
    parts: &[Projection<'_, B>],
    outputs: &[(&Tensor<B, 2>, Option<&Tensor<B, 2>>)],
    mut accumulate: Option<Tensor<B, 2>>,
    compute: Compute,
) -> ProjectionGradients<B> {
    let mut pairs = Vec::with_capacity(parts.len());
    for (part, (dy, xa)) in parts.iter().zip(outputs) {
        let pair = part.pair.as_ref().zip(*xa).map(|(LoraPair { a, b, scaling }, xa)| {
            let gradients = B::lora_backward(x, xa, dy, a, b, *scaling, accumulate.take(), compute);
            accumulate = Some(gradients.dx);
            (gradients.da, gradients.db)
        });
        pairs.push(pair);
        accumulate = Some(B::linear_input_gradient(dy, part.weight, accumulate.take(), compute));
    }
    ProjectionGradients { dx: accumulate.unwrap_or_else(|| x.zeros_like()), pairs }
}
