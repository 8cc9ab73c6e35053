//! The privacy officer's Ed25519 key: signs waivers, which accept findings of the screen in one dataset,
//! decisions about a ledger that is lost, decisions about runs, and the policy under which runs need none.
//!
//! Called by `site-agent officer-key`, `waiver`, `ledger accept`, `approve`, `decline`, `withdraw` and
//! `policy`; the public half is what a site trusts. Invariants: only messages that begin with one of the
//! context strings are signed or verified, so that one cannot pass for another, and the key signs nothing
//! else.

use std::fmt;

use aws_lc_rs::{
    encoding::AsBigEndian,
    signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey},
};
use data_encoding::{BASE64, HEXLOWER};
use zeroize::Zeroizing;

use crate::error::CertError;

/// How every waiver's signed bytes begin; whoever composes a waiver puts it there.
pub const WAIVER_CONTEXT: &[u8] = b"consilium waiver v1\0";
/// How the signed bytes of every decision about a ledger begin.
pub const LEDGER_CONTEXT: &[u8] = b"consilium ledger v1\0";
/// How the signed bytes of every decision about a run begin.
pub const RUN_CONTEXT: &[u8] = b"consilium run decision v1\0";
/// How the signed bytes of every policy begin.
pub const POLICY_CONTEXT: &[u8] = b"consilium policy v1\0";
const SECRET_LABEL: &str = "consilium-officer-key";
const PUBLIC_LABEL: &str = "consilium-officer-public-key";

/// The officer's private key.
pub struct OfficerKey(Ed25519KeyPair);

impl OfficerKey {
    /// A new key from the crypto provider's generator.
    ///
    /// # Errors
    /// [`CertError::Randomness`] when the generator gives nothing.
    pub fn generate() -> Result<Self, CertError> {
        Ed25519KeyPair::generate().map(Self).map_err(|_| CertError::Randomness)
    }

    /// One line: a label and base64 over the 32-byte seed, wiped when dropped. The file wants mode 0600.
    ///
    /// # Errors
    /// [`CertError::OfficerKey`] when the crypto provider does not hand the seed out.
    pub fn to_text(&self) -> Result<Zeroizing<String>, CertError> {
        let seed = self.0.seed().map_err(|_| CertError::OfficerKey)?;
        let seed = seed.as_be_bytes().map_err(|_| CertError::OfficerKey)?;
        Ok(Zeroizing::new(format!("{SECRET_LABEL} {}\n", BASE64.encode(seed.as_ref()))))
    }

    /// Reads what `to_text` wrote; surrounding white space is forgiven.
    ///
    /// # Errors
    /// [`CertError::OfficerKey`] for a text without the label, or whose base64 is not a seed of 32 bytes.
    pub fn from_text(text: &str) -> Result<Self, CertError> {
        let body = text.trim().strip_prefix(SECRET_LABEL).ok_or(CertError::OfficerKey)?;
        let seed = Zeroizing::new(BASE64.decode(body.trim().as_bytes()).map_err(|_| CertError::OfficerKey)?);
        Ed25519KeyPair::from_seed_unchecked(&seed).map(Self).map_err(|_| CertError::OfficerKey)
    }

    /// The public half, which sites trust.
    ///
    /// # Errors
    /// [`CertError::OfficerKey`] when the crypto provider gives a key that is not 32 bytes long.
    pub fn public_key(&self) -> Result<OfficerPublicKey, CertError> {
        let bytes = self.0.public_key().as_ref().try_into().map_err(|_| CertError::OfficerKey)?;
        Ok(OfficerPublicKey(bytes))
    }

    /// The signature over `message`, which must begin with a context of the officer's. Deterministic (RFC
    /// 8032).
    ///
    /// # Errors
    /// [`CertError::Signing`] for a message that does not begin with the context.
    pub fn sign(&self, message: &[u8]) -> Result<[u8; 64], CertError> {
        if !is_decision(message) {
            return Err(CertError::Signing("the message is no decision of an officer".to_owned()));
        }
        self.0.sign(message).as_ref().try_into().map_err(|_| CertError::Signing("not 64 bytes".to_owned()))
    }
}

