//! Turns a round's updates into one adapter file and says which updates are far from the others, and, asked
//! apart, how good the averaging was. Called by `execution::averaging` in a blocking thread. Invariants: the
//! output is a function of the inputs' bytes and weights alone (site order, f64, one rounding), whatever the
//! number of threads; cost is linear in the sites, and memory is a few blocks of `AGGREGATE_BLOCK_BYTES_MAX`
//! for each thread, whatever the adapter's size and the number of sites.

mod acceptable;
pub mod aggregation_error;
mod error;
mod inputs;
mod lanes;
pub mod mean;
mod optimizer;
mod outliers;
mod panels;
mod parallel;

use std::path::Path;

use common::adapter::{AdapterReader, AdapterWriter};
use common::run::{TensorSpec, Weighting};

use self::inputs::{Averaging, opened};
use self::panels::Blocks;
use self::parallel::{Pieces, all_cores};
use crate::round::state::Outlier;

pub use self::error::AggregateError;
pub use self::inputs::Input;
pub use self::optimizer::{Moments, StepFiles, step};

/// Writes the weighted mean of `inputs` to `out` (fsynced) and says which are far from the others. `last` is
/// the adapter that they were trained from.
///
/// # Errors
/// No input has a weight, an input is not what it was when it was accepted, `out` cannot be written, or sites
/// would refuse it ([`AggregateError::Refused`]).
pub fn aggregate(
    inputs: &[Input],
    weighting: Weighting,
    tensors: &[TensorSpec],
    last: &Path,
    out: &Path,
) -> Result<Vec<Outlier>, AggregateError> {
    aggregate_on(all_cores(), inputs, weighting, tensors, last, out)
}

/// As [`aggregate`], on so many threads.
fn aggregate_on(
    threads: usize,
    inputs: &[Input],
    weighting: Weighting,
    tensors: &[TensorSpec],
    last: &Path,
    out: &Path,
) -> Result<Vec<Outlier>, AggregateError> {
    let (readers, p) = opened(inputs, weighting, tensors)?;
    let last = AdapterReader::open(last, tensors).map_err(AggregateError::Last)?;
    let blocks = Blocks::of(tensors, readers.len());
    let of = Averaging { readers: &readers, p: &p, last: &last, blocks: &blocks, threads };
    let squared = write_mean(of, AdapterWriter::create(out, tensors)?)?;
    let norms: Vec<f64> = squared.into_iter().map(f64::sqrt).collect();
    let outliers = if of.is_compared() { outliers::find(of, &norms)? } else { Vec::new() };
    match acceptable::check(out, &last, tensors)? {
        Ok(()) => Ok(outliers),
        Err(source) => Err(AggregateError::Refused { source, outliers }),
    }
}

/// Writes the mean, and gives the squared norms of the sites' changes where they are compared.
fn write_mean(of: Averaging<'_>, mut writer: AdapterWriter) -> Result<Vec<f64>, AggregateError> {
    let mut squared = vec![0.0; of.readers.len()];
    of.blocks.pieces(of.threads).in_order(
        mean::Scratch::default,
        |scratch, piece| scratch.of_block(&of, of.blocks.list[piece]),
        |block| {
            writer.append(&block.values)?;
            squared.iter_mut().zip(&block.squared).for_each(|(sum, more)| *sum += more);
            common::crash_point!("aggregate-mid-write");
            Ok(())
        },
    )?;
    writer.finish()?;
    Ok(squared)
}

/// Does `work` for each of `count` files on all cores; the first failure in their order is the one that is
/// told.
///
/// # Errors
/// What `work` returns.
pub fn for_each_file<E: From<AggregateError> + Send>(
    count: usize,
    work: impl Fn(usize) -> Result<(), E> + Sync,
) -> Result<(), E> {
    let mut failed = None;
    let pieces = Pieces { count, wave: count, threads: all_cores() };
    pieces.in_order(
        || (),
        |(), piece| Ok(work(piece).err()),
        |error| {
            failed = failed.take().or(error);
            Ok(())
        },
    )?;
    failed.map_or(Ok(()), Err)
}

#[cfg(test)]
mod tests;
