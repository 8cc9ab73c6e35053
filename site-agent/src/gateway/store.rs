//! The site's own memory (`site.db`, SQLite): what was trained, what was sent, what was acknowledged.
//!
//! Used by the gateway, which writes it, by `join` and `run` before there is a gateway, and by `status`. One
//! row per (run, round) holds the digest of the one file that may be sent for it: once written it never
//! changes, so a retry after any crash sends the same bytes.

use std::path::Path;
use std::time::Duration;

use common::id::{Digest, Round, RunId, SiteId};
use common::wire::codec;
use common::wire::message::{Receipt, ReceiptBody, RoundKey, TrainFailure};
use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, params};

use crate::error::SiteError;
use crate::limits::DATABASE_BUSY_MS_MAX;
use crate::pipe::BlindedFacts;

pub mod consent;
pub mod lines;
pub mod memory;
pub mod own_scores;
pub mod replays;
pub mod revocations;
pub mod rounds;
mod schema;

/// An update that is ready to be sent or was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    pub key: RoundKey,
    /// SHA-256 of the file in the outbox; also its name.
    pub digest: Digest,
    /// Size of the file in bytes.
    pub bytes: u64,
    /// Records it was trained on (exact; rounded on the way out).
    pub records: u64,
    /// Tokens it was trained on (exact; rounded on the way out).
    pub tokens: u64,
    /// Mean training loss in nats per supervised token.
    pub loss: f64,
    /// The coordinator's receipt, once there is one.
    pub receipt: Option<Receipt>,
    /// The coordinator did not take it; it is not offered as done, and not counted.
    pub declined: bool,
}

impl Update {
    /// Whether a receipt speaks of exactly this update of this site.
    #[must_use]
    pub fn is_named_by(&self, body: &ReceiptBody, site: &SiteId) -> bool {
        (body.key, body.digest, body.bytes) == (self.key, self.digest, self.bytes)
            && body.site == Digest::of(site.as_str().as_bytes())
    }
}

/// The open database.
#[derive(Debug)]
pub struct Store {
    connection: Connection,
}

/// The number of usable records in the site's data files, as the worker counted them at the last start.
pub const FACT_RECORDS: &str = "records";

/// When the disk was looked at last for the coordinator (twice the day since 1970), and 1 if it had too
/// little room.
pub const FACT_DISK_SEEN: &str = "disk_seen";

/// When this site left the consortium, in milliseconds since 1970; not there while it is a member.
pub const FACT_LEFT_MS: &str = "left_ms";

/// 1 if the coordinator noted that this site left.
pub const FACT_LEFT_TOLD: &str = "left_told";

/// Records that the last comparison with a held-out set left out.
pub const FACT_TOO_CLOSE: &str = "too_close";

