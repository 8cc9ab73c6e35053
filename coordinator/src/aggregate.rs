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
mod partial;
mod robust;

use std::path::Path;

use common::adapter::{AdapterReader, AdapterWriter};
use common::run::{AggregationSettings, RobustRule, TensorSpec, Weighting};

use self::inputs::{Averaging, opened};
use self::mean::OfBlock;
use self::panels::{Block, Blocks};
use self::parallel::{Pieces, all_cores};
use crate::round::state::Outlier;

pub use self::error::AggregateError;
pub use self::inputs::Input;
pub use self::optimizer::{Moments, StepFiles, step};
pub(crate) use self::partial::{complete, project};

/// How a round's updates become one.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Combining {
    /// What each weighs.
    pub weighting: Weighting,
    /// What stands in the place of the plain mean.
    pub robust: Option<RobustRule>,
}

impl From<Weighting> for Combining {
    fn from(weighting: Weighting) -> Self {
        Self { weighting, robust: None }
    }
}

impl From<&AggregationSettings> for Combining {
    fn from(settings: &AggregationSettings) -> Self {
        Self { weighting: settings.weighting, robust: settings.robust_rule() }
    }
}

/// Writes what `inputs` combine to, the weighted mean unless a robust rule is given, to `out` (fsynced) and
/// says which are far from the others. `last` is the adapter that they were trained from.
///
/// # Errors
/// No input has a weight, an input is not what it was when it was accepted, `out` cannot be written, or sites
/// would refuse it ([`AggregateError::Refused`]).
pub fn aggregate(
    inputs: &[Input],
    combining: impl Into<Combining>,
    tensors: &[TensorSpec],
    last: &Path,
    out: &Path,
) -> Result<Vec<Outlier>, AggregateError> {
    aggregate_on(all_cores(), inputs, combining.into(), tensors, last, out)
}

/// As [`aggregate`], on so many threads.
fn aggregate_on(
    threads: usize,
    inputs: &[Input],
    combining: Combining,
    tensors: &[TensorSpec],
    last: &Path,
    out: &Path,
) -> Result<Vec<Outlier>, AggregateError> {
    let (readers, p) = opened(inputs, combining.weighting, tensors)?;
    let last = AdapterReader::open(last, tensors).map_err(AggregateError::Last)?;
    let blocks = Blocks::of(tensors, readers.len());
    let of = Averaging { readers: &readers, p: &p, last: &last, blocks: &blocks, threads };
    let writer = AdapterWriter::create(out, tensors)?;
    let norms = match combining.robust {
        None => {
            let mean = |scratch: &mut mean::Scratch, block| scratch.of_block(&of, block);
            write(of, mean::Scratch::default, mean, writer)?
        }
        Some(rule) => {
            let rule = match rule {
                RobustRule::Clip => robust::Rule::clip(&norms(of)?),
                RobustRule::Median => robust::Rule::median(readers.len()),
                RobustRule::TrimmedMean { share } => robust::Rule::trim(share, readers.len()),
            };
            let combine = |scratch: &mut robust::Scratch, block| scratch.of_block(&of, &rule, block);
            write(of, robust::Scratch::default, combine, writer)?
        }
    };
    let outliers = if of.is_compared() { outliers::find(of, &norms)? } else { Vec::new() };
    match acceptable::check(out, &last, tensors)? {
        Ok(()) => Ok(outliers),
        Err(source) => Err(AggregateError::Refused { source, outliers }),
    }
}

/// Writes what the updates combine to, block by block, and gives the norms of the sites' changes where they
/// are compared.
fn write<S: Send>(
    of: Averaging<'_>,
    scratch: impl Fn() -> S,
    combine: impl Fn(&mut S, Block) -> Result<OfBlock, AggregateError> + Sync,
    mut writer: AdapterWriter,
) -> Result<Vec<f64>, AggregateError> {
    let mut squared = vec![0.0; of.readers.len()];
    of.blocks.pieces(of.threads).in_order(
        scratch,
        |scratch, piece| combine(scratch, of.blocks.list[piece]),
        |block| {
            writer.append(&block.values)?;
            squared.iter_mut().zip(&block.squared).for_each(|(sum, more)| *sum += more);
            common::crash_point!("aggregate-mid-write");
            Ok(())
        },
    )?;
    writer.finish()?;
    Ok(squared.into_iter().map(f64::sqrt).collect())
}

/// The norms of the sites' changes, in a pass of their own: clipping depends on them.
fn norms(of: Averaging<'_>) -> Result<Vec<f64>, AggregateError> {
    let mut squared = vec![0.0; of.readers.len()];
    of.blocks.pieces(of.threads).in_order(
        robust::Scratch::default,
        |scratch, piece| scratch.norms(&of, of.blocks.list[piece]),
        |block| {
            squared.iter_mut().zip(&block).for_each(|(sum, more)| *sum += more);
            Ok(())
        },
    )?;
    Ok(squared.into_iter().map(f64::sqrt).collect())
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
