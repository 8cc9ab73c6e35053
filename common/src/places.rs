//! The folder of a model and a file of records, as a person names them: looked at once, before any lock is
//! taken. Used by every command of the site agent that opens one, and by the coordinator when it launches a
//! run. Invariant: a model folder that leaves here can be opened under a lock that names [`readable`], also
//! where the hub's cache keeps its files as links into a common store (`snapshots/REV/FILE` to
//! `blobs/DIGEST`).

use std::io;
use std::path::{Path, PathBuf};

use crate::limits::HUB_REVISION_CHARACTERS_MAX;

/// A model's folder, which must exist, without links in its path. Of a model in the hub's cache
/// (`models--ORG--NAME`) it is the snapshot that `refs/main` names.
///
/// # Errors
/// The path does not exist or cannot be looked at.
pub fn model(path: &Path) -> io::Result<PathBuf> {
    let folder = path.canonicalize()?;
    let Ok(reference) = std::fs::read_to_string(folder.join("refs/main")) else { return Ok(folder) };
    let revision = reference.trim();
    let is_name = !revision.is_empty()
        && revision.len() <= HUB_REVISION_CHARACTERS_MAX
        && revision.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let snapshot = folder.join("snapshots").join(if is_name { revision } else { "" });
    if is_name && snapshot.is_dir() { snapshot.canonicalize() } else { Ok(folder) }
}

/// A file of records or a mapping, which must exist, as an absolute path. A link keeps its own name, because
/// the extension says what kind of file it is; a lock on it is on the file behind it.
///
/// # Errors
/// The path does not exist or cannot be looked at.
pub fn file(path: &Path) -> io::Result<PathBuf> {
    std::fs::metadata(path)?;
    std::path::absolute(path)
}

/// What must be readable for the files in a model or adapter folder to be: the folder, and where links in it
/// lead. Never asked of a folder into which somebody less trusted may put a link.
#[must_use]
pub fn readable(folder: &Path) -> Vec<PathBuf> {
    let links = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let targets = links.filter(|path| path.is_symlink()).filter_map(|path| path.canonicalize().ok());
    std::iter::once(folder.to_path_buf()).chain(targets).collect()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn a_cache_of_the_hub_is_a_model_folder() {
        let place = tempfile::tempdir().unwrap();
        let place = place.path().canonicalize().unwrap();
        let cache = place.join("models--org--tiny");
        let snapshot = cache.join("snapshots/0123abcd");
        for folder in [&cache.join("blobs"), &cache.join("refs"), &snapshot] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(cache.join("blobs/aa"), "{}").unwrap();
        std::fs::write(cache.join("refs/main"), "0123abcd").unwrap();
        symlink("../../blobs/aa", snapshot.join("config.json")).unwrap();
        symlink("../../blobs/gone", snapshot.join("dangling")).unwrap();
        for named in [&cache, &snapshot] {
            assert_eq!(model(named).unwrap(), snapshot);
        }
        assert_eq!(readable(&snapshot), [snapshot.clone(), cache.join("blobs/aa")]);
        std::fs::write(cache.join("refs/main"), "../../..").unwrap();
        assert_eq!(model(&cache).unwrap(), cache);
        assert!(model(&place.join("nowhere")).is_err());
        let link = place.join("data.jsonl");
        symlink(cache.join("blobs/aa"), &link).unwrap();
        assert_eq!(file(&link).unwrap(), link, "its name says what it is");
        assert!(file(&snapshot.join("dangling")).is_err());
    }
}
