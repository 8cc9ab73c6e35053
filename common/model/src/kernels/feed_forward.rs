//! The feed-forward block on AVX512-BF16: `y = (silu(x Wg^T) * (x Wu^T)) Wd^T`, each linear with its LoRA
//! pair.
//!
//! Called by `ops::flex::feed_forward`. The wide matrices of the block exist one tile at a time in f32; what
//! a later product reads of them is written in that product's layout. Invariant: element for element the
//! formulas of `pointwise`, from values that are rounded to bf16 only where they would be rounded anyway.

use half::bf16;

use super::bf16::finish::{At, Right, TILE, each_tile};
use super::bf16::source::Source;
use super::bf16::unpack::WeightPanels;
use super::bf16::written::{ColumnTiles, prefetch};
use super::bf16::{RowPanels, TILE_COLUMNS, TILE_ROWS, multiply_beside};
use super::cpu::widest;
use super::disjoint::DisjointMut;
use super::math::sigmoid_fused;
use super::projection::{Part, a_gradients, adapters, b_gradient, narrow_gradient, transposed_xa};
use super::scratch::Scratch;

/// Gate, up and down.
pub type Parts<'a> = [Part<'a>; 3];

/// Shape of a matrix kept for the backward pass: a row for each tile of `[tokens, width]`, row panel by row
/// panel.
#[must_use]
pub const fn kept_shape(tokens: usize, width: usize) -> [usize; 2] {
    [tokens.div_ceil(TILE_ROWS) * width.div_ceil(TILE_COLUMNS), TILE]
}

