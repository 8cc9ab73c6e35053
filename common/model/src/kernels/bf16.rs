//! Matrix product with bf16 operands and f32 accumulation on AVX512-BF16: `c (+)= a b`.
//!
//! Called by `linear`. `a` is activations, converted once per call into row panels; `b` is a frozen
//! weight, unpacked 64 columns at a time straight into the layout the micro-kernel reads, so a
//! quantised weight never exists in wide form.
//!
//! Blocking: a task owns a group of column tiles; for each run along the inner dimension (all of it, up to
//! [`LONGEST_RUN`]) it unpacks its tiles (at most 640 KiB, in L2), then walks the row panels. Every element
//! of `c` is summed along the inner dimension in the same order whatever the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use self::avx512::Operands;
use self::panels::Share;
use super::disjoint::DisjointMut;
use super::grid::Grid;
use super::scratch::Scratch;

pub use self::panels::{DEPTH, PanelSource, TILE_COLUMNS, TILE_ROWS};

pub mod avx512;
pub mod dense;
pub mod finish;
pub mod head;
pub mod narrow;
pub mod panels;
pub mod source;
pub mod tiles;
pub mod unpack;
pub mod written;

/// Elements summed before the result is read and written: a tile of 640 KiB, which leaves a second-level
/// cache of 1 MiB room for a row panel (60 KiB) and the result. Adding to a result more often costs more than
/// a panel that leaves L1.
const LONGEST_RUN: usize = 5 * DEPTH;
/// Words of unpacked tiles that a task keeps: half of a second-level cache of 1 MiB.
const UNPACKED_WORDS: usize = 4 * DEPTH / 2 * TILE_COLUMNS;

/// Elements packed on the calling thread: less than handing them over would take.
const SMALL: usize = 32 << 10;
/// Panels a task packs: 100 KiB or more of activations a task at the widths of real models.
const PANELS_A_TASK: usize = 4;

/// Activations as panels of [`TILE_ROWS`] rows: `[panels][ceil(depth / 2)][6]` words.
pub struct RowPanels {
    words: Scratch,
    rows: usize,
    pairs: usize,
}

impl RowPanels {
    /// `rows` rows of `depth` elements, `stride` apart, rounded to bf16.
    pub fn pack(data: &[f32], rows: usize, depth: usize, stride: usize) -> Self {
        assert!(rows == 0 || (rows - 1) * stride + depth <= data.len(), "rows inside the slice");
        assert_eq!(super::cpu::detect(), super::cpu::Isa::Avx512Bf16, "the processor has AVX512-BF16");
        let mut panels = Self::fresh(rows, depth);
        let (panel_words, words) = (panels.pairs * TILE_ROWS, &mut panels.words);
        let pack = |(panel, words): (usize, &mut [u32])| {
            let first = panel * TILE_ROWS;
            let block = tiles::Block {
                data: &data[first * stride..],
                stride,
                rows: TILE_ROWS.min(rows - first),
                columns: depth,
            };
            // SAFETY: the processor has the instructions (asserted above).
            unsafe { tiles::pack_panel(block, words) };
        };
        if rows * depth < SMALL {
            words.as_mut().chunks_mut(panel_words.max(1)).enumerate().for_each(pack);
        } else {
            let panels = words.as_mut().par_chunks_mut(panel_words.max(1)).enumerate();
            panels.with_min_len(PANELS_A_TASK).for_each(pack);
        }
        panels
    }

    /// `pairs` pairs of a panel from `first_pair` on, as the left operand.
    fn operands(&self, panel: usize, first_pair: usize, pairs: usize) -> Operands<'_> {
        let a = &self.words.as_ref()[(panel * self.pairs + first_pair) * TILE_ROWS..];
        Operands { a, a_stride: TILE_ROWS, b: &[], pairs }
    }
}

/// A second, shallow product that is added to the same result: an adapter's.
pub struct Beside<'a> {
    /// As many rows as the first product's.
    pub a: RowPanels,
    /// As many columns as the first product's; an inner dimension of at most [`DEPTH`].
    pub b: dense::DensePanels<'a>,
}

