//! Matrices of f32 or bf16 in the micro-kernel's layout, and the product of such tiles on one thread.
//!
//! Used by every product; by attention for both operands. A tile is `[pairs][64]` words of two bf16; its 64
//! lanes are rows of the source ([`pack_rows`], pairs along a row) or columns ([`pack_columns`], pairs of
//! rows). Either kind serves as left or right operand.

use core::arch::x86_64::*;

use super::avx512::{Operands, Tile, multiply_tile};
use super::panels::{LANES, TILE_COLUMNS, TILE_ROWS};
use super::source::{Source, mask};

/// Rows that [`pack_columns`] asks for before it needs them.
const AHEAD: usize = 64;
/// Elements of a row that [`pack_rows`] asks for before it needs them: it reads a little of each of 16 rows
/// at a time.
const ALONG: usize = 128;
/// A part of a row-major matrix.
#[derive(Clone, Copy)]
pub struct Block<'a, T = f32> {
    /// From the block's first element.
    pub data: &'a [T],
    /// Elements between rows.
    pub stride: usize,
    /// Rows of the block.
    pub rows: usize,
    /// Columns of the block.
    pub columns: usize,
}

impl<T> Block<'_, T> {
    fn require_inside(&self) {
        assert!(
            self.rows == 0 || (self.rows - 1) * self.stride + self.columns <= self.data.len(),
            "block inside"
        );
    }

    /// Address of an element; inside the block only for its rows and columns.
    fn element(&self, row: usize, column: usize) -> *const T {
        self.data.as_ptr().wrapping_add(row * self.stride + column)
    }
}

/// Lanes are the block's rows: `[ceil(columns / 2)][64]`, missing rows and an odd last column are zero.
///
/// # Safety
/// The processor has AVX512F, AVX512BW and AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub unsafe fn pack_rows<T: Source>(block: Block<'_, T>, tile: &mut [u32]) {
    block.require_inside();
    assert!(block.rows <= TILE_COLUMNS, "rows of one tile");
    assert!(tile.len() >= block.columns.div_ceil(2) * TILE_COLUMNS, "room for the tile");
    for lanes in (0..TILE_COLUMNS).step_by(LANES) {
        for column in (0..block.columns).step_by(2 * LANES) {
            let columns = block.columns - column;
            let mut registers = [_mm512_setzero_si512(); LANES];
            for (lane, register) in registers.iter_mut().enumerate().take(block.rows.saturating_sub(lanes)) {
                _mm_prefetch::<_MM_HINT_T0>(block.element(lanes + lane, column + ALONG).cast());
                // SAFETY: inside the block (checked).
                *register = unsafe { T::row(block.element(lanes + lane, column), columns) };
            }
            transpose(&mut registers);
            let pairs = columns.div_ceil(2).min(LANES);
            for (pair, register) in registers.iter().enumerate().take(pairs) {
                let start = (column / 2 + pair) * TILE_COLUMNS + lanes;
                // SAFETY: 16 words inside the tile (asserted above).
                unsafe { _mm512_storeu_si512(tile.as_mut_ptr().add(start).cast(), *register) };
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
pub unsafe fn pack_columns<T: Source>(block: Block<'_, T>, tile: &mut [u32]) {
    block.require_inside();
    let tile = &mut tile[..block.rows.div_ceil(2) * TILE_COLUMNS];
    for (pair, slots) in tile.as_chunks_mut::<TILE_COLUMNS>().0.iter_mut().enumerate() {
        // Rows are further apart than the processor's own prefetching reaches.
        for (row, column) in [(0, 0), (0, 2 * LANES), (1, 0), (1, 2 * LANES)] {
            _mm_prefetch::<_MM_HINT_T0>(block.element(2 * pair + AHEAD + row, column).cast());
        }
        // SAFETY: features from the caller; a pair of the block's.
        unsafe { pack_pair(&block, pair, slots) };
    }
}

/// [`pack_columns`] of a block of few rows that is in the first-level cache.
///
/// # Safety
/// As [`pack_columns`].
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub unsafe fn pack_near_columns(block: Block<'_>, tile: &mut [u32]) {
    block.require_inside();
    let tile = &mut tile[..block.rows.div_ceil(2) * TILE_COLUMNS];
    for (pair, slots) in tile.as_chunks_mut::<TILE_COLUMNS>().0.iter_mut().enumerate() {
        // SAFETY: features from the caller; a pair of the block's.
        unsafe { pack_pair(&block, pair, slots) };
    }
}

/// Two rows of a block as words, the second as zeros where there is none.
///
/// # Safety
/// The processor's features as for [`pack_columns`]; the block has row `2 * pair` and was checked.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
unsafe fn pack_pair<T: Source>(block: &Block<'_, T>, pair: usize, slots: &mut [u32; TILE_COLUMNS]) {
    for (half, slots) in slots.as_chunks_mut::<{ 2 * LANES }>().0.iter_mut().enumerate() {
        let column = half * 2 * LANES;
        let last = 2 * pair + 1 == block.rows;
        let second = if last { core::ptr::null() } else { block.element(2 * pair + 1, column) };
        let rows = [block.element(2 * pair, column), second];
        // SAFETY: inside the block, as far as it has columns; 16 words a store.
        unsafe {
            let words = T::pairs(rows, block.columns.saturating_sub(column));
            for (slots, words) in slots.as_chunks_mut::<LANES>().0.iter_mut().zip(words) {
                _mm512_storeu_si512(slots.as_mut_ptr().cast(), words);
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
/// The processor has AVX512F, AVX512BW and AVX512-BF16.
#[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
pub unsafe fn pack_panel<T: Source>(block: Block<'_, T>, panel: &mut [u32]) {
    block.require_inside();
    assert!(block.rows <= TILE_ROWS, "rows of one panel");
    // SAFETY: constant tables of 16 words.
    let pairs = PANEL_PAIRS.map(|pairs| unsafe { _mm512_loadu_si512(pairs.as_ptr().cast()) });
    for (chunk, slots) in panel.chunks_mut(LANES * TILE_ROWS).enumerate() {
        let column = chunk * 2 * LANES;
        let mut rows = [_mm512_setzero_si512(); TILE_ROWS];
        for (row, register) in rows.iter_mut().enumerate().take(block.rows) {
            // SAFETY: inside the block (checked).
            *register = unsafe { T::row(block.element(row, column), block.columns - column) };
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
        unsafe { multiply_tile(tile, &[product, Operands::NONE], c[first * stride..].as_mut_ptr(), add) };
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
