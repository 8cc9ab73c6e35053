//! How far averaging the factors apart is from averaging their product:
//! ||sum p_i B_i A_i - mean(B) mean(A)||_F relative to ||sum p_i B_i A_i||_F, over all modules, without ever
//! forming a d x k product. Called by `execution::performer`, beside the critical path of a round.
//!
//! While the factors, stacked, are few columns (sites x rank), it is computed exactly (`exact`); the cost of
//! that grows with the square of the columns, which is why their number is bounded. Beyond, random signed
//! sums of the factors (`probes`) give unbiased estimates of both squared norms and a standard error, at a
//! cost that is linear in the sites. Invariants: each update is read once; memory is a block for each site of
//! an exact computation, and does not grow with the sites of an estimate; a module is computed by one thread
//! in a fixed order and modules are added in theirs, so that a replay, another machine or another number of
//! threads gives the same bits.

mod exact;
mod factors;
mod probes;

use common::id::Digest;
use common::run::{TensorSpec, Weighting};

use self::factors::{SquaredNorms, Updates, modules};
use self::probes::{Folds, Probed};
use super::error::AggregateError;
use super::inputs::{Input, opened};
use super::parallel::{Pieces, half_of_the_cores};
use crate::limits::{ERROR_EXACT_COLUMNS_MAX, ERROR_PROBES_MAX};
use crate::round::accuracy::{AggregationError, Method};

/// Measures the error of the average of `inputs`. The seed decides the signs of the probes.
///
/// # Errors
/// No input has a weight, or an input cannot be read or is not what it was when it was accepted.
pub fn measure(
    inputs: &[Input],
    weighting: Weighting,
    tensors: &[TensorSpec],
    seed: Digest,
) -> Result<AggregationError, AggregateError> {
    measure_on(inputs, weighting, tensors, seed, half_of_the_cores())
}

/// As [`measure`], on so many threads.
pub(super) fn measure_on(
    inputs: &[Input],
    weighting: Weighting,
    tensors: &[TensorSpec],
    seed: Digest,
    threads: usize,
) -> Result<AggregationError, AggregateError> {
    let (readers, p) = opened(inputs, weighting, tensors)?;
    let updates = Updates { readers: &readers, p: &p };
    let modules = modules(tensors)?;
    let pieces = Pieces { count: modules.len(), wave: modules.len(), threads };
    let rank = modules.iter().map(|module| module.rank).max().unwrap_or(0);
    if readers.len().saturating_mul(rank) <= ERROR_EXACT_COLUMNS_MAX {
        let mut norms = SquaredNorms::default();
        pieces.in_order(
            || (),
            |(), piece| exact::of_module(updates, modules[piece]),
            |module| {
                norms.add(module);
                Ok(())
            },
        )?;
        return Ok(AggregationError { value: norms.relative_error(), method: Method::Exact });
    }
    let mut probed = Probed::default();
    pieces.in_order(
        Folds::default,
        |folds, piece| folds.of_module(updates, modules[piece], Digest::of(&seed_of(seed, piece))),
        |module| {
            probed.add(&module);
            Ok(())
        },
    )?;
    let (value, standard_error) = probed.relative_error();
    let count = u32::try_from(ERROR_PROBES_MAX).unwrap_or(u32::MAX);
    Ok(AggregationError { value, method: Method::Probes { count, standard_error } })
}

fn seed_of(seed: Digest, module: usize) -> Vec<u8> {
    [&seed.0[..], &(module as u64).to_le_bytes()].concat()
}

#[cfg(test)]
mod tests;
