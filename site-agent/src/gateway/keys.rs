//! Which files of a site hold long-lived private keys. Used by `site-agent keys`, which seals them, by what
//! says whether they are sealed, and by what makes new ones. Invariants: every key of the identity's folder
//! is listed; where any is sealed, every new one is.

use cli::keys::{KeyFile, Sealing};

use super::identity::Identity;
use super::{heads, renewal};
use crate::paths::StateFolder;

/// Where a site's long-lived private keys are, there or not.
#[must_use]
pub fn places(folder: &StateFolder) -> Vec<KeyFile> {
    let of = |path, what| KeyFile { path, what };
    let [next, current] = renewal::key_files(&folder.identity());
    vec![
        of(folder.identity().join(heads::KEY_FILE), "heads of the ledger"),
        of(next, "the next certificate"),
        of(folder.identity().join(Identity::KEY_FILE), "the certificate of joining"),
        of(current, "the certificate in use"),
    ]
}

/// Those that are there.
#[must_use]
pub fn key_files(folder: &StateFolder) -> Vec<KeyFile> {
    KeyFile::present(places(folder))
}

/// How many of them are sealed. Of one that cannot be read nothing is said here: whoever opens it does.
#[must_use]
pub fn sealing(folder: &StateFolder) -> Sealing {
    Sealing::of(&key_files(folder))
}
