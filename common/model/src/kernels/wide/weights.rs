//! A frozen weight as the right operand of an f32 product: `W^T` forward, `W` for the input gradient.
//!
//! Used by `linear`. NF4 and bf16 are widened as tiles are filled, exactly as [`FrozenWeight::range_to_f32`]
//! does; with `round` the values are rounded to bf16 on the way.

use super::tile::{Panels, TILE_COLUMNS};
use super::transpose;
use crate::frozen::FrozenWeight;
use crate::kernels::cpu::Isa;
use crate::kernels::product::{Rows, round_to_bf16};
use crate::kernels::scratch::Scratch;
use crate::nf4::SourcePrecision;
use crate::nf4::table::BLOCK;

/// A run of output rows of a weight.
#[derive(Clone, Copy)]
pub struct WeightPanels<'a> {
    /// Which rows.
    pub rows: Rows<'a>,
    /// `b = W^T [in, rows]` instead of `W [rows, in]`.
    pub transposed: bool,
    /// Whether values are rounded to bf16.
    pub round: bool,
}

impl WeightPanels<'_> {
    fn input(&self) -> usize {
        self.rows.weight.shape()[1]
    }

    /// Elements `start ..` of the row-major weight.
    fn widen(&self, isa: Isa, start: usize, out: &mut [f32]) {
        if !self.widen_blocks(isa, start, out) {
            self.rows.weight.range_to_f32(start, out);
        }
        if self.round && !self.is_rounded() {
            out.iter_mut().for_each(|value| *value = round_to_bf16(*value));
        }
    }

    /// Whether every value is a bf16 anyway.
    fn is_rounded(&self) -> bool {
        match self.rows.weight {
            FrozenWeight::Nf4(weight) => weight.precision() == SourcePrecision::Bf16,
            FrozenWeight::F32(_) => false,
            FrozenWeight::Bf16(_) => true,
        }
    }

    /// The fast way for whole blocks of NF4; false where it does not apply.
    #[cfg(target_arch = "x86_64")]
    fn widen_blocks(&self, isa: Isa, start: usize, out: &mut [f32]) -> bool {
        let FrozenWeight::Nf4(weight) = self.rows.weight else { return false };
        let (blocks, rest) = out.as_chunks_mut::<BLOCK>();
        let wide = matches!(isa, Isa::Avx512Bf16 | Isa::Avx512);
        if !wide || !start.is_multiple_of(BLOCK) || !rest.is_empty() {
            return false;
        }
        let packed = &weight.packed()[start / 2..][..blocks.len() * BLOCK / 2];
        for (index, (packed, out)) in packed.as_chunks::<32>().0.iter().zip(blocks).enumerate() {
            let scale = weight.absmax().get(start / BLOCK + index);
            // SAFETY: `wide::multiply` asserts that the processor has the instruction set.
            unsafe { super::avx512::nf4_block(packed, scale, out) };
            if weight.precision() != SourcePrecision::F32 {
                weight.precision().round(out);
            }
        }
        true
    }

    #[cfg(not(target_arch = "x86_64"))]
    fn widen_blocks(&self, _isa: Isa, _start: usize, _out: &mut [f32]) -> bool {
        false
    }
}

impl Panels for WeightPanels<'_> {
    fn columns(&self) -> usize {
        if self.transposed { self.rows.count } else { self.input() }
    }

    fn depth(&self) -> usize {
        if self.transposed { self.input() } else { self.rows.count }
    }

    fn unpack(&self, isa: Isa, column: usize, start: usize, depth: usize, tile: &mut [f32]) {
        assert!(isa.is_available(), "the processor has the instructions");
        let lanes = TILE_COLUMNS.min(self.columns() - column);
        if self.transposed {
            let mut rows = Scratch::take(lanes * depth);
            let rows: &mut [f32] = bytemuck::cast_slice_mut(rows.as_mut());
            for (row, out) in rows.chunks_exact_mut(depth).enumerate() {
                let row = self.rows.first + column + row;
                self.widen(isa, row * self.input() + start, out);
            }
            transpose(isa, rows, depth, lanes, depth, tile);
        } else {
            for (step, out) in tile.chunks_exact_mut(TILE_COLUMNS).take(depth).enumerate() {
                let row = self.rows.first + start + step;
                let (out, rest) = out.split_at_mut(lanes);
                self.widen(isa, row * self.input() + column, out);
                rest.fill(0.0);
            }
        }
    }
}
