//! The gated half of a feed-forward block on AVX512-BF16: products and SwiGLU in one pass over the result.
//!
//! Called by `ops::flex::gated`. The wide f32 matrices of the block (gate, up, the gradient of their product) exist one
//! tile at a time; what is kept of them is bf16. Invariant: element for element the formulas of `pointwise`, from
//! values that are rounded to bf16 only where they would be rounded anyway.

use half::bf16;

use super::bf16::finish::{At, Right, TILE, each_tile};
use super::bf16::source::Source;
use super::bf16::unpack::WeightPanels;
use super::bf16::{RowPanels, TILE_COLUMNS};
use super::cpu::widest;
use super::disjoint::DisjointMut;
use super::math::{round_bits, sigmoid_fused};
use super::projection::{Part, a_gradients, adapters, b_gradient, narrow_gradient};
use super::scratch::Scratch;

/// What [`forward`] writes, `[T, out]` but for `xa`.
pub struct Outputs<'a> {
    /// `silu(gate) up`.
    pub h: &'a mut [bf16],
    /// For the backward pass.
    pub gate: &'a mut [bf16],
    /// For the backward pass.
    pub up: &'a mut [bf16],
    /// `x A^T [T, r]` of gate and up, empty without a pair.
    pub xa: [&'a mut [f32]; 2],
}

/// `h = silu(gate) up` for `x [tokens, in]`; `parts` are gate and up.
pub fn forward<T: Source>(x: &[T], tokens: usize, parts: [Part<'_>; 2], outputs: Outputs<'_>) {
    let [width, input] = parts[0].weight.shape();
    let Outputs { h, gate, up, xa } = outputs;
    let expected = tokens * width;
    assert!([h.len(), gate.len(), up.len()] == [expected; 3], "results of one shape");
    let packed = RowPanels::pack(x, tokens, input, input);
    let mut beside = adapters(&packed, tokens, &parts, xa.into_iter()).into_iter();
    let right = parts.map(|part| Right {
        weight: WeightPanels::forward(part.weight, 0, width),
        beside: beside.next().flatten(),
    });
    let targets = [h, gate, up].map(DisjointMut::new);
    let finish = |at: At, [gate, up]: &mut [[f32; TILE]; 2]| {
        let rows = gate.as_chunks::<TILE_COLUMNS>().0.iter().zip(up.as_chunks::<TILE_COLUMNS>().0);
        for (row, (gate, up)) in rows.enumerate().take(at.rows) {
            let start = (at.row() + row) * width + at.column();
            // SAFETY: this row of this tile is finished once.
            let [h, kept_gate, kept_up] = targets.map(|target| unsafe { target.slice(start, at.columns) });
            forward_row(gate, up, [h, kept_gate, kept_up]);
        }
    };
    let prepare = |at: At| {
        for row in 0..at.rows {
            let start = (at.row() + row) * width + at.column();
            targets.iter().for_each(|target| prefetch(target.pointer(start)));
        }
    };
    each_tile(&packed, &right, prepare, finish);
}

/// What [`backward`] reads.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    /// Gradient of the down projection's output, `[T, hidden]`.
    pub dy: &'a [f32],
    /// `[T, width]`.
    pub gate: &'a [bf16],
    /// `[T, width]`.
    pub up: &'a [bf16],
    /// `h A^T [T, r]` of the down projection, empty without a pair.
    pub xa: &'a [f32],
}

/// What [`backward`] writes; all is overwritten.
pub struct Gradients<'a> {
    /// `[T, width]`.
    pub d_gate: &'a mut [bf16],
    /// `[T, width]`.
    pub d_up: &'a mut [bf16],
    /// `[r, width]` of the down projection, empty without a pair.
    pub da: &'a mut [f32],
    /// `[hidden, r]`.
    pub db: &'a mut [f32],
}

