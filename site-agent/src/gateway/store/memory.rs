//! What this site knows of its ledger without reading it: the receipts, the size and root that the
//! coordinator took last, the coordinator's last word to us, and what the privacy officer accepted. Called by
//! `gateway::connection` (writes), `gateway::memory` and the subcommands `ledger`, `status` and `check`.
//!
//! Invariant: a receipt is set aside only by an officer's decision, and stays.

use common::id::Digest;
use common::wire::codec;
use common::wire::message::{LedgerHead, Receipt, RoundKey};
use rusqlite::{OptionalExtension as _, Row, params};

use super::{Store, from_sql, to_sql};
use crate::error::SiteError;
use crate::limits::OWN_KEYS_MAX;

/// What the coordinator said to this site last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Said {
    /// It takes the ledger and answers.
    Welcome,
    /// The ledger is not the one that it was told of before.
    LedgerRefused,
    /// It was restored from an older copy.
    Restored,
    /// It does not know the certificate.
    Unknown,
    /// The certificate was revoked, or this site has a newer one.
    Revoked,
    /// The certificate has expired.
    Expired,
    /// It gave no revocation list that holds.
    NoRevocations,
    /// Its own certificate was revoked.
    ItselfRevoked,
}

impl Said {
    /// Every word there is; its place is its number in the database.
    pub(crate) const ALL: [Self; 8] = [
        Self::Welcome,
        Self::LedgerRefused,
        Self::Restored,
        Self::Unknown,
        Self::Revoked,
        Self::Expired,
        Self::NoRevocations,
        Self::ItselfRevoked,
    ];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Welcome => "accepts this site",
            Self::LedgerRefused => "was told of another ledger before; its operator must accept this one",
            Self::Restored => "was restored from an older copy; its operator must accept that",
            Self::Unknown => "does not know this site's certificate",
            Self::Revoked => "has revoked this site's certificate, or it has a newer one",
            Self::Expired => "says that this site's certificate has expired",
            Self::NoRevocations => "gives no revocation list that holds, and nothing leaves without one",
            Self::ItselfRevoked => "has a certificate that was revoked, and nothing is sent to it",
        }
    }
}

/// A ledger that the privacy officer accepted in place of one that is lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// When, in milliseconds since 1970.
    pub at_ms: u64,
    /// The ledger as it was accepted.
    pub head: LedgerHead,
    /// The receipts that do not belong to it.
    pub set_aside: Vec<RoundKey>,
    /// The officer's signature over the decision, where the site trusts an officer's key.
    pub signature: Option<[u8; 64]>,
}

const FACT_SAID: &str = "coordinator_said";
const FACT_SAID_MS: &str = "coordinator_said_ms";

