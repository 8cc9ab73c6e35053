//! f32 matrix product `c (+)= alpha a b` on AVX-512, AVX2 with FMA, or any processor.
//!
//! Called by `matmul` for dense operands and by `linear` for frozen weights. The right operand is unpacked 64
//! columns at a time into tiles (a quantised weight never exists in wide form); the left one is read where it
//! lies.
//!
//! Blocking as in `bf16`: a task owns a group of column tiles and, for each run of [`DEPTH`] along the inner
//! dimension, unpacks them once (8 x 64 KiB, in L2) and walks the rows six at a time. Every element of `c` is
//! summed along the inner dimension in the same order whatever the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use self::tile::Tile;
use super::cpu::Isa;
use super::disjoint::DisjointMut;
use super::grid::Grid;
use super::scratch::Scratch;
use super::view::{Threads, View, extent};

pub use self::tile::{Panels, Store, TILE_COLUMNS, TILE_ROWS};

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod portable;
#[cfg(test)]
mod tests;
pub mod tile;
pub mod weights;

/// Column tiles a task keeps unpacked at once.
const TILES_A_TASK: usize = 8;
/// Inner-dimension run: an unpacked tile is `DEPTH * 64 * 4` bytes.
pub const DEPTH: usize = 256;

/// `c = alpha a b`, or `c += alpha a b`, on the given instruction set, which the processor must have.
pub fn multiply(isa: Isa, a: View<'_>, b: &impl Panels, c: &mut [f32], store: Store, threads: Threads) {
    assert!(isa.is_available(), "the processor has the instructions");
    let (rows, columns, depth) = (a.row_count(), b.columns(), b.depth());
    assert_eq!(a.column_count(), depth, "inner dimensions agree");
    assert!(
        columns <= store.stride && extent(rows, columns, store.stride, 1) <= c.len(),
        "result inside its slice"
    );
    if rows == 0 || columns == 0 {
        return;
    }
    let workers = if threads == Threads::All { rayon::current_num_threads() } else { 1 };
    let grid = Grid::new(columns.div_ceil(TILE_COLUMNS), rows.div_ceil(TILE_ROWS), workers, TILES_A_TASK);
    let product = Product { isa, a, b, c: DisjointMut::new(c), store };
    let part = |task| {
        let (tiles, panels) = grid.task(task);
        product.run(tiles, panels);
    };
    match threads {
        Threads::All => (0..grid.tasks()).into_par_iter().for_each(part),
        Threads::One => (0..grid.tasks()).for_each(part),
    }
}

/// The operands of one product.
struct Product<'a, P> {
    isa: Isa,
    a: View<'a>,
    b: &'a P,
    c: DisjointMut<'a, f32>,
    store: Store,
}

impl<P: Panels> Product<'_, P> {
    /// The part of the result that one task owns: column tiles and row panels.
    fn run(&self, tiles: Range<usize>, panels: Range<usize>) {
        let depth = self.b.depth();
        let tile_length = DEPTH.min(depth) * TILE_COLUMNS;
        let mut unpacked = Scratch::take(tiles.len() * tile_length);
        let unpacked: &mut [f32] = bytemuck::cast_slice_mut(unpacked.as_mut());
        // An empty inner dimension still has a result: zero.
        for start in (0..depth.max(1)).step_by(DEPTH) {
            let run = DEPTH.min(depth - start);
            if tile_length > 0 {
                for (slots, tile) in unpacked.chunks_exact_mut(tile_length).zip(tiles.clone()) {
                    self.b.unpack(
                        self.isa,
                        tile * TILE_COLUMNS,
                        start,
                        run,
                        &mut slots[..run * TILE_COLUMNS],
                    );
                }
            }
            let store = Store { add: self.store.add || start > 0, ..self.store };
            for panel in panels.clone() {
                for (index, tile) in tiles.clone().enumerate() {
                    let b = &unpacked[index * tile_length..][..run * TILE_COLUMNS];
                    self.tile(panel * TILE_ROWS, tile * TILE_COLUMNS, start, b, store);
                }
            }
        }
    }

    fn tile(&self, row: usize, column: usize, start: usize, b: &[f32], store: Store) {
        let (a, a_strides) = self.a.from(row, start);
        let tile = Tile {
            rows: TILE_ROWS.min(self.a.row_count() - row),
            columns: TILE_COLUMNS.min(self.b.columns() - column),
            depth: b.len() / TILE_COLUMNS,
            a_strides,
            store,
        };
        assert!(
            extent(tile.rows, tile.depth, a_strides[0], a_strides[1]) <= a.len(),
            "left operand covers the tile"
        );
        let c = self.c.pointer(row * store.stride + column);
        // SAFETY: `multiply` asserts the instruction set and that the whole result lies inside `c`; this task
        // alone owns the tile; `a` was just checked, and `b` holds `depth` rows of 64 by construction.
        unsafe {
            match self.isa {
                #[cfg(target_arch = "x86_64")]
                Isa::Avx512Bf16 | Isa::Avx512 => avx512::multiply_tile(tile, a.as_ptr(), b.as_ptr(), c),
                #[cfg(target_arch = "x86_64")]
                Isa::Avx2 => avx2::multiply_tile(tile, a.as_ptr(), b.as_ptr(), c),
                _ => portable::multiply_tile(tile, a.as_ptr(), b.as_ptr(), c),
            }
        }
    }
}

/// Writes the transpose of `rows` (at most 64) rows of `depth` values, `stride` apart, as `[depth][64]`;
/// lanes without a row become zero.
pub(super) fn transpose(isa: Isa, data: &[f32], stride: usize, rows: usize, depth: usize, tile: &mut [f32]) {
    assert!(rows <= TILE_COLUMNS && extent(rows, depth, stride, 1) <= data.len(), "rows inside the matrix");
    assert!(tile.len() >= depth * TILE_COLUMNS, "the tile holds them");
    match isa {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller asserted the instruction set; extents were just checked.
        Isa::Avx512Bf16 | Isa::Avx512 => unsafe { avx512::transpose(data, stride, rows, depth, tile) },
        _ => portable::transpose(data, stride, rows, depth, tile),
    }
}
