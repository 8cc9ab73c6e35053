//! The AVX512-BF16 micro-kernel: a 6 x 64 tile of f32 accumulators in 24 registers.
//!
//! Called by `bf16::multiply`. Each step takes one pair along the inner dimension: four registers of `b`,
//! six broadcast words of `a`, 24 `vdpbf16ps`.

use core::arch::x86_64::*;

use super::panels::TILE_COLUMNS;
use super::source::mask;

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
    /// Elements between rows of the result.
    pub stride: usize,
}

/// One product of the sum that a tile is: `a [pairs][a_stride]`, of which `rows` words are used, times
/// `b [pairs][64]`; a word is two bf16.
#[derive(Debug, Clone, Copy)]
pub struct Operands<'a> {
    /// Left operand.
    pub a: &'a [u32],
    /// Words between pairs of `a`: 6 in row panels, 64 in tiles.
    pub a_stride: usize,
    /// Right operand.
    pub b: &'a [u32],
    /// Pairs along the inner dimension.
    pub pairs: usize,
}

impl Operands<'_> {
    /// Nothing to add.
    pub const NONE: Self = Self { a: &[], a_stride: 0, b: &[], pairs: 0 };

    fn cover(&self, rows: usize) -> bool {
        self.pairs == 0
            || self.a.len() >= (self.pairs - 1) * self.a_stride + rows
                && self.b.len() >= self.pairs * TILE_COLUMNS
    }
}

/// `c = sum of the products`, or `c += ...`, for one tile. All products are summed in the same registers, the
/// first one first.
///
/// # Safety
/// The processor has AVX512F and AVX512-BF16. `c` points to `rows` rows of `columns` f32, `stride` apart,
/// which nothing else accesses meanwhile.
///
/// # Panics
/// When an operand is shorter than it says.
pub unsafe fn multiply_tile(tile: Tile, products: &[Operands<'_>; 2], c: *mut f32, add: bool) {
    assert!(products.iter().all(|product| product.cover(tile.rows)), "operands cover the tile");
    // SAFETY: forwarded from the caller; the operand lengths were just checked.
    unsafe {
        match tile.columns.div_ceil(LANES) {
            1 => across::<1>(tile, products, c, add),
            2 => across::<2>(tile, products, c, add),
            3 => across::<3>(tile, products, c, add),
            _ => across::<ACROSS>(tile, products, c, add),
        }
    }
}

/// # Safety
/// As [`multiply_tile`], with `N` registers across and operands that cover the tile.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn across<const N: usize>(tile: Tile, products: &[Operands<'_>; 2], c: *mut f32, add: bool) {
    // SAFETY: forwarded from the caller.
    unsafe {
        match tile.rows {
            1 => rows::<1, N>(tile, products, c, add),
            2 => rows::<2, N>(tile, products, c, add),
            3 => rows::<3, N>(tile, products, c, add),
            4 => rows::<4, N>(tile, products, c, add),
            5 => rows::<5, N>(tile, products, c, add),
            _ => rows::<6, N>(tile, products, c, add),
        }
    }
}

/// # Safety
/// As [`multiply_tile`], with `R = tile.rows`, `N` registers across and operands that cover the tile.
#[target_feature(enable = "avx512f,avx512bf16")]
unsafe fn rows<const R: usize, const N: usize>(
    tile: Tile,
    products: &[Operands<'_>; 2],
    c: *mut f32,
    add: bool,
) {
    // The result is far from this core's caches; it arrives while the products are computed.
    for row in 0..R {
        for i in 0..N {
            _mm_prefetch::<_MM_HINT_T0>(c.wrapping_add(row * tile.stride + i * LANES).cast());
        }
    }
    let mut sums = [[_mm512_setzero_ps(); N]; R];
    for product in products {
        let (mut a, mut b) = (product.a.as_ptr(), product.b.as_ptr());
        for _ in 0..product.pairs {
            // SAFETY: the operands hold `pairs` steps of 64 and of `rows` words.
            unsafe {
                let columns: [__m512bh; N] = core::array::from_fn(|i| {
                    core::mem::transmute(_mm512_loadu_si512(b.add(i * LANES).cast()))
                });
                for (row, sums) in sums.iter_mut().enumerate() {
                    let broadcast: __m512bh =
                        core::mem::transmute(_mm512_set1_epi32((*a.add(row)).cast_signed()));
                    for (sum, column) in sums.iter_mut().zip(columns) {
                        *sum = _mm512_dpbf16_ps(*sum, broadcast, column);
                    }
                }
                a = a.wrapping_add(product.a_stride);
                b = b.add(TILE_COLUMNS);
            }
        }
    }
    let whole = tile.columns == N * LANES;
    for (row, sums) in sums.iter().enumerate() {
        for (i, sum) in sums.iter().enumerate() {
            let target = c.wrapping_add(row * tile.stride + i * LANES);
            if whole {
                // SAFETY: the caller owns all columns.
                unsafe {
                    let old = if add { _mm512_loadu_ps(target) } else { _mm512_setzero_ps() };
                    _mm512_storeu_ps(target, _mm512_add_ps(old, *sum));
                }
                continue;
            }
            let mask = mask(tile.columns.saturating_sub(i * LANES));
            // SAFETY: masked to the columns that exist; the caller owns them.
            unsafe {
                let old = if add { _mm512_maskz_loadu_ps(mask, target) } else { _mm512_setzero_ps() };
                _mm512_mask_storeu_ps(target, mask, _mm512_add_ps(old, *sum));
            }
        }
    }
}
