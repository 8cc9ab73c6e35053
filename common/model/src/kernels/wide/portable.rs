//! The micro-kernel and the transposition in plain Rust, for every other processor and for Miri. Called by
//! `wide`.

use super::tile::{TILE_COLUMNS, TILE_ROWS, Tile};

/// Columns summed at a time: 6 x 8 sums fit the 16 registers of SSE2 or Neon.
const ACROSS: usize = 8;

/// One tile of `c (+)= alpha a b`.
///
/// # Safety
/// `a` points to `rows` x `depth` values at `a_strides`, `b` to `[depth][64]`, `c` to `rows` rows of
/// `columns` f32, `store.stride` apart, which nothing else accesses meanwhile.
pub(super) unsafe fn multiply_tile(tile: Tile, a: *const f32, b: *const f32, c: *mut f32) {
    let [a_row, a_column] = tile.a_strides;
    for column in (0..tile.columns).step_by(ACROSS) {
        let mut sums = [[0.0f32; ACROSS]; TILE_ROWS];
        for step in 0..tile.depth {
            // SAFETY: 8 of the 64 columns of a row of `b`.
            let columns: [f32; ACROSS] = unsafe { *b.add(step * TILE_COLUMNS + column).cast() };
            for (row, sums) in sums.iter_mut().enumerate().take(tile.rows) {
                // SAFETY: inside the caller's `rows` x `depth` values.
                let factor = unsafe { *a.add(row * a_row + step * a_column) };
                for (sum, value) in sums.iter_mut().zip(columns) {
                    *sum += factor * value;
                }
            }
        }
        for (row, sums) in sums.iter().enumerate().take(tile.rows) {
            let width = ACROSS.min(tile.columns - column);
            // SAFETY: the caller owns these columns of the row.
            let target =
                unsafe { core::slice::from_raw_parts_mut(c.add(row * tile.store.stride + column), width) };
            for (slot, value) in target.iter_mut().zip(sums) {
                *slot = if tile.store.add { *slot } else { 0.0 } + tile.store.alpha * value;
            }
        }
    }
}

/// See [`super::transpose`].
pub(super) fn transpose(data: &[f32], stride: usize, rows: usize, depth: usize, tile: &mut [f32]) {
    for (step, slots) in tile.chunks_exact_mut(TILE_COLUMNS).take(depth).enumerate() {
        let (filled, rest) = slots.split_at_mut(rows);
        for (slot, value) in filled.iter_mut().zip(data[step..].iter().step_by(stride.max(1))) {
            *slot = *value;
        }
        rest.fill(0.0);
    }
}
