//! Certificates that count no more, for the revocation list. Called by `state_folder::revocations`.
//! Invariant: a certificate that `enrolment` or `holders` shuts out is here from the same transaction on.

use std::time::SystemTime;

use certs::crl::{Reason, Revoked};
use certs::{PeerCertificate, SerialNumber, SpkiPin, crl};
use common::clock::Timestamp;
use rusqlite::{Row, params};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;
use crate::limits::LISTED_MS_MAX;

/// Serial number, key, certificate, since when; whether its holder is shut out, and whether by its own wish.
const SITES: &str = "SELECT serial, key_pin, der, certificates.revoked_at, sites.status = 'revoked',
     sites.left_at IS NOT NULL FROM certificates JOIN sites ON sites.name = certificates.site
     WHERE certificates.revoked_at IS NOT NULL AND issued_at > ?1";
const HOLDERS: &str = "SELECT serial, key_pin, der, holder_certificates.revoked_at, status = 'revoked', 0
     FROM holder_certificates JOIN holders ON holders.name = holder
     WHERE holder_certificates.revoked_at IS NOT NULL AND issued_at > ?1";

impl Store {
    /// The certificates of members that count no more at `now` and have not ended long ago.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn revoked_certificates(&self, now: Timestamp) -> Result<Vec<Revoked>, StoreError> {
        let connection = self.lock();
        let since = to_sql(now.0.saturating_sub(LISTED_MS_MAX));
        let mut all = Vec::new();
        for query in [SITES, HOLDERS] {
            let mut statement = connection.prepare(query)?;
            for found in statement.query_map(params![since], read)? {
                let (revoked, der) = found?;
                let ends = PeerCertificate::from_der(&der).ok().map(|certificate| certificate.not_after);
                if ends.is_none_or(|ends| ends + crl::KEPT_AFTER_END > SystemTime::from(now)) {
                    all.push(revoked);
                }
            }
        }
        Ok(all)
    }

    /// A number that is another one whenever [`Self::revoked_certificates`] says more than before: none of
    /// what it counts is ever taken back.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn revocations(&self) -> Result<u64, StoreError> {
        let query = "SELECT (SELECT count(revoked_at) FROM certificates)
             + (SELECT count(revoked_at) FROM holder_certificates)
             + (SELECT count(*) FROM sites WHERE status = 'revoked')
             + (SELECT count(*) FROM holders WHERE status = 'revoked')";
        Ok(from_sql(self.lock().query_row(query, [], |row| row.get(0))?))
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<(Revoked, Vec<u8>)> {
    let reason = match (row.get(4)?, row.get(5)?) {
        (true, true) => Reason::Left,
        (true, false) => Reason::Withdrawn,
        (false, _) => Reason::Superseded,
    };
    let revoked = Revoked {
        serial: SerialNumber::from_bytes(row.get(0)?),
        key: SpkiPin::from_bytes(row.get(1)?),
        since: Timestamp(from_sql(row.get(3)?)).into(),
        reason,
    };
    Ok((revoked, row.get(2)?))
}
