//! A dense matrix as the right operand of a bf16 product.
//!
//! Used by LoRA, whose operands change every step and are therefore rounded on the fly.

use super::panels::{PanelSource, TILE_COLUMNS};
use super::tiles::{Block, pack_columns, pack_rows};
use crate::kernels::cpu::{Isa, detect};

/// `b = M` or `b = M^T` for a row-major `M [rows, columns]`.
#[derive(Clone, Copy)]
pub struct DensePanels<'a> {
    data: &'a [f32],
    rows: usize,
    columns: usize,
    transposed: bool,
}

impl<'a> DensePanels<'a> {
    /// Rounds a matrix tile by tile.
    pub fn new(data: &'a [f32], rows: usize, columns: usize, transposed: bool) -> Self {
        assert_eq!(data.len(), rows * columns, "dense matrix");
        assert_eq!(detect(), Isa::Avx512Bf16, "the processor has AVX512-BF16");
        Self { data, rows, columns, transposed }
    }
}

impl PanelSource for DensePanels<'_> {
    fn columns(&self) -> usize {
        if self.transposed { self.rows } else { self.columns }
    }

    fn depth(&self) -> usize {
        if self.transposed { self.columns } else { self.rows }
    }

    fn unpack(&self, column: usize, start: usize, depth: usize, tile: &mut [u32]) {
        let lanes = TILE_COLUMNS.min(self.columns() - column);
        let stride = self.columns;
        if self.transposed {
            let data = &self.data[column * stride + start..];
            // SAFETY: `new` asserts the processor's features.
            unsafe { pack_rows(Block { data, stride, rows: lanes, columns: depth }, tile) };
        } else {
            let data = &self.data[start * stride + column..];
            // SAFETY: `new` asserts the processor's features.
            unsafe { pack_columns(Block { data, stride, rows: depth, columns: lanes }, tile) };
        }
    }
}