impl Store {
    /// Opens or creates the database. The gateway calls this before it locks itself in: SQLite opens its
    /// write-ahead files now and needs no right to the folder later.
    ///
    /// # Errors
    /// `Store` when the file is damaged or belongs to a newer version.
    pub fn open(path: &Path) -> Result<Self, SiteError> {
        let connection = Connection::open(path)?;
        connection.busy_timeout(Duration::from_millis(DATABASE_BUSY_MS_MAX))?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;
             PRAGMA trusted_schema = OFF; PRAGMA foreign_keys = ON;",
        )?;
        let version: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
        if version > 1 {
            return Err(SiteError::config(path, "it was written by a newer version of site-agent"));
        }
        let verdict: String = connection.query_row("PRAGMA quick_check", [], |row| row.get(0))?;
        if verdict != "ok" {
            return Err(SiteError::config(path, "the database is damaged; restore it from a backup"));
        }
        connection.execute_batch(schema::SCHEMA)?;
        connection.execute_batch(schema::CONSENT)?;
        Ok(Self { connection })
    }

    /// Opens an existing database for reading.
    ///
    /// # Errors
    /// `Store` when there is none or it cannot be read.
    pub fn open_to_read(path: &Path) -> Result<Self, SiteError> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(Duration::from_millis(DATABASE_BUSY_MS_MAX))?;
        connection.execute_batch("PRAGMA query_only = ON;")?;
        Ok(Self { connection })
    }

    /// Records the one update of a round. Returns what is recorded for the round now: the given update, or
    /// the one that was there before.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_update(&mut self, update: &Update, now_ms: u64) -> Result<Update, SiteError> {
        self.connection.execute(
            "INSERT INTO updates (run, round, digest, bytes, records, tokens, loss, prepared_ms)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING",
            params![
                update.key.run.0,
                update.key.round.0,
                update.digest.0,
                to_sql(update.bytes),
                to_sql(update.records),
                to_sql(update.tokens),
                update.loss,
                to_sql(now_ms)
            ],
        )?;
        self.update(update.key)?.ok_or_else(|| SiteError::Internal("a recorded update is missing".into()))
    }

    /// The update of a round, if it is ready.
    ///
    /// # Errors
    /// `Store`.
    pub fn update(&self, key: RoundKey) -> Result<Option<Update>, SiteError> {
        let found = self
            .connection
            .query_row(
                "SELECT run, round, digest, bytes, records, tokens, loss, receipt, declined FROM updates
                 WHERE run = ?1 AND round = ?2",
                params![key.run.0, key.round.0],
                read_update,
            )
            .optional()?;
        Ok(found)
    }

    /// Records of the update that was made last, in whatever run.
    ///
    /// # Errors
    /// `Store`.
    pub fn last_records(&self) -> Result<Option<u64>, SiteError> {
        let query = "SELECT records FROM updates ORDER BY prepared_ms DESC, round DESC LIMIT 1";
        let found = self.connection.query_row(query, [], |row| row.get::<_, i64>(0)).optional()?;
        Ok(found.map(from_sql))
    }

    /// How many updates were made since then.
    ///
    /// # Errors
    /// `Store`.
    pub fn updates_since(&self, since_ms: u64) -> Result<u32, SiteError> {
        let query = "SELECT COUNT(*) FROM updates WHERE prepared_ms >= ?1";
        Ok(self.connection.query_row(query, params![to_sql(since_ms)], |row| row.get(0))?)
    }

    /// The norms of the tensors of the global adapter that this site took last in a run, if it was another
    /// one.
    ///
    /// # Errors
    /// `Store`.
    pub fn norms_before(&self, run: RunId, adapter: Digest) -> Result<Option<Vec<f64>>, SiteError> {
        let query = "SELECT norms FROM taken WHERE run = ?1 AND adapter <> ?2";
        let read = |row: &Row<'_>| row.get::<_, Vec<u8>>(0);
        let found = self.connection.query_row(query, params![run.0, adapter.0], read).optional()?;
        Ok(found.map(|bytes| bytes.as_chunks::<8>().0.iter().map(|word| f64::from_le_bytes(*word)).collect()))
    }

    /// Remembers the global adapter that this site takes.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_taken(&mut self, run: RunId, adapter: Digest, norms: &[f64]) -> Result<(), SiteError> {
        let bytes: Vec<u8> = norms.iter().flat_map(|norm| norm.to_le_bytes()).collect();
        self.connection.execute(
            "INSERT INTO taken (run, adapter, norms) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET adapter = excluded.adapter, norms = excluded.norms",
            params![run.0, adapter.0, bytes],
        )?;
        Ok(())
    }

    /// All updates, oldest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn updates(&self) -> Result<Vec<Update>, SiteError> {
        let mut statement = self.connection.prepare(
            "SELECT run, round, digest, bytes, records, tokens, loss, receipt, declined FROM updates
             ORDER BY prepared_ms, run, round",
        )?;
        let rows = statement.query_map([], read_update)?;
        rows.collect::<Result<Vec<_>, _>>().map_err(SiteError::from)
    }

    /// Keeps the coordinator's receipt.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_receipt(&mut self, key: RoundKey, receipt: &Receipt, now_ms: u64) -> Result<(), SiteError> {
        let bytes = codec::encode(receipt).map_err(|error| SiteError::Internal(error.to_string()))?;
        self.connection.execute(
            "UPDATE updates SET receipt = ?3, received_ms = ?4, declined = 0 WHERE run = ?1 AND round = ?2",
            params![key.run.0, key.round.0, bytes, to_sql(now_ms)],
        )?;
        Ok(())
    }

    /// Remembers that the coordinator did not take the update.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_declined(&mut self, key: RoundKey) -> Result<(), SiteError> {
        self.connection.execute(
            "UPDATE updates SET declined = 1 WHERE run = ?1 AND round = ?2 AND receipt IS NULL",
            params![key.run.0, key.round.0],
        )?;
        Ok(())
    }

    /// Counts one failure of the worker in a round; returns how many there are now.
    ///
    /// # Errors
    /// `Store`.
    pub fn count_failure(&mut self, key: RoundKey) -> Result<u32, SiteError> {
        let failures = self.connection.query_row(
            "INSERT INTO attempts (run, round, failures) VALUES (?1, ?2, 1)
             ON CONFLICT DO UPDATE SET failures = failures + 1 RETURNING failures",
            params![key.run.0, key.round.0],
            |row| row.get(0),
        )?;
        Ok(failures)
    }

    /// Forgets the failures of a round, because the site came further with it.
    ///
    /// # Errors
    /// `Store`.
    pub fn clear_failures(&mut self, key: RoundKey) -> Result<(), SiteError> {
        self.connection.execute(
            "UPDATE attempts SET failures = 0 WHERE run = ?1 AND round = ?2",
            params![key.run.0, key.round.0],
        )?;
        Ok(())
    }

    /// Remembers that this site gave a round up.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_given_up(&mut self, key: RoundKey, reason: TrainFailure) -> Result<(), SiteError> {
        let reason = codec::encode(&reason).map_err(|error| SiteError::Internal(error.to_string()))?;
        self.connection.execute(
            "INSERT INTO attempts (run, round, given_up) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET given_up = excluded.given_up",
            params![key.run.0, key.round.0, reason],
        )?;
        Ok(())
    }

    /// Failures of the worker in a round, and why it was given up, if it was.
    ///
    /// # Errors
    /// `Store`.
    pub fn attempts(&self, key: RoundKey) -> Result<(u32, Option<TrainFailure>), SiteError> {
        let found = self
            .connection
            .query_row(
                "SELECT failures, given_up FROM attempts WHERE run = ?1 AND round = ?2",
                params![key.run.0, key.round.0],
                |row| Ok((row.get::<_, u32>(0)?, row.get::<_, Option<Vec<u8>>>(1)?)),
            )
            .optional()?;
        let (failures, reason) = found.unwrap_or((0, None));
        Ok((failures, reason.and_then(|bytes| codec::decode(&bytes).ok())))
    }

    /// Records the one file of blinded points of a run.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_overlap(&mut self, run: RunId, facts: &BlindedFacts, now_ms: u64) -> Result<(), SiteError> {
        self.connection.execute(
            "INSERT INTO overlap (run, digest, points, prepared_ms) VALUES (?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
            params![run.0, facts.digest.0, facts.points, to_sql(now_ms)],
        )?;
        Ok(())
    }

    /// Notes that a run's records were compared; says whether that is news.
    ///
    /// # Errors
    /// `Store`.
    pub fn note_compared(&mut self, run: RunId) -> Result<bool, SiteError> {
        let changed = self
            .connection
            .execute("UPDATE overlap SET compared = 1 WHERE run = ?1 AND compared = 0", params![run.0])?;
        Ok(changed > 0)
    }

    /// The points of a run, if they were recorded.
    ///
    /// # Errors
    /// `Store`.
    pub fn overlap(&self, run: RunId) -> Result<Option<BlindedFacts>, SiteError> {
        let query = "SELECT digest, points FROM overlap WHERE run = ?1";
        let read = |row: &Row<'_>| Ok(BlindedFacts { digest: Digest(row.get(0)?), points: row.get(1)? });
        Ok(self.connection.query_row(query, params![run.0], read).optional()?)
    }

    /// Sets a number for `status`.
    ///
    /// # Errors
    /// `Store`.
    pub fn set_fact(&mut self, name: &str, value: u64) -> Result<(), SiteError> {
        self.connection.execute(
            "INSERT INTO facts (name, value) VALUES (?1, ?2) ON CONFLICT DO UPDATE SET value = excluded.value",
            params![name, to_sql(value)],
        )?;
        Ok(())
    }

    /// Reads a number for `status`.
    ///
    /// # Errors
    /// `Store`.
    pub fn fact(&self, name: &str) -> Result<Option<u64>, SiteError> {
        let found = self
            .connection
            .query_row("SELECT value FROM facts WHERE name = ?1", params![name], |row| row.get::<_, i64>(0))
            .optional()?;
        Ok(found.map(from_sql))
    }
}

