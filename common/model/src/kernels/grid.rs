//! How the result of a product is divided into tasks. Used by `bf16` and `wide`.
//!
//! Invariant: which task computes an element never changes the order in which that element is summed.

use std::ops::Range;

/// Groups of column tiles, and bands of row panels where there are fewer groups than threads.
#[derive(Debug, Clone, Copy)]
pub struct Grid {
    tiles: usize,
    panels: usize,
    groups: usize,
    bands: usize,
}

impl Grid {
    /// Of `tiles` column tiles, at most `most_tiles` of which a task keeps unpacked at once, and `panels` row
    /// panels.
    pub fn new(tiles: usize, panels: usize, threads: usize, most_tiles: usize) -> Self {
        let groups = (tiles.div_ceil(threads * most_tiles) * threads).min(tiles);
        let bands = threads.div_ceil(groups.max(1)).min(panels);
        Self { tiles, panels, groups, bands }
    }

    /// Number of tasks.
    pub const fn tasks(&self) -> usize {
        self.groups * self.bands
    }

    /// Column tiles and row panels of a task.
    pub const fn task(&self, task: usize) -> (Range<usize>, Range<usize>) {
        let (group, band) = (task / self.bands, task % self.bands);
        (
            group * self.tiles / self.groups..(group + 1) * self.tiles / self.groups,
            band * self.panels / self.bands..(band + 1) * self.panels / self.bands,
        )
    }
}
