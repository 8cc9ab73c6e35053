//! Tiles of f32 activations in the micro-kernel's layout, and their product on one thread.
//!
//! Used by attention, whose operands are all activations. A tile is `[pairs][64]` words of two bf16; its 64
//! lanes are rows of the source ([`pack_rows`], pairs along a row) or columns ([`pack_columns`], pairs of
//! rows). Either kind serves as left or right operand.

use core::arch::x86_64::*;

use super::avx512::{Operands, Tile, multiply_tile};
use super::{TILE_COLUMNS, TILE_ROWS};

/// Words of a register.
pub const LANES: usize = 16;

/// Interleaving of a converted pair `[evens x 16 | odds x 16]` into `even0 odd0 even1 odd1 ...`.
pub const INTERLEAVE: [u16; 32] = {
    let mut index = [0; 32];
    let mut lane = 0;
    while lane < 16 {
        index[2 * lane] = lane as u16;
        index[2 * lane + 1] = lane as u16 + 16;
        lane += 1;
    }
    index
};

/// # Safety
/// The processor has AVX512F.
#[inline]
#[target_feature(enable = "avx512f")]
pub unsafe fn words(index: &[u16; 32]) -> __m512i {
    // SAFETY: 64 bytes are readable.
    unsafe { _mm512_loadu_si512(index.as_ptr().cast()) }
}

/// A part of a row-major matrix.
#[derive(Clone, Copy)]
pub struct Block<'a> {
    /// From the block's first element.
    pub data: &'a [f32],
    /// Elements between rows.
    pub stride: usize,
    /// Rows of the block.
    pub rows: usize,
    /// Columns of the block.
    pub columns: usize,
}

impl Block<'_> {
    fn check(&self) {
        assert!(
            self.rows == 0 || (self.rows - 1) * self.stride + self.columns <= self.data.len(),
            "block inside"
        );
    }
}

/// Lanes are the block's rows: `[ceil(columns / 2)][64]`, missing rows and an odd last column are zero.
///
/// # Safety
/// The processor has AVX512F, AVX512BW and AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub unsafe fn pack_rows(block: Block<'_>, tile: &mut [u32]) {
    block.check();
    assert!(block.rows <= TILE_COLUMNS, "rows of one tile");
    for lanes in (0..TILE_COLUMNS).step_by(LANES) {
        for column in (0..block.columns).step_by(2 * LANES) {
            let (low, high) =
                (mask(block.columns - column), mask((block.columns - column).saturating_sub(LANES)));
            let mut registers = [_mm512_setzero_si512(); LANES];
            for (lane, register) in registers.iter_mut().enumerate().take(block.rows.saturating_sub(lanes)) {
                let source = block.data.as_ptr().wrapping_add((lanes + lane) * block.stride + column);
                // SAFETY: inside the block (checked), masked to its columns; a masked-out load touches nothing.
                unsafe {
                    let first = _mm512_maskz_loadu_ps(low, source);
                    let second = _mm512_maskz_loadu_ps(high, source.wrapping_add(LANES));
                    *register = core::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first));
                }
            }
            transpose(&mut registers);
            let pairs = (block.columns - column).div_ceil(2).min(LANES);
            for (pair, register) in registers.iter().enumerate().take(pairs) {
                let start = (column / 2 + pair) * TILE_COLUMNS + lanes;
                // SAFETY: a slice of 16 words, bounds-checked.
                unsafe { _mm512_storeu_si512(tile[start..start + LANES].as_mut_ptr().cast(), *register) };
            }
        }
    }
}

/// Lanes are the block's (at most 64) columns: `[ceil(rows / 2)][64]`, missing columns and an odd last row
/// are zero.
///
/// # Safety
/// The processor has AVX512F, AVX512BW and AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub unsafe fn pack_columns(block: Block<'_>, tile: &mut [u32]) {
    block.check();
    // SAFETY: a constant table.
    let interleave = unsafe { words(&INTERLEAVE) };
    for pair in 0..block.rows.div_ceil(2) {
        for lanes in (0..TILE_COLUMNS).step_by(LANES) {
            let columns = mask(block.columns.saturating_sub(lanes));
            let second = if 2 * pair + 1 < block.rows { columns } else { 0 };
            let source = block.data.as_ptr().wrapping_add(2 * pair * block.stride + lanes);
            let start = pair * TILE_COLUMNS + lanes;
            // SAFETY: inside the block (checked), masked to its rows and columns; the store is bounds-checked.
            unsafe {
                let a = _mm512_maskz_loadu_ps(columns, source);
                let b = _mm512_maskz_loadu_ps(second, source.wrapping_add(block.stride));
                let both = core::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(b, a));
                let words = _mm512_permutexvar_epi16(interleave, both);
                _mm512_storeu_si512(tile[start..start + LANES].as_mut_ptr().cast(), words);
            }
        }
    }
}

/// For each of the 6 registers that hold 16 pairs of 6 rows, the pair each word takes ...
const PANEL_PAIRS: [[u32; LANES]; TILE_ROWS] = {
    let mut pairs = [[0; LANES]; TILE_ROWS];
    let mut word = 0;
    while word < LANES * TILE_ROWS {
        pairs[word / LANES][word % LANES] = (word / TILE_ROWS) as u32;
        word += 1;
    }
    pairs
};
/// ... and, for each row, which words take it.
const PANEL_MASKS: [[u16; TILE_ROWS]; TILE_ROWS] = {
    let mut masks = [[0; TILE_ROWS]; TILE_ROWS];
    let mut word = 0;
    while word < LANES * TILE_ROWS {
        masks[word / LANES][word % TILE_ROWS] |= 1 << (word % LANES);
        word += 1;
    }
    masks
};

