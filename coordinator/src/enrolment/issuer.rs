//! Makes certificates for members: the authority, and how long they live. Used by `enrolment::issue` and
//! `enrolment::person` for who joins and by `requests::renewal` for who stays. Invariant: of a request only
//! the public key is believed; the name is the one that the caller found in the database.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use certs::role::{Member, PERSON_LIFETIME};
use certs::{CertError, CertificateAuthority, IssuedCertificate, RequestedKey, SerialNumber};
use common::clock::Timestamp;
use common::id::SiteId;

use crate::state_folder::authority::random_serial;
use crate::store::{Certificate, StoreError};

/// The consortium's authority, and the life of what it makes.
#[derive(Debug)]
pub struct Issuer {
    /// Signs certificates. Another one may follow it while we serve.
    authority: RwLock<Arc<CertificateAuthority>>,
    /// Life of a site's certificate.
    lifetime: Duration,
}

impl Issuer {
    /// With this authority, for certificates that live so long.
    pub fn new(authority: CertificateAuthority, lifetime: Duration) -> Self {
        Self { authority: RwLock::new(Arc::new(authority)), lifetime }
    }

    /// The present authority.
    pub fn authority(&self) -> Arc<CertificateAuthority> {
        // Nothing that can panic is done under the lock.
        Arc::clone(&self.authority.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Has this authority sign from now on.
    pub fn follow(&self, authority: CertificateAuthority) {
        *self.authority.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(authority);
    }

    /// A certificate for this key of this site, from `now` on.
    ///
    /// # Errors
    /// [`StoreError::Certificate`]: nothing can be signed, or the authority's own certificate has ended.
    pub fn issue(
        &self,
        site: &SiteId,
        key: &RequestedKey,
        now: Timestamp,
    ) -> Result<Certificate, StoreError> {
        self.certify(key, |authority, serial| {
            authority.issue_site(site.as_str(), key, serial, now.into(), self.lifetime)
        })
    }

    /// A certificate for this key of an operator or auditor, from `now` on, for [`PERSON_LIFETIME`].
    ///
    /// # Errors
    /// As [`Self::issue`].
    pub fn issue_holder(
        &self,
        member: Member<'_>,
        key: &RequestedKey,
        now: Timestamp,
    ) -> Result<Certificate, StoreError> {
        self.certify(key, |authority, serial| {
            authority.issue_member(member, key, serial, now.into(), PERSON_LIFETIME)
        })
    }

    fn certify(
        &self,
        key: &RequestedKey,
        sign: impl FnOnce(&CertificateAuthority, &SerialNumber) -> Result<IssuedCertificate, CertError>,
    ) -> Result<Certificate, StoreError> {
        let failed = |error: &dyn std::fmt::Display| StoreError::Certificate(error.to_string());
        let serial = random_serial().map_err(|error| failed(&error))?;
        let issued = sign(&self.authority(), &serial).map_err(|error| failed(&error))?;
        Ok(Certificate { serial, key: key.pin(), der: issued.der })
    }
}
