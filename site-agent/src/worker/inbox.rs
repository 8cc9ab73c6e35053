//! The inbox as the worker sees it: files named by their digest, checked again before use. Used by `train`
//! and `overlap`.

use std::path::PathBuf;

use common::id::Digest;
use common::limits::ADAPTER_BYTES_MAX;
use common::run::{RunManifest, SignedManifest};
use common::wire::message::TrainFailure;

use super::train_error::TrainError;
use crate::paths::StateFolder;
use crate::pipe::files;

/// The folder into which the gateway puts what it fetched.
pub struct Inbox {
    folder: PathBuf,
}

impl Inbox {
    #[must_use]
    pub fn new(folder: &StateFolder) -> Self {
        Self { folder: folder.inbox() }
    }

    /// The run manifest of this digest.
    ///
    /// # Errors
    /// `WorkerFailed` when it is gone, changed or not a manifest.
    pub fn manifest(&self, digest: Digest) -> Result<RunManifest, TrainError> {
        let bytes = self.adapter(digest)?;
        // The gateway has verified its signature.
        let signed = SignedManifest::from_bytes(&bytes);
        signed
            .map(|signed| signed.manifest)
            .map_err(|error| TrainError::new(TrainFailure::WorkerFailed, error))
    }

    /// The bytes of the adapter of this digest.
    ///
    /// # Errors
    /// `WorkerFailed` when it is gone or changed.
    pub fn adapter(&self, digest: Digest) -> Result<Vec<u8>, TrainError> {
        let path = self.folder.join(digest.to_string());
        let failed = |words: String| TrainError::new(TrainFailure::WorkerFailed, words);
        let bytes = files::read(&path, ADAPTER_BYTES_MAX)
            .map_err(|error| failed(format!("{}: {error}", path.display())))?;
        if Digest::of(&bytes) != digest {
            return Err(failed(format!("{} is not what its name says", path.display())));
        }
        Ok(bytes)
    }
}
