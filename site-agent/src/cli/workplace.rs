//! A state folder of its own for a command that starts a worker beside the site's: of `replay`, which
//! computes a past round again, and of `check --attack`. Used by `replay::scratch` and `check::attack`.
//!
//! Invariants: it lies outside everything that the agent's processes may open; one command at a time works in
//! a place, and what an earlier one left is removed first; it goes when this does.

use std::fs::{self, File, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use common::private;

use crate::error::SiteError;
use crate::paths::StateFolder;

/// The folder, while a command works in it.
#[derive(Debug)]
pub(super) struct Workplace {
    folder: StateFolder,
    place: PathBuf,
    /// Whether the place itself goes, too.
    is_passing: bool,
    /// Held while the command lasts.
    _lock: File,
}

impl Workplace {
    /// Makes it in `place`, which stays afterwards: for what is kept of the work there. `busy` is what is
    /// said where another command is at work, and its hint.
    ///
    /// # Errors
    /// `Data` when another command works there, or the place is not ours; `Io`.
    pub(super) fn take(place: &Path, busy: (&str, &str)) -> Result<Self, SiteError> {
        Self::make(place, busy, false)
    }

    /// As [`Self::take`], of a place that goes as well.
    ///
    /// # Errors
    /// As [`Self::take`].
    pub(super) fn pass_through(place: &Path, busy: (&str, &str)) -> Result<Self, SiteError> {
        Self::make(place, busy, true)
    }

    fn make(place: &Path, busy: (&str, &str), is_passing: bool) -> Result<Self, SiteError> {
        let lock = lock(place, busy)?;
        let root = place.join("state");
        remove_tree(&root)?;
        let folder = StateFolder::new(&root);
        create(&root)?;
        for path in folder.folders() {
            create(&path)?;
        }
        Ok(Self { folder, place: place.to_path_buf(), is_passing, _lock: lock })
    }

    pub(super) fn folder(&self) -> &StateFolder {
        &self.folder
    }

    /// What stays after the work stands here.
    pub(super) fn place(&self) -> &Path {
        &self.place
    }
}

impl Drop for Workplace {
    fn drop(&mut self) {
        // What stays is removed by the next command.
        let _ = remove_tree(self.folder.root());
        if self.is_passing {
            let _ = fs::remove_file(lock_file(&self.place));
            let _ = fs::remove_dir(&self.place);
        }
    }
}

fn lock_file(place: &Path) -> PathBuf {
    place.join("lock")
}

/// Takes the place for this command.
fn lock(place: &Path, busy: (&str, &str)) -> Result<File, SiteError> {
    let private = |error: private::PrivateError| SiteError::Data {
        sentence: error.to_string(),
        hint: Some("this folder is the site's own: nobody else makes it".into()),
    };
    if place.exists() {
        private::check_folder(place).map_err(private)?;
    } else {
        private::create_folder(place).map_err(private)?;
    }
    let path = lock_file(place);
    let at = SiteError::at(&path);
    let file = File::options().create(true).append(true).open(&path).map_err(&at)?;
    match file.try_lock() {
        Ok(()) if is_at(&file, &path) => Ok(file),
        // Who had it removed it meanwhile: this one shuts out nobody.
        Ok(()) => Err(SiteError::data(busy.0, busy.1)),
        Err(TryLockError::WouldBlock) => Err(SiteError::data(busy.0, busy.1)),
        Err(TryLockError::Error(source)) => Err(at(source)),
    }
}

/// Whether the path still leads to this file.
fn is_at(file: &File, path: &Path) -> bool {
    let of = |facts: fs::Metadata| (facts.dev(), facts.ino());
    match (file.metadata(), fs::symlink_metadata(path)) {
        (Ok(held), Ok(found)) => of(held) == of(found),
        _ => false,
    }
}

fn create(path: &Path) -> Result<(), SiteError> {
    private::create_folder(path).map_err(|error| SiteError::Data { sentence: error.to_string(), hint: None })
}

fn remove_tree(path: &Path) -> Result<(), SiteError> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed.map_err(SiteError::at(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_on_a_file_that_was_removed_shuts_out_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let file = File::create(&path).unwrap();
        assert!(is_at(&file, &path));
        fs::remove_file(&path).unwrap();
        assert!(!is_at(&file, &path));
        let next = File::create(&path).unwrap();
        assert!(is_at(&next, &path) && !is_at(&file, &path));
    }
}
