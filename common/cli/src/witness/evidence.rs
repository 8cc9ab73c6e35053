//! What is kept of a log that shows two histories: both heads as its key signed them, the second with the
//! proof that came with it. Called by `cosigning`. Invariants: the same two are kept once; a folder of them
//! has a bound, and what is in it is never replaced.

use std::fs;
use std::path::{Path, PathBuf};

use common::durable;
use common::id::Digest;
use common::private;

use super::error::WitnessError;
use crate::limits::WITNESS_EVIDENCE_MAX;

/// The head that was cosigned, a signed note.
pub(super) const COSIGNED: &str = "cosigned";
/// The request with the other head.
pub(super) const SHOWN: &str = "shown";

/// Keeps both. Returns where; nothing where there is no room.
///
/// # Errors
/// `Private`, `Io`.
pub(super) fn keep(folder: &Path, cosigned: &str, shown: &str) -> Result<Option<PathBuf>, WitnessError> {
    let digest = Digest::of([cosigned, "\n", shown].concat().as_bytes()).to_string();
    let place = folder.join(digest.get(..16).unwrap_or(&digest));
    if !place.exists() {
        if list(folder)?.len() >= WITNESS_EVIDENCE_MAX {
            return Ok(None);
        }
        private::create_folder(&place)?;
    }
    for (name, text) in [(COSIGNED, cosigned), (SHOWN, shown)] {
        let path = place.join(name);
        // One that was killed in between is gone on with.
        if !path.exists() {
            durable::write(&path, text.as_bytes(), durable::PRIVATE).map_err(WitnessError::io(&path))?;
        }
    }
    durable::sync_folder_of(&place).map_err(WitnessError::io(folder))?;
    Ok(Some(place))
}

/// All that is kept, by name.
///
/// # Errors
/// `Io`.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>, WitnessError> {
    let entries = fs::read_dir(folder).map_err(WitnessError::io(folder))?;
    let mut all = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    if let Ok(all) = &mut all {
        all.sort();
    }
    all.map_err(WitnessError::io(folder))
}
