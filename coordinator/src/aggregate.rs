//! Turns a round's updates into one adapter file and says which updates are far from the others, and, asked
//! apart, how good the averaging was. Called by `execution::performer` in a blocking thread. Invariants: the
//! output is a function of the inputs' bytes and weights alone (site order, f64, one rounding), whatever the
//! number of threads; cost is linear in the sites, and memory is a few blocks of `AGGREGATE_BLOCK_BYTES_MAX`
//! for each thread, whatever the adapter's size and the number of sites.

pub mod aggregation_error;
mod error;
mod lanes;
mod mean;
mod outliers;
mod panels;
mod parallel;

use std::path::{Path, PathBuf};

use common::adapter::{AdapterReader, AdapterWriter};
use common::id::SiteId;
use common::limits::{ADAPTER_GROWTH_MAX, AGGREGATE_NORM_MAX};
use common::run::{TensorSpec, Weighting};

use self::aggregation_error::Module;
use self::panels::{Blocks, Reader};
use self::parallel::{Pieces, all_cores};
use crate::limits::OUTLIER_SITES_MIN;
use crate::round::state::Outlier;
use crate::round::weight;

pub use self::error::AggregateError;

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

/// What an averaging found.
#[derive(Debug, Clone, PartialEq)]
pub struct Averaged {
    /// Updates that are far from the others.
    pub outliers: Vec<Outlier>,
}

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
) -> Result<Averaged, AggregateError> {
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
) -> Result<Averaged, AggregateError> {
    let (readers, p) = opened(inputs, weighting, tensors)?;
    let last = AdapterReader::open(last, tensors).map_err(AggregateError::Last)?;
    let blocks = Blocks::of(tensors, readers.len());
    let of = Averaging { readers: &readers, p: &p, last: &last, blocks: &blocks, threads };
    let squared = of.write_mean(AdapterWriter::create(out, tensors)?)?;
    let norms: Vec<f64> = squared.into_iter().map(f64::sqrt).collect();
    let outliers = if of.is_compared() { outliers::find(of, &norms)? } else { Vec::new() };
    let before = last.check_values().map_err(AggregateError::Last)?;
    let mean = AdapterReader::open(out, tensors).and_then(|mean| mean.check_values());
    let checked = mean.and_then(|mean| {
        mean.check_norm(AGGREGATE_NORM_MAX)?;
        mean.check_growth(&before.norms(), ADAPTER_GROWTH_MAX)
    });
    match checked {
        Ok(()) => Ok(Averaged { outliers }),
        Err(error) if error.is_retryable() => Err(error.into()),
        Err(source) => Err(AggregateError::Refused { source, outliers }),
    }
}

/// What is averaged, and how.
#[derive(Debug, Clone, Copy)]
struct Averaging<'a> {
    readers: &'a [Reader],
    /// Each update's weight; they sum to 1.
    p: &'a [f64],
    last: &'a AdapterReader,
    blocks: &'a Blocks,
    threads: usize,
}

impl Averaging<'_> {
    /// Whether there are enough updates to see which is far from the others.
    fn is_compared(&self) -> bool {
        self.readers.len() >= OUTLIER_SITES_MIN
    }

    /// Writes the mean, and gives the squared norms of the sites' changes where they are compared.
    fn write_mean(&self, mut writer: AdapterWriter) -> Result<Vec<f64>, AggregateError> {
        let mut squared = vec![0.0; self.readers.len()];
        self.blocks.pieces(self.threads).in_order(
            mean::Scratch::default,
            |scratch, piece| scratch.of_block(self, self.blocks.list[piece]),
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
}

/// The updates in site order, and their weights.
fn opened(
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

/// The modules of an adapter.
fn modules(tensors: &[TensorSpec]) -> Result<Vec<Module>, AggregateError> {
    let position = |name: &str| tensors.iter().position(|spec| spec.name == name);
    let mut modules = Vec::with_capacity(tensors.len() / 2);
    for (index, spec) in tensors.iter().enumerate() {
        if let Some(stem) = spec.name.strip_suffix(A_SUFFIX) {
            let partner = position(&format!("{stem}{B_SUFFIX}"));
            let fits = |&b: &usize| tensors[b].shape[1] == spec.shape[0];
            let b = partner.filter(fits).ok_or_else(|| AggregateError::Unpaired(spec.name.clone()))?;
            let ([rank, columns], rows) = (spec.shape, tensors[b].shape[0]);
            modules.push(Module { a: index, b, rank, columns, rows });
        }
    }
    let unpaired = (modules.len() * 2 != tensors.len()).then(|| tensors.first()).flatten();
    unpaired.map_or(Ok(modules), |spec| Err(AggregateError::Unpaired(spec.name.clone())))
}

const A_SUFFIX: &str = ".lora_A.weight";
const B_SUFFIX: &str = ".lora_B.weight";

#[cfg(test)]
mod tests;
