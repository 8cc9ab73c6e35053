//! A frozen linear with an optional LoRA pair: `y = x W^T + b + s B A dropout(x)`, and its backward pass.
//! Called by the attention and feed-forward blocks. Invariant: no dense `[out, in]` gradient is ever formed.

use burn_tensor::{Tensor, TensorData};

use super::adapter::{DeviceAdapter, DevicePair, Gradients};
use super::random::{Dropout, dropout_mask};
use super::weights::{Layer, Linear};
use crate::config::LinearKind::{self, Down, Gate, Up};
use crate::ops::{EngineOps, FeedForward, KeptFeedForward, LoraPair, Projection};
use crate::options::Compute;

/// Which linear of which layer, under which adapter: what a pass carries down to a linear.
pub(crate) struct LinearPosition<'a, B: EngineOps> {
    pub(crate) layer: usize,
    pub(crate) adapter: Option<&'a DeviceAdapter<B>>,
    pub(crate) compute: Compute,
}

/// A linear's place in a backward pass: its `x A^T` of the forward pass, and `dL/dy`.
pub(crate) type Output<'a, B> = (LinearKind, Option<&'a Tensor<B, 2>>, &'a Tensor<B, 2>);

impl<B: EngineOps> LinearPosition<'_, B> {
    /// `y [T, out]` of each linear of `x`, and `x A^T [T, rank]` where it is adapted.
    pub(crate) fn forward<const N: usize>(
        &self,
        layer: &Layer<B>,
        kinds: [LinearKind; N],
        x: &Tensor<B, 2>,
    ) -> [(Tensor<B, 2>, Option<Tensor<B, 2>>); N] {
        if self.dropout().is_some() {
            return kinds.map(|kind| self.forward_dropped(layer.linear(kind), kind, x));
        }
        let mut outputs = B::project(x, &self.parts(layer, kinds), self.compute).into_iter();
        kinds.map(|_| outputs.next().unwrap_or_else(|| unreachable!("one output a part")))
    }

    /// `accumulate + dL/dx` of linears of one `x`; adds the pairs' gradients to `gradients`.
    pub(crate) fn backward<const N: usize>(
        &self,
        layer: &Layer<B>,
        x: &Tensor<B, 2>,
        outputs: [Output<'_, B>; N],
        accumulate: Option<Tensor<B, 2>>,
        gradients: &mut Gradients,
    ) -> Tensor<B, 2> {
        if self.dropout().is_some() {
            return self.backward_dropped(layer, x, outputs, accumulate, gradients);
        }
        let parts = self.parts(layer, outputs.map(|(kind, ..)| kind));
        let read = outputs.map(|(_, xa, dy)| (dy, xa));
        let found = B::project_backward(x, &parts, &read, accumulate, self.compute);
        self.collect(outputs.map(|(kind, ..)| kind), found.pairs, gradients);
        found.dx
    }

    /// `down(silu(gate) * up)` of the layer for `x [T, hidden]`, and what [`Self::feed_forward_backward`]
    /// needs.
    pub(crate) fn feed_forward(&self, layer: &Layer<B>, x: &Tensor<B, 2>) -> FeedForward<B> {
        if self.dropout().is_none() {
            return B::feed_forward(x, &self.parts(layer, [Gate, Up, Down]), self.compute);
        }
        let [(gate, gate_xa), (up, up_xa)] = self.forward(layer, [Gate, Up], x);
        let [h, gate, up] = B::swiglu_keeping(gate, up, self.compute);
        let [(y, down_xa)] = self.forward(layer, [Down], &h);
        FeedForward { y, kept: [gate, up], xa: [gate_xa, up_xa, down_xa] }
    }

    /// `dL/dx` for the output's gradient `dy`; adds the pairs' gradients to `gradients`.
    pub(crate) fn feed_forward_backward(
        &self,
        layer: &Layer<B>,
        x: &Tensor<B, 2>,
        kept: KeptFeedForward<'_, B>,
        dy: &Tensor<B, 2>,
        gradients: &mut Gradients,
    ) -> Tensor<B, 2> {
        if self.dropout().is_some() {
            let KeptFeedForward { kept: [gate, up], xa: [gate_xa, up_xa, down_xa] } = kept;
            let h = B::swiglu(gate, up);
            let dh = self.backward(layer, &h, [(Down, down_xa, dy)], None, gradients);
            let (d_gate, d_up) = B::swiglu_backward(&dh, gate, up);
            let outputs = [(Gate, gate_xa, &d_gate), (Up, up_xa, &d_up)];
            return self.backward(layer, x, outputs, None, gradients);
        }
        let kinds = [Gate, Up, Down];
        let found = B::feed_forward_backward(x, &self.parts(layer, kinds), kept, dy, self.compute);
        self.collect(kinds, found.pairs, gradients);
        found.dx
    }

    fn collect<const N: usize>(
        &self,
        kinds: [LinearKind; N],
        pairs: Vec<Option<(Tensor<B, 2>, Tensor<B, 2>)>>,
        gradients: &mut Gradients,
    ) {
        for (kind, pair) in kinds.into_iter().zip(pairs) {
            if let Some((da, db)) = pair {
                gradients.add(self.layer, kind, da, db);
            }
        }
    }

    fn parts<'b, const N: usize>(
        &'b self,
        layer: &'b Layer<B>,
        kinds: [LinearKind; N],
    ) -> [Projection<'b, B>; N] {
        kinds.map(|kind| {
            let linear = layer.linear(kind);
            let pair = self.pair(kind).map(|(adapter, pair)| lora_pair(adapter, pair));
            Projection { weight: &linear.weight, bias: linear.bias.as_ref(), pair }
        })
    }

    /// With LoRA dropout every linear has its own mask, so nothing is shared.
    fn forward_dropped(
        &self,
        linear: &Linear<B>,
        kind: LinearKind,
        x: &Tensor<B, 2>,
    ) -> (Tensor<B, 2>, Option<Tensor<B, 2>>) {
        let y = <B as EngineOps>::linear(x, &linear.weight, linear.bias.as_ref(), self.compute);
        let (Some((adapter, pair)), Some(mask)) = (self.pair(kind), self.mask(kind, x)) else {
            return (y, None);
        };
        let dropped = x.clone() * mask;
        let output = B::lora_forward(&dropped, &lora_pair(adapter, pair), y, self.compute);
        (output.y, Some(output.xa))
    }

    fn backward_dropped<const N: usize>(
        &self,
        layer: &Layer<B>,
        x: &Tensor<B, 2>,
        outputs: [Output<'_, B>; N],
        mut accumulate: Option<Tensor<B, 2>>,
        gradients: &mut Gradients,
    ) -> Tensor<B, 2> {
        for (kind, xa, dy) in outputs {
            if let (Some((adapter, pair)), Some(xa), Some(mask)) = (self.pair(kind), xa, self.mask(kind, x)) {
                let dropped = x.clone() * mask.clone();
                let lora = B::lora_backward(&dropped, xa, dy, &lora_pair(adapter, pair), None, self.compute);
                gradients.add(self.layer, kind, lora.da, lora.db);
                let dx = lora.dx * mask;
                accumulate = Some(match accumulate.take() {
                    None => dx,
                    Some(sum) => B::add(sum, &dx),
                });
            }
            let weight = &layer.linear(kind).weight;
            accumulate = Some(B::linear_input_gradient(dy, weight, accumulate.take(), self.compute));
        }
        accumulate.unwrap_or_else(|| x.zeros_like())
    }

    fn dropout(&self) -> Option<Dropout> {
        self.adapter?.dropout
    }

    fn pair(&self, kind: LinearKind) -> Option<(&DeviceAdapter<B>, &DevicePair<B>)> {
        let adapter = self.adapter?;
        Some((adapter, adapter.pair(self.layer, kind)?))
    }

    /// The dropout mask of this linear in this pass: 0 or 1/(1-p). Made twice, never kept.
    fn mask(&self, kind: LinearKind, x: &Tensor<B, 2>) -> Option<Tensor<B, 2>> {
        let dropout = self.dropout()?;
        let shape = x.dims();
        let values = dropout_mask(dropout, self.layer, kind, shape[0] * shape[1]);
        Some(Tensor::from_data(TensorData::new(values, shape), &x.device()))
    }
}

/// A pair as the operations read it.
fn lora_pair<'a, B: EngineOps>(adapter: &DeviceAdapter<B>, pair: &'a DevicePair<B>) -> LoraPair<'a, B> {
    LoraPair { a: &pair.a, b: &pair.b, scaling: adapter.scaling }
}
