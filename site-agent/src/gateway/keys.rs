//! Which files of a site hold long-lived private keys. Used by `site-agent keys`, which seals them, and by
//! what says whether they are sealed. Invariant: every key of the identity's folder is listed.

use cli::keys::{self, KeyFile};

use super::identity::Identity;
use super::{heads, renewal};
use crate::paths::StateFolder;

/// The long-lived private keys of a site that are there.
#[must_use]
pub fn key_files(folder: &StateFolder) -> Vec<KeyFile> {
    let of = |path, what| KeyFile { path, what };
    let [next, current] = renewal::key_files(&folder.identity());
    KeyFile::present(vec![
        of(folder.identity().join(heads::KEY_FILE), "heads of the ledger"),
        of(next, "the next certificate"),
        of(folder.identity().join(Identity::KEY_FILE), "the certificate of joining"),
        of(current, "the certificate in use"),
    ])
}

/// Whether any of them is sealed by a passphrase, which then opens all that are. Of one that cannot be read
/// nothing is said here: whoever opens it does.
#[must_use]
pub fn are_sealed(folder: &StateFolder) -> bool {
    key_files(folder).iter().any(|file| keys::is_sealed(&file.path))
}
