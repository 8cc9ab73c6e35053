//! Turns a round's updates into one adapter file and says how good the averaging was. Called by
//! `execution::performer` in a blocking thread. Invariants: the output is a function of the inputs' bytes
//! and weights alone (site order, f64, one rounding); all inputs are read in blocks in lock-step, so memory
//! is 64 K elements x sites x 4 B = 26 MB for 100 sites plus one module's Gram matrices.

mod acceptable;
mod error;
mod fedavg;
mod gram;
mod optimizer;
mod outliers;
mod panels;

use std::path::{Path, PathBuf};

use common::adapter::{AdapterReader, AdapterWriter};
use common::id::SiteId;
use common::run::{TensorSpec, Weighting};

use self::gram::{ModuleGram, SquaredNorms};
use self::panels::{BLOCK_ELEMENTS, Reader, panels};
use crate::round::state::Outlier;
use crate::round::weight;

pub use self::error::AggregateError;
pub use self::optimizer::{Moments, StepFiles, step};

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
    /// ||mean(BA) - mean(B)mean(A)|| / ||mean(BA)||, over all modules.
    pub error: f64,
    /// Updates that are far from the others.
    pub outliers: Vec<Outlier>,
}

/// Writes the weighted mean of `inputs` to `out` (fsynced) and says how good it is. `last` is the adapter
/// that they were trained from.
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
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    inputs.sort_by(|left, right| left.site.cmp(&right.site));
    let records: Vec<u64> = inputs.iter().map(|input| input.records).collect();
    let p = weight::weights(weighting, &records).ok_or(AggregateError::NoWeight)?;
    let open = |input: &&Input| match AdapterReader::open(&input.path, tensors) {
        Ok(reader) => Ok((input.site.clone(), reader)),
        Err(source) => Err(AggregateError::Update { site: input.site.clone(), source }),
    };
    let readers = inputs.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    let last = AdapterReader::open(last, tensors).map_err(AggregateError::Last)?;
    let outliers = outliers::find(&readers, &last, tensors)?;
    write_mean(&readers, tensors, &p, out)?;
    if let Err(source) = acceptable::check(out, &last, tensors)? {
        return Err(AggregateError::Refused { source, outliers });
    }
    let mut norms = SquaredNorms::default();
    for module in modules(tensors)? {
        norms.add(module_norms(&readers, tensors, module, &p)?);
    }
    Ok(Averaged { error: norms.relative_error(), outliers })
}

fn write_mean(
    readers: &[Reader],
    tensors: &[TensorSpec],
    p: &[f64],
    out: &Path,
) -> Result<(), AggregateError> {
    let mut writer = AdapterWriter::create(out, tensors)?;
    for (index, spec) in tensors.iter().enumerate() {
        let elements = spec.shape[0] * spec.shape[1];
        for first in (0..elements).step_by(BLOCK_ELEMENTS) {
            let panels = panels(readers, index, first, BLOCK_ELEMENTS.min(elements - first))?;
            writer.append(&fedavg::mean(&panels, p))?;
            common::crash_point!("aggregate-mid-write");
        }
    }
    Ok(writer.finish()?)
}

/// Positions of one module's tensors.
#[derive(Debug, Clone, Copy)]
struct Module {
    a: usize,
    b: usize,
}

/// Gram norms of one module, streamed: B by rows (contiguous), A by columns (rank reads a panel).
fn module_norms(
    readers: &[Reader],
    tensors: &[TensorSpec],
    Module { a, b }: Module,
    p: &[f64],
) -> Result<SquaredNorms, AggregateError> {
    let ([rank, columns], [rows, _]) = (tensors[a].shape, tensors[b].shape);
    let side = (BLOCK_ELEMENTS / rank.max(1)).max(1);
    let mut gram = ModuleGram::new(readers.len(), rank);
    for first in (0..rows).step_by(side) {
        let count = side.min(rows - first);
        gram.add_b_rows(&panels(readers, b, first * rank, count * rank)?);
    }
    for first in (0..columns).step_by(side) {
        let count = side.min(columns - first);
        let mut joined: Vec<Vec<f32>> = vec![Vec::with_capacity(rank * count); readers.len()];
        for row in 0..rank {
            let part = panels(readers, a, row * columns + first, count)?;
            joined.iter_mut().zip(part).for_each(|(panel, row)| panel.extend(row));
        }
        gram.add_a_columns(&joined);
    }
    Ok(gram.norms(p))
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
            modules.push(Module { a: index, b });
        }
    }
    let unpaired = (modules.len() * 2 != tensors.len()).then(|| tensors.first()).flatten();
    unpaired.map_or(Ok(modules), |spec| Err(AggregateError::Unpaired(spec.name.clone())))
}

const A_SUFFIX: &str = ".lora_A.weight";
const B_SUFFIX: &str = ".lora_B.weight";

#[cfg(test)]
mod tests;
