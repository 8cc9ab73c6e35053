//! What is kept of a log that shows two histories: both heads as its key signed them, the second with the
//! proof that came with it. Called by `cosigning`. Invariants: a head that was shown is kept once, whatever
//! proof comes with it, since a proof needs no key; each log has room of its own, and heads that were only
//! not shown to follow take none of that of two histories; what is there is never replaced.

use std::fs;
use std::path::{Path, PathBuf};

use common::durable;
use common::id::Digest;
use common::private;
use common::wire::message::LedgerHead;

use super::error::WitnessError;
use crate::limits::WITNESS_EVIDENCE_MAX;

/// The head that was cosigned, a signed note.
pub(super) const COSIGNED: &str = "cosigned";
/// The request with the other head.
pub(super) const SHOWN: &str = "shown";

/// Before the names of those that are larger, and not shown to follow.
const UNPROVED: &str = "unproved-";

/// Two heads of one log.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) log: &'a str,
    /// Whether they have one size, and so two histories; else the second was not shown to follow.
    pub(super) is_two_histories: bool,
    /// The head that was shown.
    pub(super) head: LedgerHead,
    /// The one that was cosigned, a signed note.
    pub(super) cosigned: &'a str,
    /// The request with the one that was shown.
    pub(super) shown: &'a str,
}

/// Whether this is a pair of which the second was only not shown to follow.
pub(super) fn is_unproved(place: &Path) -> bool {
    place.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNPROVED))
}

/// Keeps both. Returns where; nothing where there is no room.
///
/// # Errors
/// `Private`, `Io`.
pub(super) fn keep(folder: &Path, pair: &Pair<'_>) -> Result<Option<PathBuf>, WitnessError> {
    let Pair { log, is_two_histories, head, cosigned, shown } = pair;
    let short = |text: &str| Digest::of(text.as_bytes()).to_string().chars().take(16).collect::<String>();
    let of_log = format!("{}{}-", if *is_two_histories { "" } else { UNPROVED }, short(log));
    let place = folder.join(of_log.clone() + &short(&format!("{log}\n{}\n{}", head.size, head.root)));
    if !place.exists() {
        let is_of_log = |path: &&PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&of_log))
        };
        if list(folder)?.iter().filter(is_of_log).count() >= WITNESS_EVIDENCE_MAX {
            return Ok(None);
        }
        private::create_folder(&place)?;
    }
    for (name, text) in [(COSIGNED, *cosigned), (SHOWN, *shown)] {
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
