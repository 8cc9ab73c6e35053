//! Certificates that count no more, for the revocation list. Called by `state_folder::revocations`, and by
//! `enrolment`, `renewal` and `holders` for each that they record. Invariants: a certificate that one of them
//! shuts out is here from the same transaction on; whatever is revoked, a list has room for it.

use std::time::SystemTime;

use certs::crl::{Reason, Revoked};
use certs::{PeerCertificate, SerialNumber, SpkiPin, crl};
use common::clock::Timestamp;
use common::id::SiteId;
use rusqlite::{Connection, Row, params};

use super::database::{Store, from_sql, to_sql};
use super::error::StoreError;
use crate::limits::{LISTED_MEMBERS_MAX, LISTED_MS_MAX, LISTED_OF_ONE_MAX};

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
                if may_be_listed(&der, now) {
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

/// Certificates of a site that may be listed.
pub(super) const OF_SITE: &str = "SELECT der FROM certificates WHERE site = ?1 AND issued_at > ?2";
/// The same of an operator, an auditor or a witness.
pub(super) const OF_HOLDER: &str = "SELECT der FROM holder_certificates WHERE holder = ?1 AND issued_at > ?2";
const MEMBERS: &str = "SELECT (SELECT count(DISTINCT site) FROM certificates WHERE issued_at > ?1)
     + (SELECT count(DISTINCT holder) FROM holder_certificates WHERE issued_at > ?1)";

/// Refuses the certificate that this transaction has just recorded for `name`, if a list might have no room
/// once everything is revoked: nobody can keep a stolen key off it by having others revoked.
///
/// # Errors
/// `TooManyCertificates`, `TooManyMembers`; the database cannot be read.
pub(super) fn must_fit(
    connection: &Connection,
    of_member: &str,
    name: &SiteId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let since = to_sql(now.0.saturating_sub(LISTED_MS_MAX));
    let mut statement = connection.prepare(of_member)?;
    let mut own = 0;
    for der in statement.query_map(params![name.as_str(), since], |row| row.get::<_, Vec<u8>>(0))? {
        own += usize::from(may_be_listed(&der?, now));
    }
    let members: i64 = connection.query_row(MEMBERS, [since], |row| row.get(0))?;
    // Who has one already never finds the door shut for others' sake.
    if own == 1 && from_sql(members) > LISTED_MEMBERS_MAX as u64 {
        return Err(StoreError::TooManyMembers);
    }
    if own > LISTED_OF_ONE_MAX { Err(StoreError::TooManyCertificates) } else { Ok(()) }
}

/// Whether a certificate would be on the list of `now` if it were revoked. One that cannot be read would.
fn may_be_listed(der: &[u8], now: Timestamp) -> bool {
    PeerCertificate::from_der(der)
        .map_or(true, |found| found.not_after + crl::KEPT_AFTER_END > SystemTime::from(now))
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use certs::{CertificateAuthority, IdentityKey, JoinToken, RequestedKey, csr};

    use super::*;
    use crate::store::{Certificate, Leaving, Store};

    const DAY_MS: u64 = 86_400_000;
    const START: Timestamp = Timestamp(1_800_000_000_000);

    struct Consortium {
        _folder: tempfile::TempDir,
        store: Store,
        authority: CertificateAuthority,
    }

    impl Consortium {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&folder.path().join("coordinator.db")).unwrap();
            let serial = SerialNumber::from_random([1; 16]);
            let authority = CertificateAuthority::create("test", &serial, START.into()).unwrap();
            Self { _folder: folder, store, authority }
        }

        /// A site of this name joins, or joins again, for a day.
        fn joins(&self, name: &str, now: Timestamp) -> Result<(), StoreError> {
            let token = JoinToken::from_bytes(certs::random::bytes().unwrap());
            self.store.invite(&name.parse().unwrap(), &token.hash(), now.plus_ms(1_000), now)?;
            let key =
                RequestedKey::from_csr(&csr::create(&IdentityKey::generate().unwrap()).unwrap()).unwrap();
            let serial = SerialNumber::from_random(certs::random::bytes().unwrap());
            let life = Duration::from_millis(DAY_MS);
            let made = |site: &SiteId| {
                let issued =
                    self.authority.issue_site(site.as_str(), &key, &serial, now.into(), life).unwrap();
                Ok(Certificate { serial, key: key.pin(), der: issued.der })
            };
            self.store.enrol(&token.hash(), name, key.pin(), now, made).map(|_| ())
        }
    }

    #[test]
    fn nobody_has_so_many_certificates_that_a_list_has_no_room() {
        let consortium = Consortium::new();
        for number in 0..LISTED_OF_ONE_MAX as u64 {
            consortium.joins("cardiology", START.plus_ms(number)).unwrap();
        }
        let again = consortium.joins("cardiology", START.plus_ms(DAY_MS));
        assert!(matches!(again, Err(StoreError::TooManyCertificates)), "{again:?}");
        consortium.joins("neurology", START.plus_ms(DAY_MS)).unwrap();
        // A week after their ends they are on no list, and one after the other is fine for ever.
        for number in 0..3 * LISTED_OF_ONE_MAX as u64 {
            consortium.joins("cardiology", START.plus_ms((9 + number) * DAY_MS)).unwrap();
        }
    }

    #[test]
    fn whatever_a_rogue_operator_revokes_a_list_can_be_signed() {
        let consortium = Consortium::new();
        let name = |number: usize| format!("site-{number}");
        let mut number = 0;
        // Each joins once, for a list has room for sixteen of each, and is shut out.
        while consortium.joins(&name(number), START.plus_ms(number as u64)).is_ok() {
            consortium
                .store
                .revoke(&name(number).parse().unwrap(), Leaving::Operator, START.plus_ms(number as u64))
                .unwrap();
            number += 1;
        }
        assert_eq!(number, LISTED_MEMBERS_MAX);
        let now = START.plus_ms(DAY_MS);
        let revoked = consortium.store.revoked_certificates(now).unwrap();
        assert_eq!(revoked.len(), LISTED_MEMBERS_MAX);
        crl::sign(&consortium.authority, 1, &revoked, now.into()).unwrap();
        // Those who went long ago make room.
        consortium.joins("newcomer", START.plus_ms(LISTED_MS_MAX + DAY_MS)).unwrap();
    }
}
