//! What the site remembers of runs and rounds to hold a coordinator and a worker to their bounds: the first
//! terms of a run, whether it is over, what was told and sent of a round. Called by `agent_loop`.
//!
//! Invariants: the first manifest of a run is its only one; a run that is over stays over; the first record
//! count of a round is its only one.

use common::id::{Digest, RunId};
use common::wire::message::RoundKey;
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, from_sql, to_sql};
use crate::error::SiteError;
use crate::gateway::progress::Told;
use crate::limits::{RUNS_KEPT_MAX, SENT_PERIOD_MS_MIN};

/// What was agreed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgreedTerms {
    /// Its first manifest.
    pub manifest: Digest,
    /// When that was fetched.
    pub first_ms: u64,
}

impl Store {
    /// Keeps the first manifest of a run, and returns it.
    ///
    /// # Errors
    /// `Store`.
    pub fn agree(&mut self, run: RunId, manifest: Digest, now_ms: u64) -> Result<AgreedTerms, SiteError> {
        let read = |row: &Row<'_>| {
            Ok(AgreedTerms { manifest: Digest(row.get(0)?), first_ms: from_sql(row.get(1)?) })
        };
        let agreed = self.connection.query_row(
            "INSERT INTO runs (run, manifest, first_ms) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET manifest = coalesce(manifest, excluded.manifest)
             RETURNING manifest, first_ms",
            params![run.0, manifest.0, to_sql(now_ms)],
            read,
        )?;
        Ok(agreed)
    }

    /// Whether this site has heard of a run.
    ///
    /// # Errors
    /// `Store`.
    pub fn knows_run(&self, run: RunId) -> Result<bool, SiteError> {
        let query = "SELECT 1 FROM runs WHERE run = ?1 AND manifest IS NOT NULL";
        Ok(self.connection.query_row(query, [run.0], |_| Ok(())).optional()?.is_some())
    }

    /// How many runs this site has heard of since then.
    ///
    /// # Errors
    /// `Store`.
    pub fn runs_since(&self, since_ms: u64) -> Result<u32, SiteError> {
        let query = "SELECT COUNT(*) FROM runs WHERE first_ms >= ?1";
        Ok(self.connection.query_row(query, params![to_sql(since_ms)], |row| row.get(0))?)
    }

    /// The manifests of the newest runs.
    ///
    /// # Errors
    /// `Store`.
    pub fn manifests(&self) -> Result<Vec<Digest>, SiteError> {
        let mut statement = self.connection.prepare(
            "SELECT manifest FROM runs WHERE manifest IS NOT NULL ORDER BY first_ms DESC, run LIMIT ?1",
        )?;
        let rows =
            statement.query_map(params![to_sql(RUNS_KEPT_MAX as u64)], |row| row.get(0).map(Digest))?;
        rows.collect::<Result<Vec<_>, _>>().map_err(SiteError::from)
    }

    /// Notes that a run is over, if this site took part in it. What was counted of its rounds is not needed
    /// any more.
    ///
    /// # Errors
    /// `Store`.
    pub fn end_run(&mut self, run: RunId) -> Result<(), SiteError> {
        self.connection.execute("UPDATE runs SET is_over = 1 WHERE run = ?1", params![run.0])?;
        self.connection.execute("DELETE FROM rounds WHERE run = ?1", params![run.0])?;
        Ok(())
    }

    /// Whether the coordinator said that this run is over.
    ///
    /// # Errors
    /// `Store`.
    pub fn is_over(&self, run: RunId) -> Result<bool, SiteError> {
        let query = "SELECT is_over FROM runs WHERE run = ?1";
        let found = self.connection.query_row(query, params![run.0], |row| row.get(0)).optional()?;
        Ok(found.unwrap_or(false))
    }

    /// Counts one beginning of a round; returns how many there are now.
    ///
    /// # Errors
    /// `Store`.
    pub fn count_start(&mut self, key: RoundKey) -> Result<u32, SiteError> {
        let starts = self.connection.query_row(
            "INSERT INTO rounds (run, round, starts) VALUES (?1, ?2, 1)
             ON CONFLICT DO UPDATE SET starts = starts + 1 RETURNING starts",
            params![key.run.0, key.round.0],
            |row| row.get(0),
        )?;
        Ok(starts)
    }

    /// The record count that `ready` names in this round: the first one given here.
    ///
    /// # Errors
    /// `Store`.
    pub fn ready_records(&mut self, key: RoundKey, records: u64) -> Result<u64, SiteError> {
        let first = self.connection.query_row(
            "INSERT INTO rounds (run, round, ready_records) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET ready_records = coalesce(ready_records, excluded.ready_records)
             RETURNING ready_records",
            params![key.run.0, key.round.0, to_sql(records)],
            |row| row.get(0),
        )?;
        Ok(from_sql(first))
    }

    /// What was told of a round's progress.
    ///
    /// # Errors
    /// `Store`.
    pub fn told(&self, key: RoundKey) -> Result<Option<Told>, SiteError> {
        let read =
            |row: &Row<'_>| Ok(Told { total_steps: row.get(0)?, part: row.get(1)?, loss_milli: row.get(2)? });
        let found = self
            .connection
            .query_row(
                "SELECT total_steps, part, loss_milli FROM rounds
                 WHERE run = ?1 AND round = ?2 AND total_steps IS NOT NULL",
                params![key.run.0, key.round.0],
                read,
            )
            .optional()?;
        Ok(found)
    }

    /// Keeps what is about to be told of a round's progress.
    ///
    /// # Errors
    /// `Store`.
    pub fn tell(&mut self, key: RoundKey, told: &Told) -> Result<(), SiteError> {
        self.connection.execute(
            "INSERT INTO rounds (run, round, total_steps, part, loss_milli) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT DO UPDATE SET total_steps = excluded.total_steps, part = excluded.part,
                                       loss_milli = excluded.loss_milli",
            params![key.run.0, key.round.0, told.total_steps, told.part, told.loss_milli],
        )?;
        Ok(())
    }

    /// Counts bytes of a round's update that are about to be sent; returns how many those of the present
    /// period are now, these included.
    ///
    /// # Errors
    /// `Store`.
    pub fn count_sent(&mut self, key: RoundKey, bytes: u64, now_ms: u64) -> Result<u64, SiteError> {
        let oldest_ms = now_ms.saturating_sub(SENT_PERIOD_MS_MIN);
        let sent = self.connection.query_row(
            "INSERT INTO rounds (run, round, sent_bytes, sent_since_ms) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET
                 sent_bytes = CASE WHEN sent_since_ms < ?5 THEN ?3 ELSE sent_bytes + ?3 END,
                 sent_since_ms = CASE WHEN sent_since_ms < ?5 THEN ?4 ELSE sent_since_ms END
             RETURNING sent_bytes",
            params![key.run.0, key.round.0, to_sql(bytes), to_sql(now_ms), to_sql(oldest_ms)],
            |row| row.get(0),
        )?;
        Ok(from_sql(sent))
    }
}

