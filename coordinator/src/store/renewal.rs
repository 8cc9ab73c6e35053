//! A site's next certificate, and the end of the one before. Called by `enrolment::issue` and by
//! `requests::handler` at the beginning of each connection. Invariants: the older certificate counts until a
//! connection with the newer one stands, so that an answer that is lost shuts nobody out; the same key gets
//! the same certificate; a renewal certifies no key that was certified before, here or elsewhere; a site has
//! at most [`CERTIFICATES_PER_DAY_MAX`] new certificates a day. None is ever deleted: the mark beside the
//! database counts them.

use certs::{SerialNumber, SpkiPin};
use common::clock::Timestamp;
use common::id::SiteId;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::database::{Store, from_sql, to_sql};
use super::enrolment::{Certificate, Enrolled, certificate, record};
use super::error::StoreError;
use super::revoked::{OF_SITE, must_fit};
use crate::limits::CERTIFICATES_PER_DAY_MAX;

const DAY_MS: u64 = 86_400_000;

impl Store {
    /// Records the certificate that `sign` makes for the next key of `site`, whose request came over the
    /// certificate with the serial number `used`. A successor that was never used is forgotten for it.
    ///
    /// # Errors
    /// [`StoreError::SiteRevoked`] when `used` counts no more; [`StoreError::KeyUsed`] for a key that was
    /// certified before and is not this site's next one, [`StoreError::TooManyCertificates`], those of
    /// `sign`, or the database cannot be written.
    pub fn renew(
        &self,
        site: &SiteId,
        used: SerialNumber,
        key: SpkiPin,
        now: Timestamp,
        sign: impl FnOnce() -> Result<Certificate, StoreError>,
    ) -> Result<Enrolled, StoreError> {
        let mut connection = self.lock();
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // The site was authorised in an earlier visit: it may have been shut out since, or have joined again.
        if !counts(&transaction, site, used)? {
            return Err(StoreError::SiteRevoked(site.to_string()));
        }
        if let Some(serial) = newest_of_key(&transaction, site, key)? {
            let certificate = certificate(&transaction, serial)?
                .ok_or_else(|| StoreError::Corrupt("a certificate is missing".into()))?;
            return Ok(Enrolled { site: site.clone(), certificate, fresh: false });
        }
        let known = "SELECT 1 FROM certificates WHERE key_pin = ?";
        if transaction.query_row(known, params![key.as_bytes()], |_| Ok(())).optional()?.is_some() {
            return Err(StoreError::KeyUsed);
        }
        // One that was made while the clock was wrong, and counts no more, is no measure of today.
        let query =
            "SELECT count(*) FILTER (WHERE issued_at > ?1 AND (issued_at <= ?2 OR revoked_at IS NULL)),
                     max(issued_at) FILTER (WHERE revoked_at IS NULL) FROM certificates WHERE site = ?3";
        let (day, next_day) = (to_sql(now.0.saturating_sub(DAY_MS)), to_sql(now.0.saturating_add(DAY_MS)));
        let read = |row: &rusqlite::Row<'_>| Ok((row.get::<_, u32>(0)?, row.get::<_, Option<i64>>(1)?));
        let (today, newest) = transaction.query_row(query, params![day, next_day, site.as_str()], read)?;
        if today >= CERTIFICATES_PER_DAY_MAX {
            return Err(StoreError::TooManyCertificates);
        }
        let certificate = sign()?;
        transaction.execute(
            "UPDATE certificates SET revoked_at = ? WHERE site = ? AND serial <> ? AND revoked_at IS NULL",
            params![to_sql(now.0), site.as_str(), used.as_bytes()],
        )?;
        // The order of a site's certificates is that of their times, whatever the clock does.
        let issued = newest.map_or(now, |newest| now.max(Timestamp(from_sql(newest)).plus_ms(1)));
        record(&transaction, site, &certificate, issued)?;
        must_fit(&transaction, OF_SITE, site, now)?;
        transaction.commit()?;
        drop(connection);
        self.keep_mark();
        Ok(Enrolled { site: site.clone(), certificate, fresh: true })
    }

