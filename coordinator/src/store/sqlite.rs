//! Opening the database: safe settings, integrity check, schema migrations (each in one transaction).
//! Called by `database`. Invariant: a database that is opened has every migration and passed SQLite's check.

use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;

use super::error::StoreError;
use crate::limits::{DATABASE_WAIT_MS_MAX, SQLITE_VERSION_MIN};

/// Schema changes in order; the database's `user_version` counts those it has.
const MIGRATIONS: [&str; 11] = [
    include_str!("../../migrations/0001_initial.sql"),
    include_str!("../../migrations/0002_overlap.sql"),
    include_str!("../../migrations/0003_frame_days.sql"),
    include_str!("../../migrations/0004_ledger_heads.sql"),
    include_str!("../../migrations/0005_restorations.sql"),
    include_str!("../../migrations/0006_site_presence.sql"),
    include_str!("../../migrations/0007_left.sql"),
    include_str!("../../migrations/0008_operators.sql"),
    include_str!("../../migrations/0009_witnesses.sql"),
    include_str!("../../migrations/0010_repeated_numbers.sql"),
    include_str!("../../migrations/0011_greeted.sql"),
];

pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    if rusqlite::version_number() < SQLITE_VERSION_MIN {
        return Err(StoreError::SqliteTooOld(rusqlite::version()));
    }
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_millis(DATABASE_WAIT_MS_MAX))?;
    // journal_mode answers with a row; the others do not.
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if !mode.eq_ignore_ascii_case("wal") {
        return Err(StoreError::NoWriteAheadLog);
    }
    connection.execute_batch(
        "PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA mmap_size = 0;",
    )?;
    migrate(&mut connection)?;
    let found: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    if found == "ok" { Ok(connection) } else { Err(StoreError::Corrupt(found)) }
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What was counted before its greetings were looked at is looked at from the newest one on.
    #[test]
    fn a_database_of_before_knows_each_sites_newest_greeting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coordinator.db");
        let before = Connection::open(&path).unwrap();
        MIGRATIONS[..10].iter().for_each(|script| before.execute_batch(script).unwrap());
        let rows = "INSERT INTO sites (name, status, invited_at) VALUES ('a', 'active', 1), ('b', 'active', 1);
            INSERT INTO frames (id, site, sequence, kind, bytes, sha256, at) VALUES
                (1, 'a', 1, 'hello', 9, zeroblob(32), 1), (2, 'b', 2, 'hello', 9, zeroblob(32), 1),
                (3, 'a', 7, 'hello', 9, zeroblob(32), 1), (4, 'a', 8, 'poll', 9, zeroblob(32), 1);
            INSERT INTO frame_totals (site, first_sequence, last_sequence, frames, bytes, running_hash, counted_from)
                VALUES ('a', 1, 8, 3, 27, zeroblob(32), 0), ('b', 3, 3, 1, 9, zeroblob(32), 3);";
        before.execute_batch(rows).unwrap();
        before.pragma_update(None, "user_version", 10).unwrap();
        drop(before);
        let connection = open(&path).unwrap();
        let greeted = |site: &str| {
            let query = "SELECT greeted FROM frame_totals WHERE site = ?";
            connection.query_row(query, [site], |row| row.get::<_, i64>(0)).unwrap()
        };
        assert_eq!((greeted("a"), greeted("b")), (7, 0), "b's count began anew behind its greeting");
    }

    /// Those who were let in before there were witnesses stay who they are, and what belongs to them stays.
    #[test]
    fn a_database_of_before_keeps_its_people_when_it_learns_of_witnesses() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("coordinator.db");
        let before = Connection::open(&path).unwrap();
        MIGRATIONS[..8].iter().for_each(|script| before.execute_batch(script).unwrap());
        let rows = "INSERT INTO holders VALUES ('anna', 'auditor', 'active', 1, 2, NULL, 3);
            INSERT INTO holder_certificates VALUES (zeroblob(16), zeroblob(32), 'anna', x'01', 5, NULL);
            INSERT INTO holder_tokens VALUES (zeroblob(32), 'anna', 1, 2, zeroblob(16));";
        before.execute_batch(rows).unwrap();
        let witness = "INSERT INTO holders VALUES ('b', 'witness', 'active', 1, 2, NULL, 3)";
        assert!(before.execute(witness, []).is_err());
        before.pragma_update(None, "user_version", 8).unwrap();
        drop(before);
        let connection = open(&path).unwrap();
        let count = |query: &str| connection.query_row(query, [], |row| row.get::<_, i64>(0)).unwrap();
        let joined = "SELECT count(*) FROM holders, holder_certificates, holder_tokens
            WHERE holder_certificates.holder = name AND holder_tokens.holder = name AND consumed_by = serial";
        assert_eq!(count(joined), 1);
        connection.execute(witness, []).unwrap();
        for wrong in ["UPDATE holder_tokens SET holder = 'nobody'", "UPDATE holders SET role = 'site'"] {
            assert!(connection.execute(wrong, []).is_err(), "{wrong}");
        }
    }
}
