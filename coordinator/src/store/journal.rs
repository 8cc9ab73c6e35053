//! The journal: append, and read back with the hash chain verified. Called by `execution::driver` (append)
//! and `execution::runs` (replay). Invariant: row hash = SHA-256 over a domain tag, the previous row's hash
//! and every column, so that no row can be changed, dropped or moved.

use common::clock::Timestamp;
use common::id::{Digest, Round, RunId};
use rusqlite::{OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;

/// One event of a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JournalRow {
    /// Position in the journal, from 1.
    pub seq: u64,
    /// Whose event.
    pub run: RunId,
    /// In which round; 0 outside a round.
    pub round: Round,
    /// The event's name.
    pub kind: String,
    /// When.
    pub at: Timestamp,
    /// The event as JSON.
    pub body: String,
}

impl JournalRow {
    fn hash(&self, previous: &Digest) -> Digest {
        let mut hasher = Sha256::new();
        hasher.update(b"consilium journal v1\0");
        hasher.update(previous.0);
        hasher.update(self.seq.to_le_bytes());
        hasher.update(self.run.0);
        hasher.update(self.round.0.to_le_bytes());
        hasher.update(self.at.0.to_le_bytes());
        for text in [&self.kind, &self.body] {
            hasher.update((text.len() as u64).to_le_bytes());
            hasher.update(text.as_bytes());
        }
        Digest(hasher.finalize().into())
    }
}

impl Store {
    /// Appends one event; durable when this returns. Returns its position. On a full disk the database's
    /// reserve is used.
    ///
    /// # Errors
    /// The database cannot be written; nothing was appended.
    pub fn append(
        &self,
        run: RunId,
        round: Round,
        kind: &str,
        at: Timestamp,
        body: &str,
    ) -> Result<u64, StoreError> {
        let appended = self.with_reserve(|| {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let last = transaction
            .query_row("SELECT seq, hash FROM journal ORDER BY seq DESC LIMIT 1", [], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, [u8; 32]>(1)?))
            })
            .optional()?;
        let (seq, previous) =
            last.map_or((1, Digest([0; 32])), |(seq, hash)| (from_sql(seq) + 1, Digest(hash)));
        let row = JournalRow { seq, run, round, kind: kind.to_owned(), at, body: body.to_owned() };
        transaction.execute(
            "INSERT INTO journal (seq, run, round, kind, at, body, prev_hash, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![to_sql(seq), run.0, round.0, kind, to_sql(at.0), body, previous.0, row.hash(&previous).0],
        )?;
        transaction.commit()?;
        Ok(seq)
        })?;
        self.keep_mark_soon();
        Ok(appended)
    }

    /// The whole journal in order, after its chain was verified.
    ///
    /// # Errors
    /// The database cannot be read, or the chain breaks ([`StoreError::Corrupt`]).
    pub fn journal(&self) -> Result<Vec<JournalRow>, StoreError> {
        let connection = self.lock();
        let mut statement = connection
            .prepare("SELECT seq, run, round, kind, at, body, prev_hash, hash FROM journal ORDER BY seq")?;
        let mut rows = statement.query([])?;
        let mut journal = Vec::new();
        let mut previous = Digest([0; 32]);
        while let Some(row) = rows.next()? {
            let entry = JournalRow {
                seq: from_sql(row.get(0)?),
                run: RunId(row.get(1)?),
                round: Round(row.get(2)?),
                kind: row.get(3)?,
                at: Timestamp(from_sql(row.get(4)?)),
                body: row.get(5)?,
            };
            let (claimed_previous, claimed) = (Digest(row.get(6)?), Digest(row.get(7)?));
            let in_place = entry.seq == journal.len() as u64 + 1 && claimed_previous == previous;
            if !in_place || entry.hash(&previous) != claimed {
                return Err(StoreError::Corrupt(format!("the journal's chain breaks at row {}", entry.seq)));
            }
            previous = claimed;
            journal.push(entry);
        }
        Ok(journal)
    }
}
