//! From a round's update files to the file that is published: looks whether the updates are still what was
//! accepted, averages them, and measures the error of that. Called by `performer` and by the benchmark
//! `round-bench`. Invariant: the same updates give the same bytes and the same error.

use std::path::{Path, PathBuf};

use common::id::Digest;
use common::run::{Factors, TensorSpec, Weighting};

use crate::aggregate::{self, Combining, Input, aggregation_error};
use crate::error::Result;
use crate::round::accuracy::AggregationError;
use crate::round::state::Outlier;
use crate::state_folder::blobs;

/// The settings and files that decide the average of a round.
#[derive(Debug, Clone, Copy)]
pub struct Averaging<'a> {
    /// The updates, and what each was when it was accepted.
    pub inputs: &'a [(Input, Digest)],
    /// How they become one.
    pub combining: Combining,
    /// The adapter's tensors.
    pub tensors: &'a [TensorSpec],
    /// Which of them the round trains: an update has those alone.
    pub factors: Factors,
    /// The adapter that the round began with.
    pub last: &'a Path,
}

impl Averaging<'_> {
    /// Writes the average to `out`; returns the updates that are far from the others.
    ///
    /// # Errors
    /// An update is not what it was any more, or what [`aggregate::aggregate`] returns.
    pub fn write(&self, out: &Path) -> Result<Vec<Outlier>> {
        let inputs = as_accepted(self.inputs)?;
        if self.factors == Factors::Both {
            return Ok(aggregate::aggregate(&inputs, self.combining, self.tensors, self.last, out)?);
        }
        // Not `part`: what ends so is an upload that was never finished, and goes.
        let beside = |what: &str| -> PathBuf { out.with_extension(what) };
        let (from, mean, part) = (beside("from"), beside("trained"), self.factors.of(self.tensors));
        aggregate::project(self.last, self.tensors, &part, &from)?;
        let outliers = aggregate::aggregate(&inputs, self.combining, &part, &from, &mean)?;
        aggregate::complete(self.last, self.tensors, &mean, &part, out)?;
        blobs::remove(&from)?;
        blobs::remove(&mean)?;
        Ok(outliers)
    }
}

/// How far the average is from that of the products.
///
/// # Errors
/// An update is not what it was any more, or what [`aggregation_error::measure`] returns.
pub fn error(
    inputs: &[(Input, Digest)],
    weighting: Weighting,
    tensors: &[TensorSpec],
    seed: Digest,
) -> Result<AggregationError> {
    Ok(aggregation_error::measure(&as_accepted(inputs)?, weighting, tensors, seed)?)
}

/// The updates, unless one is not what it was when it was accepted.
fn as_accepted(inputs: &[(Input, Digest)]) -> Result<Vec<Input>> {
    aggregate::for_each_file(inputs.len(), |index| {
        let (input, digest) = &inputs[index];
        if blobs::digest_of(&input.path)? == *digest {
            Ok(())
        } else {
            Err(blobs::damaged("update", *digest))
        }
    })?;
    Ok(inputs.iter().map(|(input, _)| input.clone()).collect())
}
