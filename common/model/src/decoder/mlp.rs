//! The feed-forward block of a layer: `y = x + Wd (silu(Wg n) * Wu n)`, `n = rms(x)`.
//! Called by the layer's passes. Invariant: the backward pass uses only what `Saved` holds and the frozen weights;
//! `n` and the product are recomputed element-wise, which costs less than keeping them.

use super::Decoder;
use super::adapter::Gradients;
use super::layer::Layer;
use super::linear::Site;
use crate::config::LinearKind::{Down, Gate, Up};
use crate::ops::{EngineOps, Gated};
use burn_tensor::Tensor;

/// What the backward pass of the block needs.
pub(crate) struct Saved<B: EngineOps> {
    x: Tensor<B, 2>,
    gate: Tensor<B, 2>,
    up: Tensor<B, 2>,
    /// `x A^T` of gate, up, down.
    xa: [Option<Tensor<B, 2>>; 3],
}

/// `y [T, hidden]` and what to keep.
pub(crate) fn forward<B: EngineOps>(
    decoder: &Decoder<B>,
    layer: &Layer<B>,
    site: &Site<'_, B>,
    x: Tensor<B, 2>,
) -> (Tensor<B, 2>, Saved<B>) {
    let normalised = B::rms_norm(&x, &layer.post_norm, decoder.epsilon()).y;
    let Gated { h, kept: [gate, up], xa: [gate_xa, up_xa] } = site.forward_gated(layer, &normalised);
    drop(normalised);
    let [(projected, down_xa)] = site.forward(layer, [Down], &h);
    let y = B::add(projected, &x);
    (y, Saved { x, gate, up, xa: [gate_xa, up_xa, down_xa] })
}

/// `dL/dx [T, hidden]` for `dy = dL/dy`.
pub(crate) fn backward<B: EngineOps>(
    decoder: &Decoder<B>,
    layer: &Layer<B>,
    site: &Site<'_, B>,
    saved: Saved<B>,
    dy: Tensor<B, 2>,
    gradients: &mut Gradients,
) -> Tensor<B, 2> {
    let Saved { x, gate, up, xa: [gate_xa, up_xa, down_xa] } = saved;
    let [d_gate, d_up] = site.backward_gated(layer, [&gate, &up], (down_xa.as_ref(), &dy), gradients);
    drop((gate, up));
    let normalised = B::rms_norm(&x, &layer.post_norm, decoder.epsilon());
    let outputs = [(Gate, gate_xa.as_ref(), &d_gate), (Up, up_xa.as_ref(), &d_up)];
    let dn = site.backward(layer, &normalised.y, outputs, None, gradients);
    drop((d_gate, d_up));
    B::rms_norm_backward(&dn, &x, &normalised.rstd, &layer.post_norm, Some(dy))
}
