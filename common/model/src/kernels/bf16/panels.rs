//! Sizes of the bf16 micro-kernel's tiles, and where a right operand's tiles come from. Used by everything in
//! `bf16`. Invariant: [`DEPTH`] is even, so that a run is whole pairs.

use std::ops::Range;

/// Rows of one micro-kernel call.
pub const TILE_ROWS: usize = 6;
/// Columns of one micro-kernel call: four registers of 16, and one NF4 block.
pub const TILE_COLUMNS: usize = 64;
/// What is unpacked at once along the inner dimension: `DEPTH * 64 * 2` bytes of a tile.
pub const DEPTH: usize = 1024;
/// Words of a register.
pub const LANES: usize = 16;

/// A part of some work that is divided evenly.
#[derive(Debug, Clone, Copy)]
pub struct Share {
    /// Which part, from 0.
    pub index: usize,
    /// How many there are.
    pub count: usize,
}

/// Where the columns of `b [depth, columns]` come from.
pub trait PanelSource: Sync {
    /// Columns of `b`.
    fn columns(&self) -> usize;
    /// Inner dimension.
    fn depth(&self) -> usize;
    /// Writes `b[start..start + depth, column..column + 64]` as `[ceil(depth / 2)][64]` words, the even
    /// inner index in the low half; columns and rows outside `b` are zero.
    fn unpack(&self, column: usize, start: usize, depth: usize, tile: &mut [u32]);
    /// Asks for a share of the memory that [`Self::unpack`] will read for `columns` and `inner`, to be in
    /// the second-level cache by then. A hint: what lies near enough need not be asked for.
    fn prefetch(&self, _columns: Range<usize>, _inner: Range<usize>, _share: Share) {}
}
