//! How the rows of a batch split: into attention heads across, and into independent sequences down. Used by
//! `ops`, `kernels` and `decoder`. Invariants: segments tile the batch, and heads divide evenly; ground
//! floor, so this file imports nothing of the crate.

use std::ops::Range;
use std::sync::Arc;

/// Head counts of grouped-query attention; `query` is a multiple of `key_value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heads {
    /// Query heads.
    pub query: usize,
    /// Key and value heads.
    pub key_value: usize,
    /// Width of one head.
    pub head_dim: usize,
}

impl Heads {
    /// Query heads that share one key-value head.
    pub const fn group(&self) -> usize {
        self.query / self.key_value
    }
}

/// How the rows of a batch split into independent sequences. Rows of a segment attend only to each
/// other, and positions restart at 0 in each. There are no padding rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segments {
    /// `0 = b[0] < b[1] < ... < b[n] = total rows`.
    boundaries: Arc<[usize]>,
}

impl Segments {
    /// Consecutive segments of these lengths; empty ones are dropped.
    pub fn from_lengths(lengths: &[usize]) -> Self {
        let mut boundaries = vec![0];
        let mut end = 0;
        for length in lengths.iter().filter(|length| **length > 0) {
            end += length;
            boundaries.push(end);
        }
        Self { boundaries: boundaries.into() }
    }

    /// Rows in the batch.
    pub fn total(&self) -> usize {
        self.boundaries[self.boundaries.len() - 1]
    }

    /// Number of sequences.
    pub fn count(&self) -> usize {
        self.boundaries.len() - 1
    }

    /// The rows of each sequence, in order.
    pub fn ranges(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        self.boundaries.windows(2).map(|pair| pair[0]..pair[1])
    }

    /// Length of the longest sequence.
    pub fn longest(&self) -> usize {
        self.ranges().map(|range| range.len()).max().unwrap_or(0)
    }
}
