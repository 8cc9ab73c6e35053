//! Matrices of f32 or bf16 in the micro-kernel's layout, and the product of such tiles on one thread.
//!
//! Used by every product; by attention for both operands. A tile is `[pairs][64]` words of two bf16; its 64
//! lanes are rows of the source ([`pack_rows`], pairs along a row) or columns ([`pack_columns`], pairs of
//! rows). Either kind serves as left or right operand.

use core::arch::x86_64::*;

use half::bf16;

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
/// Both halves.
pub const ZIP: [[u16; 32]; 2] = [zip_rows(0), zip_rows(1)];

/// # Safety
/// The processor has AVX512F.
#[inline]
#[target_feature(enable = "avx512f")]
pub unsafe fn words(index: &[u16; 32]) -> __m512i {
    // SAFETY: 64 bytes are readable.
    unsafe { _mm512_loadu_si512(index.as_ptr().cast()) }
}

/// What a row-major matrix holds: f32, rounded to bf16 here, or bf16 already.
pub trait Source: Copy + Sync {
    /// The first `columns` (at most 32) elements of a row as bf16, zero behind them.
    ///
    /// # Safety
    /// The processor has AVX512F, AVX512BW and AVX512-BF16; that many elements are readable.
    unsafe fn row(source: *const Self, columns: usize) -> __m512i;

    /// The first `columns` (at most 32) elements of two rows as words, the first row in the low halves.
    ///
    /// # Safety
    /// As [`Source::row`], for both rows; a row that does not exist is null and taken as zeros.
    unsafe fn pairs(rows: [*const Self; 2], columns: usize) -> [__m512i; 2];
}

impl Source for f32 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn row(source: *const Self, columns: usize) -> __m512i {
        // SAFETY: masked to the readable elements; a masked-out load touches nothing.
        unsafe {
            let first = _mm512_maskz_loadu_ps(mask(columns), source);
            let second =
                _mm512_maskz_loadu_ps(mask(columns.saturating_sub(LANES)), source.wrapping_add(LANES));
            core::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(second, first))
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn pairs([a, b]: [*const Self; 2], columns: usize) -> [__m512i; 2] {
        // SAFETY: a constant table.
        let interleave = unsafe { words(&INTERLEAVE) };
        [0, LANES].map(|start| {
            let columns = mask(columns.saturating_sub(start));
            let second = if b.is_null() { 0 } else { columns };
            // SAFETY: as above.
            unsafe {
                let a = _mm512_maskz_loadu_ps(columns, a.wrapping_add(start));
                let b = _mm512_maskz_loadu_ps(second, b.wrapping_add(start));
                let both = core::mem::transmute::<__m512bh, __m512i>(_mm512_cvtne2ps_pbh(b, a));
                _mm512_permutexvar_epi16(interleave, both)
            }
        })
    }
}

impl Source for bf16 {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn row(source: *const Self, columns: usize) -> __m512i {
        // SAFETY: masked to the readable elements.
        unsafe { _mm512_maskz_loadu_epi16(wide_mask(columns), source.cast()) }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512bf16")]
    unsafe fn pairs([a, b]: [*const Self; 2], columns: usize) -> [__m512i; 2] {
        let columns = wide_mask(columns);
        let second = if b.is_null() { 0 } else { columns };
        // SAFETY: masked to the readable elements; constant tables.
        unsafe {
            let (a, b) =
                (_mm512_maskz_loadu_epi16(columns, a.cast()), _mm512_maskz_loadu_epi16(second, b.cast()));
            ZIP.each_ref().map(|zip| _mm512_permutex2var_epi16(a, words(zip), b))
        }
    }
}

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
    fn check(&self) {
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
    block.check();
    assert!(block.rows <= TILE_COLUMNS, "rows of one tile");
    assert!(tile.len() >= block.columns.div_ceil(2) * TILE_COLUMNS, "room for the tile");
    for lanes in (0..TILE_COLUMNS).step_by(LANES) {
        for column in (0..block.columns).step_by(2 * LANES) {
            let columns = block.columns - column;
            let mut registers = [_mm512_setzero_si512(); LANES];
            for (lane, register) in registers.iter_mut().enumerate().take(block.rows.saturating_sub(lanes)) {
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
    block.check();
    let tile = &mut tile[..block.rows.div_ceil(2) * TILE_COLUMNS];
    for (pair, slots) in tile.as_chunks_mut::<TILE_COLUMNS>().0.iter_mut().enumerate() {
        for (half, slots) in slots.as_chunks_mut::<{ 2 * LANES }>().0.iter_mut().enumerate() {
            let column = half * 2 * LANES;
            let last = 2 * pair + 1 == block.rows;
            let second = if last { core::ptr::null() } else { block.element(2 * pair + 1, column) };
            let rows = [block.element(2 * pair, column), second];
            // SAFETY: inside the block (checked), as far as it has columns; 16 words a store.
            unsafe {
                let words = T::pairs(rows, block.columns.saturating_sub(column));
                for (slots, words) in slots.as_chunks_mut::<LANES>().0.iter_mut().zip(words) {
                    _mm512_storeu_si512(slots.as_mut_ptr().cast(), words);
                }
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
    block.check();
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

/// The lowest `count` bits, all 32 from 32 on.
const fn wide_mask(count: usize) -> u32 {
    if count >= 2 * LANES { u32::MAX } else { (1 << count) - 1 }
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