    /// Ends the certificates of `site` that are older than the one with this serial number, which is in use
    /// now. Returns whether there was one.
    ///
    /// # Errors
    /// The database cannot be written.
    pub fn supersede(&self, site: &SiteId, serial: SerialNumber, now: Timestamp) -> Result<bool, StoreError> {
        let changed = self.lock().execute(
            "UPDATE certificates SET revoked_at = ?1 WHERE site = ?2 AND revoked_at IS NULL
             AND issued_at < (SELECT issued_at FROM certificates WHERE serial = ?3 AND revoked_at IS NULL)",
            params![to_sql(now.0), site.as_str(), serial.as_bytes()],
        )?;
        Ok(changed > 0)
    }

    /// The certificates of a site that are remembered, oldest first.
    ///
    /// # Errors
    /// The database cannot be read.
    pub fn certificates(&self, site: &SiteId) -> Result<Vec<SerialNumber>, StoreError> {
        let connection = self.lock();
        let mut statement =
            connection.prepare("SELECT serial FROM certificates WHERE site = ? ORDER BY issued_at")?;
        let serials = statement.query_map([site.as_str()], |row| row.get::<_, [u8; 16]>(0))?;
        Ok(serials.map(|serial| serial.map(SerialNumber::from_bytes)).collect::<Result<_, _>>()?)
    }
}

/// The certificate of this key that counts, if it is the site's.
fn newest_of_key(
    connection: &Connection,
    site: &SiteId,
    key: SpkiPin,
) -> Result<Option<SerialNumber>, StoreError> {
    let query = "SELECT serial FROM certificates WHERE site = ? AND key_pin = ? AND revoked_at IS NULL
                 ORDER BY issued_at DESC LIMIT 1";
    let read = |row: &rusqlite::Row<'_>| row.get::<_, [u8; 16]>(0);
    let serial = connection.query_row(query, params![site.as_str(), key.as_bytes()], read).optional()?;
    Ok(serial.map(SerialNumber::from_bytes))
}