/// What [`forward`] writes.
pub struct Outputs<'a> {
    /// `[T, hidden]`.
    pub y: &'a mut [f32],
    /// Gate and up, of [`kept_shape`].
    pub kept: [&'a mut [bf16]; 2],
    /// Each part's input times `A^T`, `[T, r]`, empty without a pair.
    pub xa: [&'a mut [f32]; 3],
}

/// The block for `x [tokens, in]`.
pub fn forward(x: &[f32], tokens: usize, [gate, up, down]: Parts<'_>, outputs: Outputs<'_>) {
    let [width, input] = gate.weight.shape();
    let hidden = down.weight.shape()[0];
    let Outputs { y, kept, xa: [gate_xa, up_xa, down_xa] } = outputs;
    let [kept_tiles, _] = kept_shape(tokens, width);
    assert!(kept.iter().all(|kept| kept.len() == kept_tiles * TILE), "kept matrices of their shape");
    let packed = RowPanels::pack(x, tokens, input, input);
    let mut beside = adapters(&packed, tokens, &[gate, up], [gate_xa, up_xa].into_iter()).into_iter();
    let right = [gate, up].map(|part| Right {
        weight: WeightPanels::forward(part.weight, 0, width),
        beside: beside.next().flatten(),
    });
    let mut h = RowPanels::fresh(tokens, width);
    let (slots, kept) = (h.slots(), kept.map(DisjointMut::new));
    let place = |at: At| (at.panel * width.div_ceil(TILE_COLUMNS) + at.tile) * TILE;
    let prepare = |at: At| {
        slots.prefetch(at);
        kept.iter().for_each(|kept| prefetch(kept.pointer(place(at)).cast(), TILE / 2));
    };
    let finish = |at: At, [gate, up]: &mut [[f32; TILE]; 2]| {
        // SAFETY: this tile is finished once; `RowPanels::pack` asserts the processor's features.
        unsafe {
            narrow(gate, kept[0].slice(place(at), TILE));
            narrow(up, kept[1].slice(place(at), TILE));
            multiply_gates(gate, up);
            slots.put(at, gate);
        }
    };
    each_tile(&packed, &right, prepare, finish);
    drop(packed);
    let beside = adapters(&h, tokens, &[down], core::iter::once(down_xa)).pop().flatten();
    let panels = WeightPanels::forward(down.weight, 0, hidden);
    multiply_beside(&h, &panels, beside.as_ref(), y, hidden, false);
}

/// What [`backward`] reads.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    /// `[T, in]`.
    pub x: &'a [f32],
    /// Gradient of the output, `[T, hidden]`.
    pub dy: &'a [f32],
    /// As [`forward`] wrote them.
    pub kept: [&'a [bf16]; 2],
    /// As [`forward`] wrote them.
    pub xa: [&'a [f32]; 3],
}

/// What [`backward`] writes; all is overwritten.
pub struct Gradients<'a> {
    /// `[T, in]`.
    pub dx: &'a mut [f32],
    /// `dA [r, in]` of each part, empty without a pair.
    pub da: [&'a mut [f32]; 3],
    /// `dB [out, r]` of each part, empty without a pair.
    pub db: [&'a mut [f32]; 3],
}

/// Gradients of the wide matrices, in the layouts of the products that read them.
struct Wide {
    /// Of gate and up, as left operands.
    left: [RowPanels; 2],
    /// Of gate and up, and `h` itself, as right operands of an adapter's gradients.
    right: [Option<ColumnTiles>; 3],
}

/// Gradients of the block.
pub fn backward(saved: Saved<'_>, parts: Parts<'_>, gradients: Gradients<'_>) {
    let [gate, up, down] = parts;
    let [width, input] = gate.weight.shape();
    let tokens = saved.x.len() / input;
    let Gradients { dx, da: [gate_da, up_da, down_da], db: [gate_db, up_db, down_db] } = gradients;
    let mut turned = Scratch::take(tokens * down.rank());
    let Wide { left, right: [gate_columns, up_columns, h] } = wide_gradients(&saved, parts, turned.f32_mut());
    let [gate_xa, up_xa, down_xa] = saved.xa;
    b_gradient(&down, saved.dy, down_xa, tokens, down_db);
    if let Some(h) = h {
        h.multiply(&RowPanels::pack(turned.f32(), down.rank(), tokens, tokens), down_da);
    }
    let mut turned = Scratch::take(tokens * (gate.rank() + up.rank()));
    let (gate_turned, up_turned) = turned.f32_mut().split_at_mut(tokens * gate.rank());
    let columns = [(gate_columns, gate_xa, gate_db), (up_columns, up_xa, up_db)];
    let both = [gate, up].into_iter().zip(&left).zip([gate_turned, up_turned]).zip(columns);
    for (index, (((part, left), turned), (columns, xa, db))) in both.enumerate() {
        let beside = narrow_gradient(left, tokens, &part, turned);
        let panels = WeightPanels::backward(part.weight, 0, width);
        multiply_beside(left, &panels, beside.as_ref(), dx, input, index > 0);
        if let Some(columns) = columns {
            transposed_xa(&part, xa, tokens, db, |xa, product| columns.multiply(xa, product));
        }
    }
    drop(left);
    a_gradients(turned.f32(), saved.x, tokens, &mut [gate_da, up_da]);
}

/// Through the down projection and SwiGLU; `turned [r, T]` becomes that projection's `(s dy B)^T`.
fn wide_gradients(saved: &Saved<'_>, [gate, up, down]: Parts<'_>, turned: &mut [f32]) -> Wide {
    let [hidden, width] = down.weight.shape();
    let tokens = saved.dy.len() / hidden;
    let [kept_tiles, _] = kept_shape(tokens, width);
    assert!(saved.kept.iter().all(|kept| kept.len() == kept_tiles * TILE), "kept matrices of their shape");
    let packed = RowPanels::pack(saved.dy, tokens, hidden, hidden);
    let beside = narrow_gradient(&packed, tokens, &down, turned);
    let weights = [Right { weight: WeightPanels::backward(down.weight, 0, hidden), beside }];
    let mut left = [(); 2].map(|()| RowPanels::fresh(tokens, width));
    let mut right = [gate, up, down].map(|part| (part.rank() > 0).then(|| ColumnTiles::fresh(tokens, width)));
    let panels = left.each_mut().map(RowPanels::slots);
    let columns = right.each_mut().map(|columns| columns.as_mut().map(ColumnTiles::slots));
    let place = |at: At| (at.panel * width.div_ceil(TILE_COLUMNS) + at.tile) * TILE;
    let prepare = |at: At| {
        saved.kept.iter().for_each(|kept| prefetch((&raw const kept[place(at)]).cast(), TILE / 2));
        panels.iter().for_each(|slots| slots.prefetch(at));
        columns.iter().flatten().for_each(|slots| slots.prefetch(at));
    };
    let finish = |at: At, [dh]: &mut [[f32; TILE]; 1]| {
        let kept = saved.kept.map(|kept| &kept[place(at)..][..TILE]);
        let [mut d_up, mut h] = [[0.0; TILE]; 2];
        differentiate_gates(kept, dh, &mut d_up, &mut h);
        // SAFETY: this tile is finished once; `RowPanels::pack` asserts the processor's features.
        unsafe {
            panels[0].put(at, dh);
            panels[1].put(at, &d_up);
            for (slots, tile) in columns.iter().zip([&*dh, &d_up, &h]) {
                if let Some(slots) = slots {
                    slots.put(at, tile);
                }
            }
        }
    };
    each_tile(&packed, &weights, prepare, finish);
    Wide { left, right }
}

/// A tile rounded to bf16.
///
/// # Safety
/// The processor has AVX512F, AVX512BW and AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn narrow(tile: &[f32; TILE], out: &mut [bf16]) {
    const ROW: usize = 32;
    for (values, out) in tile.as_chunks::<ROW>().0.iter().zip(out.as_chunks_mut::<ROW>().0) {
        // SAFETY: 32 values and as many slots; features from the caller.
        unsafe {
            let rounded = f32::row(values.as_ptr(), ROW);
            core::arch::x86_64::_mm512_storeu_si512(out.as_mut_ptr().cast(), rounded);
        }
    }
}

#[inline(always)]
fn wide(value: bf16) -> f32 {
    f32::from_bits(u32::from(value.to_bits()) << 16)
}

widest! {
    /// Replaces gate by `silu(gate) up`.
    fn multiply_gates(gate: &mut [f32; TILE], up: &[f32; TILE]) {
        for (gate, up) in gate.iter_mut().zip(up) {
            *gate = *gate * sigmoid_fused(*gate) * up;
        }
    }
}

widest! {
    /// Formulas in `pointwise::swiglu_backward`; replaces `dh` by the gate's gradient.
    fn differentiate_gates(kept: [&[bf16]; 2], dh: &mut [f32; TILE], d_up: &mut [f32; TILE], h: &mut [f32; TILE]) {
        let [gate, up] = kept;
        let outputs = dh.iter_mut().zip(d_up.iter_mut().zip(h));
        for ((gate, up), (dh, (d_up, h))) in gate.iter().zip(up).zip(outputs) {
            let (gate, up) = (wide(*gate), wide(*up));
            let s = sigmoid_fused(gate);
            *h = gate * s * up;
            *d_up = *dh * (gate * s);
            *dh = *dh * up * (s * (1.0 + gate * (1.0 - s)));
        }
    }
}