/// Gradients through the down projection and SwiGLU; `h` is computed again for the adapter's gradient.
pub fn backward(saved: Saved<'_>, down: Part<'_>, gradients: Gradients<'_>) {
    let [hidden, width] = down.weight.shape();
    let tokens = saved.dy.len() / hidden;
    let Gradients { d_gate, d_up, da, db } = gradients;
    let expected = tokens * width;
    assert!(
        [saved.gate.len(), saved.up.len(), d_gate.len(), d_up.len()] == [expected; 4],
        "tensors of one shape"
    );
    let packed = RowPanels::pack(saved.dy, tokens, hidden, hidden);
    let mut turned = Scratch::take(tokens * down.rank());
    let beside = narrow_gradient(&packed, tokens, &down, turned.f32_mut());
    let adapted = beside.is_some();
    let right = [Right { weight: WeightPanels::backward(down.weight, 0, hidden), beside }];
    let mut product = Scratch::take(if adapted { expected.div_ceil(2) } else { 0 });
    let product: &mut [bf16] = bytemuck::cast_slice_mut(product.as_mut());
    let product = &mut product[..if adapted { expected } else { 0 }];
    let targets = [d_gate, d_up].map(DisjointMut::new);
    let h = DisjointMut::new(&mut *product);
    let place = |at: At, row: usize| (at.row() + row) * width + at.column();
    let prepare = |at: At| {
        for row in 0..at.rows {
            let start = place(at, row);
            [saved.gate, saved.up].iter().for_each(|kept| prefetch(&raw const kept[start]));
            targets.iter().for_each(|target| prefetch(target.pointer(start)));
            if adapted {
                prefetch(h.pointer(start));
            }
        }
    };
    let finish = |at: At, [dh]: &mut [[f32; TILE]; 1]| {
        for (row, dh) in dh.as_chunks::<TILE_COLUMNS>().0.iter().enumerate().take(at.rows) {
            let start = place(at, row);
            let kept = [saved.gate, saved.up].map(|kept| &kept[start..start + at.columns]);
            // SAFETY: this row of this tile is finished once.
            let slots = targets.map(|target| unsafe { target.slice(start, at.columns) });
            // SAFETY: as above.
            let h = if adapted { unsafe { h.slice(start, at.columns) } } else { &mut [] };
            backward_row(dh, kept, slots, h);
        }
    };
    each_tile(&packed, &right, prepare, finish);
    b_gradient(&down, saved.dy, saved.xa, tokens, db);
    a_gradients(turned.f32(), product, tokens, &mut [da]);
}

/// Asks for the 128 bytes that a row of a tile has in bf16, to be there when the product is.
fn prefetch(row: *const bf16) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    for line in [0, TILE_COLUMNS / 2] {
        // SAFETY: a hint; it may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(row.wrapping_add(line).cast()) };
    }
}

#[inline(always)]
fn narrow(value: f32) -> bf16 {
    bf16::from_bits((round_bits(value) >> 16) as u16)
}

#[inline(always)]
fn wide(value: bf16) -> f32 {
    f32::from_bits(u32::from(value.to_bits()) << 16)
}

widest! {
    fn forward_row(gate: &[f32; TILE_COLUMNS], up: &[f32; TILE_COLUMNS], targets: [&mut [bf16]; 3]) {
        let [h, kept_gate, kept_up] = targets;
        let inputs = gate.iter().zip(up);
        let slots = h.iter_mut().zip(kept_gate.iter_mut().zip(kept_up));
        for ((gate, up), (h, (kept_gate, kept_up))) in inputs.zip(slots) {
            *h = narrow(gate * sigmoid_fused(*gate) * up);
            *kept_gate = narrow(*gate);
            *kept_up = narrow(*up);
        }
    }
}

widest! {
    /// Formulas in `pointwise::swiglu_backward`. `h` is written where it is wanted, elsewhere empty.
    fn backward_row(dh: &[f32; TILE_COLUMNS], kept: [&[bf16]; 2], slots: [&mut [bf16]; 2], h: &mut [bf16]) {
        let ([gate, up], [d_gate, d_up]) = (kept, slots);
        let inputs = dh.iter().zip(gate.iter().zip(up));
        let outputs = d_gate.iter_mut().zip(d_up);
        let gradients = |dh: f32, gate: f32, up: f32| {
            let s = sigmoid_fused(gate);
            [dh * up * (s * (1.0 + gate * (1.0 - s))), dh * (gate * s), gate * s * up]
        };
        if h.is_empty() {
            for ((dh, (gate, up)), (d_gate, d_up)) in inputs.zip(outputs) {
                [*d_gate, *d_up, _] = gradients(*dh, wide(*gate), wide(*up)).map(narrow);
            }
        } else {
            for (((dh, (gate, up)), (d_gate, d_up)), h) in inputs.zip(outputs).zip(h) {
                [*d_gate, *d_up, *h] = gradients(*dh, wide(*gate), wide(*up)).map(narrow);
            }
        }
    }
}
