//! Offers, receipts and progress: what sites said about their part of a round. Called by `requests` and
//! read by `admin::report`. Invariant: none of it decides what counts (the journal does); offers carry the
//! terms from `Offer` to `Commit` across a restart.

use common::clock::Timestamp;
use common::id::{Digest, Round, RunId, SiteId};
use rusqlite::{OptionalExtension, params};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;
use crate::limits::OFFERS_PER_ROUND_MAX;

/// What a site said when it offered an update.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Offer {
    /// SHA-256 of the update.
    pub digest: Digest,
    /// Its length.
    pub bytes: u64,
    /// Records it was trained on, rounded.
    pub records: u64,
    /// Tokens it was trained on, rounded.
    pub tokens: u64,
    /// Mean training loss in nats per token.
    pub loss: f64,
}

/// A site's last word on a round.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Progress {
    /// Optimiser steps done.
    pub step: u32,
    /// Optimiser steps of this round.
    pub total_steps: u32,
    /// Training loss in nats per token.
    pub loss: f64,
    /// Training speed.
    pub tokens_per_s: u32,
    /// When it said so.
    pub at: Timestamp,
}

impl Store {
    /// Notes an offer; a repetition changes nothing, so that the time of the first one is kept. Returns
    /// whether it stands now: false if the site has offered as many others for this round as it may.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_offer(
        &self,
        run: RunId,
        round: Round,
        site: &SiteId,
        offer: &Offer,
        at: Timestamp,
    ) -> Result<bool, StoreError> {
        let connection = self.lock();
        let others = "SELECT count(*) FROM offers WHERE run = ? AND round = ? AND site = ? AND digest <> ?";
        let key = params![run.0, round.0, site.as_str(), offer.digest.0];
        let others: i64 = connection.query_row(others, key, |row| row.get(0))?;
        if from_sql(others) >= OFFERS_PER_ROUND_MAX as u64 {
            return Ok(false);
        }
        connection.execute(
            "INSERT OR IGNORE INTO offers (run, round, site, digest, bytes, records, tokens, loss, at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                run.0,
                round.0,
                site.as_str(),
                offer.digest.0,
                to_sql(offer.bytes),
                to_sql(offer.records),
                to_sql(offer.tokens),
                offer.loss,
                to_sql(at.0)
            ],
        )?;
        Ok(true)
    }

    /// The offer of this digest by this site for this round.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn offer(
        &self,
        run: RunId,
        round: Round,
        site: &SiteId,
        digest: Digest,
    ) -> Result<Option<Offer>, StoreError> {
        let query = "SELECT bytes, records, tokens, loss FROM offers
                     WHERE run = ? AND round = ? AND site = ? AND digest = ?";
        let read = |row: &rusqlite::Row<'_>| {
            let (bytes, records, tokens) =
                (from_sql(row.get(0)?), from_sql(row.get(1)?), from_sql(row.get(2)?));
            Ok(Offer { digest, bytes, records, tokens, loss: row.get(3)? })
        };
        let connection = self.lock();
        Ok(connection.query_row(query, params![run.0, round.0, site.as_str(), digest.0], read).optional()?)
    }

    /// When the updates of a round were offered, whether or not they count.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn offers_of(
        &self,
        run: RunId,
        round: Round,
    ) -> Result<Vec<(String, Digest, Timestamp)>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT site, digest, at FROM offers WHERE run = ? AND round = ?")?;
        let read = |row: &rusqlite::Row<'_>| {
            Ok((row.get::<_, String>(0)?, Digest(row.get(1)?), Timestamp(from_sql(row.get(2)?))))
        };
        let rows = statement.query_map(params![run.0, round.0], read)?;
        Ok(rows.collect::<rusqlite::Result<_>>()?)
    }

    /// The latest offer by this site (any round) with this digest: what a chunk belongs to.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn offer_by_digest(
        &self,
        site: &SiteId,
        digest: Digest,
    ) -> Result<Option<(RunId, Round, Offer)>, StoreError> {
        let query = "SELECT run, round, bytes, records, tokens, loss FROM offers
                     WHERE site = ? AND digest = ? ORDER BY at DESC LIMIT 1";
        let read = |row: &rusqlite::Row<'_>| {
            let (bytes, records, tokens) =
                (from_sql(row.get(2)?), from_sql(row.get(3)?), from_sql(row.get(4)?));
            let offer = Offer { digest, bytes, records, tokens, loss: row.get(5)? };
            Ok((RunId(row.get(0)?), Round(row.get(1)?), offer))
        };
        Ok(self.lock().query_row(query, params![site.as_str(), digest.0], read).optional()?)
    }

    /// Stores the receipt of an update that counts, unless there is one; returns the one that stands.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_receipt(
        &self,
        run: RunId,
        round: Round,
        site: &SiteId,
        digest: Digest,
        receipt: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let connection = self.lock();
        connection.execute(
            "INSERT OR IGNORE INTO receipts (run, round, site, digest, receipt) VALUES (?, ?, ?, ?, ?)",
            params![run.0, round.0, site.as_str(), digest.0, receipt],
        )?;
        let query = "SELECT receipt FROM receipts WHERE run = ? AND round = ? AND site = ?";
        Ok(connection.query_row(query, params![run.0, round.0, site.as_str()], |row| row.get(0))?)
    }

    /// The receipt of this site's update for this round.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn receipt(&self, run: RunId, round: Round, site: &SiteId) -> Result<Option<Vec<u8>>, StoreError> {
        let query = "SELECT receipt FROM receipts WHERE run = ? AND round = ? AND site = ?";
        let connection = self.lock();
        Ok(connection
            .query_row(query, params![run.0, round.0, site.as_str()], |row| row.get(0))
            .optional()?)
    }

    /// Notes a site's progress.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_progress(
        &self,
        run: RunId,
        round: Round,
        site: &SiteId,
        progress: &Progress,
    ) -> Result<(), StoreError> {
        self.lock().execute(
            "INSERT OR REPLACE INTO progress (run, round, site, step, total_steps, loss, tokens_per_s, at)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            params![
                run.0,
                round.0,
                site.as_str(),
                progress.step,
                progress.total_steps,
                progress.loss,
                progress.tokens_per_s,
                to_sql(progress.at.0)
            ],
        )?;
        Ok(())
    }

    /// A site's progress in a round.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn progress(&self, run: RunId, round: Round, site: &SiteId) -> Result<Option<Progress>, StoreError> {
        let query = "SELECT step, total_steps, loss, tokens_per_s, at FROM progress
                     WHERE run = ? AND round = ? AND site = ?";
        let read = |row: &rusqlite::Row<'_>| {
            Ok(Progress {
                step: row.get(0)?,
                total_steps: row.get(1)?,
                loss: row.get(2)?,
                tokens_per_s: row.get(3)?,
                at: Timestamp(from_sql(row.get(4)?)),
            })
        };
        let connection = self.lock();
        Ok(connection.query_row(query, params![run.0, round.0, site.as_str()], read).optional()?)
    }
}