#[cfg(test)]
mod tests {
    use common::id::Round;

    use super::*;

    const KEY: RoundKey = RoundKey { run: RunId([1; 8]), round: Round(2) };

    #[test]
    fn what_comes_first_stays_and_a_run_that_is_over_stays_over() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("site.db");
        let mut store = Store::open(&path).unwrap();
        let (first, other) = (Digest([1; 32]), Digest([2; 32]));
        let agreed = AgreedTerms { manifest: first, first_ms: 5 };
        assert_eq!(store.agree(KEY.run, first, 5).unwrap(), agreed);
        assert_eq!(store.agree(KEY.run, other, 9).unwrap(), agreed);
        assert_eq!(store.manifests().unwrap(), [first]);
        assert_eq!(
            (store.ready_records(KEY, 775).unwrap(), store.ready_records(KEY, 9).unwrap()),
            (775, 775)
        );
        assert_eq!((store.count_start(KEY).unwrap(), store.count_start(KEY).unwrap()), (1, 2));
        assert_eq!(store.told(KEY).unwrap(), None);
        let told = Told { total_steps: 100, part: 3, loss_milli: 2000 };
        store.tell(KEY, &told).unwrap();
        drop(store);
        let mut store = Store::open(&path).unwrap();
        assert_eq!(store.told(KEY).unwrap(), Some(told));
        assert!(!store.is_over(KEY.run).unwrap());
        store.end_run(KEY.run).unwrap();
        store.end_run(RunId([9; 8])).unwrap();
        assert!(store.is_over(KEY.run).unwrap() && !store.is_over(RunId([9; 8])).unwrap());
    }

    #[test]
    fn sent_bytes_are_counted_by_period() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        assert_eq!(store.count_sent(KEY, 10, 1000).unwrap(), 10);
        assert_eq!(store.count_sent(KEY, 10, 2000).unwrap(), 20);
        assert_eq!(store.count_sent(KEY, 10, 1001 + SENT_PERIOD_MS_MIN).unwrap(), 10);
    }
}
