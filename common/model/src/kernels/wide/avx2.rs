//! The AVX2 micro-kernel: 6 x 16 accumulators in 12 registers, four times across a tile. Called by `wide`.

use core::arch::x86_64::*;

use super::tile::{TILE_COLUMNS, Tile};

/// Lanes of a register.
const LANES: usize = 8;
/// Registers across one walk down the tile.
const ACROSS: usize = 2;

/// One tile of `c (+)= alpha a b`.
///
/// # Safety
/// The processor has AVX2 and FMA. `a` points to `rows` x `depth` values at `a_strides`, `b` to
/// `[depth][64]`, `c` to `rows` rows of `columns` f32, `store.stride` apart, which nothing else accesses
/// meanwhile.
pub(super) unsafe fn multiply_tile(tile: Tile, a: *const f32, b: *const f32, c: *mut f32) {
    for column in (0..tile.columns).step_by(ACROSS * LANES) {
        let part = Tile { columns: (tile.columns - column).min(ACROSS * LANES), ..tile };
        // SAFETY: forwarded from the caller; the part's columns lie inside the tile.
        unsafe {
            let (b, c) = (b.add(column), c.add(column));
            match tile.rows {
                1 => rows::<1>(part, a, b, c),
                2 => rows::<2>(part, a, b, c),
                3 => rows::<3>(part, a, b, c),
                4 => rows::<4>(part, a, b, c),
                5 => rows::<5>(part, a, b, c),
                _ => rows::<6>(part, a, b, c),
            }
        }
    }
}

/// # Safety
/// As [`multiply_tile`], with `R = tile.rows` and at most 16 columns.
#[target_feature(enable = "avx2,fma")]
unsafe fn rows<const R: usize>(tile: Tile, a: *const f32, b: *const f32, c: *mut f32) {
    let mut sums = [[_mm256_setzero_ps(); ACROSS]; R];
    let [a_row, a_column] = tile.a_strides;
    let (mut a, mut b) = (a, b);
    for _ in 0..tile.depth {
        // SAFETY: the caller's operands hold `depth` steps; the last advance is not read through.
        unsafe {
            let columns: [__m256; ACROSS] = core::array::from_fn(|i| _mm256_loadu_ps(b.add(i * LANES)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let broadcast = _mm256_broadcast_ss(&*a.add(row * a_row));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm256_fmadd_ps(broadcast, column, *sum);
                }
            }
            a = a.wrapping_add(a_column);
            b = b.wrapping_add(TILE_COLUMNS);
        }
    }
    for (row, sums) in sums.iter().enumerate() {
        // SAFETY: the caller owns `columns` values of the row.
        let target = unsafe { core::slice::from_raw_parts_mut(c.add(row * tile.store.stride), tile.columns) };
        let mut values = [0.0; ACROSS * LANES];
        // SAFETY: two registers fill the array.
        unsafe {
            _mm256_storeu_ps(values.as_mut_ptr(), sums[0]);
            _mm256_storeu_ps(values.as_mut_ptr().add(LANES), sums[1]);
        }
        for (slot, value) in target.iter_mut().zip(values) {
            *slot = if tile.store.add { *slot } else { 0.0 } + tile.store.alpha * value;
        }
    }
}
