//! What was counted of connections to the coordinator and of the processes that had them. Called by
//! `gateway::meter`, which writes it, and by `ledger reconcile --wire` and the officer's report. Invariants:
//! a count only grows; only the newest `LINES_KEPT_MAX` and `LIVES_KEPT_MAX` stay.

use common::counts::{LineCount, SentCount};
use rusqlite::{Row, params};

use super::{Store, from_sql, to_sql};
use crate::error::SiteError;
use crate::limits::{LINES_KEPT_MAX, LIVES_KEPT_MAX};

/// A process that had connections: one life of the gateway, or a command that greeted the coordinator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Its number in the database.
    pub id: i64,
    /// When it began, in milliseconds since 1970.
    pub began_ms: u64,
    /// When it was counted last.
    pub counted_ms: u64,
    /// The ledger's records when it began.
    pub first: u64,
    /// What it handed to the kernel.
    pub sent: SentCount,
    /// How often it tried to connect.
    pub attempts: u64,
    /// UDP datagrams that its network namespace sent when it began and when it was counted last, by the
    /// kernel's count; `None` where the kernel does not say.
    pub kernel: Option<(u64, u64)>,
}

/// One connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// Its number in the database.
    pub id: i64,
    /// The process that had it.
    pub life: i64,
    /// When it stood, in milliseconds since 1970.
    pub opened_ms: u64,
    /// When it was counted last.
    pub counted_ms: u64,
    /// The ledger's records before its first frame.
    pub first: u64,
    /// And when it was counted last: what is behind was not counted.
    pub counted: u64,
    /// It was counted when it ended.
    pub is_over: bool,
    /// The transport's count.
    pub count: LineCount,
}

impl Store {
    /// A commit of this handle may be lost in a power cut, not when a process dies; one that is `durable` not
    /// either, nor any before it.
    ///
    /// # Errors
    /// `Store`.
    pub fn count_durably(&mut self, durable: bool) -> Result<(), SiteError> {
        let pragma = if durable { "PRAGMA synchronous = FULL;" } else { "PRAGMA synchronous = NORMAL;" };
        Ok(self.connection.execute_batch(pragma)?)
    }

