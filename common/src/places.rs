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
/// The path does not exist or cannot be looked at; `InvalidData` where a file in it is a link to elsewhere.
pub fn model(path: &Path) -> io::Result<PathBuf> {
    let folder = snapshot(path)?;
    if let Some((link, target)) = links(&folder).find(|(_, target)| !may_lead_to(&folder, target)) {
        let reason = format!(
            "{} is a link out of the model's folder, to {}; put the file itself there",
            link.display(),
            target.display()
        );
        return Err(io::Error::new(io::ErrorKind::InvalidData, reason));
    }
    Ok(folder)
}

fn snapshot(path: &Path) -> io::Result<PathBuf> {
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
/// lead, as far as [`model`] allows.
#[must_use]
pub fn readable(folder: &Path) -> Vec<PathBuf> {
    let targets = links(folder).filter(|(_, target)| may_lead_to(folder, target)).map(|(_, target)| target);
    std::iter::once(folder.to_path_buf()).chain(targets).collect()
}

/// The links in a folder that lead somewhere, and where.
fn links(folder: &Path) -> impl Iterator<Item = (PathBuf, PathBuf)> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    let is_link = |path: &PathBuf| path.is_symlink();
    entries.filter(is_link).filter_map(|path| path.canonicalize().ok().map(|target| (path, target)))
}

/// Whether a file of a model may be there: in its folder, or in the store of the hub's cache beside it. Who
/// can put a link into a model's folder shall not open any other file to the process that reads it.
fn may_lead_to(folder: &Path, target: &Path) -> bool {
    let Ok(folder) = folder.canonicalize() else { return false };
    let snapshots = folder.parent().filter(|parent| parent.file_name() == Some("snapshots".as_ref()));
    let store = snapshots.and_then(Path::parent).map(|cache| cache.join("blobs"));
    let store = store.and_then(|store| store.canonicalize().ok());
    target.starts_with(&folder) || store.is_some_and(|store| target.parent() == Some(&*store))
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
        // Not out of the cache, whoever made the link.
        let secret = place.join("secret");
        std::fs::write(&secret, "s").unwrap();
        let below = cache.join("blobs/below");
        std::fs::create_dir(&below).unwrap();
        for (name, target) in [("weights", &secret), ("store", &cache.join("blobs")), ("below", &below)] {
            let link = snapshot.join(name);
            symlink(target, &link).unwrap();
            let is_told = name != "below";
            assert_eq!(readable(&snapshot).len(), if is_told { 2 } else { 3 }, "{name}");
            let refused = model(&snapshot).err().map(|error| error.to_string());
            assert_eq!(refused.is_some_and(|words| words.contains("out of the model's folder")), is_told);
            std::fs::remove_file(link).unwrap();
        }
        symlink("config.json", snapshot.join("same.json")).unwrap();
        assert!(model(&snapshot).is_ok());
        std::fs::remove_dir(below).unwrap();
        let plain = place.join("plain");
        std::fs::create_dir_all(plain.join("more")).unwrap();
        std::fs::write(plain.join("more/a"), "a").unwrap();
        symlink("more/a", plain.join("a")).unwrap();
        assert_eq!(readable(&plain), [plain.clone(), plain.join("more/a")]);
        symlink(cache.join("blobs/aa"), plain.join("b")).unwrap();
        assert!(model(&plain).is_err(), "another cache's store");
        std::fs::write(cache.join("refs/main"), "../../..").unwrap();
        assert_eq!(model(&cache).unwrap(), cache);
        assert!(model(&place.join("nowhere")).is_err());
        let link = place.join("data.jsonl");
        symlink(cache.join("blobs/aa"), &link).unwrap();
        assert_eq!(file(&link).unwrap(), link, "its name says what it is");
        assert!(file(&snapshot.join("dangling")).is_err());
    }
}
