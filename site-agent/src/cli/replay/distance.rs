//! How far an update that was computed again is from the one that left. Used by `computing`, where bytes may
//! differ though nothing is wrong: on another kind of processor sums are rounded otherwise.

use std::path::Path;

use common::adapter::{AdapterError, AdapterReader};
use common::run::{Factors, TensorSpec};

use crate::error::SiteError;
use crate::gateway::store::Update;
use crate::pipe::files::{self, Unfit};

/// The largest share of what a round changed by which two kinds of processor may differ.
pub(super) const TOLERANCE: f64 = 0.02;
/// Elements read at once: 256 KiB.
const BLOCK_ELEMENTS: usize = 64 * 1024;

/// `|replayed - sent| / |sent - start|`, as Euclidean norms over all tensors that the round trains. `None`
/// where the sent file is not kept, or is not the one that was sent.
///
/// # Errors
/// `Io`; `UpdateRefused` when a file does not have the run's tensors.
pub(super) fn share(
    sent: &Path,
    update: &Update,
    replayed: &Path,
    start: &Path,
    tensors: &[TensorSpec],
    factors: Factors,
) -> Result<Option<f64>, SiteError> {
    let file = match files::open(sent, update.bytes) {
        Ok((file, _)) => file,
        Err(Unfit::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(unfit) => return Err(SiteError::io(sent, unfit.into_io())),
    };
    let found = files::digest(&file, update.bytes).map_err(|unfit| SiteError::io(sent, unfit.into_io()))?;
    if found != (update.digest, update.bytes) {
        return Ok(None);
    }
    let at = |path: &Path, error: AdapterError| match error {
        AdapterError::Io(source) => SiteError::io(path, source),
        other => SiteError::UpdateRefused { reason: other.to_string() },
    };
    let part = factors.of(tensors);
    let sent_file = AdapterReader::of_file(file, &part).map_err(|error| at(sent, error))?;
    let new_file = AdapterReader::open(replayed, &part).map_err(|error| at(replayed, error))?;
    let start_file = AdapterReader::open(start, tensors).map_err(|error| at(start, error))?;
    let (mut apart, mut changed) = (0.0_f64, 0.0_f64);
    let mut blocks = [vec![0.0_f32; BLOCK_ELEMENTS], vec![0.0; BLOCK_ELEMENTS], vec![0.0; BLOCK_ELEMENTS]];
    let trained = tensors.iter().enumerate().filter(|(_, tensor)| factors.include(&tensor.name));
    for (index, (of_start, tensor)) in trained.enumerate() {
        let elements = tensor.shape[0] * tensor.shape[1];
        for first in (0..elements).step_by(BLOCK_ELEMENTS) {
            let count = BLOCK_ELEMENTS.min(elements - first);
            let [sent_values, new_values, start_values] = &mut blocks;
            sent_file.read(index, first, &mut sent_values[..count]).map_err(|error| at(sent, error))?;
            new_file.read(index, first, &mut new_values[..count]).map_err(|error| at(replayed, error))?;
            start_file.read(of_start, first, &mut start_values[..count]).map_err(|error| at(start, error))?;
            for ((sent, new), start) in sent_values.iter().zip(&*new_values).zip(&*start_values).take(count) {
                apart += (f64::from(*new) - f64::from(*sent)).powi(2);
                changed += (f64::from(*sent) - f64::from(*start)).powi(2);
            }
        }
    }
    // A round that changed nothing, and whose replay did.
    Ok(Some(if apart == 0.0 { 0.0 } else { (apart / changed).sqrt() }))
}
