//! A frozen linear with an optional LoRA pair: `y = x W^T + b + s B A dropout(x)`, and its backward pass.
//! Called by the attention and feed-forward blocks. Invariant: no dense `[out, in]` gradient is ever formed.

use super::adapter::{DeviceAdapter, Dropout, Gradients};
use super::layer::Layer;
use crate::config::LinearKind::{self, Down, Gate, Up};
use crate::ops::{Compute, EngineOps, FeedForward, KeptFeedForward, LoraPair, Projection};
use burn_tensor::{Tensor, TensorData};

/// A frozen linear of the base.
#[derive(Debug, Clone)]
pub(crate) struct Linear<B: EngineOps> {
    /// `[out, in]`.
    pub(crate) weight: B::Frozen,
    /// `[out]`.
    pub(crate) bias: Option<Tensor<B, 1>>,
}

/// Which linear of which layer, under which adapter: what a pass carries down to a linear.
pub(crate) struct Site<'a, B: EngineOps> {
    pub(crate) layer: usize,
    pub(crate) adapter: Option<&'a DeviceAdapter<B>>,
    pub(crate) compute: Compute,
}

/// A linear's place in a backward pass: its `x A^T` of the forward pass, and `dL/dy`.
pub(crate) type Output<'a, B> = (LinearKind, Option<&'a Tensor<B, 2>>, &'a Tensor<B, 2>);

impl<B: EngineOps> Site<'_, B> {
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

    /// `down(silu(gate) * up)` of the layer for `x [T, hidden]`, and what [`Self::feed_forward_backward`] needs.
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
            let ([gate, up], [gate_xa, up_xa, down_xa]) = kept;
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
            let pair = self.pair(kind).map(|(adapter, pair)| LoraPair {
                a: &pair.a,
                b: &pair.b,
                scaling: adapter.scaling,
            });
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
        let output = B::lora_forward(&dropped, &pair.a, &pair.b, adapter.scaling, y, self.compute);
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
                let (a, b, scaling) = (&pair.a, &pair.b, adapter.scaling);
                let lora = B::lora_backward(&dropped, xa, dy, a, b, scaling, None, self.compute);
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

    fn pair(&self, kind: LinearKind) -> Option<(&DeviceAdapter<B>, &super::adapter::DevicePair<B>)> {
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

/// Counter-based: element `i` depends on (seed, pass, layer, linear, i) only, so that a recomputed or resumed pass
/// drops the same inputs. SplitMix64 (Steele, Lea, Flood 2014) of the key plus the counter.
pub(crate) fn dropout_mask(dropout: Dropout, layer: usize, kind: LinearKind, count: usize) -> Vec<f32> {
    let place = (layer * LinearKind::ALL.len() + kind.index()) as u64;
    let key = mix(mix(mix(dropout.seed) ^ dropout.pass) ^ place);
    let keep = (1.0 / (1.0 - dropout.probability)) as f32;
    // An exact threshold on 53 bits: f64 holds every such integer.
    let threshold = (dropout.probability * (1_u64 << 53) as f64) as u64;
    (0..count as u64)
        .map(
            |index| {
                if mix(key.wrapping_add(index.wrapping_mul(GOLDEN))) >> 11 < threshold { 0.0 } else { keep }
            },
        )
        .collect()
}

pub(super) const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

pub(super) fn mix(value: u64) -> u64 {
    let mut z = value.wrapping_add(GOLDEN);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
