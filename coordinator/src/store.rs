//! Durable facts in SQLite. Used by every part that must survive a crash, always from blocking
//! threads. Invariants: a method that returns `Ok` has committed (WAL, synchronous=FULL); the journal's
//! hash chain is verified when it is read; no table holds a token, a key or a record's text.

mod enrolment;
mod frames;
mod journal;
mod overlap;
mod sqlite;
mod updates;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

pub use enrolment::{Certificate, Enrolled, SiteRow, SiteStatus};
pub use frames::{FrameTotals, ReceivedFrame};
pub use journal::JournalRow;
pub use updates::{Offer, Progress};

/// Why a fact was not stored or read.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Two certificates for one token: the token was used with another key.
    #[error("the join token was already used with another key")]
    TokenUsed,
    /// No such token.
    #[error("the join token is not known")]
    TokenUnknown,
    /// The token's time is over.
    #[error("the join token has expired")]
    TokenExpired,
    /// The database contradicts itself.
    #[error("the database is damaged: {0}")]
    Corrupt(String),
    /// No room. A retry helps once there is.
    #[error("the disk is full")]
    Full,
    /// Another process has it.
    #[error("the database is in use by another process")]
    InUse,
    /// Written by a newer version of this program.
    #[error("the database has schema version {found}, but this program knows {known}")]
    Newer {
        /// In the file.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// Anything else SQLite says.
    #[error("database: {0}")]
    Sqlite(rusqlite::Error),
    /// The certificate could not be made.
    #[error("certificate: {0}")]
    Certificate(String),
    /// The site was revoked; it needs a new name or a decision.
    #[error("site {0} is revoked")]
    SiteRevoked(String),
}

impl StoreError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Full | Self::InUse)
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::DiskFull) => Self::Full,
            Some(rusqlite::ErrorCode::DatabaseBusy | rusqlite::ErrorCode::DatabaseLocked) => Self::InUse,
            Some(rusqlite::ErrorCode::DatabaseCorrupt | rusqlite::ErrorCode::NotADatabase) => {
                Self::Corrupt(error.to_string())
            }
            _ => Self::Sqlite(error),
        }
    }
}

/// The database. One connection: SQLite has one writer anyway, and every read here is tiny.
#[derive(Debug)]
pub struct Store {
    connection: Mutex<Connection>,
}

impl Store {
    /// Opens (or creates) the database, brings its schema up to date and checks its integrity.
    pub fn open(path: &Path) -> Result<Self, StoreError> {
        Ok(Self { connection: Mutex::new(sqlite::open(path)?) })
    }

    /// The connection. A panic in another holder left at most a rolled-back transaction behind.
    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SQLite integers are signed; our counts and times stay far below 2^63.
fn to_sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn from_sql(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests;
