//! The file that lets a training go on after a crash: what it belongs to, then the model crate's bytes.
//!
//! Called by the worker and by `alone`. Invariant: losing the file costs time and never changes the result.

use std::fs;
use std::path::PathBuf;

use common::durable;
use common::id::Digest;
use common::wire::message::RoundKey;
use model::{Checkpoint, ModelError};

use crate::limits::CHECKPOINT_BYTES_MAX;
use crate::paths::StateFolder;
use crate::pipe::files;
use crate::pipe::round_file_stem;

/// A checkpoint file and the order it answers: in a round the digests of manifest and adapter, else nothing
/// (the model crate's own digest of base, settings and samples decides).
pub(crate) struct CheckpointFile {
    path: PathBuf,
    order: Vec<u8>,
}

impl CheckpointFile {
    /// Of a federated round.
    pub(crate) fn of_round(folder: &StateFolder, key: RoundKey, manifest: Digest, adapter: Digest) -> Self {
        let path = folder.work().join(format!("{}.checkpoint", round_file_stem(key.run, key.round)));
        Self { path, order: [manifest.0, adapter.0].concat() }
    }

    /// Of a training that is no round.
    pub(crate) const fn at(path: PathBuf) -> Self {
        Self { path, order: Vec::new() }
    }

    /// The last checkpoint of this order; `None` when there is none.
    ///
    /// # Errors
    /// `Resume` when it is damaged or of another version.
    pub(crate) fn read(&self) -> Result<Option<Checkpoint>, ModelError> {
        let Ok(bytes) = files::read(&self.path, CHECKPOINT_BYTES_MAX) else { return Ok(None) };
        let Some(body) = bytes.strip_prefix(self.order.as_slice()) else { return Ok(None) };
        Checkpoint::from_bytes(body).map(Some)
    }

    /// As [`Self::read`]; one that cannot be used starts from the beginning, which gives the same bytes,
    /// later.
    pub(crate) fn read_or_start_again(&self) -> Option<Checkpoint> {
        match self.read() {
            Ok(checkpoint) => {
                if checkpoint.is_some() {
                    tracing::info!("training is resumed from a checkpoint");
                }
                checkpoint
            }
            Err(error) => {
                tracing::warn!(%error, "a checkpoint cannot be used; training starts again");
                None
            }
        }
    }

    /// Replaces the file.
    ///
    /// # Errors
    /// In words: a full disk, mostly.
    pub(crate) fn write(&self, checkpoint: &Checkpoint) -> Result<(), String> {
        let body = checkpoint.to_bytes().map_err(|error| error.to_string())?;
        let bytes = [self.order.as_slice(), &body].concat();
        durable::write(&self.path, &bytes, durable::ORDINARY).map_err(|error| error.to_string())
    }

    pub(crate) fn remove(&self) {
        // Already gone is what we want; a file that stays is refused or overwritten later.
        let _ = fs::remove_file(&self.path);
    }
}