/// A row panel: lanes are the block's (at most 6) rows, `[ceil(columns / 2)][6]`; missing rows and an odd
/// last column are zero.
///
/// # Safety
/// The processor has AVX512F and AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bf16")]
pub unsafe fn pack_panel(block: Block<'_>, panel: &mut [u32]) {
    block.check();
    assert!(block.rows <= TILE_ROWS, "rows of one panel");
    // SAFETY: constant tables of 16 words.
    let pairs = PANEL_PAIRS.map(|pairs| unsafe { _mm512_loadu_si512(pairs.as_ptr().cast()) });
    for (chunk, slots) in panel.chunks_mut(LANES * TILE_ROWS).enumerate() {
        let column = chunk * 2 * LANES;
        let (low, high) =
            (mask(block.columns - column), mask((block.columns - column).saturating_sub(LANES)));
        let mut rows = [_mm512_setzero_si512(); TILE_ROWS];
        for (row, register) in rows.iter_mut().enumerate().take(block.rows) {
            let source = block.data.as_ptr().wrapping_add(row * block.stride + column);
            // SAFETY: inside the block (checked), masked to its columns; a masked-out load touches nothing.
            unsafe {
                let first = _mm512_maskz_loadu_ps(low, source);
                let second = _mm512_maskz_loadu_ps(high, source.wrapping_add(LANES));
                *register = core::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first));
            }
        }
        for ((slots, pairs), masks) in slots.chunks_mut(LANES).zip(pairs).zip(PANEL_MASKS) {
            let mut words = _mm512_setzero_si512();
            for (row, mask) in rows.iter().zip(masks) {
                words = _mm512_mask_permutexvar_epi32(words, mask, pairs, *row);
            }
            // SAFETY: masked to the slice.
            unsafe { _mm512_mask_storeu_epi32(slots.as_mut_ptr().cast(), mask(slots.len()), words) };
        }
    }
}

/// `c = a b` or `c += a b` with `a [pairs][64]` (its first `rows` lanes), `b [pairs][64]` (its first
/// `columns` lanes); row `i` of `c` starts at `c[i * stride]`.
///
/// # Safety
/// The processor has AVX512F and AVX512-BF16.
pub unsafe fn multiply(shape: Shape, a: &[u32], b: &[u32], c: &mut [f32], stride: usize, add: bool) {
    let Shape { rows, columns, pairs } = shape;
    assert!(rows <= TILE_COLUMNS && columns <= TILE_COLUMNS && columns <= stride, "one tile");
    assert!(rows == 0 || (rows - 1) * stride + columns <= c.len(), "result inside its slice");
    for first in (0..rows).step_by(TILE_ROWS) {
        let tile = Tile { rows: TILE_ROWS.min(rows - first), columns, stride };
        let product = Operands { a: &a[first..], a_stride: TILE_COLUMNS, b, pairs };
        // SAFETY: `c` is exclusive and holds the tile (asserted); features from the caller.
        unsafe { multiply_tile(tile, [product, Operands::NONE], c[first * stride..].as_mut_ptr(), add) };
    }
}

/// Sizes of a product of two tiles.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// Lanes of the left operand.
    pub rows: usize,
    /// Lanes of the right operand.
    pub columns: usize,
    /// Pairs along the inner dimension.
    pub pairs: usize,
}

/// The lowest `count` bits, all 16 from 16 on.
const fn mask(count: usize) -> u16 {
    if count >= LANES { u16::MAX } else { (1 << count) - 1 }
}

/// Transposes a 16 x 16 block of words: pairs, quadruples, then 128-bit quarters twice.
#[inline]
#[target_feature(enable = "avx512f")]
pub(crate) fn transpose(rows: &mut [__m512i; LANES]) {
    for pair in rows.as_chunks_mut::<2>().0 {
        let (low, high) = (_mm512_unpacklo_epi32(pair[0], pair[1]), _mm512_unpackhi_epi32(pair[0], pair[1]));
        *pair = [low, high];
    }
    for four in rows.as_chunks_mut::<4>().0 {
        *four = [
            _mm512_unpacklo_epi64(four[0], four[2]),
            _mm512_unpackhi_epi64(four[0], four[2]),
            _mm512_unpacklo_epi64(four[1], four[3]),
            _mm512_unpackhi_epi64(four[1], four[3]),
        ];
    }
    // Now rows[4g + j] holds, in its quarter q, rows 4g..4g+4 of column 4q + j.
    let mut out = [_mm512_setzero_si512(); LANES];
    for j in 0..4 {
        let [a, b, c, d] = [rows[j], rows[4 + j], rows[8 + j], rows[12 + j]];
        let (ab_even, ab_odd) = (_mm512_shuffle_i32x4::<0x88>(a, b), _mm512_shuffle_i32x4::<0xdd>(a, b));
        let (cd_even, cd_odd) = (_mm512_shuffle_i32x4::<0x88>(c, d), _mm512_shuffle_i32x4::<0xdd>(c, d));
        out[j] = _mm512_shuffle_i32x4::<0x88>(ab_even, cd_even);
        out[4 + j] = _mm512_shuffle_i32x4::<0x88>(ab_odd, cd_odd);
        out[8 + j] = _mm512_shuffle_i32x4::<0xdd>(ab_even, cd_even);
        out[12 + j] = _mm512_shuffle_i32x4::<0xdd>(ab_odd, cd_odd);
    }
    *rows = out;
}
