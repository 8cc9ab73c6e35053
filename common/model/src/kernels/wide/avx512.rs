//! The AVX-512 micro-kernel: a 6 x 64 tile of f32 accumulators in 24 registers, and the transposition that
//! fills tiles. Called by `wide`.

use core::arch::x86_64::*;

use super::tile::{TILE_COLUMNS, Tile};
use crate::kernels::bf16::tiles;

/// Lanes of a register.
const LANES: usize = 16;
/// Registers across a tile.
const ACROSS: usize = TILE_COLUMNS / LANES;

/// One tile of `c (+)= alpha a b`.
///
/// # Safety
/// The processor has AVX512F. `a` points to `rows` x `depth` values at `a_strides`, `b` to `[depth][64]`, `c`
/// to `rows` rows of `columns` f32, `store.stride` apart, which nothing else accesses meanwhile.
pub(super) unsafe fn multiply_tile(tile: Tile, a: *const f32, b: *const f32, c: *mut f32) {
    // SAFETY: forwarded from the caller.
    unsafe {
        match tile.columns.div_ceil(LANES) {
            1 => across::<1>(tile, a, b, c),
            2 => across::<2>(tile, a, b, c),
            3 => across::<3>(tile, a, b, c),
            _ => across::<ACROSS>(tile, a, b, c),
        }
    }
}

/// # Safety
/// As [`multiply_tile`], with `N` registers across.
#[target_feature(enable = "avx512f")]
unsafe fn across<const N: usize>(tile: Tile, a: *const f32, b: *const f32, c: *mut f32) {
    // SAFETY: forwarded from the caller.
    unsafe {
        match tile.rows {
            1 => rows::<1, N>(tile, a, b, c),
            2 => rows::<2, N>(tile, a, b, c),
            3 => rows::<3, N>(tile, a, b, c),
            4 => rows::<4, N>(tile, a, b, c),
            5 => rows::<5, N>(tile, a, b, c),
            _ => rows::<6, N>(tile, a, b, c),
        }
    }
}

/// # Safety
/// As [`multiply_tile`], with `R = tile.rows` and `N` registers across.
#[target_feature(enable = "avx512f")]
unsafe fn rows<const R: usize, const N: usize>(tile: Tile, a: *const f32, b: *const f32, c: *mut f32) {
    let mut sums = [[_mm512_setzero_ps(); N]; R];
    let [a_row, a_column] = tile.a_strides;
    let (mut a, mut b) = (a, b);
    for _ in 0..tile.depth {
        // SAFETY: the caller's operands hold `depth` steps; the last advance is not read through.
        unsafe {
            let columns: [__m512; N] = core::array::from_fn(|i| _mm512_loadu_ps(b.add(i * LANES)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let broadcast = _mm512_set1_ps(*a.add(row * a_row));
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_fmadd_ps(broadcast, column, *sum);
                }
            }
            a = a.wrapping_add(a_column);
            b = b.add(TILE_COLUMNS);
        }
    }
    let alpha = _mm512_set1_ps(tile.store.alpha);
    for (row, sums) in sums.iter().enumerate() {
        for (i, sum) in sums.iter().enumerate() {
            let mask = low_bits(tile.columns.saturating_sub(i * LANES));
            // SAFETY: masked to the columns that exist; the caller owns them.
            unsafe {
                let target = c.add(row * tile.store.stride + i * LANES);
                let old =
                    if tile.store.add { _mm512_maskz_loadu_ps(mask, target) } else { _mm512_setzero_ps() };
                _mm512_mask_storeu_ps(target, mask, _mm512_fmadd_ps(alpha, *sum, old));
            }
        }
    }
}

/// See [`super::transpose`].
///
/// # Safety
/// The processor has AVX512F. `rows` rows of `depth` values, `stride` apart, lie inside `data`; `tile` holds
/// `[depth][64]`.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn transpose(data: &[f32], stride: usize, rows: usize, depth: usize, tile: &mut [f32]) {
    for lanes in (0..TILE_COLUMNS).step_by(LANES) {
        for column in (0..depth).step_by(LANES) {
            let width = LANES.min(depth - column);
            let mut block = [_mm512_setzero_si512(); LANES];
            for (lane, register) in block.iter_mut().enumerate().take(rows.saturating_sub(lanes)) {
                // SAFETY: a row inside `data`; the mask stops at its end.
                *register = unsafe {
                    let source = data.as_ptr().add((lanes + lane) * stride + column);
                    _mm512_maskz_loadu_epi32(low_bits(width), source.cast())
                };
            }
            tiles::transpose(&mut block);
            for (index, register) in block.iter().enumerate().take(width) {
                let start = (column + index) * TILE_COLUMNS + lanes;
                // SAFETY: a slice of 16 values, bounds-checked.
                unsafe { _mm512_storeu_si512(tile[start..start + LANES].as_mut_ptr().cast(), *register) };
            }
        }
    }
}

/// `code * scale` of the 64 elements in 32 packed bytes.
///
/// # Safety
/// The processor has AVX512F.
#[target_feature(enable = "avx512f")]
pub(super) unsafe fn nf4_block(packed: &[u8; 32], scale: f32, out: &mut [f32; 64]) {
    // The words of two registers in turn: the high nibble is the earlier element.
    let (low, high) = (_mm512_setr_epi32(0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23), {
        _mm512_setr_epi32(8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31)
    });
    // SAFETY: the table is 16 f32; each half reads 16 bytes and writes 32 f32 of arrays of that size.
    unsafe {
        let codes = _mm512_mul_ps(_mm512_loadu_ps(crate::nf4::table::CODES.as_ptr()), _mm512_set1_ps(scale));
        for half in 0..2 {
            let bytes = _mm512_cvtepu8_epi32(_mm_loadu_si128(packed.as_ptr().add(half * LANES).cast()));
            // The permutation uses the low four bits of each index: no mask needed.
            let even = _mm512_permutexvar_ps(_mm512_srli_epi32::<4>(bytes), codes);
            let odd = _mm512_permutexvar_ps(bytes, codes);
            let target = out.as_mut_ptr().add(half * 2 * LANES);
            _mm512_storeu_ps(target, _mm512_permutex2var_ps(even, low, odd));
            _mm512_storeu_ps(target.add(LANES), _mm512_permutex2var_ps(even, high, odd));
        }
    }
}

/// The lowest `count` bits, all 16 from 16 on.
const fn low_bits(count: usize) -> u16 {
    if count >= LANES { u16::MAX } else { (1 << count) - 1 }
}