    /// Begins a process. Returns its number.
    ///
    /// # Errors
    /// `Store`.
    pub fn begin_life(&mut self, first: u64, kernel: Option<u64>, now_ms: u64) -> Result<i64, SiteError> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT INTO lives (began_ms, counted_ms, first, kernel_first, kernel_last)
             VALUES (?1, ?1, ?2, ?3, ?3)",
            params![to_sql(now_ms), to_sql(first), kernel.map(to_sql)],
        )?;
        let id = transaction.last_insert_rowid();
        transaction.execute(
            "DELETE FROM lives WHERE id NOT IN (SELECT id FROM lives ORDER BY id DESC LIMIT ?1)",
            [LIVES_KEPT_MAX],
        )?;
        transaction.commit()?;
        Ok(id)
    }

    /// Begins a connection of a process. Returns its number.
    ///
    /// # Errors
    /// `Store`.
    pub fn begin_line(&mut self, life: i64, first: u64, now_ms: u64) -> Result<i64, SiteError> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT INTO lines (life, opened_ms, counted_ms, first, counted) VALUES (?1, ?2, ?2, ?3, ?3)",
            params![life, to_sql(now_ms), to_sql(first)],
        )?;
        let id = transaction.last_insert_rowid();
        transaction.execute("DELETE FROM lines WHERE id <= ?1", [id - i64::from(LINES_KEPT_MAX)])?;
        transaction.commit()?;
        Ok(id)
    }

    /// Replaces what was counted of a process.
    ///
    /// # Errors
    /// `Store`.
    pub fn count_life(&mut self, life: &Life) -> Result<(), SiteError> {
        let Life { id, counted_ms, sent, attempts, kernel, .. } = life;
        self.connection.execute(
            "UPDATE lives SET counted_ms = ?2, datagrams = ?3, bytes = ?4, calls = ?5, attempts = ?6,
                    kernel_last = ?7 WHERE id = ?1",
            params![
                id,
                to_sql(*counted_ms),
                to_sql(sent.datagrams),
                to_sql(sent.bytes),
                to_sql(sent.calls),
                to_sql(*attempts),
                kernel.map(|(_, last)| to_sql(last)),
            ],
        )?;
        Ok(())
    }

    /// Replaces what was counted of a connection.
    ///
    /// # Errors
    /// `Store`.
    pub fn count_line(&mut self, line: &Line) -> Result<(), SiteError> {
        let Line { id, counted_ms, counted, is_over, count, .. } = line;
        self.connection.execute(
            "UPDATE lines SET counted_ms = ?2, counted = ?3, is_over = ?4, datagrams = ?5, bytes = ?6,
                    calls = ?7, received = ?8, lost_packets = ?9, lost_bytes = ?10, padded = ?11
             WHERE id = ?1",
            params![
                id,
                to_sql(*counted_ms),
                to_sql(*counted),
                is_over,
                to_sql(count.datagrams),
                to_sql(count.bytes),
                to_sql(count.calls),
                to_sql(count.received),
                to_sql(count.lost_packets),
                to_sql(count.lost_bytes),
                to_sql(count.padded),
            ],
        )?;
        Ok(())
    }

    /// The connections, in order.
    ///
    /// # Errors
    /// `Store`.
    pub fn lines(&self) -> Result<Vec<Line>, SiteError> {
        if !self.has_table("lines")? {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare(
            "SELECT id, life, is_over, opened_ms, counted_ms, first, counted, datagrams, bytes, calls, received,
                    lost_packets, lost_bytes, padded FROM lines ORDER BY id",
        )?;
        let read = |row: &Row<'_>| {
            let number = |column: usize| row.get(column).map(from_sql);
            Ok(Line {
                id: row.get(0)?,
                life: row.get(1)?,
                is_over: row.get(2)?,
                opened_ms: number(3)?,
                counted_ms: number(4)?,
                first: number(5)?,
                counted: number(6)?,
                count: LineCount {
                    datagrams: number(7)?,
                    bytes: number(8)?,
                    calls: number(9)?,
                    received: number(10)?,
                    lost_packets: number(11)?,
                    lost_bytes: number(12)?,
                    padded: number(13)?,
                },
            })
        };
        let rows = statement.query_map([], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// The processes, in order.
    ///
    /// # Errors
    /// `Store`.
    pub fn lives(&self) -> Result<Vec<Life>, SiteError> {
        if !self.has_table("lives")? {
            return Ok(Vec::new());
        }
        let mut statement = self.connection.prepare(
            "SELECT id, began_ms, counted_ms, first, datagrams, bytes, calls, attempts, kernel_first, kernel_last
             FROM lives ORDER BY id",
        )?;
        let read = |row: &Row<'_>| {
            let number = |column: usize| row.get(column).map(from_sql);
            let maybe = |column: usize| row.get::<_, Option<i64>>(column).map(|value| value.map(from_sql));
            Ok(Life {
                id: row.get(0)?,
                began_ms: number(1)?,
                counted_ms: number(2)?,
                first: number(3)?,
                sent: SentCount { datagrams: number(4)?, bytes: number(5)?, calls: number(6)? },
                attempts: number(7)?,
                kernel: maybe(8)?.zip(maybe(9)?),
            })
        };
        let rows = statement.query_map([], read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_counts_stay_and_the_oldest_go_one_by_one() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::open(&folder.path().join("site.db")).unwrap();
        let fill = |table: &str, columns: &str, values: &str, rows: u32| {
            format!(
                "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {rows})
                 INSERT INTO {table} ({columns}) SELECT {values} FROM n;"
            )
        };
        let lives = fill("lives", "began_ms, counted_ms, first", "i, i, 0", LIVES_KEPT_MAX);
        let columns = "life, opened_ms, counted_ms, first, counted";
        let lines = fill("lines", columns, "1, i, i, 0, 0", LINES_KEPT_MAX);
        store.connection.execute_batch(&(lives + &lines)).unwrap();
        let span = |store: &Store| {
            let (lives, lines) = (store.lives().unwrap(), store.lines().unwrap());
            let first = (lives[0].began_ms, lines[0].opened_ms);
            (first, lives.len(), lines.len())
        };
        let kept = (LIVES_KEPT_MAX as usize, LINES_KEPT_MAX as usize);
        assert_eq!(span(&store), ((1, 1), kept.0, kept.1), "as many as are kept");
        for more in 1..=3 {
            let now_ms = u64::from(LINES_KEPT_MAX) + more;
            let life = store.begin_life(7, None, now_ms).unwrap();
            let line = store.begin_line(life, 7, now_ms).unwrap();
            assert_eq!(span(&store), ((1 + more, 1 + more), kept.0, kept.1));
            let (newest_life, newest) = (store.lives().unwrap().pop().unwrap(), store.lines().unwrap().pop());
            let newest = newest.unwrap();
            assert_eq!(
                (newest_life.id, newest.id, newest.life),
                (life, line, life),
                "what is counted now stays"
            );
        }
    }
}
