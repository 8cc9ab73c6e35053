//! Several linears of one input, composed from the operations of single ones: right on every device.
//!
//! Called by `ops::cube`, and by `ops::flex` where it has nothing faster.

use burn_tensor::Tensor;

use super::{EngineOps, FeedForward, KeptFeedForward, Projection, ProjectionGradients};
use crate::options::Compute;

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
    kept: KeptFeedForward<'_, B>,
    dy: &Tensor<B, 2>,
    compute: Compute,
) -> ProjectionGradients<B> {
    let KeptFeedForward { kept: [gate, up], xa: [gate_xa, up_xa, down_xa] } = kept;
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
        let Some(pair) = &part.pair else {
            return (y, None);
        };
        let output = B::lora_forward(x, pair, y, compute);
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
        let pair = part.pair.as_ref().zip(*xa).map(|(pair, xa)| {
            let gradients = B::lora_backward(x, xa, dy, pair, accumulate.take(), compute);
            accumulate = Some(gradients.dx);
            (gradients.da, gradients.db)
        });
        pairs.push(pair);
        accumulate = Some(B::linear_input_gradient(dy, part.weight, accumulate.take(), compute));
    }
    ProjectionGradients { dx: accumulate.unwrap_or_else(|| x.zeros_like()), pairs }
}
