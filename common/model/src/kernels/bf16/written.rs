//! Matrices that are made tile by tile in the layouts in which a product reads them, and never exist row by
//! row.
//!
//! Used by `head` and `feed_forward`. Filled by what `finish::each_tile` calls for a tile that lies in the
//! first-level cache. Invariant: a tile's words are written by nobody else, so the places of different tiles
//! do not overlap.

use rayon::prelude::*;

use super::RowPanels;
use super::avx512::{Operands, Tile, multiply_tile};
use super::finish::{At, TILE};
use super::panels::{TILE_COLUMNS, TILE_ROWS};
use super::tiles::{Block, pack_near_columns, pack_panel};
use crate::kernels::disjoint::DisjointMut;
use crate::kernels::scratch::Scratch;

/// Pairs of rows of a row panel.
const PANEL_PAIRS: usize = TILE_ROWS / 2;
/// Words of a tile in either layout: two elements a word.
const WORDS: usize = TILE / 2;
/// Column tiles a task takes: a megabyte of operand at 512 rows.
const TILES_A_TASK: usize = 16;

impl RowPanels {
    /// For `rows` rows of `depth` elements, holding anything.
    pub fn fresh(rows: usize, depth: usize) -> Self {
        let pairs = depth.div_ceil(2);
        Self { words: Scratch::take(rows.div_ceil(TILE_ROWS) * pairs * TILE_ROWS), rows, pairs }
    }

    /// Where its tiles are written.
    pub fn slots(&mut self) -> PanelSlots<'_> {
        PanelSlots { pairs: self.pairs, words: DisjointMut::new(self.words.as_mut()) }
    }
}

/// Tiles of a [`RowPanels`].
#[derive(Clone, Copy)]
pub struct PanelSlots<'a> {
    words: DisjointMut<'a, u32>,
    pairs: usize,
}

impl PanelSlots<'_> {
    const fn place(&self, at: At) -> usize {
        (at.panel * self.pairs + at.column() / 2) * TILE_ROWS
    }

    /// Asks for a tile's memory, to be there when the tile is.
    pub fn prefetch(&self, at: At) {
        prefetch(self.words.pointer(self.place(at)).cast(), WORDS);
    }

    /// Writes a tile, rounded to bf16; what is outside its rows becomes 0.
    ///
    /// # Safety
    /// The processor has AVX512F, AVX512BW and AVX512-BF16. Nothing else accesses this tile meanwhile.
    pub unsafe fn put(&self, at: At, tile: &[f32; TILE]) {
        let words = at.columns.div_ceil(2) * TILE_ROWS;
        // SAFETY: from the caller; places of tiles do not overlap.
        unsafe { pack_panel(block(at, tile), self.words.slice(self.place(at), words)) };
    }
}

/// A matrix whose rows are the inner dimension of a product in which it stands right: `[tiles][ceil(rows /
/// 2)][64]` words.
pub struct ColumnTiles {
    words: Scratch,
    rows: usize,
    columns: usize,
}

/// Tiles of a [`ColumnTiles`].
#[derive(Clone, Copy)]
pub struct ColumnSlots<'a> {
    words: DisjointMut<'a, u32>,
    pairs: usize,
}

impl ColumnTiles {
    /// For `rows` rows of `columns` elements, holding anything.
    pub fn fresh(rows: usize, columns: usize) -> Self {
        let words = columns.div_ceil(TILE_COLUMNS) * rows.div_ceil(2) * TILE_COLUMNS;
        Self { words: Scratch::take(words), rows, columns }
    }

    /// Where its tiles are written.
    pub fn slots(&mut self) -> ColumnSlots<'_> {
        ColumnSlots { pairs: self.rows.div_ceil(2), words: DisjointMut::new(self.words.as_mut()) }
    }

    /// `c = a b` with this matrix as `b`; `c [a's rows, columns]`.
    pub fn multiply(&self, a: &RowPanels, c: &mut [f32]) {
        let (columns, pairs) = (self.columns, self.rows.div_ceil(2));
        assert!(a.pairs == pairs && c.len() == a.rows * columns, "shapes agree");
        let target = DisjointMut::new(c);
        let tiles = self.words.as_ref().par_chunks_exact((pairs * TILE_COLUMNS).max(1)).enumerate();
        tiles.with_min_len(TILES_A_TASK).for_each(|(tile, words)| {
            let column = tile * TILE_COLUMNS;
            for panel in 0..a.rows.div_ceil(TILE_ROWS) {
                let first = panel * TILE_ROWS;
                let rows = TILE_ROWS.min(a.rows - first);
                let shape = Tile { rows, columns: TILE_COLUMNS.min(columns - column), stride: columns };
                let products = [Operands { b: words, ..a.operands(panel, 0, pairs) }, Operands::NONE];
                // SAFETY: `RowPanels::pack` asserts the features of the processor; the tile lies inside `c`,
                // whose length is asserted, and belongs to this task.
                unsafe { multiply_tile(shape, &products, target.pointer(first * columns + column), false) };
            }
        });
    }
}

impl ColumnSlots<'_> {
    const fn place(&self, at: At) -> usize {
        (at.tile * self.pairs + at.panel * PANEL_PAIRS) * TILE_COLUMNS
    }

    /// Asks for a tile's memory, to be there when the tile is.
    pub fn prefetch(&self, at: At) {
        prefetch(self.words.pointer(self.place(at)).cast(), WORDS);
    }

    /// Writes a tile, rounded to bf16; what is outside its columns becomes 0.
    ///
    /// # Safety
    /// The processor has AVX512F, AVX512BW and AVX512-BF16. Nothing else accesses this tile meanwhile.
    pub unsafe fn put(&self, at: At, tile: &[f32; TILE]) {
        let words = at.rows.div_ceil(2) * TILE_COLUMNS;
        // SAFETY: from the caller; places of tiles do not overlap.
        unsafe { pack_near_columns(block(at, tile), self.words.slice(self.place(at), words)) };
    }
}

const fn block(at: At, tile: &[f32; TILE]) -> Block<'_> {
    Block { data: tile, stride: TILE_COLUMNS, rows: at.rows, columns: at.columns }
}

/// Asks for `count` words that will be written.
pub fn prefetch(words: *const u32, count: usize) {
    use core::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
    const LINE: usize = 64 / size_of::<u32>();
    for word in (0..count).step_by(LINE) {
        // SAFETY: a hint; it may name any address.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(words.wrapping_add(word).cast()) };
    }
}
