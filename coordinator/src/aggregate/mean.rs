//! Weighted FedAvg of one block: sum p_i x_i in f64, in site order, rounded once to f32; and on the same pass
//! how large each site's change of the last adapter is. Called by `aggregate`; sum and rounding also by
//! the simulator (`tests/simulation`). Invariant: the same values and weights give the same bytes, whatever
//! the blocks.

use super::error::AggregateError;
use super::inputs::Averaging;
use super::lanes;
use super::panels::{Block, read};

/// What a thread needs for it.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    before: Vec<f32>,
    values: Vec<f32>,
    sums: Vec<f64>,
}

/// One block's results.
#[derive(Debug)]
pub(super) struct OfBlock {
    /// The mean, or what a robust rule puts in its place.
    pub(super) values: Vec<f32>,
    /// Of each site's change of the last adapter, the square of the norm.
    pub(super) squared: Vec<f64>,
}

impl Scratch {
    /// The mean over one block; changes of the last adapter are measured where sites are compared.
    pub(super) fn of_block(&mut self, of: &Averaging<'_>, block: Block) -> Result<OfBlock, AggregateError> {
        let Self { before, values, sums } = self;
        values.resize(block.count, 0.0);
        before.resize(block.count, 0.0);
        sums.clear();
        sums.resize(block.count, 0.0);
        if of.is_compared() {
            of.last.read(block.tensor, block.first, before).map_err(AggregateError::Last)?;
        }
        let mut squared = Vec::new();
        for (reader, &weight) in of.readers.iter().zip(of.p) {
            read(reader, block.tensor, block.first, values)?;
            add(sums, values, weight);
            if of.is_compared() {
                squared.push(lanes::sum(values, before, squared_change));
            }
        }
        Ok(OfBlock { values: rounded(sums), squared })
    }
}

/// Of one element.
pub(super) fn squared_change(now: f32, last: f32) -> f64 {
    let change = f64::from(now) - f64::from(last);
    change * change
}

/// Adds one update with its weight, element by element.
pub fn add(sums: &mut [f64], values: &[f32], weight: f64) {
    for (sum, &value) in sums.iter_mut().zip(values) {
        *sum += weight * f64::from(value);
    }
}

/// The mean as it is written, from the sums over all updates.
pub fn rounded(sums: &[f64]) -> Vec<f32> {
    sums.iter().map(|sum| *sum as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_taken_in_f64() {
        // In f32, 1 + 2^-24 is 1: the small term would be lost before the large ones cancel.
        let tiny = 2.0_f32.powi(-24);
        let mut sums = [0.0];
        for value in [1.0, tiny, -1.0] {
            add(&mut sums, &[value], 1.0 / 3.0);
        }
        assert!((sums[0] - f64::from(tiny) / 3.0).abs() < 1e-14);
    }
}
