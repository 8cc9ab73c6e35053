//! The consortium's certificate authority: one ECDSA P-256 key that says who is a member.
//!
//! Called by `coordinator init` (creates), and by serve and enrolment (load and issue).
//! Invariants: it signs only what `profile` composed; nothing it issues outlives it; key and
//! certificate are checked to belong together when loaded. Files and their modes are the caller's.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use rcgen::{CertificateParams, Issuer, PublicKeyData};
use rustls::pki_types::{CertificateDer, pem::PemObject};
use x509_parser::prelude::{FromDer, X509Certificate};
use zeroize::Zeroizing;

use crate::{
    csr::RequestedKey, error::CertError, key::IdentityKey, pin::SpkiPin, profile, role::Member, role::Role,
    serial::SerialNumber,
};

/// A certificate this authority signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IssuedCertificate {
    pub serial: SerialNumber,
    pub der: Vec<u8>,
    pub pem: String,
    pub not_after: SystemTime,
}

/// The authority with its private key.
pub struct CertificateAuthority {
    certificate: CertificateDer<'static>,
    certificate_pem: String,
    not_before: SystemTime,
    not_after: SystemTime,
    pin: SpkiPin,
    name: String,
    generation: u32,
    issuer: Issuer<'static, IdentityKey>,
}

impl CertificateAuthority {
    /// A new authority for ten years from `now`. `consortium` is shown in its subject, 1 to 64 characters.
    ///
    /// # Errors
    /// [`CertError::ConsortiumName`] for a name that is empty, too long or has control characters;
    /// [`CertError::Signing`] when the crypto provider fails.
    pub fn create(consortium: &str, serial: &SerialNumber, now: SystemTime) -> Result<Self, CertError> {
        Self::of_generation(consortium, 1, serial, now)
    }

    /// The authority that follows this one, with a key of its own and for ten years from `now`.
    ///
    /// # Errors
    /// [`CertError::Signing`] when the crypto provider fails.
    pub fn successor(&self, serial: &SerialNumber, now: SystemTime) -> Result<Self, CertError> {
        Self::of_generation(&self.name, self.generation.saturating_add(1), serial, now)
    }

    /// The bridge to `next`: a certificate in DER of its subject and key, signed by this authority, for
    /// as long as it holds. Who trusts this authority can verify with it what `next` signed.
    ///
    /// # Errors
    /// [`CertError::AuthorityExpired`] when this authority is no longer valid at `now`,
    /// [`CertError::Signing`] when the crypto provider fails.
    pub fn bridge_to(
        &self,
        next: &Self,
        serial: SerialNumber,
        now: SystemTime,
    ) -> Result<Vec<u8>, CertError> {
        let mut params = profile::bridge(&next.name, next.generation, &serial, self.not_before)?;
        params.not_after = self.not_after.into();
        Ok(self.sign(params, next.issuer.key(), serial, now)?.der)
    }

    fn of_generation(
        consortium: &str,
        generation: u32,
        serial: &SerialNumber,
        now: SystemTime,
    ) -> Result<Self, CertError> {
        let params = profile::authority(consortium, generation, serial, now)?;
        let key = IdentityKey::generate()?;
        let certificate = params.self_signed(key.key_pair()).map_err(signing)?;
        Self::from_parts(certificate.der().clone(), certificate.pem(), key)
    }

    /// Loads what `certificate_pem` and `key_pem` gave.
    ///
    /// # Errors
    /// [`CertError::Pem`] or [`CertError::Certificate`] for a text that is not the certificate of an
    /// authority, [`CertError::Key`] for another kind of key, [`CertError::KeyMismatch`] when the two do not
    /// belong together.
    pub fn load(certificate_pem: &str, key_pem: &str) -> Result<Self, CertError> {
        let certificate = CertificateDer::from_pem_slice(certificate_pem.as_bytes())
            .map_err(|_| CertError::Pem { what: "CA certificate" })?;
        Self::from_parts(certificate, certificate_pem.to_owned(), IdentityKey::from_pem(key_pem)?)
    }

