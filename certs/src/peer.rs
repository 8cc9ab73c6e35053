//! What a verified certificate says about its holder: serial number, key, site, validity.
//!
//! Called by the coordinator for every connection (its database is asked by serial and key), and by
//! the site to read its own certificate. Invariant: this reads, it does not verify; only hand in
//! certificates that TLS or `tls::verify_enrolment` accepted.

use std::time::{Duration, SystemTime};

use x509_parser::prelude::{FromDer, GeneralName, ParsedExtension, X509Certificate};

use crate::{error::CertError, pin::SpkiPin, profile, role::Role, serial::SerialNumber};

/// The facts of one certificate that decisions are made on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    pub serial: SerialNumber,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub key: SpkiPin,
    /// The key identifier of the authority that signed it, as its issuer wrote it (RFC 5280, 4.2.1.1).
    pub authority: Vec<u8>,
    /// The one DNS name in the certificate.
    pub dns_name: String,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

impl PeerCertificate {
    /// Reads a certificate in DER that our own CA issued.
    ///
    /// # Errors
    /// [`CertError::Certificate`] for bytes that are not one X.509 certificate with a serial number of 16
    /// bytes, the key identifier of its issuer and exactly one DNS name.
    pub fn from_der(der: &[u8]) -> Result<Self, CertError> {
        let refuse = |reason| CertError::Certificate { what: "certificate", reason };
        let (rest, certificate) =
            X509Certificate::from_der(der).map_err(|_| refuse("it is not X.509 in DER"))?;
        if !rest.is_empty() {
            return Err(refuse("bytes follow its end"));
        }
        let serial: [u8; 16] = certificate
            .raw_serial()
            .try_into()
            .map_err(|_| refuse("its serial number is not 16 bytes long"))?;
        let names = certificate
            .subject_alternative_name()
            .map_err(|_| refuse("its names cannot be read"))?
            .ok_or_else(|| refuse("it names nobody"))?;
        let [GeneralName::DNSName(dns_name)] = names.value.general_names.as_slice() else {
            return Err(refuse("it does not have exactly one DNS name"));
        };
        let authority =
            certificate.iter_extensions().find_map(|extension| match extension.parsed_extension() {
                ParsedExtension::AuthorityKeyIdentifier(key) => Some(key.key_identifier.as_ref()?.0.to_vec()),
                _ => None,
            });
        let validity = certificate.validity();
        Ok(Self {
            authority: authority.ok_or_else(|| refuse("it does not say which key signed it"))?,
            serial: SerialNumber::from_bytes(serial),
            key: SpkiPin::of_spki(certificate.tbs_certificate.subject_pki.raw),
            dns_name: (*dns_name).to_owned(),
            not_before: system_time(validity.not_before.timestamp()),
            not_after: system_time(validity.not_after.timestamp()),
        })
    }

    /// Whether `now` is within its validity. TLS asks once, at the handshake; a connection may live longer.
    pub fn is_valid_at(&self, now: SystemTime) -> bool {
        self.not_before <= now && now <= self.not_after
    }

    /// The site's name; an error for a certificate that is not a site's.
    ///
    /// # Errors
    /// [`CertError::Certificate`] for a certificate of another role or of none,
    /// [`CertError::SiteName`] for a name no site can have.
    pub fn site(&self) -> Result<&str, CertError> {
        match self.member()? {
            (Role::Site, site) => Ok(site),
            _ => Err(CertError::Certificate { what: "certificate", reason: "it is not a site's" }),
        }
    }

    /// Role and name of its holder.
    ///
    /// # Errors
    /// As [`Role::of_dns_name`]; [`CertError::SiteName`] for a name that no member can have.
    pub fn member(&self) -> Result<(Role, &str), CertError> {
        let (role, name) = Role::of_dns_name(&self.dns_name)?;
        profile::check_site_name(name)?;
        Ok((role, name))
    }

    /// Whether it is a certificate of the site with this name.
    #[must_use]
    pub fn is_of(&self, site: &str) -> bool {
        self.site().is_ok_and(|name| name == site)
    }
}

fn system_time(unix_s: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix_s.try_into().unwrap_or(0))
}
