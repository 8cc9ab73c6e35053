//! Certificate signing requests: made at the site, read at the coordinator.
//!
//! Called by `site-agent` (`join`, renewal) and by the coordinator (enrolment, renewal).
//! Invariant: of a request only the public key is believed. Its subject, names, usages and
//! constraints are never read (rcgen's own parser would copy CA:TRUE from them), so they cannot
//! be signed by mistake; the proof of possession is checked over the raw bytes.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{
    CertificateParams, DistinguishedName, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm,
};
use x509_parser::{
    certification_request::X509CertificationRequest,
    oid_registry::{OID_EC_P256, OID_KEY_TYPE_EC_PUBLIC_KEY, OID_SIG_ECDSA_WITH_SHA256},
    prelude::FromDer,
};

use crate::{error::CertError, key::IdentityKey, limits::CSR_BYTES_MAX, pin::SpkiPin};

/// A request (PKCS#10, DER) that proves possession of `key` and asks for nothing.
///
/// # Errors
/// [`CertError::Signing`] when the crypto provider fails.
pub fn create(key: &IdentityKey) -> Result<Vec<u8>, CertError> {
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    let request =
        params.serialize_request(key.key_pair()).map_err(|error| CertError::Signing(error.to_string()))?;
    Ok(request.der().to_vec())
}

/// A public key whose owner proved, by signing the request, that they hold the private part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestedKey {
    /// Uncompressed SEC1 point, 65 bytes.
    point: Vec<u8>,
}

impl RequestedKey {
    /// Reads a request in DER. Everything but an ECDSA P-256 key and a valid signature is refused.
    ///
    /// # Errors
    /// [`CertError::Csr`], with the reason, for anything but one PKCS#10 request of at most [`CSR_BYTES_MAX`]
    /// bytes with an ECDSA P-256 key and its own valid signature.
    pub fn from_csr(der: &[u8]) -> Result<Self, CertError> {
        let refuse = |reason| CertError::Csr { reason };
        if der.len() > CSR_BYTES_MAX {
            return Err(refuse("it is longer than 4096 bytes"));
        }
        let (rest, request) =
            X509CertificationRequest::from_der(der).map_err(|_| refuse("it is not PKCS#10 in DER"))?;
        if !rest.is_empty() {
            return Err(refuse("bytes follow its end"));
        }
        let info = &request.certification_request_info;
        let algorithm = &info.subject_pki.algorithm;
        let curve = algorithm.parameters.as_ref().and_then(|any| any.as_oid().ok());
        if algorithm.algorithm != OID_KEY_TYPE_EC_PUBLIC_KEY || curve != Some(OID_EC_P256) {
            return Err(refuse("its key is not ECDSA P-256"));
        }
        if request.signature_algorithm.algorithm != OID_SIG_ECDSA_WITH_SHA256 {
            return Err(refuse("its signature is not ECDSA with SHA-256"));
        }
        let point = info.subject_pki.subject_public_key.data.to_vec();
        if point.len() != 65 || point.first() != Some(&4) {
            return Err(refuse("its key is not an uncompressed point"));
        }
        UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &point)
            .verify(info.raw, &request.signature_value.data)
            .map_err(|_| refuse("its signature does not verify"))?;
        Ok(Self { point })
    }

    /// SHA-256 of the SubjectPublicKeyInfo: how the database recognises a repeated request.
    pub fn pin(&self) -> SpkiPin {
        SpkiPin::of_spki(&self.subject_public_key_info())
    }
}

impl PublicKeyData for RequestedKey {
    fn der_bytes(&self) -> &[u8] {
        &self.point
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        &PKCS_ECDSA_P256_SHA256
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn our_own_request_gives_our_key() {
        let key = IdentityKey::generate().unwrap();
        let der = create(&key).unwrap();
        assert_eq!(RequestedKey::from_csr(&der).unwrap().pin(), key.pin());
    }

    #[test]
    fn another_curve_a_bad_signature_and_trailing_bytes_are_refused() {
        let p384 = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P384_SHA384).unwrap();
        let der = CertificateParams::default().serialize_request(&p384).unwrap().der().to_vec();
        assert_eq!(
            RequestedKey::from_csr(&der),
            Err(CertError::Csr { reason: "its key is not ECDSA P-256" })
        );

        let mut der = create(&IdentityKey::generate().unwrap()).unwrap();
        let good = der.clone();
        der.push(0);
        assert_eq!(RequestedKey::from_csr(&der), Err(CertError::Csr { reason: "bytes follow its end" }));
        der.pop();
        *der.last_mut().unwrap() ^= 1;
        assert!(RequestedKey::from_csr(&der).is_err());
        assert!(RequestedKey::from_csr(&good[..good.len() - 1]).is_err());
        assert!(RequestedKey::from_csr(&vec![0x30; 5000]).is_err());
    }

    #[test]
    fn a_request_signed_by_someone_else_is_refused() {
        // Graft B's signed info onto nothing: exchange the public key inside A's request for B's.
        let (a, b) = (IdentityKey::generate().unwrap(), IdentityKey::generate().unwrap());
        let mut der = create(&a).unwrap();
        let from = a.key_pair().der_bytes();
        let at = der.windows(from.len()).position(|window| window == from).unwrap();
        der[at..at + from.len()].copy_from_slice(b.key_pair().der_bytes());
        assert_eq!(
            RequestedKey::from_csr(&der),
            Err(CertError::Csr { reason: "its signature does not verify" })
        );
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = RequestedKey::from_csr(&bytes);
        }
    }
}
