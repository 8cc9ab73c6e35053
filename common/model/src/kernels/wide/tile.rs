//! Sizes of the f32 micro-kernels' tiles, and what one call of them needs. Used by everything in `wide`, and
//! by `matmul`. Invariant: the same for every instruction set.

use crate::kernels::cpu::Isa;

/// Rows of one micro-kernel call.
pub const TILE_ROWS: usize = 6;
/// Columns of one tile: four AVX-512 registers, one NF4 block.
pub const TILE_COLUMNS: usize = 64;
/// Where the columns of `b [depth, columns]` come from.
pub trait Panels: Sync {
    /// Columns of `b`.
    fn columns(&self) -> usize;
    /// Inner dimension.
    fn depth(&self) -> usize;
    /// Writes `b[start..start + depth, column..column + 64]` as `[depth][64]`; columns outside `b` are zero.
    fn unpack(&self, isa: Isa, column: usize, start: usize, depth: usize, tile: &mut [f32]);
}

/// What a product does with its result.
#[derive(Debug, Clone, Copy)]
pub struct Store {
    /// Elements between rows of `c`.
    pub stride: usize,
    /// Factor of the product.
    pub alpha: f32,
    /// Whether it is added to what `c` holds.
    pub add: bool,
}

/// One call of a micro-kernel.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tile {
    /// Rows to write, 1..=6.
    pub(super) rows: usize,
    /// Columns to write, 1..=64.
    pub(super) columns: usize,
    pub(super) depth: usize,
    /// Elements of `a` between rows and along the inner dimension.
    pub(super) a_strides: [usize; 2],
    pub(super) store: Store,
}
