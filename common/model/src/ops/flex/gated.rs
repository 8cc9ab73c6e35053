//! The gated half of a feed-forward block on a processor with AVX512-BF16. Called by `ops::flex`.

use burn_flex::Flex;
use burn_tensor::Tensor;

use super::project::Held;
use super::slice::Slice;
use super::{columns, rows};
use crate::kernels::gated;
use crate::ops::{Gated, GatedGradients, Projection};

/// A single row, when generating, has a faster way; a bias would have to be added before the product.
pub(super) fn is_possible(x: &Tensor<Flex, 2>, parts: &[Projection<'_, Flex>; 2]) -> bool {
    rows(x) > 1 && parts.iter().all(|part| part.bias.is_none())
}

pub(super) fn forward(x: &Tensor<Flex, 2>, parts: &[Projection<'_, Flex>; 2]) -> Gated<Flex> {
    let [width, input] = parts[0].weight.shape();
    assert_eq!(columns(x), input, "input width");
    let tokens = rows(x);
    let held = parts.each_ref().map(Held::new);
    let [mut h, mut gate, mut up] = [(); 3].map(|()| Slice::fresh_kept([tokens, width]));
    let mut xa = held.each_ref().map(|held| Slice::fresh([tokens, held.rank()]));
    let kernel = held.each_ref().map(Held::kernel);
    let outputs = gated::Outputs {
        h: h.kept_mut(),
        gate: gate.kept_mut(),
        up: up.kept_mut(),
        xa: xa.each_mut().map(Slice::get_mut),
    };
    let x = Slice::of(x);
    match x.kept() {
        Some(x) => gated::forward(x, tokens, kernel, outputs),
        None => gated::forward(x.get(), tokens, kernel, outputs),
    }
    let [gate_xa, up_xa] = xa;
    let xa = |held: &Held<'_>, xa: Slice| held.is_adapted().then(|| xa.into_tensor());
    Gated {
        h: h.into_tensor(),
        kept: [gate.into_tensor(), up.into_tensor()],
        xa: [xa(&held[0], gate_xa), xa(&held[1], up_xa)],
    }
}

pub(super) fn backward(
    kept: [&Tensor<Flex, 2>; 2],
    down: &Projection<'_, Flex>,
    (dy, xa): (&Tensor<Flex, 2>, Option<&Tensor<Flex, 2>>),
) -> GatedGradients<Flex> {
    let [hidden, width] = down.weight.shape();
    let held = Held::new(down);
    let shape = kept[0].dims();
    assert_eq!([columns(dy), shape[1]], [hidden, width], "widths of the down projection");
    let [mut d_gate, mut d_up] = [(); 2].map(|()| Slice::fresh_kept(shape));
    let (mut da, mut db) = (Slice::fresh([held.rank(), width]), Slice::fresh([hidden, held.rank()]));
    let (dy, xa, kept) = (Slice::of(dy), xa.map(Slice::of), kept.map(Slice::of));
    let [gate, up] = kept.each_ref().map(|kept| {
        kept.kept().unwrap_or_else(|| unreachable!("this device's forward pass keeps gate and up in bf16"))
    });
    let saved = gated::Saved { dy: dy.get(), gate, up, xa: xa.as_ref().map_or(&[], Slice::get) };
    let gradients = gated::Gradients {
        d_gate: d_gate.kept_mut(),
        d_up: d_up.kept_mut(),
        da: da.get_mut(),
        db: db.get_mut(),
    };
    gated::backward(saved, held.kernel(), gradients);
    let pair = held.is_adapted().then(|| (da.into_tensor(), db.into_tensor()));
    GatedGradients { d_kept: [d_gate.into_tensor(), d_up.into_tensor()], pair }
}