fn read_update(row: &Row<'_>) -> rusqlite::Result<Update> {
    let receipt: Option<Vec<u8>> = row.get(7)?;
    Ok(Update {
        key: RoundKey { run: RunId(row.get(0)?), round: Round(row.get(1)?) },
        digest: Digest(row.get(2)?),
        bytes: from_sql(row.get(3)?),
        records: from_sql(row.get(4)?),
        tokens: from_sql(row.get(5)?),
        loss: row.get(6)?,
        receipt: receipt.and_then(|bytes| codec::decode(&bytes).ok()),
        declined: row.get(8)?,
    })
}

/// SQLite integers are signed; sizes and times stay far below 2^63.
fn to_sql(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn from_sql(value: i64) -> u64 {
    u64::try_from(value).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn update(round: u32, content: &[u8]) -> Update {
        Update {
            key: RoundKey { run: RunId([3; 8]), round: Round(round) },
            digest: Digest::of(content),
            bytes: 77,
            records: 775,
            tokens: 123_456,
            loss: 5.25,
            receipt: None,
            declined: false,
        }
    }

    #[test]
    fn the_first_update_of_a_round_is_the_only_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.db");
        let mut store = Store::open(&path).unwrap();
        let first = update(1, b"first");
        assert_eq!(store.record_update(&first, 10).unwrap(), first);
        assert_eq!(store.record_update(&update(1, b"second"), 11).unwrap(), first);
        drop(store);
        let store = Store::open(&path).unwrap();
        assert_eq!(store.update(first.key).unwrap(), Some(first.clone()));
        assert_eq!(store.updates().unwrap(), vec![first]);
    }

    #[test]
    fn a_receipt_is_kept_and_survives_a_later_refusal() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        let sent = update(1, b"first");
        store.record_update(&sent, 10).unwrap();
        let receipt = Receipt {
            body: ReceiptBody {
                site: Digest::of(b"site"),
                key: sent.key,
                digest: sent.digest,
                bytes: sent.bytes,
                first_sequence: 0,
                last_sequence: 9,
                received_bytes: 1000,
                running_hash: Digest::of(b"running"),
            },
            signature: [5; 64],
        };
        store.record_receipt(sent.key, &receipt, 20).unwrap();
        store.record_declined(sent.key).unwrap();
        let stored = store.update(sent.key).unwrap().unwrap();
        assert_eq!((stored.receipt, stored.declined), (Some(receipt), false));
    }

    #[test]
    fn failures_are_counted_by_round_and_a_reason_is_remembered() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        let (one, two) = (update(1, b"").key, update(2, b"").key);
        assert_eq!(store.attempts(one).unwrap(), (0, None));
        assert_eq!(store.count_failure(one).unwrap(), 1);
        assert_eq!(store.count_failure(one).unwrap(), 2);
        store.record_given_up(one, TrainFailure::OutOfMemory).unwrap();
        assert_eq!(store.attempts(one).unwrap(), (2, Some(TrainFailure::OutOfMemory)));
        assert_eq!(store.attempts(two).unwrap(), (0, None));
        assert!(!store.note_compared(one.run).unwrap(), "nothing was asked");
        let facts = BlindedFacts { digest: Digest::of(b"points"), points: 1024 };
        store.record_overlap(one.run, &facts, 5).unwrap();
        assert_eq!(store.overlap(one.run).unwrap(), Some(facts));
        assert!(store.note_compared(one.run).unwrap());
        assert!(!store.note_compared(one.run).unwrap(), "once");
        store.clear_failures(one).unwrap();
        assert_eq!(store.attempts(one).unwrap(), (0, Some(TrainFailure::OutOfMemory)));
    }

    #[test]
    fn a_file_that_is_no_database_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.db");
        std::fs::write(&path, vec![7; 4096]).unwrap();
        assert!(matches!(Store::open(&path), Err(SiteError::Store(_))));
    }
}
