//! The AVX512-BF16 micro-kernel: a 6 x 64 tile of f32 accumulators in 24 registers.
//!
//! Called by `bf16::multiply`. Each step takes one pair along the inner dimension: four registers of `b`,
//! six broadcast words of `a`, 24 `vdpbf16ps`.

use core::arch::x86_64::*;

use super::TILE_COLUMNS;

/// Lanes of a register.
const LANES: usize = 16;
/// Registers across a tile.
const ACROSS: usize = TILE_COLUMNS / LANES;

/// What part of a tile is real, and where it goes.
#[derive(Debug, Clone, Copy)]
pub struct Tile {
    /// Rows to write, 1..=6.
    pub rows: usize,
    /// Columns to write, 1..=64.
    pub columns: usize,
    /// Pairs along the inner dimension.
    pub pairs: usize,
    /// Words between pairs of `a`: 6 in row panels, 64 in tiles.
    pub a_stride: usize,
    /// Elements between rows of the result.
    pub stride: usize,
}

/// `c = a b` or `c += a b` for one tile: `a [pairs][a_stride]`, of which 6 words are
/// used, `b [pairs][64]`; a word is two bf16.
///
/// # Safety
/// The processor has AVX512F and AVX512-BF16. `c` points to `rows` rows of `columns` f32, `stride` apart,
/// which nothing else accesses meanwhile.
///
/// # Panics
/// When `a` or `b` is shorter than `pairs` says.
pub unsafe fn multiply_tile(tile: Tile, a: &[u32], b: &[u32], c: *mut f32, add: bool) {
    assert!(
        a.len() >= tile.pairs.saturating_sub(1) * tile.a_stride + tile.rows
            && b.len() >= tile.pairs * TILE_COLUMNS,
        "operands cover the tile"
    );
    // SAFETY: forwarded from the caller; the operand lengths were just checked.
    unsafe {
        let (a, b) = (a.as_ptr(), b.as_ptr());
        match tile.columns.div_ceil(LANES) {
            1 => across::<1>(tile, a, b, c, add),
            2 => across::<2>(tile, a, b, c, add),
            3 => across::<3>(tile, a, b, c, add),
            _ => across::<ACROSS>(tile, a, b, c, add),
        }
    }
}

/// # Safety
/// As [`multiply_tile`], with `N` registers across and operands that cover the tile.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn across<const N: usize>(tile: Tile, a: *const u32, b: *const u32, c: *mut f32, add: bool) {
    // SAFETY: forwarded from the caller.
    unsafe {
        match tile.rows {
            1 => rows::<1, N>(tile, a, b, c, add),
            2 => rows::<2, N>(tile, a, b, c, add),
            3 => rows::<3, N>(tile, a, b, c, add),
            4 => rows::<4, N>(tile, a, b, c, add),
            5 => rows::<5, N>(tile, a, b, c, add),
            _ => rows::<6, N>(tile, a, b, c, add),
        }
    }
}

/// # Safety
/// As [`multiply_tile`], with `R = tile.rows`, `N` registers across and operands that cover the tile.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rows<const R: usize, const N: usize>(
    tile: Tile,
    a: *const u32,
    b: *const u32,
    c: *mut f32,
    add: bool,
) {
    let mut sums = [[_mm512_setzero_ps(); N]; R];
    let (mut a, mut b) = (a, b);
    for _ in 0..tile.pairs {
        // SAFETY: the caller's operands hold `pairs` steps of 64 and 6 words.
        unsafe {
            let columns: [__m512bh; N] =
                core::array::from_fn(|i| core::mem::transmute(_mm512_loadu_si512(b.add(i * LANES).cast())));
            for (row, sums) in sums.iter_mut().enumerate() {
                let broadcast: __m512bh =
                    core::mem::transmute(_mm512_set1_epi32((*a.add(row)).cast_signed()));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_dpbf16_ps(*sum, broadcast, column);
                }
            }
            a = a.wrapping_add(tile.a_stride);
            b = b.add(TILE_COLUMNS);
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        for (i, sum) in sums.iter().enumerate() {
            let valid = tile.columns.saturating_sub(i * LANES).min(LANES);
            #[expect(clippy::cast_possible_truncation, reason = "the low 16 bits are the mask")]
            let mask = ((1u32 << valid) - 1) as u16;
            // SAFETY: masked to the columns that exist; the caller owns them.
            unsafe {
                let target = c.add(row * tile.stride + i * LANES);
                let old = if add { _mm512_maskz_loadu_ps(mask, target) } else { _mm512_setzero_ps() };
                _mm512_mask_storeu_ps(target, mask, _mm512_add_ps(old, *sum));
            }
        }
    }
}
