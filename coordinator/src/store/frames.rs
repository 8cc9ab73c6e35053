//! What arrived from each site, frame by frame: the coordinator's half of ledger reconciliation, and
//! the totals that receipts sign. Called by `requests::handler` for every frame, and by `admin::report` and
//! `cli::sites`. Invariants: frame and totals change in one transaction; no two frames of a count have one
//! number; none is counted behind the greeting of a connection that the site opened after sending it.

use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::ledger::Kind;
use rusqlite::{Connection, OptionalExtension, params};
use sha2::{Digest as _, Sha256};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;
use super::ledgers::{has_arrived, open_repeated};
use crate::limits::{FRAMES_PER_DAY_MAX, SEQUENCE_BEHIND_MAX, SEQUENCE_FIRST_MAX, SEQUENCE_STEP_MAX};

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

/// Why a frame is not recorded, and so not acted on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameRefusal {
    /// Its number is far ahead of the last one, or behind it.
    Sequence {
        /// The highest number seen before.
        last: u64,
    },
    /// Another frame of this count had its number: each record of a ledger is one frame.
    Repeated,
    /// It was sent before the greeting of a newer connection, which was counted: it was lost with its line,
    /// and counted now it would stand behind what follows it in the ledger. A greeting is compared before its
    /// number is: one that comes so late is a question until the next greeting is proved.
    Overtaken {
        /// The number of that greeting.
        hello: u64,
    },
    /// The site has sent all that it may today.
    TooMany,
}

impl Store {
    /// Records a frame and returns the site's new totals.
    ///
    /// # Errors
    /// The database cannot be written, or what is left on the disk is for the journal.
    pub fn record_frame(
        &self,
        site: &SiteId,
        frame: &ReceivedFrame,
        at: Timestamp,
    ) -> Result<Result<FrameTotals, FrameRefusal>, StoreError> {
        if self.reserve.is_low() {
            return Err(StoreError::Full);
        }
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
        let before = totals(&transaction, site)?;
        let last = before.map(|before| before.last_sequence);
        if !last.map_or(frame.sequence <= SEQUENCE_FIRST_MAX, |last| follows(frame.sequence, last)) {
            return Ok(Err(FrameRefusal::Sequence { last: last.unwrap_or(0) }));
        }
        if last.is_some_and(|last| frame.sequence <= last) && has_arrived(&transaction, site, frame.sequence)?
        {
            open_repeated(&transaction, site, frame.sequence, at)?;
            transaction.commit()?;
            return Ok(Err(FrameRefusal::Repeated));
        }
        let goes_on = before.is_some_and(|before| before.frames > 0);
        let hello = if goes_on { greeted(&transaction, site)? } else { 0 };
        if frame.sequence < hello {
            return Ok(Err(FrameRefusal::Overtaken { hello }));
        }
        let (day, so_far) = (at.0 / DAY_MS, of_day(&transaction, site, at.0 / DAY_MS)?);
        if so_far >= FRAMES_PER_DAY_MAX {
            return Ok(Err(FrameRefusal::TooMany));
        }
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
        let id = transaction.last_insert_rowid();
        let after = extend(before, frame);
        transaction.execute(
            "INSERT OR REPLACE INTO frame_totals
             (site, first_sequence, last_sequence, frames, bytes, running_hash, day, frames_of_day, counted_from,
              greeted)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8,
                     iif(?9, (SELECT counted_from FROM frame_totals WHERE site = ?1), ?10), ?11)",
            params![
                site.as_str(),
                to_sql(after.first_sequence),
                to_sql(after.last_sequence),
                to_sql(after.frames),
                to_sql(after.bytes),
                after.running_hash.0,
                to_sql(day),
                to_sql(so_far + 1),
                goes_on,
                id,
                to_sql(if frame.kind == Kind::Hello.word() { frame.sequence } else { hello })
            ],
        )?;
        transaction
            .execute("UPDATE sites SET seen_at = ? WHERE name = ?", params![to_sql(at.0), site.as_str()])?;
        transaction.commit()?;
        Ok(Ok(after))
    }

    /// A site's totals; `None` before its first frame.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn frame_totals(&self, site: &SiteId) -> Result<Option<FrameTotals>, StoreError> {
        totals(&self.lock(), site)
    }
}

/// Whether a frame of this number may follow one with the number `last`: forward by bounded steps, and behind
/// only as far as requests overtake each other.
fn follows(sequence: u64, last: u64) -> bool {
    sequence <= last.saturating_add(SEQUENCE_STEP_MAX) && sequence.saturating_add(SEQUENCE_BEHIND_MAX) >= last
}

/// The number of the newest greeting of the count that goes on; 0 before the first one.
fn greeted(connection: &Connection, site: &SiteId) -> Result<u64, StoreError> {
    let query = "SELECT greeted FROM frame_totals WHERE site = ?";
    Ok(connection.query_row(query, [site.as_str()], |row| row.get(0)).map(from_sql)?)
}

/// Frames that the site sent on this day so far.
fn of_day(connection: &Connection, site: &SiteId, day: u64) -> Result<u64, StoreError> {
    let query = "SELECT frames_of_day FROM frame_totals WHERE site = ? AND day = ?";
    let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let found = connection.query_row(query, params![site.as_str(), to_sql(day)], read).optional()?;
    Ok(found.map_or(0, from_sql))
}

const DAY_MS: u64 = 86_400_000;

fn extend(before: Option<FrameTotals>, frame: &ReceivedFrame) -> FrameTotals {
    // A count that begins anew keeps the last number only.
    let before = before.filter(|before| before.frames > 0).unwrap_or(FrameTotals {
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