/// Whether this certificate of the site counts now.
fn counts(connection: &Connection, site: &SiteId, serial: SerialNumber) -> Result<bool, StoreError> {
    let query = "SELECT 1 FROM certificates JOIN sites ON sites.name = certificates.site
                 WHERE serial = ? AND sites.name = ? AND certificates.revoked_at IS NULL AND sites.status = 'active'";
    let found =
        connection.query_row(query, params![serial.as_bytes(), site.as_str()], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use certs::JoinToken;

    use super::*;
    use crate::limits::LISTED_OF_ONE_MAX;

    fn store() -> (tempfile::TempDir, Store, SiteId) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("coordinator.db")).unwrap();
        let site: SiteId = "cardiology".parse().unwrap();
        let token = JoinToken::from_bytes([9; 32]).hash();
        store.invite(&site, &token, Timestamp(1_000), Timestamp(0)).unwrap();
        store.enrol(&token, "cardiology", key(1), Timestamp(1), |_| Ok(made(1))).unwrap();
        (folder, store, site)
    }

    fn key(number: u8) -> SpkiPin {
        SpkiPin::of_spki(&[number])
    }

    fn serial(number: u8) -> SerialNumber {
        SerialNumber::from_random([number; 16])
    }

    fn made(number: u8) -> Certificate {
        Certificate { serial: serial(number), key: key(number), der: vec![number] }
    }

    #[test]
    fn both_certificates_count_until_the_newer_one_is_used() {
        let (_folder, store, site) = store();
        let counts = |number| store.authorise(serial(number), key(number)).unwrap().is_some();
        let at = Timestamp(DAY_MS);
        let first = store.renew(&site, serial(1), key(2), at, || Ok(made(2))).unwrap();
        let again = store.renew(&site, serial(1), key(2), at, || panic!("signed twice")).unwrap();
        assert_eq!((first.fresh, again.fresh, again.certificate), (true, false, first.certificate));
        assert!(counts(1) && counts(2));
        assert!(!store.supersede(&site, serial(1), at).unwrap(), "the older one ends nothing");
        assert!(store.supersede(&site, serial(2), at).unwrap());
        assert!(!counts(1) && counts(2));
        assert!(store.is_revoked(serial(1), key(1)).unwrap());
        assert!(!store.supersede(&site, serial(1), at).unwrap() && counts(2), "nor when it counts no more");
        assert_eq!(store.keys().unwrap()[&site].0, *key(2).as_bytes());
    }

    #[test]
    fn a_lost_key_is_replaced_and_no_key_is_certified_twice() {
        let (_folder, store, site) = store();
        let at = Timestamp(DAY_MS);
        store.renew(&site, serial(1), key(2), at, || Ok(made(2))).unwrap();
        // The site lost the second key before it used it; the clock stood still.
        store.renew(&site, serial(1), key(3), at, || Ok(made(3))).unwrap();
        assert_eq!(store.authorise(serial(2), key(2)).unwrap(), None);
        assert!(store.supersede(&site, serial(3), at).unwrap());
        for old in [1, 2] {
            let refused = store.renew(&site, serial(3), key(old), at, || panic!("signed"));
            assert!(matches!(refused, Err(StoreError::KeyUsed)), "{old}");
        }
        let other: SiteId = "neurology".parse().unwrap();
        let token = JoinToken::from_bytes([8; 32]).hash();
        store.invite(&other, &token, Timestamp(1_000), Timestamp(0)).unwrap();
        store.enrol(&token, "neurology", key(9), Timestamp(1), |_| Ok(made(9))).unwrap();
        let refused = store.renew(&other, serial(9), key(3), at, || panic!("signed"));
        assert!(matches!(refused, Err(StoreError::KeyUsed)), "another site's");
    }

    /// What was authorised a moment ago may have been shut out since.
    #[test]
    fn a_renewal_that_was_on_its_way_undoes_no_revocation_and_no_readmission() {
        let (_folder, store, site) = store();
        let at = Timestamp(DAY_MS);
        store.renew(&site, serial(1), key(2), at, || Ok(made(2))).unwrap();
        assert!(store.supersede(&site, serial(2), at).unwrap());
        let late = store.renew(&site, serial(1), key(4), at, || panic!("signed"));
        assert!(matches!(late, Err(StoreError::SiteRevoked(_))), "{late:?}");
        assert!(store.authorise(serial(2), key(2)).unwrap().is_some());
        assert!(store.revoke(&site, crate::store::Leaving::Operator, at).unwrap());
        let late = store.renew(&site, serial(2), key(5), at, || panic!("signed"));
        assert!(matches!(late, Err(StoreError::SiteRevoked(_))), "{late:?}");
        assert_eq!(store.sites().unwrap()[0].status.word(), "revoked");
    }

    /// A site joined while the coordinator's clock was years ahead, and again when it was right.
    #[test]
    fn a_clock_that_was_wrong_stops_no_later_renewal() {
        let (_folder, store, site) = store();
        let (wrong, at) = (Timestamp(4_000 * DAY_MS), Timestamp(2 * DAY_MS));
        store.renew(&site, serial(1), key(2), wrong, || Ok(made(2))).unwrap();
        assert!(store.supersede(&site, serial(2), wrong).unwrap());
        let token = JoinToken::from_bytes([7; 32]).hash();
        store.invite(&site, &token, at.plus_ms(1_000), at).unwrap();
        store.enrol(&token, "cardiology", key(3), at, |_| Ok(made(3))).unwrap();
        for number in 3..3 + 7 {
            store.renew(&site, serial(number), key(number + 1), at, || Ok(made(number + 1))).unwrap();
            assert!(store.supersede(&site, serial(number + 1), at).unwrap());
        }
        store.renew(&site, serial(10), key(11), Timestamp(4 * DAY_MS), || Ok(made(11))).unwrap();
    }

    #[test]
    fn a_member_has_few_certificates_a_day() {
        let (_folder, store, site) = store();
        let (number, asked) = (Cell::new(1_u8), Cell::new(0_u64));
        let ask = |at: u64| {
            let (used, next) = (serial(number.get()), number.get() + 1);
            store.renew(&site, used, key(next), Timestamp(at), || Ok(made(next))).inspect(|_| {
                store.supersede(&site, serial(next), Timestamp(at)).unwrap();
                number.set(next);
            })
        };
        let mut all = Vec::new();
        for day in 2..6 {
            while ask(2 * day * DAY_MS).is_ok() {
                asked.set(asked.get() + 1);
            }
            all.push(asked.get());
        }
        // The second bound: those that may be listed, with the one of its joining.
        let (a_day, listed) = (u64::from(CERTIFICATES_PER_DAY_MAX), LISTED_OF_ONE_MAX as u64);
        assert_eq!(all, [a_day, listed - 1, listed - 1, listed - 1]);
        assert!(matches!(ask(22 * DAY_MS), Err(StoreError::TooManyCertificates)));
    }
}