/// `c = a b`, or `c += a b` when `accumulate`; row `i` of `c` starts at `c[i * stride]`.
pub fn multiply(a: &RowPanels, b: &impl PanelSource, c: &mut [f32], stride: usize, accumulate: bool) {
    multiply_beside(a, b, None, c, stride, accumulate);
}

/// [`multiply`], plus the product beside it.
pub fn multiply_beside(
    a: &RowPanels,
    b: &impl PanelSource,
    beside: Option<&Beside<'_>>,
    c: &mut [f32],
    stride: usize,
    accumulate: bool,
) {
    assert_eq!(super::cpu::detect(), super::cpu::Isa::Avx512Bf16, "the processor has AVX512-BF16");
    let (columns, depth) = (b.columns(), b.depth());
    assert_eq!(a.pairs, depth.div_ceil(2), "inner dimensions agree");
    assert!(
        a.rows == 0 || (a.rows - 1) * stride + columns <= c.len() && columns <= stride,
        "result inside its slice"
    );
    assert!(beside.is_none_or(|beside| beside.fits(a.rows, columns)), "both products have one shape");
    let target = Target { c: DisjointMut::new(c), stride, rows: a.rows, columns };
    let run_depth = run_depth(depth);
    let tile_words = run_depth.min(depth).div_ceil(2) * TILE_COLUMNS;
    let most_tiles = (UNPACKED_WORDS / tile_words.max(1)).clamp(1, 8);
    let (tiles, panels) = (columns.div_ceil(TILE_COLUMNS), a.rows.div_ceil(TILE_ROWS));
    let grid = Grid::new(tiles, panels, rayon::current_num_threads(), most_tiles);
    // One task at a time: a thread that wakes late still gets its share of the last ones.
    (0..grid.tasks()).into_par_iter().with_max_len(1).for_each(|task| {
        let (tiles, panels) = grid.task(task);
        let mut unpacked = Scratch::take(tiles.len() * tile_words);
        for start in (0..depth).step_by(run_depth) {
            let run = run_depth.min(depth - start);
            for (words, tile) in unpacked.as_mut().chunks_exact_mut(tile_words).zip(tiles.clone()) {
                unpack_run(b, tile * TILE_COLUMNS, start..start + run, words);
            }
            let add = accumulate || start > 0;
            let last = start + run == depth;
            let beside = beside.filter(|_| last).map(|beside| (beside, beside.unpack(tiles.clone())));
            let ahead = if last {
                Ahead::new(b, after(&tiles), 0..run_depth, tiles.len() * panels.len())
            } else {
                Ahead::new(b, tiles.clone(), start + run..start + run + run_depth, tiles.len() * panels.len())
            };
            for (row, panel) in panels.clone().enumerate() {
                let left = a.operands(panel, start / 2, run.div_ceil(2));
                for (index, words) in unpacked.as_ref().chunks_exact(tile_words).enumerate() {
                    ahead.ask(row * tiles.len() + index);
                    let second = beside.as_ref();
                    let second =
                        second.map_or(Operands::NONE, |(beside, b)| beside.operands(b, panel, index));
                    let products = [Operands { b: words, ..left }, second];
                    // SAFETY: the processor has the instructions (asserted above); no other task owns this
                    // tile.
                    unsafe { target.multiply(&products, panel, tiles.start + index, add) };
                }
            }
        }
    });
}

/// Length of the runs into which an inner dimension is cut: as few as [`LONGEST_RUN`] allows, nearly equal,
/// whole [`DEPTH`]s.
const fn run_depth(depth: usize) -> usize {
    let runs = if depth > LONGEST_RUN { depth.div_ceil(LONGEST_RUN) } else { 1 };
    let depth = depth.div_ceil(runs).next_multiple_of(DEPTH);
    if depth == 0 { DEPTH } else { depth }
}

