//! What several verbs need: the state folder, paths, locks by name, JSON. Used by most files of `cli`.

use std::path::{Path, PathBuf};

use crate::error::SiteError;
use crate::paths::StateFolder;
use crate::sandbox::{FileRules, Lock, enter};

/// Where the site's state is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct State {
    /// Folder with the site's identity, ledger and policy.
    #[arg(long = "state", value_name = "DIR", default_value = "./site-state")]
    folder: PathBuf,
}

impl State {
    pub(super) fn open(&self) -> Result<StateFolder, SiteError> {
        absolute(&self.folder).map(StateFolder::new)
    }

    /// As [`Self::open`], of a site that has joined.
    pub(super) fn open_joined(&self) -> Result<StateFolder, SiteError> {
        let folder = self.open()?;
        if folder.config().exists() {
            Ok(folder)
        } else {
            Err(SiteError::NotJoined { folder: folder.root().to_path_buf() })
        }
    }
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, SiteError> {
    std::path::absolute(path).map_err(|source| SiteError::io(path, source))
}

/// The folder or file, which must exist, as an absolute path without links.
///
/// # Errors
/// `Io` with the path.
pub(super) fn existing(path: &Path) -> Result<PathBuf, SiteError> {
    std::fs::canonicalize(path).map_err(|source| SiteError::io(path, source))
}

/// The path as an absolute one; it must be there, because a lock on a path that is not there cannot be taken.
///
/// # Errors
/// `Io` with the path.
pub(super) fn present(path: &Path) -> Result<PathBuf, SiteError> {
    let path = absolute(path)?;
    std::fs::metadata(&path).map_err(|source| SiteError::io(&path, source))?;
    Ok(path)
}

/// As [`present`], of several.
///
/// # Errors
/// `Io` with the first path that is not there.
pub(super) fn all_present(paths: &[PathBuf]) -> Result<Vec<PathBuf>, SiteError> {
    paths.iter().map(|path| present(path)).collect()
}

/// Takes the worker's locks in this process: reads `read`, writes `write`, no network.
///
/// # Errors
/// `LocksMissing`.
pub(super) fn lock(read: Vec<PathBuf>, write: Vec<PathBuf>) -> Result<(), SiteError> {
    enter::quiet_panics();
    enter::lock(&FileRules { read, write, gpu: None }, &[])
}

/// Refuses what is not a folder, before a library says it less clearly.
pub(super) fn require_folder(path: &Path, hint: &str) -> Result<(), SiteError> {
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    let sentence = format!("{} is not a folder", path.display());
    Err(SiteError::Data { sentence, hint: Some(hint.to_owned()) })
}

/// A lock that may be missing, by its name.
pub(super) fn parse_lock(text: &str) -> Result<Lock, String> {
    Lock::required()
        .find(|lock| lock.to_string() == text)
        .ok_or_else(|| "one of landlock, seccomp, core-dumps, descriptors is expected".to_owned())
}

/// Prints a JSON document for programs.
pub(super) fn print_json(value: &serde_json::Value) -> Result<(), SiteError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| SiteError::Internal(error.to_string()))?;
    println!("{text}");
    Ok(())
}
