//! The private key of a TLS identity: ECDSA P-256, made where it is used, never sent anywhere.
//!
//! Called by `ca` (the CA's and the server's key) and by `site-agent join` (the site's key). Invariant: the
//! key leaves this type only in a buffer that is wiped, and is wiped with it; `Debug` shows the pin. Writing
//! it with mode 0600 is the caller's job.

use std::{fmt, sync::Arc};

use rcgen::{KeyPair, PKCS_ECDSA_P256_SHA256, PublicKeyData, SignatureAlgorithm, SigningKey};
use rustls::{
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, pem::PemObject},
    sign,
};
use zeroize::{Zeroize, Zeroizing};

use crate::{error::CertError, pin::SpkiPin};

/// An ECDSA P-256 key pair.
pub struct IdentityKey(Zeroizing<KeyPair>);

impl IdentityKey {
    /// A new key from the crypto provider's generator.
    ///
    /// # Errors
    /// [`CertError::Signing`] when the crypto provider fails.
    pub fn generate() -> Result<Self, CertError> {
        KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)
            .map(|pair| Self(Zeroizing::new(pair)))
            .map_err(|error| CertError::Signing(error.to_string()))
    }

    /// Reads a PKCS#8 `PRIVATE KEY` block. Any other kind of key is refused.
    ///
    /// # Errors
    /// [`CertError::Pem`] for a text without such a block, [`CertError::Key`] for a key of another kind.
    pub fn from_pem(pem: &str) -> Result<Self, CertError> {
        let pkcs8 = PrivatePkcs8KeyDer::from_pem_slice(pem.as_bytes())
            .map_err(|_| CertError::Pem { what: "private key" })?;
        let pkcs8 = Zeroizing::new(pkcs8);
        KeyPair::from_pkcs8_der_and_sign_algo(&pkcs8, &PKCS_ECDSA_P256_SHA256)
            .map(|pair| Self(Zeroizing::new(pair)))
            .map_err(|_| CertError::Key)
    }

    /// The key as PKCS#8 PEM, wiped from memory when dropped.
    pub fn to_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.serialize_pem())
    }

    /// SHA-256 of the SubjectPublicKeyInfo.
    pub fn pin(&self) -> SpkiPin {
        SpkiPin::of_spki(&self.0.subject_public_key_info())
    }

    pub(crate) fn key_pair(&self) -> &KeyPair {
        &self.0
    }

    /// The key as rustls signs with it; the copy that this takes is wiped.
    pub(crate) fn to_rustls(&self) -> Result<Arc<dyn sign::SigningKey>, CertError> {
        let mut der = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(self.0.serialize_der()));
        let key = aws_lc_rs::sign::any_supported_type(&der);
        der.zeroize();
        key.map_err(|error| CertError::Tls(error.to_string()))
    }
}

impl PublicKeyData for IdentityKey {
    fn der_bytes(&self) -> &[u8] {
        self.0.der_bytes()
    }

    fn algorithm(&self) -> &'static SignatureAlgorithm {
        self.0.algorithm()
    }
}

/// So that rcgen issues with the key itself and not with a copy that nobody wipes.
impl SigningKey for IdentityKey {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, rcgen::Error> {
        self.0.sign(message)
    }
}

impl fmt::Debug for IdentityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdentityKey(pin {})", self.pin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pem_round_trips_and_other_keys_are_refused() {
        let key = IdentityKey::generate().unwrap();
        assert_eq!(IdentityKey::from_pem(&key.to_pem()).unwrap().pin(), key.pin());
        let other = KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap().serialize_pem();
        assert_eq!(IdentityKey::from_pem(&other).unwrap_err(), CertError::Key);
        assert_eq!(
            IdentityKey::from_pem("nothing here").unwrap_err(),
            CertError::Pem { what: "private key" }
        );
    }

    #[test]
    fn debug_does_not_show_the_key() {
        let key = IdentityKey::generate().unwrap();
        let pem = key.to_pem();
        let secret_line = pem.lines().nth(1).unwrap();
        assert!(!format!("{key:?}").contains(secret_line));
    }
}
