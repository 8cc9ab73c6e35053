//! Measures what the processor can do at most, so that a benchmark can say how close a kernel comes.
//!
//! Called by `benches/kernels.rs`. The micro-kernel on operands that stay in the first-level cache, on every
//! core: nothing but `vdpbf16ps` limits it there.

use rayon::prelude::*;

/// Pairs along the inner dimension of the one tile: 16 KiB of operands.
#[cfg(target_arch = "x86_64")]
const PAIRS: usize = 60;

/// Computes one tile `steps` times on each thread of the pool and returns the floating-point operations done,
/// or `None` without AVX512-BF16.
pub fn bf16_operations(steps: u64) -> Option<u64> {
    #[cfg(target_arch = "x86_64")]
    if super::cpu::detect() == super::cpu::Isa::Avx512Bf16 {
        use super::bf16::{TILE_COLUMNS, TILE_ROWS};
        let threads = rayon::current_num_threads();
        (0..threads).into_par_iter().for_each(|_| repeat_tile(steps));
        return Some(threads as u64 * steps * (2 * 2 * PAIRS * TILE_ROWS * TILE_COLUMNS) as u64);
    }
    let _ = steps;
    None
}

#[cfg(target_arch = "x86_64")]
fn repeat_tile(steps: u64) {
    use super::bf16::avx512::{Operands, Tile, multiply_tile};
    use super::bf16::{TILE_COLUMNS, TILE_ROWS};
    const ONES: u32 = 0x3f80_3f80;
    let (a, b) = (vec![ONES; PAIRS * TILE_ROWS], vec![ONES; PAIRS * TILE_COLUMNS]);
    let mut c = vec![0.0; TILE_ROWS * TILE_COLUMNS];
    let tile = Tile { rows: TILE_ROWS, columns: TILE_COLUMNS, stride: TILE_COLUMNS };
    let products = [Operands { a: &a, a_stride: TILE_ROWS, b: &b, pairs: PAIRS }, Operands::NONE];
    for _ in 0..steps {
        // SAFETY: the caller has asked for the processor's features; `c` holds a whole tile.
        unsafe { multiply_tile(tile, &products, c.as_mut_ptr(), false) };
    }
    std::hint::black_box(c);
}
