//! The feed-forward block of a layer: `y = x + Wd (silu(Wg n) * Wu n)`, `n = rms(x)`. Called by the layer's
//! passes. Invariant: the backward pass uses only what `Saved` holds and the frozen weights; `n` and the
//! product are recomputed element-wise, which costs less than keeping them.

use burn_tensor::Tensor;

use super::adapter::Gradients;
use super::linear::LinearPosition;
use super::weights::{Decoder, Layer};
use crate::ops::{EngineOps, FeedForward, KeptFeedForward};

/// What the backward pass of the block needs.
pub(crate) struct Saved<B: EngineOps> {
    x: Tensor<B, 2>,
    /// Gate and up.
    kept: [Tensor<B, 2>; 2],
    /// `x A^T` of gate, up, down.
    xa: [Option<Tensor<B, 2>>; 3],
}

/// `y [T, hidden]` and what to keep.
pub(crate) fn forward<B: EngineOps>(
    decoder: &Decoder<B>,
    layer: &Layer<B>,
    position: &LinearPosition<'_, B>,
    x: Tensor<B, 2>,
) -> (Tensor<B, 2>, Saved<B>) {
    let normalised = B::rms_norm(&x, &layer.post_norm, decoder.epsilon()).y;
    let FeedForward { y, kept, xa } = position.feed_forward(layer, &normalised);
    (B::add(y, &x), Saved { x, kept, xa })
}

/// `dL/dx [T, hidden]` for `dy = dL/dy`.
pub(crate) fn backward<B: EngineOps>(
    decoder: &Decoder<B>,
    layer: &Layer<B>,
    position: &LinearPosition<'_, B>,
    saved: Saved<B>,
    dy: Tensor<B, 2>,
    gradients: &mut Gradients,
) -> Tensor<B, 2> {
    let normalised = B::rms_norm(&saved.x, &layer.post_norm, decoder.epsilon());
    let kept = KeptFeedForward { kept: saved.kept.each_ref(), xa: saved.xa.each_ref().map(Option::as_ref) };
    let dn = position.feed_forward_backward(layer, &normalised.y, kept, &dy, gradients);
    B::rms_norm_backward(&dn, &saved.x, &normalised.rstd, &layer.post_norm, Some(dy))
}