    fn from_parts(
        certificate: CertificateDer<'static>,
        certificate_pem: String,
        key: IdentityKey,
    ) -> Result<Self, CertError> {
        let refuse = |reason| CertError::Certificate { what: "CA certificate", reason };
        let (rest, parsed) =
            X509Certificate::from_der(&certificate).map_err(|_| refuse("it is not X.509 in DER"))?;
        if !rest.is_empty() {
            return Err(refuse("bytes follow its end"));
        }
        if !parsed.is_ca() {
            return Err(refuse("it is not the certificate of an authority"));
        }
        let pin = SpkiPin::of_spki(parsed.tbs_certificate.subject_pki.raw);
        if pin != key.pin() {
            return Err(CertError::KeyMismatch);
        }
        let at =
            |unix_s: i64| SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(unix_s).unwrap_or(0));
        let validity = parsed.validity();
        let (not_before, not_after) =
            (at(validity.not_before.timestamp()), at(validity.not_after.timestamp()));
        let subject = parsed.subject();
        let name = subject.iter_common_name().next().and_then(|name| name.as_str().ok());
        let name = name.ok_or_else(|| refuse("its subject names no consortium"))?.to_owned();
        let unit = subject.iter_organizational_unit().next().and_then(|unit| unit.as_str().ok());
        let generation =
            unit.and_then(|unit| unit.strip_prefix(profile::GENERATION)?.parse().ok()).unwrap_or(1);
        let issuer = Issuer::from_ca_cert_der(&certificate, key)
            .map_err(|_| refuse("its subject or key usage cannot be read"))?;
        Ok(Self { certificate, certificate_pem, not_before, not_after, pin, name, generation, issuer })
    }

    /// The certificate in DER: what sites keep as their only root.
    pub fn certificate_der(&self) -> &[u8] {
        &self.certificate
    }

    /// The certificate in PEM.
    pub fn certificate_pem(&self) -> &str {
        &self.certificate_pem
    }

    /// The private key in PKCS#8 PEM; store with mode 0600.
    pub fn key_pem(&self) -> Zeroizing<String> {
        self.issuer.key().to_pem()
    }

    /// What signs.
    pub(crate) fn issuer(&self) -> &Issuer<'static, IdentityKey> {
        &self.issuer
    }

    /// Which authority of its consortium it is, counted from 1.
    pub fn generation(&self) -> u32 {
        self.generation
    }

    /// When it ends.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// What invitations carry.
    pub fn pin(&self) -> SpkiPin {
        self.pin
    }

    /// The coordinator's server certificate, one year.
    ///
    /// # Errors
    /// [`CertError::AuthorityExpired`] when the authority itself is no longer valid at `now`;
    /// [`CertError::Signing`] when the crypto provider fails.
    pub fn issue_server(
        &self,
        key: &IdentityKey,
        serial: &SerialNumber,
        now: SystemTime,
    ) -> Result<IssuedCertificate, CertError> {
        self.sign(profile::server(serial, now)?, key.key_pair(), *serial, now)
    }

    /// A site's client certificate. `site` comes from the invitation's record, never from the request.
    ///
    /// # Errors
    /// [`CertError::SiteName`] and [`CertError::Lifetime`] for values outside their bounds,
    /// [`CertError::AuthorityExpired`] when the authority is no longer valid at `now`, [`CertError::Signing`]
    /// when the crypto provider fails.
    pub fn issue_site(
        &self,
        site: &str,
        key: &RequestedKey,
        serial: &SerialNumber,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<IssuedCertificate, CertError> {
        self.issue_member(Member { role: Role::Site, name: site }, key, serial, now, lifetime)
    }

    /// The client certificate of a member of any role. Its name comes from the invitation's record.
    ///
    /// # Errors
    /// As [`Self::issue_site`].
    pub fn issue_member(
        &self,
        member: Member<'_>,
        key: &RequestedKey,
        serial: &SerialNumber,
        now: SystemTime,
        lifetime: Duration,
    ) -> Result<IssuedCertificate, CertError> {
        self.sign(profile::member(member, serial, now, lifetime)?, key, *serial, now)
    }

    fn sign(
        &self,
        mut params: CertificateParams,
        key: &impl PublicKeyData,
        serial: SerialNumber,
        now: SystemTime,
    ) -> Result<IssuedCertificate, CertError> {
        if now >= self.not_after {
            return Err(CertError::AuthorityExpired);
        }
        params.not_after = params.not_after.min(self.not_after.into());
        let not_after = params.not_after.into();
        let certificate = params.signed_by(key, &self.issuer).map_err(signing)?;
        let (der, pem) = (certificate.der().to_vec(), certificate.pem());
        Ok(IssuedCertificate { serial, der, pem, not_after })
    }
}

impl fmt::Debug for CertificateAuthority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CertificateAuthority(pin {})", self.pin)
    }
}

fn signing(error: rcgen::Error) -> CertError {
    CertError::Signing(error.to_string())
}

#[cfg(test)]
mod tests;
