//! An adapter in blocks: the same elements of every update, read one update after the other. Used by
//! `aggregate`, `outliers` and `aggregation_error`. Invariant: a thread holds at most
//! [`AGGREGATE_BLOCK_BYTES_MAX`] of the updates' values, whatever the adapter's size and however many sites
//! there are; where blocks begin depends on the shapes and on the number of sites alone.

use common::adapter::AdapterReader;
use common::id::SiteId;
use common::run::TensorSpec;

use super::error::AggregateError;
use super::parallel::Pieces;
use crate::limits::{AGGREGATE_BLOCK_BYTES_MAX, AGGREGATE_BLOCK_ELEMENTS_MAX, AGGREGATE_BLOCK_ELEMENTS_MIN};

/// An update, and whose it is.
pub(super) type Reader = (SiteId, AdapterReader);

/// Elements of one tensor.
#[derive(Debug, Clone, Copy)]
pub(super) struct Block {
    /// The tensor's number.
    pub(super) tensor: usize,
    pub(super) first: usize,
    pub(super) count: usize,
}

/// The blocks of an adapter, in its order.
#[derive(Debug)]
pub(super) struct Blocks {
    pub(super) list: Vec<Block>,
    /// Elements of the longest.
    pub(super) longest: usize,
}

impl Blocks {
    /// For so many updates at once.
    pub(super) fn of(tensors: &[TensorSpec], sites: usize) -> Self {
        let longest = AGGREGATE_BLOCK_BYTES_MAX / (size_of::<f32>() * sites.max(1));
        let longest = longest.clamp(AGGREGATE_BLOCK_ELEMENTS_MIN, AGGREGATE_BLOCK_ELEMENTS_MAX);
        let list = tensors.iter().enumerate().flat_map(|(tensor, spec)| {
            let elements = spec.shape[0] * spec.shape[1];
            (0..elements).step_by(longest).map(move |first| Block {
                tensor,
                first,
                count: longest.min(elements - first),
            })
        });
        Self { list: list.collect(), longest }
    }

    /// The work over all of them; what a wave leaves is at most one block's bytes, or a block for each
    /// thread.
    pub(super) fn pieces(&self, threads: usize) -> Pieces {
        let wave = AGGREGATE_BLOCK_BYTES_MAX / (size_of::<f32>() * self.longest);
        Pieces { count: self.list.len(), wave: wave.max(threads), threads }
    }
}

/// Fills `values` with elements of one update, from element `first` of tensor `tensor` on.
pub(super) fn read(
    reader: &Reader,
    tensor: usize,
    first: usize,
    values: &mut [f32],
) -> Result<(), AggregateError> {
    let failed = |source| AggregateError::Update { site: reader.0.clone(), source };
    reader.1.read(tensor, first, values).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_cover_every_element_once_within_their_bytes() {
        let spec = |shape| TensorSpec { name: "t".to_owned(), shape };
        let tensors = [spec([3, 70_001]), spec([1, 1]), spec([5, 1024])];
        for sites in [1, 2, 10, 100, 1_000] {
            let blocks = Blocks::of(&tensors, sites);
            let mut at = (0, 0);
            for block in &blocks.list {
                if block.tensor != at.0 {
                    assert_eq!(at.1, tensors[at.0].shape[0] * tensors[at.0].shape[1]);
                    at = (at.0 + 1, 0);
                }
                assert_eq!((block.tensor, block.first), at);
                assert!(block.count > 0 && block.count * 4 * sites <= AGGREGATE_BLOCK_BYTES_MAX);
                at.1 += block.count;
            }
            assert_eq!(at, (2, 5 * 1024), "{sites} sites");
        }
    }
}
