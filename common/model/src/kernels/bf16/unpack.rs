//! Unpacks a frozen weight into micro-kernel tiles: NF4, bf16 or f32; as `W^T` (forward) or `W` (input
//! gradient).
//!
//! Used by `linear` through [`PanelSource`]. NF4 codes are looked up in a register (`vpermps`), scaled in
//! f32 and rounded once to bf16, exactly like bitsandbytes' bf16 dequantisation; weights whose rows do
//! not start on a block boundary, and f16 ones, take the scalar way through f32.

use core::arch::x86_64::*;

use half::bf16;

use super::tiles::{INTERLEAVE, LANES, transpose, words};
use super::{DEPTH, PanelSource, TILE_COLUMNS};
use crate::kernels::cpu::{Isa, detect};
use crate::kernels::math::round_bits;
use crate::kernels::scratch::Scratch;
use crate::nf4::table::{BLOCK, CODES};
use crate::nf4::{Nf4Weight, SourcePrecision};
use crate::ops::FrozenWeight;

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
}

impl WeightPanels<'_> {
    /// # Safety
    /// The processor has AVX512F and AVX512BW.
    unsafe fn dense(&self, data: &[bf16], stride: usize, part: Part, tile: &mut [u32]) {
        assert!((part.rows - 1) * stride + part.columns <= data.len(), "block inside the matrix");
        // SAFETY: the block lies inside `data`; features from the caller.
        unsafe {
            if self.transposed {
                dense_rows(data.as_ptr(), stride, part, tile);
            } else {
                dense_columns(data.as_ptr(), stride, part, tile);
            }
        }
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

/// Low or high half of the columns of two converted pairs, `[a even | b even]` and `[a odd | b odd]`:
/// `a0 b0 a1 b1 ...` with even columns from the first operand, odd ones from the second (+32).
const fn merge(half: u16) -> [u16; 32] {
    let mut index = [0; 32];
    let mut column = 0;
    while column < 16 {
        let source = half * 8 + column as u16 / 2 + 32 * (column as u16 % 2);
        index[2 * column] = source;
        index[2 * column + 1] = source + 16;
        column += 1;
    }
    index
}
const MERGE: [[u16; 32]; 2] = [merge(0), merge(1)];

/// `a0 b0 a1 b1 ...` of the low or high 16 columns of two rows of 32 bf16.
const fn zip_rows(half: u16) -> [u16; 32] {
    let mut index = [0; 32];
    let mut column = 0;
    while column < 16 {
        index[2 * column] = half * 16 + column as u16;
        index[2 * column + 1] = half * 16 + column as u16 + 32;
        column += 1;
    }
    index
}
const ZIP: [[u16; 32]; 2] = [zip_rows(0), zip_rows(1)];

/// 32 consecutive NF4 elements at a byte address as f32, `(even elements, odd elements)`, scaled.
///
/// # Safety
/// The processor has AVX512F; 16 bytes are readable.
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn look_up(bytes: *const u8, scale: __m512) -> (__m512, __m512) {
    // SAFETY: readable by the caller's promise; the tables are 16 f32.
    unsafe {
        let codes = _mm512_loadu_ps(CODES.as_ptr());
        let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(bytes.cast()));
        // The permutation uses the low four bits of each index: no mask needed.
        let even = _mm512_permutexvar_ps(_mm512_srli_epi32::<4>(bytes), codes);
        let odd = _mm512_permutexvar_ps(bytes, codes);
        (_mm512_mul_ps(even, scale), _mm512_mul_ps(odd, scale))
    }
}

