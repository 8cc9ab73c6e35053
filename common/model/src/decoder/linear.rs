//! A frozen linear with an optional LoRA pair: `y = x W^T + b + s B A dropout(x)`, and its backward pass.
//! Called by the attention and feed-forward blocks. Invariant: no dense `[out, in]` gradient is ever formed.

use super::adapter::{DeviceAdapter, Dropout, Gradients};
use crate::config::LinearKind;
use crate::ops::{Compute, EngineOps};
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

impl<B: EngineOps> Site<'_, B> {
    /// `y [T, out]`, and `x A^T [T, rank]` where the linear is adapted.
    pub(crate) fn forward(
        &self,
        linear: &Linear<B>,
        kind: LinearKind,
        x: &Tensor<B, 2>,
    ) -> (Tensor<B, 2>, Option<Tensor<B, 2>>) {
        let y = <B as EngineOps>::linear(x, &linear.weight, linear.bias.as_ref(), self.compute);
        let Some((adapter, pair)) = self.pair(kind) else {
            return (y, None);
        };
        let output = match self.mask(kind, x) {
            None => B::lora_forward(x, &pair.a, &pair.b, adapter.scaling, y, self.compute),
            Some(mask) => {
                B::lora_forward(&(x.clone() * mask), &pair.a, &pair.b, adapter.scaling, y, self.compute)
            }
        };
        (output.y, Some(output.xa))
    }

    /// `accumulate + dL/dx` for `dy = dL/dy`; adds the pair's gradients to `gradients`.
    pub(crate) fn backward(
        &self,
        linear: &Linear<B>,
        kind: LinearKind,
        saved: (&Tensor<B, 2>, Option<&Tensor<B, 2>>),
        dy: &Tensor<B, 2>,
        accumulate: Option<Tensor<B, 2>>,
        gradients: &mut Gradients,
    ) -> Tensor<B, 2> {
        let (x, xa) = saved;
        let accumulate = match (self.pair(kind), xa) {
            (Some((adapter, pair)), Some(xa)) => {
                let (a, b, scaling) = (&pair.a, &pair.b, adapter.scaling);
                let mask = self.mask(kind, x);
                let lora = match &mask {
                    None => B::lora_backward(x, xa, dy, a, b, scaling, accumulate.clone(), self.compute),
                    Some(mask) => {
                        let dropped = x.clone() * mask.clone();
                        B::lora_backward(&dropped, xa, dy, a, b, scaling, None, self.compute)
                    }
                };
                gradients.add(self.layer, kind, lora.da, lora.db);
                match (mask, accumulate) {
                    (None, _) => Some(lora.dx),
                    (Some(mask), None) => Some(lora.dx * mask),
                    (Some(mask), Some(sum)) => Some(B::add(sum, &(lora.dx * mask))),
                }
            }
            _ => accumulate,
        };
        B::linear_input_gradient(dy, &linear.weight, accumulate, self.compute)
    }

    fn pair(&self, kind: LinearKind) -> Option<(&DeviceAdapter<B>, &super::adapter::DevicePair<B>)> {
        let adapter = self.adapter?;
        Some((adapter, adapter.pair(self.layer, kind)?))
    }

    /// The dropout mask of this linear in this pass: 0 or 1/(1-p). Made twice, never kept.
    fn mask(&self, kind: LinearKind, x: &Tensor<B, 2>) -> Option<Tensor<B, 2>> {
        let dropout = self.adapter?.dropout?;
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
