//! How much the database held when something was added last, in a file beside it: a database that is missing,
//! empty or older than that was lost or restored. Called by `enrolment` after each of its commits and by
//! `journal` soon after each of its own, which write it, and by `restored`, which reads it before a database
//! is believed.
//!
//! Invariant: it never says more than the database has, whenever we are killed; after a kill it may say what
//! it had `MARK_MS_MIN` before.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use common::durable;
use rusqlite::Connection;
use serde::{Deserialize, Serialize};

use super::database::{Marked, Store, from_sql};
use super::error::StoreError;
use crate::limits::MARK_MS_MIN;

/// What only ever grows in a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Certificates that were issued.
    pub certificates: u64,
    /// Entries of the journal.
    pub journal: u64,
}

impl Mark {
    /// Of the database at `database`; `None` where none was ever written, or what is there is no mark.
    ///
    /// # Errors
    /// There is one, and it cannot be read.
    pub fn read(database: &Path) -> io::Result<Option<Self>> {
        match fs::read(path(database)) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a database with `found` lacks something of this.
    #[must_use]
    pub fn exceeds(&self, found: &Self) -> bool {
        self.certificates > found.certificates || self.journal > found.journal
    }

    fn of(connection: &Connection) -> Result<Self, StoreError> {
        let query = "SELECT (SELECT count(*) FROM certificates), (SELECT coalesce(max(seq), 0) FROM journal)";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Self { certificates: from_sql(row.get(0)?), journal: from_sql(row.get(1)?) })
        };
        Ok(connection.query_row(query, [], read)?)
    }
}

impl Store {
    /// What the database has now.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn mark(&self) -> Result<Mark, StoreError> {
        Mark::of(&self.lock())
    }

    /// As [`Self::keep_mark`], at most once in [`MARK_MS_MIN`]; what was passed over is written with the next
    /// one, or when the database is closed.
    pub(super) fn keep_mark_soon(&self) {
        let mut written = self.marked.lock().unwrap_or_else(PoisonError::into_inner);
        let interval = Duration::from_millis(MARK_MS_MIN);
        if written.at.is_some_and(|at| at.elapsed() < interval) {
            written.is_behind = true;
            return;
        }
        *written = Marked { at: Some(Instant::now()), is_behind: false };
        drop(written);
        self.keep_mark();
    }

    /// Writes the mark of what the database has now. A full disk costs the newest mark and nothing else.
    pub fn keep_mark(&self) {
        // Under the lock: two writers would use the same temporary file.
        let connection = self.lock();
        let written = Mark::of(&connection).map_err(|error| error.to_string()).and_then(|mark| {
            let bytes = serde_json::to_vec(&mark).map_err(|error| error.to_string())?;
            durable::write(&path(&self.path), &bytes, durable::PRIVATE).map_err(|error| error.to_string())
        });
        if let Err(error) = written {
            tracing::warn!(%error, "cannot note beside the database how much it holds");
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let marked = self.marked.get_mut().unwrap_or_else(PoisonError::into_inner);
        if std::mem::take(&mut marked.is_behind) {
            self.keep_mark();
        }
    }
}

fn path(database: &Path) -> PathBuf {
    database.with_extension("mark")
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;
    use common::id::{Round, RunId};

    use super::*;

    #[test]
    fn a_journal_that_grows_quickly_is_marked_at_once_and_again_when_it_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("coordinator.db");
        let store = Store::open(&database).unwrap();
        let journal = || Mark::read(&database).unwrap().unwrap().journal;
        for number in 0..3 {
            if number == 1 {
                // Not due, however slow this machine is.
                store.marked.lock().unwrap().at = Some(Instant::now() + Duration::from_secs(60));
            }
            store.append(RunId([1; 8]), Round(0), "tick", Timestamp(number), "{}").unwrap();
        }
        assert_eq!(journal(), 1, "each entry is marked by itself");
        drop(store);
        assert_eq!(journal(), 3);
    }
}
