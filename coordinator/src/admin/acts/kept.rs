//! The newest head of another machine's log of acts that was seen here. Used by `cli::acts` from afar.
//! Invariant: it grows only: a coordinator that shows an older head is told from one that has a newer.

use std::fs;
use std::io::ErrorKind;
use std::path::PathBuf;

use certs::VerifierKey;
use common::clock::Timestamp;
use common::durable;
use common::wire::message::LedgerHead;

use super::check::Damage;
use super::log::read_head;
use crate::error::{Error, Result};

/// A head in a file.
#[derive(Debug)]
pub struct Kept {
    path: PathBuf,
    key: VerifierKey,
}

impl Kept {
    /// In this file, which need not be there, signed with this key.
    #[must_use]
    pub fn at(path: PathBuf, key: VerifierKey) -> Self {
        Self { path, key }
    }

    /// The head; none where none was seen yet.
    ///
    /// # Errors
    /// It cannot be read, or is of another key.
    pub fn head(&self) -> Result<Option<LedgerHead>> {
        match fs::read(&self.path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            bytes => {
                let bytes = bytes.map_err(Error::io("read", &self.path))?;
                read_head(&bytes, &self.key).map(Some)
            }
        }
    }

    /// The head in `note`, which must not be older than the kept one.
    ///
    /// # Errors
    /// [`Error::ActsDamaged`]: it is older, or not signed with the key.
    pub fn newer(&self, note: &str) -> Result<LedgerHead> {
        let head = read_head(note.as_bytes(), &self.key)?;
        match self.head()? {
            Some(kept) if kept.size > head.size => {
                let damage = Damage::Short { has: head.size, size: kept.size };
                Err(Error::ActsDamaged(damage.to_string()))
            }
            _ => Ok(head),
        }
    }

    /// Sets the kept head aside, because a person was told why the log began anew. Returns where it is now;
    /// nothing where there was none.
    ///
    /// # Errors
    /// It cannot be moved.
    pub fn set_aside(&self, now: Timestamp) -> Result<Option<PathBuf>> {
        let aside = self.path.with_extension(format!("aside-{}", now.0));
        match fs::rename(&self.path, &aside) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            moved => moved.map(|()| Some(aside)).map_err(Error::io("move", &self.path)),
        }
    }

    /// Keeps the head in `note` from now on.
    ///
    /// # Errors
    /// As [`Self::newer`]; it cannot be written.
    pub fn keep(&self, note: &str) -> Result<()> {
        self.newer(note)?;
        durable::write(&self.path, note.as_bytes(), durable::PRIVATE).map_err(Error::io("write", &self.path))
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Act, Acts, Verb, Who, log_name, recorded};
    use super::*;
    use crate::state_folder::StateFolder;
    use crate::state_folder::identity::{Identity, receipt_key};

    #[test]
    fn an_older_head_never_takes_the_place_of_a_newer_one() {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&root.path().join("state"));
        folder.create().unwrap();
        let now = Timestamp(1_800_000_000_000);
        Identity::create(&folder, "test", now).unwrap();
        let acts = Acts::open(&folder).unwrap();
        let public = receipt_key(&folder).unwrap().public_key().unwrap();
        let key = VerifierKey::new(&log_name(&public), *public.as_bytes()).unwrap();
        let kept = Kept::at(root.path().join("acts.head"), key);
        let older = acts.head().unwrap();
        recorded(&acts, &Who::here(), &Act::of(Verb::Prune), now, || Ok(())).unwrap();
        let newer = acts.head().unwrap();
        kept.keep(&older).unwrap();
        kept.keep(&newer).unwrap();
        let refused = kept.keep(&older).unwrap_err();
        assert!(refused.to_string().contains("it has 0 lines, and a head of 2 was signed"), "{refused}");
        assert_eq!(kept.head().unwrap().unwrap().size, 2);
        let aside = kept.set_aside(now).unwrap().unwrap();
        assert_eq!(fs::read(aside).unwrap(), newer.as_bytes());
        kept.keep(&older).unwrap();
    }
}