/// A tile of `b` from `inner.start` to `inner.end` along the inner dimension, a [`DEPTH`] at a time.
fn unpack_run(b: &impl PanelSource, column: usize, inner: Range<usize>, tile: &mut [u32]) {
    for (start, words) in inner.clone().step_by(DEPTH).zip(tile.chunks_mut(DEPTH / 2 * TILE_COLUMNS)) {
        b.unpack(column, start, DEPTH.min(inner.end - start), words);
    }
}

/// As many tiles as these, behind them: what the same thread most likely unpacks next.
const fn after(tiles: &Range<usize>) -> Range<usize> {
    tiles.end..tiles.end + (tiles.end - tiles.start)
}

/// Memory of a right operand that is asked for while the product before it is computed: that of a frozen
/// weight comes from outside all caches, in rows which the processor's own prefetching does not foresee.
struct Ahead<'a, P> {
    source: &'a P,
    columns: Range<usize>,
    inner: Range<usize>,
    shares: usize,
}

impl<'a, P: PanelSource> Ahead<'a, P> {
    /// `tiles` along `inner`, as far as `source` has them, in `shares` parts.
    fn new(source: &'a P, tiles: Range<usize>, inner: Range<usize>, shares: usize) -> Self {
        let cut = |range: Range<usize>, end: usize| range.start.min(end)..range.end.min(end);
        let columns = tiles.start * TILE_COLUMNS..tiles.end * TILE_COLUMNS;
        Self { source, columns: cut(columns, source.columns()), inner: cut(inner, source.depth()), shares }
    }

    fn ask(&self, share: usize) {
        if !self.columns.is_empty() {
            let share = Share { index: share, count: self.shares };
            self.source.prefetch(self.columns.clone(), self.inner.clone(), share);
        }
    }
}

impl Beside<'_> {
    /// Whether it is a product of that shape.
    fn fits(&self, rows: usize, columns: usize) -> bool {
        let depth = self.b.depth();
        self.a.rows == rows
            && self.b.columns() == columns
            && self.a.pairs == depth.div_ceil(2)
            && depth <= DEPTH
    }

    /// Operands of one tile, the `index`-th of those unpacked.
    fn operands<'a>(&'a self, unpacked: &'a Scratch, panel: usize, index: usize) -> Operands<'a> {
        let words = self.a.pairs * TILE_COLUMNS;
        Operands {
            b: &unpacked.as_ref()[index * words..][..words],
            ..self.a.operands(panel, 0, self.a.pairs)
        }
    }

    /// The right operand's tiles, one after the other.
    fn unpack(&self, tiles: Range<usize>) -> Scratch {
        let words = self.a.pairs * TILE_COLUMNS;
        let mut unpacked = Scratch::take(tiles.len() * words);
        for (words, tile) in unpacked.as_mut().chunks_exact_mut(words).zip(tiles) {
            self.b.unpack(tile * TILE_COLUMNS, 0, self.b.depth(), words);
        }
        unpacked
    }
}

/// The result of a product, written tile by tile.
struct Target<'a> {
    c: DisjointMut<'a, f32>,
    stride: usize,
    rows: usize,
    columns: usize,
}

impl Target<'_> {
    /// One tile: the sum of the products, whose left operands are row panel `panel`.
    ///
    /// # Safety
    /// The processor has AVX512F and AVX512-BF16. Nothing else accesses this tile of the result meanwhile.
    unsafe fn multiply(&self, products: &[Operands<'_>; 2], panel: usize, tile: usize, add: bool) {
        let (first, column) = (panel * TILE_ROWS, tile * TILE_COLUMNS);
        let shape = avx512::Tile {
            rows: TILE_ROWS.min(self.rows - first),
            columns: TILE_COLUMNS.min(self.columns - column),
            stride: self.stride,
        };
        let target = self.c.pointer(first * self.stride + column);
        // SAFETY: features and exclusiveness from the caller; `shape` describes a block inside the result,
        // whose extent `multiply_beside` asserts.
        unsafe { avx512::multiply_tile(shape, products, target, add) };
    }
}
