//! The database handle and how numbers are written in it. Used by every other file of `store`, which add
//! their tables' methods to [`Store`]. Invariant: one connection, held for one transaction at a time.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rusqlite::Connection;

use super::error::StoreError;
use super::reserve::Reserve;
use super::sqlite;

/// The database. One connection: SQLite has one writer anyway, and every read here is tiny.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
    pub(super) path: PathBuf,
    pub(super) reserve: Reserve,
    /// When the mark beside it was written last.
    pub(super) marked: Mutex<Marked>,
}

/// When the mark was written last, for `mark`.
#[derive(Debug, Default)]
pub(super) struct Marked {
    pub(super) at: Option<Instant>,
    /// Whether the database has more since.
    pub(super) is_behind: bool,
}

impl Store {
    /// Opens (or creates) the database, brings its schema up to date and checks its integrity.
    ///
    /// # Errors
    /// The file is no sound database ([`StoreError::Corrupt`]), was written by a newer version, or cannot be
    /// opened in write-ahead mode.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        let connection = Mutex::new(sqlite::open(path)?);
        let (reserve, marked) = (Reserve::beside(path), Mutex::default());
        Ok(Self { connection, path: path.to_path_buf(), reserve, marked })
    }

    /// Keeps room on the disk for the journal, if there is room to keep: `serve` does it when it starts and
    /// after each event.
    pub fn keep_reserve(&self) {
        if let Err(error) = self.reserve.keep() {
            tracing::warn!(%error, "cannot keep room on the disk for the database");
        }
    }

    /// Does what must be possible on a full disk, too: once more with the reserve given up.
    ///
    /// # Errors
    /// Those of `work`.
    pub(super) fn with_reserve<T>(&self, work: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
        match work() {
            Err(StoreError::Full) if self.reserve.release() => work(),
            result => result,
        }
    }

    /// The connection. A panic in another holder left at most a rolled-back transaction behind.
    pub(super) fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SQLite integers are signed; our counts and times stay far below 2^63.
pub(super) fn to_sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// The reverse of [`to_sql`].
pub(super) fn from_sql(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}
