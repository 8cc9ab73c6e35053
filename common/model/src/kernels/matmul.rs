//! f32 products of dense, strided matrices on the widest instruction set of this process.
//!
//! Used by every kernel when the precision is f32, and for the small products of LoRA and attention.
//! A view checks once that it lies inside its slice.

use super::cpu::{Isa, isa};
use super::view::{Threads, View};
use super::wide::{self, Panels, Store, TILE_COLUMNS};

impl Panels for View<'_> {
    fn columns(&self) -> usize {
        self.column_count()
    }

    fn depth(&self) -> usize {
        self.row_count()
    }

    fn unpack(&self, isa: Isa, column: usize, start: usize, depth: usize, tile: &mut [f32]) {
        let lanes = TILE_COLUMNS.min(self.column_count() - column);
        let (data, [row_stride, column_stride]) = self.from(start, column);
        if column_stride == 1 {
            for (step, slots) in tile.chunks_exact_mut(TILE_COLUMNS).take(depth).enumerate() {
                let (filled, rest) = slots.split_at_mut(lanes);
                filled.copy_from_slice(&data[step * row_stride..][..lanes]);
                rest.fill(0.0);
            }
        } else {
            // A view is row-major or the transpose of one.
            wide::transpose(isa, data, column_stride, lanes, depth, tile);
        }
    }
}

/// `c = alpha a b`, or `c += alpha a b` with `c` row-major, as `store` says.
pub fn matmul(c: &mut [f32], store: Store, a: View<'_>, b: View<'_>, threads: Threads) {
    wide::multiply(isa(), a, &b, c, store, threads);
}
