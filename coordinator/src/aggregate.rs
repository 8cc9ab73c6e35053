//! Turns a round's updates into one adapter file and says how good the averaging was. Called by
//! `execution::performer` in a blocking thread. Invariants: the output is a function of the inputs' bytes
//! and weights alone (site order, f64, one rounding); all inputs are read in blocks in lock-step, so memory
//! is [`BLOCK_ELEMENTS`] x sites x 4 B = 26 MB for 100 sites plus one module's Gram matrices.

mod fedavg;
mod gram;

use std::path::{Path, PathBuf};

use common::adapter::{AdapterError, AdapterReader, AdapterWriter};
use common::id::SiteId;
use common::run::TensorSpec;

use self::gram::{ModuleGram, SquaredNorms};

pub use self::fedavg::parts;

/// One update that counts.
#[derive(Debug, Clone)]
pub struct Input {
    /// Whose it is; inputs are averaged in this order.
    pub site: SiteId,
    /// The checked update file.
    pub path: PathBuf,
    /// Its share of the weight, in parts: see [`parts`].
    pub parts: u64,
}

/// Why there is no aggregate.
#[derive(Debug, thiserror::Error)]
pub enum AggregateError {
    /// A file cannot be read or written, or an update is not what it was when it was accepted.
    #[error("update of {site}: {source}")]
    Update {
        /// Whose update.
        site: SiteId,
        /// What is wrong.
        source: AdapterError,
    },
    /// The result cannot be written. A retry helps once there is room.
    #[error("aggregate: {0}")]
    Output(#[from] AdapterError),
    /// No update, or only updates that were trained on nothing.
    #[error("the round has no update with a weight")]
    NoWeight,
    /// A tensor name without its pair; the manifest is ours, so this is a fault of ours.
    #[error("tensor {0} has no lora_A/lora_B partner")]
    Unpaired(String),
}

/// Writes the weighted mean of `inputs` to `out` (fsynced) and returns the relative aggregation error.
///
/// # Errors
/// No input has a weight, an input is not what it was when it was accepted, or `out` cannot be written.
pub fn aggregate(inputs: &[Input], tensors: &[TensorSpec], out: &Path) -> Result<f64, AggregateError> {
    let mut inputs: Vec<&Input> = inputs.iter().collect();
    inputs.sort_by(|left, right| left.site.cmp(&right.site));
    let parts: Vec<u64> = inputs.iter().map(|input| input.parts).collect();
    let p = fedavg::weights(&parts).ok_or(AggregateError::NoWeight)?;
    let open = |input: &&Input| match AdapterReader::open(&input.path, tensors) {
        Ok(reader) => Ok((input.site.clone(), reader)),
        Err(source) => Err(AggregateError::Update { site: input.site.clone(), source }),
    };
    let readers = inputs.iter().map(open).collect::<Result<Vec<_>, _>>()?;
    write_mean(&readers, tensors, &p, out)?;
    let mut norms = SquaredNorms::default();
    for module in modules(tensors)? {
        norms.add(module_norms(&readers, tensors, module, &p)?);
    }
    Ok(norms.relative_error())
}

type Reader = (SiteId, AdapterReader);

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

/// The same elements of every update, in site order.
fn panels(
    readers: &[Reader],
    index: usize,
    first: usize,
    count: usize,
) -> Result<Vec<Vec<f32>>, AggregateError> {
    let read = |(site, reader): &Reader| {
        let mut values = vec![0.0; count];
        match reader.read(index, first, &mut values) {
            Ok(()) => Ok(values),
            Err(source) => Err(AggregateError::Update { site: site.clone(), source }),
        }
    };
    readers.iter().map(read).collect()
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
/// Elements read at once from each update.
const BLOCK_ELEMENTS: usize = 64 * 1024;

#[cfg(test)]
mod tests;
