//! Output projection, softmax and cross-entropy in one, on AVX512-BF16.
//!
//! Called by `cross_entropy`. The exponentials of a tile of logits are made while it is in the first-level
//! cache, against the tile's own largest logit, and kept as the left operand of the gradient's product: 2
//! bytes an element, no f32 logits at all. Loss, sums and the target's own gradient are computed from the f32
//! logits. Invariant: the order of every sum depends on the shapes only.

use rayon::prelude::*;

use super::finish::{At, Right, TILE, each_tile};
use super::panels::{TILE_COLUMNS, TILE_ROWS};
use super::tiles::{Block, pack_panel};
use super::unpack::WeightPanels;
use super::written::prefetch;
use super::{RowPanels, multiply};
use crate::frozen::FrozenWeight;
use crate::kernels::cpu::widest;
use crate::kernels::disjoint::DisjointMut;
use crate::kernels::loss::RowLoss;
use crate::kernels::math::{self, LANES};
use crate::kernels::scratch::Scratch;

/// Words of a packed tile: two bf16 a word.
const TILE_WORDS: usize = TILE / 2;
/// Column tiles of one product of the backward pass: 3 MiB of packed gradient for 512 rows, so that it hardly
/// leaves the second-level caches.
const TILES_A_RUN: usize = 48;
/// A tile's statistics: for each of its rows the largest logit, and the sum of `e^(logit - largest)`.
const STATISTICS: usize = 2 * TILE_ROWS;

/// What a target's own logit says.
#[derive(Debug, Clone, Copy, Default)]
struct Target {
    logit: f32,
    /// Whether an earlier token of the same tile has the same logit.
    preceded: bool,
}

/// A row over the whole vocabulary.
#[derive(Debug, Clone, Copy)]
struct RowSum {
    largest: f32,
    /// The first tile with the largest logit.
    tile: usize,
    /// Sum of `e^(logit - largest)`.
    sum: f64,
}

/// A chunk of rows.
struct Chunk<'a> {
    head: &'a FrozenWeight,
    targets: &'a [u32],
    tiles: usize,
    panels: usize,
    /// `[panels][tiles][2][6]`.
    statistics: Scratch,
    /// `[panels][tiles][32][6]` words: the left operand of a product over the vocabulary. Empty without a
    /// gradient.
    exponentials: Scratch,
    found: Vec<Target>,
}

/// Loss of each row of `hidden [S, h]`, and into `gradient`'s slice `scale * d(sum of losses)/d(hidden)`.
pub fn linear_cross_entropy(
    hidden: &[f32],
    head: &FrozenWeight,
    targets: &[u32],
    gradient: Option<(f32, &mut [f32])>,
) -> Vec<RowLoss> {
    let [vocabulary, width] = head.shape();
    let (tiles, panels) = (vocabulary.div_ceil(TILE_COLUMNS), targets.len().div_ceil(TILE_ROWS));
    let kept = if gradient.is_some() { panels * tiles * TILE_WORDS } else { 0 };
    let mut chunk = Chunk {
        head,
        targets,
        tiles,
        panels,
        statistics: Scratch::take(panels * tiles * STATISTICS),
        exponentials: Scratch::take(kept),
        found: vec![Target::default(); targets.len()],
    };
    let packed = RowPanels::pack(hidden, targets.len(), width, width);
    chunk.forward(&packed, gradient.is_some());
    drop(packed);
    let scale = gradient.as_ref().map_or(0.0, |(scale, _)| *scale);
    let rows = chunk.finish(scale);
    if let Some((_, d_hidden)) = gradient {
        chunk.backward(&rows, d_hidden);
    }
    rows.into_iter().map(|(loss, _)| loss).collect()
}

