//! How many points each site may have evaluated in a run, and which it had: the cap that keeps a site from
//! asking the held-out set about a whole dictionary. Called by `requests::overlap`. Invariant: one number of
//! points for each (run, site), one digest for each batch of them; a repetition changes nothing.

use common::clock::Timestamp;
use common::id::{Digest, RunId, SiteId};
use rusqlite::{OptionalExtension, params};

use super::database::{Store, to_sql};
use super::error::StoreError;

impl Store {
    /// Notes how many points a site will ask in a run, unless it said so before; returns the number that
    /// stands.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn declare_overlap(
        &self,
        run: RunId,
        site: &SiteId,
        points: u32,
        at: Timestamp,
    ) -> Result<u32, StoreError> {
        let connection = self.lock();
        connection.execute(
            "INSERT OR IGNORE INTO overlap_declarations (run, site, points, at) VALUES (?, ?, ?, ?)",
            params![run.0, site.as_str(), points, to_sql(at.0)],
        )?;
        let query = "SELECT points FROM overlap_declarations WHERE run = ? AND site = ?";
        Ok(connection.query_row(query, params![run.0, site.as_str()], |row| row.get(0))?)
    }

    /// How many points the site declared.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn overlap_points(&self, run: RunId, site: &SiteId) -> Result<Option<u32>, StoreError> {
        let query = "SELECT points FROM overlap_declarations WHERE run = ? AND site = ?";
        let connection = self.lock();
        Ok(connection.query_row(query, params![run.0, site.as_str()], |row| row.get(0)).optional()?)
    }

    /// Notes the points of the batch at `first`, unless there are some; returns the digest that stands.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_overlap_batch(
        &self,
        run: RunId,
        site: &SiteId,
        first: u32,
        points: Digest,
        at: Timestamp,
    ) -> Result<Digest, StoreError> {
        let connection = self.lock();
        connection.execute(
            "INSERT OR IGNORE INTO overlap_batches (run, site, first, sha256, at) VALUES (?, ?, ?, ?, ?)",
            params![run.0, site.as_str(), first, points.0, to_sql(at.0)],
        )?;
        let query = "SELECT sha256 FROM overlap_batches WHERE run = ? AND site = ? AND first = ?";
        Ok(connection.query_row(query, params![run.0, site.as_str(), first], |row| row.get(0)).map(Digest)?)
    }
}
