//! Unfinished uploads in the spool: which a site has, and how they go. Used by `requests::intake`, which
//! keeps a site within its quota, by `execution::performer`, which collects what a closed round left behind,
//! and by `admin::server`, which frees what a revoked site holds. Invariant: only files named like a part are
//! touched.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use common::id::SiteId;

use super::{StateFolder, blobs};
use crate::error::{Error, Result};

/// The parts of one site, or of all; the one that was written longest ago first.
///
/// # Errors
/// The spool cannot be read.
pub fn list(folder: &StateFolder, site: Option<&SiteId>) -> Result<Vec<PathBuf>> {
    let spool = folder.spool();
    let mut parts: Vec<(SystemTime, PathBuf)> = Vec::new();
    for entry in fs::read_dir(&spool).map_err(Error::io("read", &spool))? {
        let entry = entry.map_err(Error::io("read", &spool))?;
        let name = entry.file_name();
        // A site's name has no dot, so that nobody's name is the beginning of another's.
        let Some((owner, _)) =
            name.to_str().filter(|name| name.ends_with(".part")).and_then(|n| n.split_once('.'))
        else {
            continue;
        };
        if site.is_none_or(|site| site.as_str() == owner) {
            // A part that goes away meanwhile is no part any more.
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            parts.extend(written.ok().map(|written| (written, entry.path())));
        }
    }
    parts.sort();
    Ok(parts.into_iter().map(|(_, path)| path).collect())
}

/// Removes the parts of one site, or of all. Returns how many there were. A site that goes on with one of
/// them is told to begin again.
///
/// # Errors
/// The spool cannot be read, or a part cannot be removed.
pub fn remove(folder: &StateFolder, site: Option<&SiteId>) -> Result<usize> {
    let parts = list(folder, site)?;
    parts.iter().try_for_each(|part| blobs::remove(part))?;
    Ok(parts.len())
}

#[cfg(test)]
mod tests {
    use common::id::Digest;

    use super::*;

    #[test]
    fn a_sites_parts_are_its_own() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(temporary.path());
        folder.create().unwrap();
        let (a, b): (SiteId, SiteId) = ("a".parse().unwrap(), "a-2".parse().unwrap());
        for (site, text) in [(&a, "1"), (&a, "2"), (&b, "3")] {
            fs::write(folder.part(site, Digest::of(text.as_bytes())), text).unwrap();
        }
        fs::write(folder.spool().join("aggregate-1"), "").unwrap();
        assert_eq!((list(&folder, Some(&a)).unwrap().len(), list(&folder, None).unwrap().len()), (2, 3));
        assert_eq!((remove(&folder, Some(&a)).unwrap(), remove(&folder, None).unwrap()), (2, 1));
        assert!(folder.spool().join("aggregate-1").is_file());
    }
}