impl Chunk<'_> {
    /// Statistics of all tiles, the targets' logits and, if they are kept, the exponentials.
    fn forward(&mut self, hidden: &RowPanels, keep: bool) {
        let (targets, tiles) = (self.targets, self.tiles);
        let right =
            [Right { weight: WeightPanels::forward(self.head, 0, self.head.shape()[0]), beside: None }];
        let statistics = DisjointMut::new(self.statistics.f32_mut());
        let exponentials = DisjointMut::new(self.exponentials.as_mut());
        let found = DisjointMut::new(&mut self.found);
        let finish = |at: At, [logits]: &mut [[f32; TILE]; 1]| {
            for (row, target) in targets[at.row()..at.row() + at.rows].iter().enumerate() {
                if *target as usize / TILE_COLUMNS == at.tile {
                    // SAFETY: a row's target is in one tile, which is finished once.
                    let slot = unsafe { found.slice(at.row() + row, 1) };
                    slot[0] = target_logit(logits, row, *target);
                }
            }
            let place = at.panel * tiles + at.tile;
            // SAFETY: this panel of this tile is finished once.
            let slots = unsafe { statistics.slice(place * STATISTICS, STATISTICS) };
            exponentials_of(logits, at.columns, slots);
            if keep {
                let block = Block {
                    data: logits.as_slice(),
                    stride: TILE_COLUMNS,
                    rows: TILE_ROWS,
                    columns: TILE_COLUMNS,
                };
                // SAFETY: as above; `RowPanels::pack` asserts the processor's features.
                unsafe { pack_panel(block, exponentials.slice(place * TILE_WORDS, TILE_WORDS)) };
            }
        };
        let prepare = |at: At| {
            let place = at.panel * tiles + at.tile;
            prefetch(statistics.pointer(place * STATISTICS).cast(), STATISTICS);
            if keep {
                prefetch(exponentials.pointer(place * TILE_WORDS), TILE_WORDS);
            }
        };
        each_tile(hidden, &right, prepare, finish);
    }

    /// Loss and gradient `scale (softmax - 1)` at the target of each row; the largest logits of the
    /// statistics become the tiles' factors `scale e^(tile's largest - log-sum-exp)`.
    fn finish(&mut self, scale: f32) -> Vec<(RowLoss, f32)> {
        let panels = self.statistics.f32_mut().par_chunks_exact_mut(self.tiles * STATISTICS);
        let rows = self.targets.par_chunks(TILE_ROWS).zip(self.found.par_chunks(TILE_ROWS));
        let finished = panels.zip(rows).map(|(statistics, (targets, found))| {
            let sums = finish_panel(statistics, scale);
            let losses = targets.iter().zip(found).zip(sums).map(|((target, found), row)| {
                let loss = f64::from(row.largest) + row.sum.ln() - f64::from(found.logit);
                let first = row.tile == *target as usize / TILE_COLUMNS && !found.preceded;
                let correct = found.logit == row.largest && first;
                (RowLoss { loss, correct }, scale * ((-loss).exp() - 1.0) as f32)
            });
            losses.collect::<Vec<_>>()
        });
        finished.collect::<Vec<_>>().into_iter().flatten().collect()
    }

    /// `d_hidden = gradient head`, a run of the vocabulary at a time.
    fn backward(&self, rows: &[(RowLoss, f32)], d_hidden: &mut [f32]) {
        let [vocabulary, width] = self.head.shape();
        let (statistics, exponentials) = (self.statistics.f32(), self.exponentials.as_ref());
        for first in (0..self.tiles).step_by(TILES_A_RUN) {
            let tiles = first..self.tiles.min(first + TILES_A_RUN);
            let columns = first * TILE_COLUMNS..vocabulary.min(tiles.end * TILE_COLUMNS);
            let pairs = columns.len().div_ceil(2);
            let mut words = Scratch::take(self.panels * pairs * TILE_ROWS);
            let panels = words.as_mut().par_chunks_exact_mut(pairs * TILE_ROWS).enumerate();
            panels.with_min_len(2).for_each(|(panel, words)| {
                let place = panel * self.tiles;
                for (words, tile) in words.chunks_mut(TILE_WORDS).zip(tiles.clone()) {
                    let factors = &statistics[(place + tile) * STATISTICS..][..TILE_ROWS];
                    scale_words(&exponentials[(place + tile) * TILE_WORDS..][..words.len()], factors, words);
                }
                let of_panel = self.targets.iter().zip(rows).skip(panel * TILE_ROWS).take(TILE_ROWS);
                for (row, (target, (_, gradient))) in of_panel.enumerate() {
                    let target = *target as usize;
                    if columns.contains(&target) {
                        let column = target - columns.start;
                        put(&mut words[column / 2 * TILE_ROWS + row], column % 2, *gradient);
                    }
                }
            });
            let left = RowPanels { words, rows: self.targets.len(), pairs };
            let right = WeightPanels::backward(self.head, columns.start, columns.len());
            multiply(&left, &right, d_hidden, width, first > 0);
        }
    }
}

