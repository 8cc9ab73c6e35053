//! The newest revocation list that this site took. Called by `gateway::revocations`. Invariant: the number
//! never falls, whatever is written.

use rusqlite::{OptionalExtension as _, params};

use super::{Store, from_sql, to_sql};
use crate::error::SiteError;

impl Store {
    /// Remembers a list, unless one with a higher number is remembered.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_revocations(&mut self, number: u64, der: &[u8], now_ms: u64) -> Result<(), SiteError> {
        self.connection.execute(
            "INSERT INTO revocations (id, number, der, at_ms) VALUES (1, ?1, ?2, ?3)
             ON CONFLICT (id) DO UPDATE SET number = ?1, der = ?2, at_ms = ?3 WHERE number <= ?1",
            params![to_sql(number), der, to_sql(now_ms)],
        )?;
        Ok(())
    }

    /// The number of the newest list, and the list in DER.
    ///
    /// # Errors
    /// `Store`.
    pub fn revocations(&self) -> Result<Option<(u64, Vec<u8>)>, SiteError> {
        if !self.has_table("revocations")? {
            return Ok(None);
        }
        let query = "SELECT number, der FROM revocations WHERE id = 1";
        let read = |row: &rusqlite::Row<'_>| Ok((from_sql(row.get(0)?), row.get(1)?));
        Ok(self.connection.query_row(query, [], read).optional()?)
    }
}