/// Forward tile of NF4: tile column = row of `W`, pairs along the row. Lanes beyond the last row read
/// row 0 with scale 0.
///
/// # Safety
/// The processor has AVX512F, AVX512BW and AVX512-BF16; `part` lies inside the weight, starts on a block.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn nf4_rows(weight: &Nf4Weight, part: Part, tile: &mut [u32]) {
    let input = weight.shape()[1];
    let packed = weight.packed();
    // SAFETY: a constant table.
    let interleave = unsafe { words(&INTERLEAVE) };
    for lanes in (0..TILE_COLUMNS).step_by(LANES) {
        for column in (0..part.columns).step_by(BLOCK) {
            let element: [usize; LANES] = core::array::from_fn(|lane| {
                let row = if lanes + lane < part.rows { part.row + lanes + lane } else { part.row };
                row * input + part.column + column
            });
            let scale: [f32; LANES] = core::array::from_fn(|lane| {
                if lanes + lane < part.rows { weight.absmax().get(element[lane] / BLOCK) } else { 0.0 }
            });
            for half in 0..2 {
                let mut block = [_mm512_setzero_si512(); LANES];
                for ((register, element), scale) in block.iter_mut().zip(element).zip(scale) {
                    let start = element / 2 + half * LANES;
                    // SAFETY: a slice of 16 bytes, bounds-checked.
                    let (even, odd) =
                        unsafe { look_up(packed[start..start + LANES].as_ptr(), _mm512_set1_ps(scale)) };
                    // SAFETY: the same 512 bits.
                    let narrow: __m512i = unsafe { core::mem::transmute(_mm512_cvtne2ps_pbh(odd, even)) };
                    *register = _mm512_permutexvar_epi16(interleave, narrow);
                }
                transpose(&mut block);
                for (pair, register) in block.iter().enumerate() {
                    let start = ((column + half * 2 * LANES) / 2 + pair) * TILE_COLUMNS + lanes;
                    // SAFETY: a slice of 16 words, bounds-checked.
                    unsafe { _mm512_storeu_si512(tile[start..start + LANES].as_mut_ptr().cast(), *register) };
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
    // SAFETY: constant tables.
    let merge = unsafe { [words(&MERGE[0]), words(&MERGE[1])] };
    for (pair, slots) in
        tile[..part.rows.div_ceil(2) * TILE_COLUMNS].chunks_exact_mut(TILE_COLUMNS).enumerate()
    {
        let start = |row: usize| (part.row + row) * input + part.column;
        let first = start(2 * pair);
        let scale = _mm512_set1_ps(weight.absmax().get(first / BLOCK));
        let (second, second_scale) = if 2 * pair + 1 < part.rows {
            let second = start(2 * pair + 1);
            (second, _mm512_set1_ps(weight.absmax().get(second / BLOCK)))
        } else {
            (first, _mm512_setzero_ps())
        };
        for (half, slots) in slots.chunks_exact_mut(2 * LANES).enumerate() {
            let (a, b) = (first / 2 + half * LANES, second / 2 + half * LANES);
            // SAFETY: slices of 16 bytes and 16 words, bounds-checked.
            unsafe {
                let (a_even, a_odd) = look_up(packed[a..a + LANES].as_ptr(), scale);
                let (b_even, b_odd) = look_up(packed[b..b + LANES].as_ptr(), second_scale);
                let even: __m512i = core::mem::transmute(_mm512_cvtne2ps_pbh(b_even, a_even));
                let odd: __m512i = core::mem::transmute(_mm512_cvtne2ps_pbh(b_odd, a_odd));
                for (slots, merge) in slots.chunks_exact_mut(LANES).zip(merge) {
                    _mm512_storeu_si512(
                        slots.as_mut_ptr().cast(),
                        _mm512_permutex2var_epi16(even, merge, odd),
                    );
                }
            }
        }
    }
}

/// Forward tile of a dense bf16 block.
///
/// # Safety
/// The processor has AVX512F and AVX512BW; `part.rows` rows of `part.columns`, `stride` apart, are
/// readable from `data`.
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn dense_rows(data: *const bf16, stride: usize, part: Part, tile: &mut [u32]) {
    for lanes in (0..TILE_COLUMNS).step_by(LANES) {
        for column in (0..part.columns).step_by(2 * LANES) {
            let mask = low_bits(part.columns - column);
            let mut block = [_mm512_setzero_si512(); LANES];
            for (lane, register) in block.iter_mut().enumerate().take(part.rows.saturating_sub(lanes)) {
                // SAFETY: a row inside the block; the mask stops at its end.
                *register = unsafe {
                    _mm512_maskz_loadu_epi16(mask, data.add((lanes + lane) * stride + column).cast())
                };
            }
            transpose(&mut block);
            let pairs = (part.columns - column).div_ceil(2).min(LANES);
            for (pair, register) in block.iter().enumerate().take(pairs) {
                let start = (column / 2 + pair) * TILE_COLUMNS + lanes;
                // SAFETY: a slice of 16 words, bounds-checked.
                unsafe { _mm512_storeu_si512(tile[start..start + LANES].as_mut_ptr().cast(), *register) };
            }
        }
    }
}

/// Backward tile of a dense bf16 block.
///
/// # Safety
/// As [`dense_rows`].
#[target_feature(enable = "avx512f,avx512bw")]
unsafe fn dense_columns(data: *const bf16, stride: usize, part: Part, tile: &mut [u32]) {
    // SAFETY: constant tables.
    let zip = unsafe { [words(&ZIP[0]), words(&ZIP[1])] };
    for (pair, slots) in
        tile[..part.rows.div_ceil(2) * TILE_COLUMNS].chunks_exact_mut(TILE_COLUMNS).enumerate()
    {
        for (half, slots) in slots.chunks_exact_mut(2 * LANES).enumerate() {
            let mask = low_bits(part.columns.saturating_sub(half * 2 * LANES));
            let second = if 2 * pair + 1 < part.rows { mask } else { 0 };
            let offset = 2 * pair * stride + half * 2 * LANES;
            // SAFETY: rows inside the block, masked to its columns; 16 words a store. A masked-out load
            // touches nothing, and `wrapping_add` keeps its address computation defined.
            unsafe {
                let a = _mm512_maskz_loadu_epi16(mask, data.wrapping_add(offset).cast());
                let b = _mm512_maskz_loadu_epi16(second, data.wrapping_add(offset + stride).cast());
                for (slots, zip) in slots.chunks_exact_mut(LANES).zip(zip) {
                    _mm512_storeu_si512(slots.as_mut_ptr().cast(), _mm512_permutex2var_epi16(a, zip, b));
                }
            }
        }
    }
}

/// The lowest `count` bits, all 32 from 32 on.
const fn low_bits(count: usize) -> u32 {
    if count >= 32 { u32::MAX } else { (1 << count) - 1 }
}
