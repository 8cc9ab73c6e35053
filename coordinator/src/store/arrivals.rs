//! What arrived from a site, frame by frame, in the count that goes on now: the mirror image of its ledger.
//! Called by `cli::ledger`. Invariant: the frames are as many as the site's totals say.

use common::id::{Digest, SiteId};
use rusqlite::params;

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;

/// A frame as it stands in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArrivedRow {
    /// The number of the site's record.
    pub sequence: u64,
    /// The ledger's word for it.
    pub kind: String,
    /// Bytes of frame and payload.
    pub bytes: u64,
    /// SHA-256 of exactly these bytes.
    pub sha256: Digest,
}

impl Store {
    /// Hands every frame of the site's present count to `each`, by number, and of one number in order of
    /// arrival. What was counted before its ledger was accepted anew is not among them.
    ///
    /// # Errors
    /// The database cannot be read, or `each` fails.
    pub fn arrivals<E: From<StoreError>>(
        &self,
        site: &SiteId,
        mut each: impl FnMut(&ArrivedRow) -> Result<(), E>,
    ) -> Result<(), E> {
        let count = self.frame_totals(site)?.map_or(0, |totals| totals.frames);
        let connection = self.lock();
        // Totals and frames change together, so the present count is the newest rows.
        let query = "SELECT sequence, kind, bytes, sha256 FROM
                     (SELECT id, sequence, kind, bytes, sha256 FROM frames WHERE site = ? ORDER BY id DESC LIMIT ?)
                     ORDER BY sequence, id";
        let mut statement = connection.prepare(query).map_err(StoreError::from)?;
        let mut rows = statement.query(params![site.as_str(), to_sql(count)]).map_err(StoreError::from)?;
        while let Some(row) = rows.next().map_err(StoreError::from)? {
            let read = || -> rusqlite::Result<ArrivedRow> {
                Ok(ArrivedRow {
                    sequence: from_sql(row.get(0)?),
                    kind: row.get(1)?,
                    bytes: from_sql(row.get(2)?),
                    sha256: Digest(row.get(3)?),
                })
            };
            each(&read().map_err(StoreError::from)?)?;
        }
        Ok(())
    }
}