impl Store {
    /// Remembers what the coordinator said.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_said(&mut self, said: Said, now_ms: u64) -> Result<(), SiteError> {
        let number = Said::ALL.iter().position(|known| *known == said).unwrap_or(0);
        self.set_fact(FACT_SAID, number as u64)?;
        self.set_fact(FACT_SAID_MS, now_ms)
    }

    /// What the coordinator said last, and when.
    ///
    /// # Errors
    /// `Store`.
    pub fn said(&self) -> Result<Option<(Said, u64)>, SiteError> {
        let number = self.fact(FACT_SAID)?.and_then(|number| usize::try_from(number).ok());
        let said = number.and_then(|number| Said::ALL.get(number).copied());
        Ok(said.zip(self.fact(FACT_SAID_MS)?))
    }

    /// Remembers the ledger that the coordinator took.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_taken_ledger(&mut self, head: &LedgerHead, now_ms: u64) -> Result<(), SiteError> {
        self.connection.execute(
            "INSERT OR REPLACE INTO taken_ledger (id, size, root, at_ms) VALUES (1, ?1, ?2, ?3)",
            params![to_sql(head.size), head.root.0, to_sql(now_ms)],
        )?;
        Ok(())
    }

    /// The ledger that the coordinator took last.
    ///
    /// # Errors
    /// `Store`.
    pub fn taken_ledger(&self) -> Result<Option<LedgerHead>, SiteError> {
        if !self.has_table("taken_ledger")? {
            return Ok(None);
        }
        let query = "SELECT size, root FROM taken_ledger WHERE id = 1";
        Ok(self.connection.query_row(query, [], |row| read_head(row, 0)).optional()?)
    }

    /// Every receipt that there is; `gateway::decisions` knows which the ledger must fit.
    ///
    /// # Errors
    /// `Store`.
    pub fn receipts(&self) -> Result<Vec<Receipt>, SiteError> {
        Ok(self.updates()?.into_iter().filter_map(|update| update.receipt).collect())
    }

    /// The receipt that came last.
    ///
    /// # Errors
    /// `Store`.
    pub fn newest_receipt(&self) -> Result<Option<Receipt>, SiteError> {
        let query = "SELECT receipt FROM updates WHERE receipt IS NOT NULL ORDER BY received_ms DESC LIMIT 1";
        let read = |row: &Row<'_>| row.get::<_, Vec<u8>>(0);
        let found = self.connection.query_row(query, [], read).optional()?;
        Ok(found.and_then(|bytes| codec::decode(&bytes).ok()))
    }

    /// Records that the privacy officer accepts the ledger as it is.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_epoch(&mut self, epoch: &Epoch) -> Result<(), SiteError> {
        let set_aside =
            codec::encode_local(&epoch.set_aside).map_err(|error| SiteError::Internal(error.to_string()))?;
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT INTO ledger_epochs (at_ms, size, root, set_aside, signature) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![
                to_sql(epoch.at_ms),
                to_sql(epoch.head.size),
                epoch.head.root.0,
                set_aside,
                epoch.signature.as_ref().map(<[u8; 64]>::as_slice)
            ],
        )?;
        transaction.execute(
            "INSERT OR REPLACE INTO taken_ledger (id, size, root, at_ms) VALUES (1, ?1, ?2, ?3)",
            params![to_sql(epoch.head.size), epoch.head.root.0, to_sql(epoch.at_ms)],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// What the privacy officer accepted, oldest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn epochs(&self) -> Result<Vec<Epoch>, SiteError> {
        if !self.has_table("ledger_epochs")? {
            return Ok(Vec::new());
        }
        let query = "SELECT size, root, at_ms, set_aside, signature FROM ledger_epochs ORDER BY id";
        let mut statement = self.connection.prepare(query)?;
        let read = |row: &Row<'_>| {
            let set_aside: Vec<u8> = row.get(3)?;
            Ok(Epoch {
                head: read_head(row, 0)?,
                at_ms: from_sql(row.get(2)?),
                set_aside: codec::decode_local(&set_aside).unwrap_or_default(),
                signature: row.get(4)?,
            })
        };
        let epochs = statement.query_map([], read)?;
        Ok(epochs.collect::<Result<_, _>>()?)
    }

    /// Remembers a key of this site: one that is certified, or that is about to be.
    ///
    /// # Errors
    /// `Store`.
    pub fn record_own_key(&mut self, key: Digest, now_ms: u64) -> Result<(), SiteError> {
        let transaction = self.connection.transaction()?;
        transaction.execute(
            "INSERT OR IGNORE INTO own_keys (key, since_ms) VALUES (?1, ?2)",
            params![key.0, to_sql(now_ms)],
        )?;
        transaction.execute(
            "DELETE FROM own_keys WHERE key NOT IN (SELECT key FROM own_keys ORDER BY since_ms DESC LIMIT ?1)",
            [OWN_KEYS_MAX],
        )?;
        transaction.commit()?;
        Ok(())
    }

    /// Whether this site has, or had, this key.
    ///
    /// # Errors
    /// `Store`.
    pub fn is_own_key(&self, key: Digest) -> Result<bool, SiteError> {
        let query = "SELECT 1 FROM own_keys WHERE key = ?1";
        Ok(self.connection.query_row(query, [key.0], |_| Ok(())).optional()?.is_some())
    }

    /// The keys that this site has, or had, and since when, in milliseconds since 1970; the oldest first.
    ///
    /// # Errors
    /// `Store`.
    pub fn own_keys(&self) -> Result<Vec<(Digest, u64)>, SiteError> {
        if !self.has_table("own_keys")? {
            return Ok(Vec::new());
        }
        let query = "SELECT key, since_ms FROM own_keys ORDER BY since_ms, key";
        let mut statement = self.connection.prepare(query)?;
        let keys = statement.query_map([], |row| Ok((Digest(row.get(0)?), from_sql(row.get(1)?))))?;
        Ok(keys.collect::<Result<_, _>>()?)
    }

    /// A database that an older version wrote, opened to read, lacks the newer tables.
    pub(super) fn has_table(&self, name: &str) -> Result<bool, SiteError> {
        let query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?1";
        Ok(self.connection.query_row(query, [name], |_| Ok(())).optional()?.is_some())
    }
}

fn read_head(row: &Row<'_>, column: usize) -> rusqlite::Result<LedgerHead> {
    Ok(LedgerHead { size: from_sql(row.get(column)?), root: Digest(row.get(column + 1)?) })
}
