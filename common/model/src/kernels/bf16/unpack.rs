//! Unpacks a frozen weight into micro-kernel tiles: NF4, bf16 or f32; as `W^T` (forward) or `W` (input
//! gradient).
//!
//! Used by `linear` through [`PanelSource`]. A block's 16 NF4 values are scaled in f32 and rounded once to
//! bf16, exactly like bitsandbytes' bf16 dequantisation, and looked up there (`vpermw`); weights whose rows
//! do not start on a block boundary, and f16 ones, take the scalar way through f32.

use core::arch::x86_64::*;
use std::ops::Range;

use half::bf16;

use super::panels::{DEPTH, LANES, PanelSource, Share, TILE_COLUMNS};
use super::source::{ZIP, words};
use super::tiles::{Block, pack_columns, pack_rows, transpose};
use crate::frozen::FrozenWeight;
use crate::kernels::cpu::{Isa, detect};
use crate::kernels::math::round_bits;
use crate::kernels::scratch::Scratch;
use crate::nf4::table::{BLOCK, CODES};
use crate::nf4::{Nf4Weight, SourcePrecision};

/// Rows `first .. first + outputs` of a weight `W [out, in]`, as the right operand of a product.
#[derive(Clone, Copy)]
pub struct WeightPanels<'a> {
    weight: &'a FrozenWeight,
    first: usize,
    outputs: usize,
    transposed: bool,
}

impl<'a> WeightPanels<'a> {
    /// `b = W^T [in, outputs]`, for `y = x W^T`.
    pub fn forward(weight: &'a FrozenWeight, first: usize, outputs: usize) -> Self {
        Self::new(weight, first, outputs, true)
    }

    /// `b = W [outputs, in]`, for `dx = dy W`.
    pub fn backward(weight: &'a FrozenWeight, first: usize, outputs: usize) -> Self {
        Self::new(weight, first, outputs, false)
    }

    fn new(weight: &'a FrozenWeight, first: usize, outputs: usize, transposed: bool) -> Self {
        assert!(first + outputs <= weight.shape()[0], "rows inside the weight");
        Self { weight, first, outputs, transposed }
    }

    fn input(&self) -> usize {
        self.weight.shape()[1]
    }

    /// Rows of `W` and columns of `W` that a tile covers: `(first row, rows, first column, columns)`.
    fn part(&self, column: usize, start: usize, depth: usize) -> Part {
        if self.transposed {
            let rows = TILE_COLUMNS.min(self.outputs - column);
            Part { row: self.first + column, rows, column: start, columns: depth }
        } else {
            Part {
                row: self.first + start,
                rows: depth,
                column,
                columns: TILE_COLUMNS.min(self.input() - column),
            }
        }
    }
}

/// A block of `W`.
#[derive(Clone, Copy)]
struct Part {
    row: usize,
    rows: usize,
    column: usize,
    columns: usize,
}

impl PanelSource for WeightPanels<'_> {
    fn columns(&self) -> usize {
        if self.transposed { self.outputs } else { self.input() }
    }

    fn depth(&self) -> usize {
        if self.transposed { self.input() } else { self.outputs }
    }

    fn unpack(&self, column: usize, start: usize, depth: usize, tile: &mut [u32]) {
        assert!(
            depth <= DEPTH && start.is_multiple_of(DEPTH) && tile.len() >= depth.div_ceil(2) * TILE_COLUMNS
        );
        assert_eq!(detect(), Isa::Avx512Bf16, "the processor has AVX512-BF16");
        let part = self.part(column, start, depth);
        match self.weight {
            FrozenWeight::Nf4(weight)
                if self.input().is_multiple_of(BLOCK) && weight.precision() != SourcePrecision::F16 =>
            // SAFETY: features asserted above; the tile lies inside the weight and starts on a block.
            unsafe {
                if self.transposed { nf4_rows(weight, part, tile) } else { nf4_columns(weight, part, tile) }
            },
            FrozenWeight::Bf16(weight) => {
                let data = &weight.data()[part.row * self.input() + part.column..];
                // SAFETY: features asserted above.
                unsafe { self.dense(data, self.input(), part, tile) }
            }
            _ => {
                let narrow = narrowed(self.weight, part);
                // SAFETY: features asserted above.
                unsafe { self.dense(bytemuck::cast_slice(narrow.as_ref()), DEPTH, part, tile) }
            }
        }
    }

    fn prefetch(&self, columns: Range<usize>, inner: Range<usize>, share: Share) {
        let (memory, bits): (*const u8, usize) = match self.weight {
            FrozenWeight::Nf4(weight) => (weight.packed().as_ptr(), 4),
            FrozenWeight::Bf16(weight) => (weight.data().as_ptr().cast(), 16),
            // Converted at a cost beside which waiting does not count.
            _ => return,
        };
        if !self.transposed {
            // A strip of each row: `unpack` asks for those itself, and asking here as well was slower.
            return;
        }
        let row = |index: usize| self.first + columns.start + columns.len() * index / share.count;
        for row in row(share.index)..row(share.index + 1) {
            let byte = |column: usize| (row * self.input() + column) * bits / 8;
            for line in (byte(inner.start) / LINE * LINE..byte(inner.end)).step_by(LINE) {
                // SAFETY: a hint; it may name any address.
                unsafe { _mm_prefetch::<_MM_HINT_T1>(memory.wrapping_add(line).cast()) };
            }
        }
    }
}

