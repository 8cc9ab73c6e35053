//! What arrived from each site, frame by frame: the coordinator's half of ledger reconciliation, and
//! the totals that receipts sign. Called by `requests::handler` for every frame, and by `admin::report` and
//! `cli::sites`. Invariant: frame and totals change in one transaction.

use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;

/// One received frame, payload included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceivedFrame {
    /// The site's ledger sequence number.
    pub sequence: u64,
    /// The ledger's word for it.
    pub kind: &'static str,
    /// Bytes of frame and payload.
    pub bytes: u64,
    /// SHA-256 of frame and payload.
    pub sha256: Digest,
}

/// Totals over all frames of a site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FrameTotals {
    /// Lowest sequence number seen.
    pub first_sequence: u64,
    /// Highest sequence number seen.
    pub last_sequence: u64,
    /// Frames.
    pub frames: u64,
    /// Bytes.
    pub bytes: u64,
    /// h = SHA-256(h || SHA-256(frame)) in order of arrival, from 32 zero bytes.
    pub running_hash: Digest,
}

impl Store {
    /// Records a frame and returns the site's new totals.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn record_frame(
        &self,
        site: &SiteId,
        frame: &ReceivedFrame,
        at: Timestamp,
    ) -> Result<FrameTotals, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        transaction.execute(
            "INSERT INTO frames (site, sequence, kind, bytes, sha256, at) VALUES (?, ?, ?, ?, ?, ?)",
            params![
                site.as_str(),
                to_sql(frame.sequence),
                frame.kind,
                to_sql(frame.bytes),
                frame.sha256.0,
                to_sql(at.0)
            ],
        )?;
        let before = totals(&transaction, site)?;
        let after = extend(before, frame);
        transaction.execute(
            "INSERT OR REPLACE INTO frame_totals (site, first_sequence, last_sequence, frames, bytes, running_hash)
             VALUES (?, ?, ?, ?, ?, ?)",
            params![
                site.as_str(),
                to_sql(after.first_sequence),
                to_sql(after.last_sequence),
                to_sql(after.frames),
                to_sql(after.bytes),
                after.running_hash.0
            ],
        )?;
        transaction.commit()?;
        Ok(after)
    }

    /// A site's totals; `None` before its first frame.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn frame_totals(&self, site: &SiteId) -> Result<Option<FrameTotals>, StoreError> {
        totals(&self.lock(), site)
    }
}

fn extend(before: Option<FrameTotals>, frame: &ReceivedFrame) -> FrameTotals {
    let before = before.unwrap_or(FrameTotals {
        first_sequence: frame.sequence,
        last_sequence: frame.sequence,
        frames: 0,
        bytes: 0,
        running_hash: Digest([0; 32]),
    });
    let hash = Sha256::new().chain_update(before.running_hash.0).chain_update(frame.sha256.0).finalize();
    FrameTotals {
        first_sequence: before.first_sequence.min(frame.sequence),
        last_sequence: before.last_sequence.max(frame.sequence),
        frames: before.frames + 1,
        bytes: before.bytes.saturating_add(frame.bytes),
        running_hash: Digest(hash.into()),
    }
}

fn totals(connection: &Connection, site: &SiteId) -> Result<Option<FrameTotals>, StoreError> {
    let query =
        "SELECT first_sequence, last_sequence, frames, bytes, running_hash FROM frame_totals WHERE site = ?";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(FrameTotals {
            first_sequence: from_sql(row.get(0)?),
            last_sequence: from_sql(row.get(1)?),
            frames: from_sql(row.get(2)?),
            bytes: from_sql(row.get(3)?),
            running_hash: Digest(row.get(4)?),
        })
    };
    Ok(connection.query_row(query, [site.as_str()], read).optional()?)
}