impl fmt::Debug for OfficerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OfficerKey(..)")
    }
}

/// What a site verifies the officer's decisions with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfficerPublicKey([u8; 32]);

impl OfficerPublicKey {
    /// Its 32 bytes (RFC 8032 encoding).
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// One line: a label and 64 hexadecimal digits, short enough to compare by eye.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{PUBLIC_LABEL} {}\n", HEXLOWER.encode(&self.0))
    }

    /// Reads what `to_text` wrote.
    ///
    /// # Errors
    /// [`CertError::OfficerKey`] for a text without the label, or without 64 hexadecimal digits behind it.
    pub fn from_text(text: &str) -> Result<Self, CertError> {
        let body = text.trim().strip_prefix(PUBLIC_LABEL).ok_or(CertError::OfficerKey)?;
        let bytes = HEXLOWER.decode(body.trim().as_bytes()).map_err(|_| CertError::OfficerKey)?;
        bytes.try_into().map(Self).map_err(|_| CertError::OfficerKey)
    }

    /// Whether `signature` is the officer's over `message`, one of the decisions that are theirs.
    #[must_use]
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        is_decision(message) && UnparsedPublicKey::new(&ED25519, &self.0).verify(message, signature).is_ok()
    }
}

fn is_decision(message: &[u8]) -> bool {
    [WAIVER_CONTEXT, LEDGER_CONTEXT, RUN_CONTEXT, POLICY_CONTEXT]
        .iter()
        .any(|context| message.starts_with(context))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_key_signs_the_same_and_tampering_is_seen() {
        let key = OfficerKey::generate().unwrap();
        let loaded = OfficerKey::from_text(&key.to_text().unwrap()).unwrap();
        let public = OfficerPublicKey::from_text(&loaded.public_key().unwrap().to_text()).unwrap();
        let waiver = [WAIVER_CONTEXT, b"{}"].concat();
        let signature = key.sign(&waiver).unwrap();
        assert_eq!(signature, loaded.sign(&waiver).unwrap());
        assert!(public.verifies(&waiver, &signature));
        assert!(!public.verifies(&[WAIVER_CONTEXT, b"[]"].concat(), &signature));
        assert!(!public.verifies(&waiver, &signature[..63]));
        assert!(!OfficerKey::generate().unwrap().public_key().unwrap().verifies(&waiver, &signature));
        let ledger = [LEDGER_CONTEXT, b"{}"].concat();
        assert!(
            public.verifies(&ledger, &key.sign(&ledger).unwrap()) && !public.verifies(&ledger, &signature)
        );
        assert!(key.sign(b"something else").is_err());
        assert!(!format!("{key:?}").contains(key.to_text().unwrap().as_str()));
    }

    #[test]
    fn other_texts_are_no_keys() {
        let key = OfficerKey::generate().unwrap();
        let public = key.public_key().unwrap().to_text();
        assert!(OfficerKey::from_text(&public).is_err());
        assert!(OfficerPublicKey::from_text(&key.to_text().unwrap()).is_err());
        for text in
            ["", "consilium-officer-key", "consilium-officer-key AAAA", "consilium-officer-public-key 00"]
        {
            assert!(
                OfficerKey::from_text(text).is_err() && OfficerPublicKey::from_text(text).is_err(),
                "{text}"
            );
        }
    }

    /// RFC 8032 section 7.1, test 1: the public key that belongs to the seed.
    #[test]
    fn the_seed_of_rfc_8032_gives_its_public_key() {
        let seed =
            HEXLOWER.decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
        let key = OfficerKey::from_text(&format!("{SECRET_LABEL} {}", BASE64.encode(&seed))).unwrap();
        let public = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        assert_eq!(HEXLOWER.encode(key.public_key().unwrap().as_bytes()), public);
    }
}
