//! Ed25519 signatures over receipts, the coordinator's word that it holds what a site sent, over run
//! manifests, its word what a run is, and over lists of what arrived.
//!
//! Called by the coordinator (signs) and by sites and auditors (verify, offline, years later).
//! Invariants: only messages that begin with one of these context strings are signed or verified, so that
//! no other message of ours can be passed off as one; the key is separate from the TLS key, because receipts
//! outlive it.

use std::fmt;

use aws_lc_rs::{
    encoding::AsBigEndian,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::error::CertError;
use crate::ledger_key::LedgerKey;

/// How every receipt's signed bytes begin; whoever composes a receipt puts it there.
pub const RECEIPT_CONTEXT: &[u8] = b"consilium receipt v1\0";
/// How every manifest's signed bytes begin; `common::run` puts it there.
pub const MANIFEST_CONTEXT: &[u8] = b"consilium manifest v2\0";
/// How the signed bytes of a list of what arrived begin; `common::ledger` puts it there.
pub const ARRIVALS_CONTEXT: &[u8] = b"consilium arrivals v1\0";

/// The coordinator's receipt key.
pub struct ReceiptSigningKey(Ed25519KeyPair);

impl ReceiptSigningKey {
    /// A new key from the crypto provider's generator.
    ///
    /// # Errors
    /// [`CertError::Randomness`] when the generator gives nothing.
    pub fn generate() -> Result<Self, CertError> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| CertError::Randomness)
    }

    /// One line of base64 over the 32-byte seed, wiped when dropped. The file wants mode 0600.
    ///
    /// # Errors
    /// [`CertError::ReceiptKey`] when the crypto provider does not hand the seed out.
    pub fn to_text(&self) -> Result<Zeroizing<String>, CertError> {
        let seed = self.0.seed().map_err(|_| CertError::ReceiptKey)?;
        let seed = seed.as_be_bytes().map_err(|_| CertError::ReceiptKey)?;
        Ok(Zeroizing::new(BASE64.encode(seed.as_ref())))
    }

    /// Reads what `to_text` wrote; surrounding white space is forgiven.
    ///
    /// # Errors
    /// [`CertError::ReceiptKey`] for a text that is not base64 of a seed of 32 bytes.
    pub fn from_text(text: &str) -> Result<Self, CertError> {
        let seed = Zeroizing::new(BASE64.decode(text.trim().as_bytes()).map_err(|_| CertError::ReceiptKey)?);
        Ed25519KeyPair::from_seed_unchecked(&seed).map(Self).map_err(|_| CertError::ReceiptKey)
    }

    /// The public half, given to sites when they join.
    ///
    /// # Errors
    /// [`CertError::ReceiptKey`] when the crypto provider gives a key that is not 32 bytes long.
    pub fn public_key(&self) -> Result<ReceiptPublicKey, CertError> {
        let bytes = self.0.public_key().as_ref().try_into().map_err(|_| CertError::ReceiptKey)?;
        Ok(ReceiptPublicKey(bytes))
    }

    /// The same key, for the signed heads of the coordinator's own log of acts: a head begins with the log's
    /// name, `consilium/`, and none of the messages that this key signs does.
    ///
    /// # Errors
    /// [`CertError::ReceiptKey`] when the crypto provider does not hand the seed out.
    pub fn ledger_key(&self) -> Result<LedgerKey, CertError> {
        let seed = self.0.seed().map_err(|_| CertError::ReceiptKey)?;
        let seed = seed.as_be_bytes().map_err(|_| CertError::ReceiptKey)?;
        LedgerKey::from_seed(seed.as_ref())
    }

    /// The signature over `message`, which must begin with one of the contexts above.
    /// Deterministic (RFC 8032).
    ///
    /// # Errors
    /// [`CertError::Signing`] for a message that does not begin with the context.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], CertError> {
        if !is_ours(message) {
            return Err(CertError::Signing("the message is none that the coordinator signs".to_owned()));
        }
        let signature = self.0.sign(message);
        signature.as_ref().try_into().map_err(|_| CertError::Signing("not 64 bytes".to_owned()))
    }
}

impl fmt::Debug for ReceiptSigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ReceiptSigningKey(..)")
    }
}

/// What sites and auditors verify receipts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReceiptPublicKey([u8; 32]);

impl ReceiptPublicKey {
    /// From its 32 bytes (RFC 8032 encoding).
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `signature` is the coordinator's over `message`, one of those above.
    ///
    /// # Errors
    /// [`CertError::ReceiptSignature`] when it is not, or when the message is none of them.
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), CertError> {
        if !is_ours(message) {
            return Err(CertError::ReceiptSignature);
        }
        UnparsedPublicKey::new(&ED25519, &self.0)
            .verify(message, signature)
            .map_err(|_| CertError::ReceiptSignature)
    }
}

fn is_ours(message: &[u8]) -> bool {
    [RECEIPT_CONTEXT, MANIFEST_CONTEXT, ARRIVALS_CONTEXT].iter().any(|context| message.starts_with(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_key_signs_the_same_and_tampering_is_seen() {
        let key = ReceiptSigningKey::generate().unwrap();
        let loaded = ReceiptSigningKey::from_text(&format!("{}\n", key.to_text().unwrap().as_str())).unwrap();
        let public = loaded.public_key().unwrap();
        let receipt = [RECEIPT_CONTEXT, b"body"].concat();
        let altered = [RECEIPT_CONTEXT, b"bodY"].concat();
        let signature = key.sign(&receipt).unwrap();
        assert_eq!(signature, loaded.sign(&receipt).unwrap());
        assert_eq!(public.verify(&receipt, &signature), Ok(()));
        assert_eq!(public.verify(&altered, &signature), Err(CertError::ReceiptSignature));
        assert_eq!(public.verify(&receipt, &signature[..63]), Err(CertError::ReceiptSignature));
        assert!(key.sign(b"something else").is_err());
        assert_eq!(public.verify(b"something else", &signature), Err(CertError::ReceiptSignature));
        let manifest = [MANIFEST_CONTEXT, b"body"].concat();
        assert_eq!(public.verify(&manifest, &key.sign(&manifest).unwrap()), Ok(()));
        assert_eq!(public.verify(&manifest, &signature), Err(CertError::ReceiptSignature));
        let other = ReceiptSigningKey::generate().unwrap().public_key().unwrap();
        assert_eq!(other.verify(&receipt, &signature), Err(CertError::ReceiptSignature));
    }

    /// RFC 8032 section 7.1, test 1: the public key that belongs to the seed.
    #[test]
    fn the_seed_of_rfc_8032_gives_its_public_key() {
        let hex = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
        let seed = hex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60");
        let key = ReceiptSigningKey::from_text(&BASE64.encode(&seed)).unwrap();
        let public = hex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
        assert_eq!(key.public_key().unwrap().as_bytes().as_slice(), public);
    }

    #[test]
    fn damaged_keys_are_refused() {
        for bad in ["", "AAAA", "!!!!", &BASE64.encode(&[0; 33])] {
            assert_eq!(ReceiptSigningKey::from_text(bad).unwrap_err(), CertError::ReceiptKey, "{bad}");
        }
    }
}