/// Bytes from one prefetch to the next.
const LINE: usize = 64;

impl WeightPanels<'_> {
    /// # Safety
    /// The processor has AVX512F, AVX512BW and AVX512-BF16.
    unsafe fn dense(&self, data: &[bf16], stride: usize, part: Part, tile: &mut [u32]) {
        let block = Block { data, stride, rows: part.rows, columns: part.columns };
        // SAFETY: features from the caller.
        unsafe { if self.transposed { pack_rows(block, tile) } else { pack_columns(block, tile) } }
    }
}

/// The block rounded to bf16, its rows [`DEPTH`] apart: the slow way, for f32, f16-sourced and ragged
/// weights.
fn narrowed(weight: &FrozenWeight, part: Part) -> Scratch {
    let mut narrow = Scratch::take(part.rows * DEPTH / 2);
    let slots: &mut [u16] = bytemuck::cast_slice_mut(narrow.as_mut());
    let mut wide = [0.0f32; DEPTH];
    for (row, slots) in slots.chunks_exact_mut(DEPTH).enumerate() {
        let wide = &mut wide[..part.columns];
        weight.range_to_f32((part.row + row) * weight.shape()[1] + part.column, wide);
        for (slot, value) in slots.iter_mut().zip(wide.iter()) {
            *slot = (round_bits(*value) >> 16) as u16;
        }
    }
    narrow
}

/// The 16 codes times a block's scale, rounded to bf16 as bitsandbytes rounds them; twice, so that bit 4 of
/// an index does not matter.
#[inline]
#[target_feature(enable = "avx512f,avx512bf16")]
fn scaled_codes(codes: __m512, scale: f32) -> __m512i {
    let scaled = _mm512_mul_ps(codes, _mm512_set1_ps(scale));
    // SAFETY: the same 512 bits.
    unsafe { core::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(scaled, scaled)) }
}

/// 32 consecutive NF4 elements at a byte address as bf16.
///
/// # Safety
/// The processor has AVX512F and AVX512BW; 16 bytes are readable.
#[inline]
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn look_up(bytes: *const u8, scaled: __m512i) -> __m512i {
    // SAFETY: readable by the caller's promise.
    let bytes = _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(bytes.cast()) });
    // The high nibble is the earlier element. The permutation uses the low five bits of each index.
    let index = _mm512_or_si512(_mm512_srli_epi32::<4>(bytes), _mm512_slli_epi32::<16>(bytes));
    _mm512_permutexvar_epi16(index, scaled)
}

/// Rows asked for before they are needed: they are further apart than the processor's own prefetching
/// reaches.
const AHEAD: usize = 64;
/// Blocks of 64 in a row of a tile.
const BLOCKS: usize = DEPTH / BLOCK;

