//! From a round's update files to the file that is published: looks whether the updates are still what was
//! accepted, averages them and names the result by hash. Called by `performer` and by the benchmark
//! `round-bench`. Invariant: the same updates give the same digest.

use std::path::Path;

use common::id::Digest;
use common::run::{TensorSpec, Weighting};

use crate::aggregate::{self, Averaged, Input};
use crate::error::Result;
use crate::state_folder::blobs;

/// The settings and files that decide the average of a round.
#[derive(Debug, Clone, Copy)]
pub struct Averaging<'a> {
    /// The updates, and what each was when it was accepted.
    pub inputs: &'a [(Input, Digest)],
    /// How they are weighed.
    pub weighting: Weighting,
    /// The adapter's tensors.
    pub tensors: &'a [TensorSpec],
    /// The adapter that the round began with.
    pub last: &'a Path,
}

impl Averaging<'_> {
    /// Writes the average to `out`.
    ///
    /// # Errors
    /// An update is not what it was any more, or what [`aggregate::aggregate`] returns.
    pub fn write(&self, out: &Path) -> Result<(Digest, Averaged)> {
        must_be_as_accepted(self.inputs)?;
        let inputs: Vec<Input> = self.inputs.iter().map(|(input, _)| input.clone()).collect();
        let averaged = aggregate::aggregate(&inputs, self.weighting, self.tensors, self.last, out)?;
        Ok((blobs::digest_of(out)?, averaged))
    }
}

/// Refuses updates that are not what they were when they were accepted.
///
/// # Errors
/// An update cannot be read, or does not have its digest any more.
pub fn must_be_as_accepted(inputs: &[(Input, Digest)]) -> Result<()> {
    aggregate::for_each_file(inputs.len(), |index| {
        let (input, digest) = &inputs[index];
        if blobs::digest_of(&input.path)? == *digest {
            Ok(())
        } else {
            Err(blobs::damaged("update", *digest))
        }
    })
}
