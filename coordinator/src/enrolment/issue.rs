//! A one-time token and a certificate request in, a certificate out. Called by `enrolment` for each join
//! request. Invariants: of the request only the public key is believed; certificate and token change in
//! one transaction; the same token with the same key gets the same certificate, whatever crashed.

use certs::{JoinToken, RequestedKey};
use common::clock::Timestamp;
use common::id::SiteId;

use super::issuer::Issuer;
use crate::store::{Enrolled, Store, StoreError};

/// What a joining site gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Joined {
    /// The name it was invited under.
    pub(super) site: SiteId,
    /// Its certificate.
    pub(super) certificate_der: Vec<u8>,
    /// Whether it was made now, and so ended the one before.
    pub(super) is_fresh: bool,
}

/// What a joining site sent. No `Debug`: it holds the token.
pub(super) struct Application {
    /// The one-time token of its invitation.
    pub(super) token: JoinToken,
    /// The site's name as the request gives it. It must be the token's, but the certificate is made for the
    /// name on record.
    pub(super) named: String,
    /// The certificate request.
    pub(super) request_der: Vec<u8>,
}

/// Answers one join request with a certificate from `now` on.
///
/// # Errors
/// The request cannot be read, the token does not allow it ([`Store::enrol`]), or nothing can be signed or
/// stored.
pub(super) fn enrol(
    store: &Store,
    issuer: &Issuer,
    application: &Application,
    now: Timestamp,
) -> Result<Joined, StoreError> {
    let Application { token, named, request_der } = application;
    let key =
        RequestedKey::from_csr(request_der).map_err(|error| StoreError::Certificate(error.to_string()))?;
    let enrolled = store.enrol(&token.hash(), named, key.pin(), now, |site| {
        let issued = issuer.issue(site, &key, now)?;
        common::crash_point!("enrol-after-sign");
        Ok(issued)
    })?;
    common::crash_point!("enrol-after-commit");
    let Enrolled { site, certificate, fresh } = enrolled;
    Ok(Joined { site, certificate_der: certificate.der, is_fresh: fresh })
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use certs::{CertificateAuthority, IdentityKey, csr};

    use super::*;
    use crate::state_folder::authority::random_serial;

    const DAY: Duration = Duration::from_secs(86_400);

    #[test]
    fn a_repeated_request_gets_the_same_certificate_and_a_stranger_none() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("db")).unwrap();
        let now = Timestamp(1_700_000_000_000);
        let serial = random_serial().unwrap();
        let authority = CertificateAuthority::create("test", &serial, now.into()).unwrap();
        let issuer = Issuer::new(authority, 30 * DAY);
        let token = JoinToken::from_bytes([5; 32]);
        let site = "neurology".parse().unwrap();
        store.invite(&site, &token.hash(), now.plus_ms(1_000), now).unwrap();
        let request = csr::create(&IdentityKey::generate().unwrap()).unwrap();
        let ask = |named: &str, request: &[u8], now| {
            let (named, request_der) = (named.to_owned(), request.to_vec());
            let application = Application { token: token.clone(), named, request_der };
            enrol(&store, &issuer, &application, now)
        };
        let first = ask("neurology", &request, now).unwrap();
        let again = ask("neurology", &request, now.plus_ms(9_999)).unwrap();
        assert!(first.is_fresh && !again.is_fresh);
        assert_eq!(first.certificate_der, again.certificate_der);
        let peer = certs::PeerCertificate::from_der(&first.certificate_der).unwrap();
        assert_eq!((peer.site().unwrap(), first.site), ("neurology", site));
        let at = SystemTime::from(now);
        assert!(peer.not_after > at && peer.not_after <= at + 30 * DAY);
        let elsewhere = ask("cardiology", &request, now);
        assert!(matches!(elsewhere, Err(StoreError::TokenUnknown)), "a token is for one site");
        let stranger = csr::create(&IdentityKey::generate().unwrap()).unwrap();
        let refused = ask("neurology", &stranger, now);
        assert!(matches!(refused, Err(StoreError::TokenUsed)));
        let garbage = ask("neurology", b"not a request", now);
        assert!(matches!(garbage, Err(StoreError::Certificate(_))));
    }
}
