//! Products whose results are finished tile by tile, while they are in the first-level cache, and never
//! stored as they are.
//!
//! Called by the loss head and by the feed-forward block. Invariants: every tile is finished once, by one
//! task; all sums of an element run over the whole inner dimension in one go.

use rayon::prelude::*;

use super::avx512::{Operands, Tile, multiply_tile};
use super::panels::{PanelSource, TILE_COLUMNS, TILE_ROWS};
use super::unpack::WeightPanels;
use super::{Ahead, Beside, RowPanels, UNPACKED_WORDS, after, unpack_run};
use crate::kernels::grid::Grid;
use crate::kernels::scratch::Scratch;

/// Elements of a tile, rows of 64.
pub const TILE: usize = TILE_ROWS * TILE_COLUMNS;

/// A right operand, and the adapter's product that is added.
pub struct Right<'a> {
    /// The weight.
    pub weight: WeightPanels<'a>,
    /// As many rows and columns as the product.
    pub beside: Option<Beside<'a>>,
}

/// A tile's place in the result.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Row panel.
    pub panel: usize,
    /// Column tile.
    pub tile: usize,
    /// Rows the tile has, 1..=6.
    pub rows: usize,
    /// Columns the tile has, 1..=64.
    pub columns: usize,
}

impl At {
    /// First row of the panel.
    pub const fn row(&self) -> usize {
        self.panel * TILE_ROWS
    }

    /// First column of the tile.
    pub const fn column(&self) -> usize {
        self.tile * TILE_COLUMNS
    }
}

/// Computes the products of `a` with right operands of one shape. For each tile, calls `prepare` before and
/// `finish` after it is computed; what `finish` gets outside a tile's rows and columns holds anything.
pub fn each_tile<const N: usize>(
    a: &RowPanels,
    right: &[Right<'_>; N],
    prepare: impl Fn(At) + Sync,
    finish: impl Fn(At, &mut [[f32; TILE]; N]) + Sync,
) {
    let Some(first) = right.first() else { return };
    let (columns, depth) = (first.weight.columns(), first.weight.depth());
    for Right { weight, beside } in right {
        assert!(weight.columns() == columns && weight.depth() == depth, "right operands of one shape");
        assert_eq!(a.pairs, depth.div_ceil(2), "inner dimensions agree");
        assert!(
            beside.as_ref().is_none_or(|beside| beside.fits(a.rows, columns)),
            "both products have one shape"
        );
    }
    let tile_words = a.pairs * TILE_COLUMNS;
    let most_tiles = (UNPACKED_WORDS / (N * tile_words).max(1)).clamp(1, 8);
    let (tiles, panels) = (columns.div_ceil(TILE_COLUMNS), a.rows.div_ceil(TILE_ROWS));
    let grid = Grid::new(tiles, panels, rayon::current_num_threads(), most_tiles);
    (0..grid.tasks()).into_par_iter().with_max_len(1).for_each(|task| {
        let (group, panels) = grid.task(task);
        let mut unpacked = right.each_ref().map(|right| right.unpack(group.clone(), tile_words));
        let mut results = [[0.0; TILE]; N];
        let shares = group.len() * panels.len();
        let ahead = right.each_ref().map(|right| Ahead::new(&right.weight, after(&group), 0..depth, shares));
        for (row, panel) in panels.enumerate() {
            let rows = TILE_ROWS.min(a.rows - panel * TILE_ROWS);
            for (index, tile) in group.clone().enumerate() {
                let at = At { panel, tile, rows, columns: TILE_COLUMNS.min(columns - tile * TILE_COLUMNS) };
                prepare(at);
                ahead.iter().for_each(|ahead| ahead.ask(row * group.len() + index));
                for ((right, unpacked), result) in right.iter().zip(&mut unpacked).zip(&mut results) {
                    let products = right.operands(a, unpacked, panel, index);
                    let shape = Tile { rows, columns: at.columns, stride: TILE_COLUMNS };
                    // SAFETY: `RowPanels::pack` asserts the processor's features; `result` holds a whole
                    // tile.
                    unsafe { multiply_tile(shape, &products, result.as_mut_ptr(), false) };
                }
                finish(at, &mut results);
            }
        }
    });
}

/// Unpacked tiles of a right operand and of what is beside it.
struct Unpacked {
    weight: Scratch,
    beside: Option<Scratch>,
}

impl Right<'_> {
    fn unpack(&self, tiles: core::ops::Range<usize>, tile_words: usize) -> Unpacked {
        let mut weight = Scratch::take(tiles.len() * tile_words);
        let depth = self.weight.depth();
        for (words, tile) in weight.as_mut().chunks_exact_mut(tile_words).zip(tiles.clone()) {
            unpack_run(&self.weight, tile * TILE_COLUMNS, 0..depth, words);
        }
        Unpacked { weight, beside: self.beside.as_ref().map(|beside| beside.unpack(tiles)) }
    }

    /// The two products of a tile, the `index`-th of those unpacked.
    fn operands<'b>(
        &'b self,
        a: &'b RowPanels,
        unpacked: &'b Unpacked,
        panel: usize,
        index: usize,
    ) -> [Operands<'b>; 2] {
        let words = a.pairs * TILE_COLUMNS;
        let first = Operands {
            b: &unpacked.weight.as_ref()[index * words..][..words],
            ..a.operands(panel, 0, a.pairs)
        };
        let second = self.beside.as_ref().zip(unpacked.beside.as_ref());
        [first, second.map_or(Operands::NONE, |(beside, unpacked)| beside.operands(unpacked, panel, index))]
    }
}
