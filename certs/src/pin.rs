//! The pin of a certificate authority: SHA-256 of its SubjectPublicKeyInfo.
//!
//! Called by `invitation` (prints and parses it) and by `tls::pinned` (checks it during enrolment).
//! Invariant: the pin names a key, not a certificate, so renewing the CA certificate keeps it valid.

use std::{fmt, str::FromStr};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::error::CertError;

/// SHA-256 over the DER of a SubjectPublicKeyInfo, as in RFC 7469 section 2.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SpkiPin([u8; 32]);

impl SpkiPin {
    /// The pin of a SubjectPublicKeyInfo in DER.
    pub fn of_spki(spki_der: &[u8]) -> Self {
        Self(Sha256::digest(spki_der).into())
    }

    /// The pin of the key inside a certificate in DER.
    ///
    /// # Errors
    /// [`CertError::Certificate`] for bytes that are not exactly one X.509 certificate.
    pub fn of_certificate(certificate_der: &[u8]) -> Result<Self, CertError> {
        let (rest, certificate) = X509Certificate::from_der(certificate_der)
            .map_err(|_| CertError::Certificate { what: "certificate", reason: "it is not X.509" })?;
        if !rest.is_empty() {
            return Err(CertError::Certificate { what: "certificate", reason: "bytes follow its end" });
        }
        Ok(Self::of_spki(certificate.tbs_certificate.subject_pki.raw))
    }

    /// The 32 bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A pin from its 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for SpkiPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64URL_NOPAD.encode(&self.0))
    }
}

impl FromStr for SpkiPin {
    type Err = CertError;

    fn from_str(text: &str) -> Result<Self, CertError> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| CertError::Pin)?;
        Ok(Self(bytes.try_into().map_err(|_| CertError::Pin)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_damage_is_refused() {
        let pin = SpkiPin::of_spki(b"key");
        let text = pin.to_string();
        assert_eq!(text.len(), 43);
        assert_eq!(text.parse::<SpkiPin>().unwrap(), pin);
        for bad in ["", &text[1..], &format!("{text}A"), &text.replace(&text[0..1], "+"), "é"] {
            assert_eq!(bad.parse::<SpkiPin>(), Err(CertError::Pin), "{bad}");
        }
    }

    #[test]
    fn a_certificate_that_is_none_is_refused() {
        assert!(SpkiPin::of_certificate(b"not DER").is_err());
    }
}