/// Forward tile of NF4: tile column = row of `W`, pairs along the row. Lanes beyond the last row have scale
/// 0.
///
/// # Safety
/// The processor has AVX512F, AVX512BW and AVX512-BF16; `part` lies inside the weight, starts on a block.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn nf4_rows(weight: &Nf4Weight, part: Part, tile: &mut [u32]) {
    let input = weight.shape()[1];
    let blocks = part.columns / BLOCK;
    assert!(
        part.columns.is_multiple_of(BLOCK) && blocks <= BLOCKS && part.rows <= TILE_COLUMNS,
        "whole blocks"
    );
    assert!(tile.len() >= part.columns / 2 * TILE_COLUMNS, "room for the tile");
    let end = (part.row + part.rows - 1) * input + part.column + part.columns;
    assert!(part.column + part.columns <= input && end <= 2 * weight.packed().len(), "inside the weight");
    // SAFETY: 16 f32.
    let codes = unsafe { _mm512_loadu_ps(CODES.as_ptr()) };
    for lanes in (0..TILE_COLUMNS).step_by(LANES) {
        let mut scales = [[0.0f32; BLOCKS]; LANES];
        let real = part.rows.saturating_sub(lanes).min(LANES);
        for (lane, scales) in scales.iter_mut().enumerate().take(real) {
            let element = (part.row + lanes + lane) * input + part.column;
            weight.absmax().range(element / BLOCK, &mut scales[..blocks]);
        }
        for block in 0..blocks {
            let mut halves = [[_mm512_setzero_si512(); LANES]; 2];
            for (lane, scales) in scales.iter().enumerate().take(real) {
                let element = (part.row + lanes + lane) * input + part.column + block * BLOCK;
                let scaled = scaled_codes(codes, scales[block]);
                for (half, registers) in halves.iter_mut().enumerate() {
                    // SAFETY: a half block inside the weight (asserted above).
                    registers[lane] =
                        unsafe { look_up(weight.packed().as_ptr().add(element / 2 + half * LANES), scaled) };
                }
            }
            for (half, registers) in halves.iter_mut().enumerate() {
                transpose(registers);
                for (pair, register) in registers.iter().enumerate() {
                    let start = (block * BLOCK / 2 + half * LANES + pair) * TILE_COLUMNS + lanes;
                    // SAFETY: 16 words inside the tile (asserted above).
                    unsafe { _mm512_storeu_si512(tile.as_mut_ptr().add(start).cast(), *register) };
                }
            }
        }
    }
}

/// Backward tile of NF4: tile column = column of `W` (one block), pairs are two rows of `W`. A missing
/// last row has scale 0.
///
/// # Safety
/// As [`nf4_rows`].
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn nf4_columns(weight: &Nf4Weight, part: Part, tile: &mut [u32]) {
    let input = weight.shape()[1];
    let packed = weight.packed();
    let end = (part.row + part.rows - 1) * input + part.column + BLOCK;
    assert!(part.column + BLOCK <= input && end <= 2 * packed.len(), "inside the weight");
    // SAFETY: constant tables.
    let (codes, zip) = unsafe { (_mm512_loadu_ps(CODES.as_ptr()), ZIP.each_ref().map(|zip| words(zip))) };
    let tile = &mut tile[..part.rows.div_ceil(2) * TILE_COLUMNS];
    for (pair, slots) in tile.as_chunks_mut::<TILE_COLUMNS>().0.iter_mut().enumerate() {
        let row = |row: usize| {
            let element = (part.row + row) * input + part.column;
            (element / 2, scaled_codes(codes, weight.absmax().get(element / BLOCK)))
        };
        let first = row(2 * pair);
        for ahead in [AHEAD, AHEAD + 1] {
            let element = (part.row + 2 * pair + ahead) * input + part.column;
            _mm_prefetch::<_MM_HINT_T0>(packed.as_ptr().wrapping_add(element / 2).cast());
        }
        let second =
            if 2 * pair + 1 < part.rows { row(2 * pair + 1) } else { (first.0, _mm512_setzero_si512()) };
        for (half, slots) in slots.chunks_exact_mut(2 * LANES).enumerate() {
            // SAFETY: half blocks inside the weight (asserted above), and 16 words of 32.
            unsafe {
                let a = look_up(packed.as_ptr().add(first.0 + half * LANES), first.1);
                let b = look_up(packed.as_ptr().add(second.0 + half * LANES), second.1);
                for (slots, zip) in slots.chunks_exact_mut(LANES).zip(zip) {
                    _mm512_storeu_si512(slots.as_mut_ptr().cast(), _mm512_permutex2var_epi16(a, zip, b));
                }
            }
        }
    }
}
