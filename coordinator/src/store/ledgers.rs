//! Size and root of each site's ledger, and the question that a person has to answer where they do not fit.
//! Called by `requests::ledger` for every `Hello` and before every other request, and by `cli::sites`.
//!
//! Invariants: a head is replaced only by one that was proved to extend it, or that a person accepted (which
//! is recorded); while a question is open the site gets no answer, also after a restart. A refused ledger
//! that is shown to extend what we keep after all closes the question. Only where it gave a number twice a
//! person decides: it was cut behind what we keep, and would grow beyond what arrived by asking again.

use common::clock::Timestamp;
use common::id::{Digest, SiteId};
use common::ledger::extends;
use common::wire::message::LedgerHead;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;
use crate::limits::LEDGER_NOTE_MS_MIN;

/// What a site is told of the ledger it announced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LedgerAnswer {
    /// It is the one we know, or extends it.
    Taken,
    /// To be proved: it extends its first so many records.
    Prove {
        /// The size that we keep.
        from: u64,
    },
    /// It is another one.
    Refused,
}

/// A ledger that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LedgerQuestion {
    /// What we keep; `None` where the site never said, and frames of it arrived that this ledger lacks.
    pub kept: Option<LedgerHead>,
    /// What the site has now.
    pub found: LedgerHead,
    /// Whether it is refused, and not only to be proved.
    pub is_refused: bool,
    /// The number that it gave to two frames.
    pub repeated: Option<u64>,
    /// Since when.
    pub since: Timestamp,
}

impl Store {
    /// A site announces its ledger, in the frame with the number `sequence`.
    ///
    /// # Errors
    /// The database cannot be read or written, or what is left on the disk is for the journal.
    pub fn announce_ledger(
        &self,
        site: &SiteId,
        found: &LedgerHead,
        sequence: u64,
        at: Timestamp,
    ) -> Result<LedgerAnswer, StoreError> {
        // What is left then is for the journal.
        if self.reserve.is_low() {
            return Err(StoreError::Full);
        }
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        if is_forked(&transaction, site)? || has_arrived(&transaction, site, sequence)? {
            conclude(&transaction, site, found, LedgerAnswer::Refused, at)?;
            fork(&transaction, site, sequence)?;
            transaction.commit()?;
            return Ok(LedgerAnswer::Refused);
        }
        let kept = head(&transaction, site)?;
        let has_all = has_all(&transaction, site, found)?;
        let answer = match kept {
            Some(kept) if *found == kept && has_all => LedgerAnswer::Taken,
            Some(kept) if kept.size < found.size && has_all => LedgerAnswer::Prove { from: kept.size },
            // The first time there is nothing to compare with but what arrived.
            None if has_all && question(&transaction, site)?.is_none() => LedgerAnswer::Taken,
            _ => LedgerAnswer::Refused,
        };
        // An empty ledger is extended by every other.
        let answer = if answer == (LedgerAnswer::Prove { from: 0 }) { LedgerAnswer::Taken } else { answer };
        conclude(&transaction, site, found, answer, at)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// A site proves that its ledger extends the `from` records that we know.
    ///
    /// # Errors
    /// The database cannot be read or written, or what is left on the disk is for the journal.
    pub fn prove_ledger(
        &self,
        site: &SiteId,
        from: u64,
        found: &LedgerHead,
        proof: &[Digest],
        at: Timestamp,
    ) -> Result<LedgerAnswer, StoreError> {
        // What is left then is for the journal.
        if self.reserve.is_low() {
            return Err(StoreError::Full);
        }
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let kept = head(&transaction, site)?.filter(|kept| kept.size == from);
        let is_proved = kept.is_some_and(|kept| extends(&kept, found, proof));
        let is_whole = !is_forked(&transaction, site)? && has_all(&transaction, site, found)?;
        let answer = if is_proved && is_whole { LedgerAnswer::Taken } else { LedgerAnswer::Refused };
        conclude(&transaction, site, found, answer, at)?;
        transaction.commit()?;
        Ok(answer)
    }

    /// The ledger that we keep.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn ledger_head(&self, site: &SiteId) -> Result<Option<LedgerHead>, StoreError> {
        head(&self.lock(), site)
    }

    /// The open question about a site's ledger.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn ledger_question(&self, site: &SiteId) -> Result<Option<LedgerQuestion>, StoreError> {
        question(&self.lock(), site)
    }

    /// A person accepts the ledger that does not fit; recorded for the audit. What is counted of the site
    /// begins anew with it, because the new ledger does not have the frames of the old one. `None` if there
    /// is no question, or no longer about the ledger that the person was `shown`.
    ///
    /// # Errors
    /// The database cannot be read or written.
    pub fn accept_ledger(
        &self,
        site: &SiteId,
        shown: &LedgerHead,
        at: Timestamp,
    ) -> Result<Option<LedgerQuestion>, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let is_shown = |open: &LedgerQuestion| open.is_refused && open.found == *shown;
        let Some(open) = question(&transaction, site)?.filter(is_shown) else {
            return Ok(None);
        };
        transaction.execute(
            "INSERT INTO ledger_decisions (site, kept_size, kept_root, size, root, since, at)
             VALUES (?, ?, ?, ?, ?, ?, ?)",
            params![
                site.as_str(),
                open.kept.map(|kept| to_sql(kept.size)),
                open.kept.map(|kept| kept.root.0),
                to_sql(open.found.size),
                open.found.root.0,
                to_sql(open.since.0),
                to_sql(at.0)
            ],
        )?;
        conclude(&transaction, site, &open.found, LedgerAnswer::Taken, at)?;
        transaction.execute(
            "UPDATE frame_totals SET first_sequence = ?2, last_sequence = ?2, frames = 0, bytes = 0,
             running_hash = zeroblob(32) WHERE site = ?1",
            params![site.as_str(), to_sql(open.found.size)],
        )?;
        transaction.commit()?;
        Ok(Some(open))
    }
}

