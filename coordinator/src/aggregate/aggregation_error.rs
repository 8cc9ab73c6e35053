//! How far averaging the factors apart is from averaging their product:
//! ||sum p_i B_i A_i - mean(B) mean(A)||_F relative to ||sum p_i B_i A_i||_F, over all modules, without ever
//! forming a d x k product. Called by `execution::performer`, beside the critical path of a round.
//!
//! While the factors, stacked, are few columns (sites x rank), it is computed exactly (`exact`); the cost of
//! that grows with the square of the columns, which is why their number is bounded. Beyond, random signed
//! sums of the factors (`probes`) give unbiased estimates of both squared norms and a standard error, at a
//! cost that is linear in the sites. Invariants: each update is read once; memory is a block for each site of
//! an exact computation, and does not grow with the sites of an estimate; a module is computed by one thread in
//! a fixed order and modules are added in theirs, so that a replay, another machine or another number of
//! threads gives the same bits.

mod exact;
mod probes;

use common::id::Digest;
use common::run::{TensorSpec, Weighting};

use self::probes::{Folds, Probed};
use super::error::AggregateError;
use super::panels::{Reader, read};
use super::parallel::{Pieces, half_of_the_cores};
use super::{Input, modules, opened};
use crate::limits::{ERROR_EXACT_COLUMNS_MAX, ERROR_PROBES_MAX};
use crate::round::aggregation_error::{AggregationError, Method};

/// One LoRA pair: positions of its tensors, and its shape.
#[derive(Debug, Clone, Copy)]
pub(super) struct Module {
    pub(super) a: usize,
    pub(super) b: usize,
    pub(super) rank: usize,
    /// Columns of A.
    pub(super) columns: usize,
    /// Rows of B.
    pub(super) rows: usize,
}

/// The squared norms of one module, or of several.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct SquaredNorms {
    /// ||sum p_i B_i A_i||^2
    exact: f64,
    /// ||sum p_i B_i A_i - mean(B) mean(A)||^2
    error: f64,
}

impl SquaredNorms {
    fn add(&mut self, other: Self) {
        self.exact += other.exact;
        self.error += other.error;
    }

    /// The relative error; 0 where the exact product vanishes (the first A times a zero B).
    fn relative_error(&self) -> f64 {
        if self.exact > 0.0 { (self.error.max(0.0) / self.exact).sqrt() } else { 0.0 }
    }
}

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

/// What is averaged.
#[derive(Debug, Clone, Copy)]
struct Updates<'a> {
    readers: &'a [Reader],
    /// Each update's weight; they sum to 1.
    p: &'a [f64],
}

impl Updates<'_> {
    fn each(&self) -> impl Iterator<Item = (&Reader, f64)> {
        self.readers.iter().zip(self.p.iter().copied())
    }
}

/// Which of a module's two factors. Their long dimension is walked along; across it they have `rank` lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Factor {
    A,
    B,
}

impl Module {
    fn length(&self, factor: Factor) -> usize {
        match factor {
            Factor::A => self.columns,
            Factor::B => self.rows,
        }
    }
}

/// Places along a factor: columns of A, rows of B.
#[derive(Debug, Clone, Copy)]
struct Places {
    module: Module,
    factor: Factor,
    first: usize,
    count: usize,
}

/// Reads places of a factor as `rank` lines of values, one after the other.
fn read_lines(reader: &Reader, of: Places, lines: &mut Vec<f32>) -> Result<(), AggregateError> {
    let Places { module, factor, first, count } = of;
    let rank = module.rank;
    lines.resize(rank * count, 0.0);
    match factor {
        Factor::A => lines
            .chunks_exact_mut(count)
            .enumerate()
            .try_for_each(|(line, values)| read(reader, module.a, line * module.columns + first, values)),
        Factor::B => {
            let mut rows = vec![0.0; rank * count];
            read(reader, module.b, first * rank, &mut rows)?;
            for (place, row) in rows.chunks_exact(rank).enumerate() {
                row.iter().enumerate().for_each(|(line, value)| lines[line * count + place] = *value);
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests;
