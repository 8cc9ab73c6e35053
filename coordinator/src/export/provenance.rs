//! `consilium.json` in an exported adapter folder: which base model it belongs to, and which run it comes
//! from. Called by `export`, which writes it, by `execution::launch` where a run starts from a folder, and by
//! the child that reads that folder. Invariant: it says nothing of a site.

use std::path::Path;

use common::id::{Digest, RunId};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::state_folder::config::read_bounded;

/// Its name in the folder.
pub(super) const FILE: &str = "consilium.json";

/// Where an adapter comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// The run.
    pub run: RunId,
    /// SHA-256 of the adapter as it was published.
    pub adapter: Digest,
    /// Fingerprint of the base model as the run held it.
    pub base_fingerprint: Digest,
}

impl Provenance {
    /// The file's bytes: the same for the same run and adapter.
    ///
    /// # Errors
    /// It cannot be put into JSON, which is our fault.
    pub(super) fn to_bytes(&self) -> Result<Vec<u8>> {
        serde_json::to_vec_pretty(self).map_err(|error| Error::Internal(error.to_string()))
    }

    /// Whether a folder has one.
    pub fn is_in(folder: &Path) -> bool {
        folder.join(FILE).exists()
    }

    /// Reads it; `None` where a folder has none.
    ///
    /// # Errors
    /// The file is there, and is not what an export writes.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        if !Self::is_in(folder) {
            return Ok(None);
        }
        let text = read_bounded(&path)?;
        let refuse = |reason: String| Error::Config { path: path.clone(), reason };
        serde_json::from_str(&text).map(Some).map_err(|error| refuse(error.to_string()))
    }
}
