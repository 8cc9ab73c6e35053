//! Whether the database is the one that was here: missing, empty, or older than the folder around it and than
//! what sites proved to us. Called by `server` before it serves and by `cli::check`.
//!
//! Invariant: a coordinator that was restored does not go on as if nothing had been; the operator says so
//! first (`coordinator serve --accept-restored`).

use std::fs;

use common::id::Digest;

use crate::error::{Error, Result};
use crate::state_folder::StateFolder;
use crate::store::{Mark, Store};

/// Opens the database of a consortium, unless there is none any more.
///
/// # Errors
/// [`Error::Restored`] where it is missing and `accepts_restored` does not say that this is known; the
/// database's own.
pub fn open(folder: &StateFolder, accepts_restored: bool) -> Result<Store> {
    if !folder.database().exists() && !accepts_restored {
        return Err(Error::Restored("its database is missing".into()));
    }
    Ok(Store::open(&folder.database())?)
}

/// What shows that the database lacks what was here, in words; `None` if nothing does.
///
/// # Errors
/// The database or the folder cannot be read.
pub fn doubt(folder: &StateFolder, store: &Store) -> Result<Option<String>> {
    let path = folder.database();
    // The mark first: it never says more than the database does afterwards, also beside a running `serve`.
    let mark = Mark::read(&path).map_err(Error::io("read the mark of", &path))?;
    let found = store.mark()?;
    if let Some(mark) = mark.filter(|mark| mark.exceeds(&found)) {
        return Ok(Some(format!(
            "its database has {} certificates and {} journal entries, and had {} and {}",
            found.certificates, found.journal, mark.certificates, mark.journal
        )));
    }
    // Before there were marks: files of runs that an empty database knows nothing of.
    if mark.is_none() && found == Mark::default() && has_blobs(folder)? {
        return Ok(Some("its database is empty, and there are files of runs".into()));
    }
    let proofs = store.proofs_of_an_older_copy()?;
    if proofs.is_empty() {
        return Ok(None);
    }
    Ok(Some(format!("it does not know receipts that it signed, which were shown by {}", proofs.join(", "))))
}

fn has_blobs(folder: &StateFolder) -> Result<bool> {
    let path = folder.blobs();
    let mut entries = fs::read_dir(&path).map_err(Error::io("read", &path))?;
    Ok(entries
        .any(|entry| entry.is_ok_and(|entry| entry.file_name().to_string_lossy().parse::<Digest>().is_ok())))
}

#[cfg(test)]
mod tests {
    use certs::{JoinToken, SerialNumber, SpkiPin};
    use common::clock::Timestamp;
    use common::id::{Round, RunId};

    use super::*;
    use crate::store::Certificate;

    fn folder() -> (tempfile::TempDir, StateFolder) {
        let place = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&place.path().join("state"));
        folder.create().unwrap();
        (place, folder)
    }

    fn join(store: &Store, name: &str) {
        let token = JoinToken::from_bytes(random(name)).hash();
        let key = SpkiPin::of_spki(name.as_bytes());
        store.invite(&name.parse().unwrap(), &token, Timestamp(9), Timestamp(0)).unwrap();
        let serial = SerialNumber::from_random(random(name)[..16].try_into().unwrap());
        let certificate = Certificate { serial, key, der: vec![1] };
        assert!(store.enrol(&token, name, key, Timestamp(1), |_| Ok(certificate)).unwrap().fresh);
    }

    fn random(name: &str) -> [u8; 32] {
        Digest::of(name.as_bytes()).0
    }

    #[test]
    fn a_database_that_is_missing_empty_or_older_is_doubted_and_the_true_one_is_not() {
        let (_place, folder) = folder();
        assert!(matches!(open(&folder, false), Err(Error::Restored(_))));
        let store = Store::open(&folder.database()).unwrap();
        assert_eq!(doubt(&folder, &store).unwrap(), None, "a new consortium");
        join(&store, "cardiology");
        let older = folder.path().join("older.db");
        drop(store);
        fs::copy(folder.database(), &older).unwrap();
        let store = Store::open(&folder.database()).unwrap();
        store.append(RunId([1; 8]), Round(0), "launched", Timestamp(2), "{}").unwrap();
        assert_eq!(doubt(&folder, &store).unwrap(), None);
        drop(store);
        fs::copy(&older, folder.database()).unwrap();
        let store = Store::open(&folder.database()).unwrap();
        let words = doubt(&folder, &store).unwrap().unwrap();
        assert!(words.contains("1 certificates and 0 journal entries, and had 1 and 1"), "{words}");
        drop(store);
        fs::remove_file(folder.database()).unwrap();
        assert!(matches!(open(&folder, false), Err(Error::Restored(_))));
        let store = open(&folder, true).unwrap();
        assert!(doubt(&folder, &store).unwrap().is_some());
        // Who accepts it, is not asked again.
        store.accept_restored(Timestamp(3)).unwrap();
        store.keep_mark();
        assert_eq!(doubt(&folder, &store).unwrap(), None);
    }

    #[test]
    fn an_empty_database_beside_files_of_runs_is_doubted_without_a_mark() {
        let (_place, folder) = folder();
        let store = Store::open(&folder.database()).unwrap();
        fs::write(folder.blob(Digest([1; 32])), b"x").unwrap();
        assert!(doubt(&folder, &store).unwrap().unwrap().contains("empty"));
    }
}
