//! Opening the database: safe settings, integrity check, schema migrations (each in one transaction).

use std::path::Path;

use rusqlite::Connection;

use super::StoreError;

/// Schema changes in order; the database's `user_version` counts those it has.
const MIGRATIONS: [&str; 2] =
    [include_str!("../../migrations/0001_initial.sql"), include_str!("../../migrations/0002_overlap.sql")];

/// SQLite before 3.51.3 could corrupt a WAL database after a reset.
const SQLITE_VERSION_MIN: i32 = 3_051_003;

/// How long a second process (`invite` beside `serve`) waits for the first.
const BUSY_TIMEOUT_MS: u64 = 5_000;

pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(StoreError::Corrupt(format!("SQLite {} has a known WAL bug", rusqlite::version())));
    }
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(std::time::Duration::from_millis(BUSY_TIMEOUT_MS))?;
    // journal_mode answers with a row; the others do not.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::Corrupt("this file system cannot hold a WAL database".into()));
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0;",
    )?;
    migrate(&mut connection)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if verdict == "ok" { Ok(connection) } else { Err(StoreError::Corrupt(verdict)) }
}

fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let found: u32 = transaction.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > known {
        return Err(StoreError::Newer { found, known });
    }
    for script in MIGRATIONS.iter().skip(found as usize) {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "user_version", known)?;
    Ok(transaction.commit()?)
}
