//! Matrix product with bf16 operands and f32 accumulation on AVX512-BF16: `c (+)= a b`.
//!
//! Called by `linear`. `a` is activations, converted once per call into row panels; `b` is a frozen
//! weight, unpacked 64 columns at a time straight into the layout the micro-kernel reads, so a
//! quantised weight never exists in wide form.
//!
//! Blocking: a task owns a group of column tiles; for each run of [`DEPTH`] along the inner dimension it
//! unpacks its tiles (at most 8 x 64 KiB, in L2), then walks the row panels (6 KiB each, in L1). Every
//! element of `c` is summed along the inner dimension in the same order whatever the number of threads.

use std::ops::Range;

use rayon::prelude::*;

use super::disjoint::DisjointMut;
use super::scratch::Scratch;

pub mod avx512;
pub mod dense;
pub mod tiles;
pub mod unpack;

/// Rows of one micro-kernel call.
pub const TILE_ROWS: usize = 6;
/// Columns of one micro-kernel call: four registers of 16, and one NF4 block.
pub const TILE_COLUMNS: usize = 64;
/// Inner-dimension run: the unpacked tile is `DEPTH * 64 * 2` bytes.
pub const DEPTH: usize = 512;
/// Column tiles a task keeps unpacked at once.
const TILES_A_TASK: usize = 8;

/// Where the columns of `b [depth, columns]` come from.
pub trait PanelSource: Sync {
    /// Columns of `b`.
    fn columns(&self) -> usize;
    /// Inner dimension.
    fn depth(&self) -> usize;
    /// Writes `b[start..start + depth, column..column + 64]` as `[ceil(depth / 2)][64]` words, the even
    /// inner index in the low half; columns and rows outside `b` are zero.
    fn unpack(&self, column: usize, start: usize, depth: usize, tile: &mut [u32]);
}

/// Activations as panels of [`TILE_ROWS`] rows: `[panels][ceil(depth / 2)][6]` words.
pub struct RowPanels {
    words: Scratch,
    rows: usize,
    pairs: usize,
}

impl RowPanels {
    /// Rounds `rows` rows of `depth` f32, `stride` apart, to bf16.
    pub fn pack(data: &[f32], rows: usize, depth: usize, stride: usize) -> Self {
        assert!(rows == 0 || (rows - 1) * stride + depth <= data.len(), "rows inside the slice");
        assert_eq!(super::cpu::detect(), super::cpu::Isa::Avx512Bf16, "the processor has AVX512-BF16");
        let pairs = depth.div_ceil(2);
        let panel_words = pairs * TILE_ROWS;
        let mut words = Scratch::take(rows.div_ceil(TILE_ROWS) * panel_words);
        words.as_mut().par_chunks_mut(panel_words.max(1)).enumerate().for_each(|(panel, words)| {
            let first = panel * TILE_ROWS;
            let block = tiles::Block {
                data: &data[first * stride..],
                stride,
                rows: TILE_ROWS.min(rows - first),
                columns: depth,
            };
            // SAFETY: the processor has the instructions (asserted above).
            unsafe { tiles::pack_panel(block, words) };
        });
        Self { words, rows, pairs }
    }
}

/// The bf16 nearest to a value (ties to even) in the upper half; a NaN stays one.
#[inline(always)]
pub fn round_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1));
    if bits & 0x7fff_ffff > 0x7f80_0000 { bits | 0x0040_0000 } else { rounded }
}

/// `c = a b`, or `c += a b` when `accumulate`; row `i` of `c` starts at `c[i * stride]`.
pub fn multiply(a: &RowPanels, b: &impl PanelSource, c: &mut [f32], stride: usize, accumulate: bool) {
    assert_eq!(super::cpu::detect(), super::cpu::Isa::Avx512Bf16, "the processor has AVX512-BF16");
    let (columns, depth) = (b.columns(), b.depth());
    assert_eq!(a.pairs, depth.div_ceil(2), "inner dimensions agree");
    assert!(
        a.rows == 0 || (a.rows - 1) * stride + columns <= c.len() && columns <= stride,
        "result inside its slice"
    );
    let c = DisjointMut::new(c);
    let grid =
        Grid::new(columns.div_ceil(TILE_COLUMNS), a.rows.div_ceil(TILE_ROWS), rayon::current_num_threads());
    (0..grid.groups * grid.bands).into_par_iter().for_each(|task| {
        let (tiles, panels) = grid.task(task);
        let tile_words = DEPTH.min(depth).div_ceil(2) * TILE_COLUMNS;
        let mut unpacked = Scratch::take(tiles.len() * tile_words);
        for start in (0..depth).step_by(DEPTH) {
            let run = DEPTH.min(depth - start);
            for (words, tile) in unpacked.as_mut().chunks_exact_mut(tile_words).zip(tiles.clone()) {
                b.unpack(tile * TILE_COLUMNS, start, run, words);
            }
            let add = accumulate || start > 0;
            for panel in panels.clone() {
                let first = panel * TILE_ROWS;
                let a_words = &a.words.as_ref()[(panel * a.pairs + start / 2) * TILE_ROWS..];
                for (b_words, tile) in unpacked.as_ref().chunks_exact(tile_words).zip(tiles.clone()) {
                    let column = tile * TILE_COLUMNS;
                    let shape = avx512::Tile {
                        rows: TILE_ROWS.min(a.rows - first),
                        columns: TILE_COLUMNS.min(columns - column),
                        pairs: run.div_ceil(2),
                        a_stride: TILE_ROWS,
                        stride,
                    };
                    let target = c.pointer(first * stride + column);
                    // SAFETY: the processor has the instructions (asserted above); no other task owns
                    // this part of `c`, and `Tile` describes a block inside it (asserted above).
                    unsafe { avx512::multiply_tile(shape, a_words, b_words, target, add) };
                }
            }
        }
    });
}

/// How a result is divided into tasks: groups of column tiles, and bands of row panels where there are
/// fewer groups than threads.
struct Grid {
    tiles: usize,
    panels: usize,
    groups: usize,
    bands: usize,
}

impl Grid {
    fn new(tiles: usize, panels: usize, threads: usize) -> Self {
        let groups = (tiles.div_ceil(threads * TILES_A_TASK) * threads).min(tiles);
        let bands = threads.div_ceil(groups.max(1)).min(panels);
        Self { tiles, panels, groups, bands }
    }

    /// Column tiles and row panels of a task.
    const fn task(&self, task: usize) -> (Range<usize>, Range<usize>) {
        let (group, band) = (task / self.bands, task % self.bands);
        (
            group * self.tiles / self.groups..(group + 1) * self.tiles / self.groups,
            band * self.panels / self.bands..(band + 1) * self.panels / self.bands,
        )
    }
}