fn target_logit(logits: &[f32; TILE], row: usize, target: u32) -> Target {
    let (before, rest) = logits[row * TILE_COLUMNS..].split_at(target as usize % TILE_COLUMNS);
    Target { logit: rest[0], preceded: before.contains(&rest[0]) }
}

/// Replaces half `half` of a word.
fn put(word: &mut u32, half: usize, value: f32) {
    let bits = math::round_bits(value) >> 16;
    *word = if half == 0 { *word & 0xffff_0000 | bits } else { *word & 0xffff | bits << 16 };
}

widest! {
    /// Replaces a tile's logits by their exponentials against each row's largest one; what is outside becomes
    /// 0.
    fn exponentials_of(logits: &mut [f32; TILE], columns: usize, statistics: &mut [f32]) {
        let (largest, sums) = statistics.split_at_mut(TILE_ROWS);
        let rows = logits.as_chunks_mut::<TILE_COLUMNS>().0;
        for ((row, largest), sum) in rows.iter_mut().zip(largest).zip(sums) {
            if columns < TILE_COLUMNS {
                row[columns..].fill(f32::NEG_INFINITY);
            }
            *largest = math::max(row);
            let mut partial = [0.0f32; LANES];
            for chunk in row.as_chunks_mut::<LANES>().0 {
                for (sum, value) in partial.iter_mut().zip(chunk) {
                    *value = math::exp_fused(*value - *largest);
                    *sum += *value;
                }
            }
            *sum = math::total(partial);
        }
    }
}

widest! {
    /// What a panel's rows add up to; turns each tile's largest logit into its factor.
    fn finish_panel(statistics: &mut [f32], scale: f32) -> [RowSum; TILE_ROWS] {
        let (tiles, _) = statistics.as_chunks_mut::<STATISTICS>();
        let mut rows = [RowSum { largest: f32::NEG_INFINITY, tile: 0, sum: 0.0 }; TILE_ROWS];
        for (index, tile) in tiles.iter().enumerate() {
            for (row, value) in rows.iter_mut().zip(tile) {
                if *value > row.largest {
                    *row = RowSum { largest: *value, tile: index, sum: 0.0 };
                }
            }
        }
        for tile in tiles.iter_mut() {
            let (factors, sums) = tile.split_at_mut(TILE_ROWS);
            for ((factor, sum), row) in factors.iter_mut().zip(sums).zip(&mut rows) {
                *factor = math::exp(*factor - row.largest);
                row.sum += f64::from(*factor * *sum);
            }
        }
        let last = rows.map(|row| scale / row.sum as f32);
        for tile in tiles {
            tile.iter_mut().zip(last).for_each(|(factor, last)| *factor *= last);
        }
        rows
    }
}

widest! {
    /// `words` times the factor of their row, rounded to bf16.
    fn scale_words(words: &[u32], factors: &[f32], out: &mut [u32]) {
        // Three registers are the shortest run after which words and rows fall together again.
        const PERIOD: usize = 48;
        let pattern: [f32; PERIOD] = core::array::from_fn(|word| factors[word % TILE_ROWS]);
        let one = |word: u32, factor: f32| {
            let low = math::round_bits(f32::from_bits(word << 16) * factor) >> 16;
            let high = math::round_bits(f32::from_bits(word & 0xffff_0000) * factor) & 0xffff_0000;
            low | high
        };
        let (chunks, rest) = words.as_chunks::<PERIOD>();
        let (slots, rest_slots) = out.as_chunks_mut::<PERIOD>();
        for (words, slots) in chunks.iter().zip(slots) {
            for ((word, slot), factor) in words.iter().zip(slots).zip(pattern) {
                *slot = one(*word, factor);
            }
        }
        for ((word, slot), factor) in rest.iter().zip(rest_slots).zip(pattern) {
            *slot = one(*word, factor);
        }
    }
}
