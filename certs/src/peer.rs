//! What a verified certificate says about its holder: serial number, key, site, validity.
//!
//! Called by the coordinator for every connection (its database is asked by serial and key), and by
//! the site to read its own certificate. Invariant: this reads, it does not verify; only hand in
//! certificates that TLS or `tls::verify_enrolment` accepted.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use data_encoding::HEXLOWER;
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use crate::{error::CertError, pin::SpkiPin, profile};

/// A certificate serial number of exactly 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SerialNumber([u8; 16]);

impl SerialNumber {
    /// From 16 random bytes. Two bits are fixed so that the DER integer is positive and always 16
    /// bytes long; 126 random bits remain, far above the 64 the CA/Browser Forum asks for.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[0] = (bytes[0] & 0x3f) | 0x40;
        Self(bytes)
    }

    /// The 16 bytes, big-endian.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From the 16 bytes of `as_bytes`, for example out of a database.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// 32 lower-case hexadecimal digits, as `openssl x509 -serial` shows it but for the case.
impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// The facts of one certificate that decisions are made on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerCertificate {
    pub serial: SerialNumber,
    /// SHA-256 of the SubjectPublicKeyInfo.
    pub key: SpkiPin,
    /// The one DNS name in the certificate.
    pub dns_name: String,
    pub not_before: SystemTime,
    pub not_after: SystemTime,
}

impl PeerCertificate {
    /// Reads a certificate in DER that our own CA issued.
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
        let validity = certificate.validity();
        Ok(Self {
            serial: SerialNumber(serial),
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
    pub fn site(&self) -> Result<&str, CertError> {
        let refused = CertError::Certificate { what: "certificate", reason: "it is not a site's" };
        let site = self.dns_name.strip_suffix(profile::SITE_SUFFIX).ok_or(refused)?;
        profile::check_site_name(site)?;
        Ok(site)
    }
}

fn system_time(unix_s: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(unix_s.try_into().unwrap_or(0))
}
