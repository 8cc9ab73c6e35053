//! When a site was heard of, whether it is paused, what it said of its condition, and the certificate that
//! counts. Called by `admin` and `requests`. Invariant: nothing here decides what
//! counts in a round; a pause does so only once it is an event in the journal.

use certs::PeerCertificate;
use common::clock::Timestamp;
use common::id::SiteId;
use rusqlite::{OptionalExtension, params};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;

/// What a site says of itself once a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Version of its program, each part below 1000.
    pub version: [u16; 3],
    /// How far its clock was ahead of ours.
    pub clock_ahead_s: i64,
    /// Whether its disk has less room left than its own settings want.
    pub disk_low: bool,
}

impl Store {
    /// Pauses a site. Returns whether it was not paused before.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn pause(&self, site: &SiteId, now: Timestamp) -> Result<bool, StoreError> {
        let query =
            "UPDATE sites SET paused_at = ? WHERE name = ? AND paused_at IS NULL AND status <> 'revoked'";
        Ok(self.lock().execute(query, params![to_sql(now.0), site.as_str()])? > 0)
    }

    /// Ends a site's pause. Returns whether it was paused.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn unpause(&self, site: &SiteId) -> Result<bool, StoreError> {
        let query = "UPDATE sites SET paused_at = NULL WHERE name = ? AND paused_at IS NOT NULL";
        Ok(self.lock().execute(query, params![site.as_str()])? > 0)
    }

    /// Notes what a site says of its condition.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn put_condition(&self, site: &SiteId, condition: &Condition) -> Result<(), StoreError> {
        let [major, minor, patch] = condition.version.map(i64::from);
        self.lock().execute(
            "UPDATE sites SET version = ?, clock_ahead_s = ?, disk_low = ? WHERE name = ?",
            params![
                (major * 1000 + minor) * 1000 + patch,
                condition.clock_ahead_s,
                condition.disk_low,
                site.as_str()
            ],
        )?;
        Ok(())
    }

    /// What a site said last of its condition.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn condition(&self, site: &SiteId) -> Result<Option<Condition>, StoreError> {
        let query =
            "SELECT version, clock_ahead_s, disk_low FROM sites WHERE name = ? AND version IS NOT NULL";
        let read = |row: &rusqlite::Row<'_>| {
            let version: i64 = row.get(0)?;
            let part = |number: i64| u16::try_from(number % 1000).unwrap_or(0);
            Ok(Condition {
                version: [part(version / 1_000_000), part(version / 1000), part(version)],
                clock_ahead_s: row.get(1)?,
                disk_low: row.get(2)?,
            })
        };
        Ok(self.lock().query_row(query, params![site.as_str()], read).optional()?)
    }

    /// How often a site joined again in place of an older installation, and when it did last.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn readmissions(&self, site: &SiteId) -> Result<(u32, Option<Timestamp>), StoreError> {
        // Only a new installation begins with an empty ledger: see `enrolment::readmit`.
        let query = "SELECT count(*), max(at) FROM ledger_decisions WHERE site = ? AND size = 0";
        let read = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, moment(row.get(1)?)));
        Ok(self.lock().query_row(query, params![site.as_str()], read)?)
    }

    /// When the count of what arrived of a site began anew last: it joined again, or another ledger of it was
    /// accepted.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn counted_anew_at(&self, site: &SiteId) -> Result<Option<Timestamp>, StoreError> {
        let query = "SELECT max(at) FROM ledger_decisions WHERE site = ?";
        let read = |row: &rusqlite::Row<'_>| Ok(moment(row.get(0)?));
        Ok(self.lock().query_row(query, params![site.as_str()], read)?)
    }

    /// The newest certificate of a site that was not revoked.
    ///
    /// # Errors
    /// The database cannot be read, or holds a certificate that is none.
    pub fn newest_certificate(&self, site: &SiteId) -> Result<Option<PeerCertificate>, StoreError> {
        let query = "SELECT der FROM certificates WHERE site = ? AND revoked_at IS NULL
                     ORDER BY issued_at DESC LIMIT 1";
        let read = |row: &rusqlite::Row<'_>| row.get::<_, Vec<u8>>(0);
        let der = self.lock().query_row(query, params![site.as_str()], read).optional()?;
        let Some(der) = der else { return Ok(None) };
        let broken =
            |error: certs::CertError| StoreError::Corrupt(format!("the certificate of {site}: {error}"));
        PeerCertificate::from_der(&der).map(Some).map_err(broken)
    }
}

/// A time of a column that may be empty.
pub(super) fn moment(value: Option<i64>) -> Option<Timestamp> {
    value.map(|at| Timestamp(from_sql(at)))
}
