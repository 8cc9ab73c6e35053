//! `consilium.json` in an exported adapter folder: which base model it belongs to, and which run it comes
//! from. Called by `export`, which writes it, and by `execution::launch` where a run starts from a folder.
//! Invariant: it says nothing of a site.

use std::path::Path;

use common::id::{Digest, RunId};
use common::limits::CONFIG_BYTES_MAX;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

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

    /// Reads it; `None` where a folder has none.
    ///
    /// # Errors
    /// The file is there, and is not what an export writes.
    pub fn read(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(FILE);
        let length = match std::fs::metadata(&path) {
            Ok(facts) => facts.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        let refuse = |reason: String| Error::Config { path: path.clone(), reason };
        if length > CONFIG_BYTES_MAX {
            return Err(refuse(format!("it has {length} bytes; at most {CONFIG_BYTES_MAX} are read")));
        }
        let text = std::fs::read(&path).map_err(Error::io("read", &path))?;
        serde_json::from_slice(&text).map(Some).map_err(|error| refuse(error.to_string()))
    }
}