/// Whether a frame of this number is in the count that goes on.
pub(super) fn has_arrived(connection: &Connection, site: &SiteId, sequence: u64) -> Result<bool, StoreError> {
    let query = "SELECT EXISTS (SELECT 1 FROM frames JOIN frame_totals USING (site)
                 WHERE site = ? AND sequence = ? AND frame_totals.frames > 0 AND frames.id >= counted_from)";
    Ok(connection.query_row(query, params![site.as_str(), to_sql(sequence)], |row| row.get(0))?)
}

/// A second frame with this number came, without a word of the ledger that it stands in: the question is
/// about the one that we keep, or about none.
pub(super) fn open_repeated(
    connection: &Connection,
    site: &SiteId,
    sequence: u64,
    at: Timestamp,
) -> Result<(), StoreError> {
    let found = head(connection, site)?.unwrap_or(LedgerHead { size: 0, root: Digest([0; 32]) });
    conclude(connection, site, &found, LedgerAnswer::Refused, at)?;
    fork(connection, site, sequence)
}

/// Whether the open question is one that no proof answers.
fn is_forked(connection: &Connection, site: &SiteId) -> Result<bool, StoreError> {
    Ok(question(connection, site)?.is_some_and(|open| open.repeated.is_some()))
}

/// The open question is about this number, which two frames have; the first one found stays.
fn fork(connection: &Connection, site: &SiteId, sequence: u64) -> Result<(), StoreError> {
    let update = "UPDATE ledger_questions SET repeated = ifnull(repeated, ?2) WHERE site = ?1";
    connection.execute(update, params![site.as_str(), to_sql(sequence)])?;
    Ok(())
}

/// Whether the ledger has a record for every frame that arrived, and a size that can be kept.
fn has_all(connection: &Connection, site: &SiteId, found: &LedgerHead) -> Result<bool, StoreError> {
    // A count that begins anew has no frames yet; its number is the size that was accepted.
    let query = "SELECT last_sequence FROM frame_totals WHERE site = ? AND frames > 0";
    let read = |row: &rusqlite::Row<'_>| row.get::<_, i64>(0);
    let last = connection.query_row(query, [site.as_str()], read).optional()?;
    Ok(i64::try_from(found.size).is_ok_and(|size| last.is_none_or(|last| last < size)))
}

fn conclude(
    connection: &Connection,
    site: &SiteId,
    found: &LedgerHead,
    answer: LedgerAnswer,
    at: Timestamp,
) -> Result<(), StoreError> {
    let (site, size, root) = (site.as_str(), to_sql(found.size), found.root.0);
    let (recent, at) = (to_sql(at.0.saturating_sub(LEDGER_NOTE_MS_MIN)), to_sql(at.0));
    if answer == LedgerAnswer::Taken {
        connection.execute(
            "INSERT OR REPLACE INTO ledger_heads (site, size, root, at) VALUES (?, ?, ?, ?)",
            params![site, size, root, at],
        )?;
        connection.execute("DELETE FROM ledger_questions WHERE site = ?", [site])?;
        return Ok(());
    }
    // A refused one stays refused until it is proved or accepted. What a site insists on is not written over
    // and over.
    connection.execute(
        "INSERT INTO ledger_questions (site, size, root, refused, since, at) VALUES (?1, ?2, ?3, ?4, ?5, ?5)
         ON CONFLICT DO UPDATE SET size = ?2, root = ?3, refused = max(refused, ?4), at = ?5
         WHERE refused < ?4 OR at < ?6",
        params![site, size, root, answer == LedgerAnswer::Refused, at, recent],
    )?;
    Ok(())
}

fn head(connection: &Connection, site: &SiteId) -> Result<Option<LedgerHead>, StoreError> {
    let query = "SELECT size, root FROM ledger_heads WHERE site = ?";
    let read =
        |row: &rusqlite::Row<'_>| Ok(LedgerHead { size: from_sql(row.get(0)?), root: Digest(row.get(1)?) });
    Ok(connection.query_row(query, [site.as_str()], read).optional()?)
}

fn question(connection: &Connection, site: &SiteId) -> Result<Option<LedgerQuestion>, StoreError> {
    let kept = head(connection, site)?;
    let query = "SELECT size, root, refused, since, repeated FROM ledger_questions WHERE site = ?";
    let read = |row: &rusqlite::Row<'_>| {
        Ok(LedgerQuestion {
            kept,
            found: LedgerHead { size: from_sql(row.get(0)?), root: Digest(row.get(1)?) },
            is_refused: row.get(2)?,
            since: Timestamp(from_sql(row.get(3)?)),
            repeated: row.get::<_, Option<i64>>(4)?.map(from_sql),
        })
    };
    Ok(connection.query_row(query, [site.as_str()], read).optional()?)
}

#[cfg(test)]
mod tests;
