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

/// `h = silu(gate) * up` of two projections of one input.
#[derive(Debug, Clone)]
pub struct Gated<B: EngineOps> {
    /// `[T, width]`, in a form that a projection reads.
    pub h: Tensor<B, 2>,
    /// Gate and up in the form in which they are kept for the backward pass.
    pub kept: [Tensor<B, 2>; 2],
    /// `x A^T` of gate and up where they have a pair.
    pub xa: [Option<Tensor<B, 2>>; 2],
}

/// Gradients through a down projection and the gated product before it.
#[derive(Debug, Clone)]
pub struct GatedGradients<B: EngineOps> {
    /// `[T, width]` of gate and up, in a form that [`EngineOps::project_backward`] reads.
    pub d_kept: [Tensor<B, 2>; 2],
    /// `(dA, dB)` of the down projection if it has a pair.
    pub pair: Option<(Tensor<B, 2>, Tensor<B, 2>)>,
}

pub(super) fn gated_forward<B: EngineOps>(
    x: &Tensor<B, 2>,
    parts: &[Projection<'_, B>; 2],
    compute: Compute,
) -> Gated<B> {
    let mut outputs = B::project(x, parts, compute).into_iter();
    let [(gate, gate_xa), (up, up_xa)] =
        [(); 2].map(|()| outputs.next().unwrap_or_else(|| unreachable!("one output a part")));
    let [h, gate, up] = B::swiglu_keeping(gate, up, compute);
    Gated { h, kept: [gate, up], xa: [gate_xa, up_xa] }
}

pub(super) fn gated_backward<B: EngineOps>(
    [gate, up]: [&Tensor<B, 2>; 2],
    down: &Projection<'_, B>,
    output: (&Tensor<B, 2>, Option<&Tensor<B, 2>>),
    compute: Compute,
) -> GatedGradients<B> {
    let h = B::swiglu(gate, up);
    let found = B::project_backward(&h, core::slice::from_ref(down), &[output], None, compute);
    let (d_gate, d_up) = B::swiglu_backward(&found.dx, gate, up);
    GatedGradients { d_kept: [d_gate, d_up], pair: found.pairs.into_iter().next().flatten() }
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
