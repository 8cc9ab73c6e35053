//! What is averaged: the updates that count, opened in site order, and their weights. Used by `aggregate`,
//! `mean`, `outliers` and `aggregation_error`. Invariant: the order is that of the sites' names, whatever the
//! order they are handed in.

use std::path::PathBuf;

use common::adapter::AdapterReader;
use common::id::SiteId;
use common::run::{TensorSpec, Weighting};

use super::error::AggregateError;
use super::panels::{Block, Blocks, Reader, read};
use crate::limits::OUTLIER_SITES_MIN;
use crate::round::weight;

/// One update that counts.
#[derive(Debug, Clone)]
pub struct Input {
    /// Whose it is; inputs are averaged in this order.
    pub site: SiteId,
    /// The checked update file.
    pub path: PathBuf,
    /// Records it was trained on; with the run's weighting they make its weight.
    pub records: u64,
}

/// What is averaged, and how.
#[derive(Debug, Clone, Copy)]
pub(super) struct Averaging<'a> {
    pub(super) readers: &'a [Reader],
    /// Each update's weight; they sum to 1.
    pub(super) p: &'a [f64],
    pub(super) last: &'a AdapterReader,
    pub(super) blocks: &'a Blocks,
    pub(super) threads: usize,
}

impl Averaging<'_> {
    /// Whether there are enough updates to see which is far from the others.
    pub(super) fn is_compared(&self) -> bool {
        self.readers.len() >= OUTLIER_SITES_MIN
    }

    /// Fills `before` with a block of the last adapter, and `values` with that of every update, one site
    /// after the other.
    pub(super) fn read(
        &self,
        block: Block,
        before: &mut Vec<f32>,
        values: &mut Vec<f32>,
    ) -> Result<(), AggregateError> {
        before.resize(block.count, 0.0);
        self.last.read(block.tensor, block.first, before).map_err(AggregateError::Last)?;
        values.resize(block.count * self.readers.len(), 0.0);
        for (reader, values) in self.readers.iter().zip(values.chunks_exact_mut(block.count)) {
            read(reader, block.tensor, block.first, values)?;
        }
        Ok(())
    }
}

/// The updates in site order, and their weights.
pub(super) fn opened(
    inputs: &[Input],
    weighting: Weighting,
    tensors: &[TensorSpec],
) -> Result<(Vec<Reader>, Vec<f64>), AggregateError> {
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    inputs.sort_by(|left, right| left.site.cmp(&right.site));
    let records: Vec<u64> = inputs.iter().map(|input| input.records).collect();
    let p = weight::weights(weighting, &records).ok_or(AggregateError::NoWeight)?;
    let open = |input: &&Input| match AdapterReader::open(&input.path, tensors) {
        Ok(reader) => Ok((input.site.clone(), reader)),
        Err(source) => Err(AggregateError::Update { site: input.site.clone(), source }),
    };
    Ok((inputs.iter().map(open).collect::<Result<_, _>>()?, p))
}
