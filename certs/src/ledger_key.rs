//! The site's Ed25519 key for the heads of its ledger, apart from the key that it connects with: that one is
//! renewed every month, a head is compared with years later.
//!
//! Made by `site-agent join`, or by the gateway at the first start of a site that joined before; used by
//! `site-agent ledger checkpoint` and `prove`. Invariant: it signs texts that begin with the ledger's own
//! name, and nothing else.

use std::fmt;

use aws_lc_rs::{
    encoding::AsBigEndian,
    signature::{Ed25519KeyPair, KeyPair},
};
use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::error::CertError;
use crate::note::{self, VerifierKey};

const LABEL: &str = "consilium-ledger-key";

/// The private key.
pub struct LedgerKey(Ed25519KeyPair);

impl LedgerKey {
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
    /// [`CertError::LedgerKey`] when the crypto provider does not hand the seed out.
    pub fn to_text(&self) -> Result<Zeroizing<String>, CertError> {
        let seed = self.0.seed().map_err(|_| CertError::LedgerKey)?;
        let seed = seed.as_be_bytes().map_err(|_| CertError::LedgerKey)?;
        Ok(Zeroizing::new(format!("{LABEL} {}\n", BASE64.encode(seed.as_ref()))))
    }

    /// Reads what `to_text` wrote; surrounding white space is forgiven.
    ///
    /// # Errors
    /// [`CertError::LedgerKey`] for a text without the label, or whose base64 is not a seed of 32 bytes.
    pub fn from_text(text: &str) -> Result<Self, CertError> {
        let body = text.trim().strip_prefix(LABEL).ok_or(CertError::LedgerKey)?;
        let seed = Zeroizing::new(BASE64.decode(body.trim().as_bytes()).map_err(|_| CertError::LedgerKey)?);
        Self::from_seed(&seed)
    }

    pub(crate) fn from_seed(seed: &[u8]) -> Result<Self, CertError> {
        Ed25519KeyPair::from_seed_unchecked(seed).map(Self).map_err(|_| CertError::LedgerKey)
    }

    /// What heads of the ledger of this name are verified with.
    ///
    /// # Errors
    /// [`CertError::LedgerKey`] when the crypto provider gives a key that is not 32 bytes long,
    /// [`CertError::VerifierKey`] for a name that no key may have.
    pub fn verifier(&self, name: &str) -> Result<VerifierKey, CertError> {
        let public = self.0.public_key().as_ref().try_into().map_err(|_| CertError::LedgerKey)?;
        VerifierKey::new(name, public)
    }

    /// The note of a head of the ledger of this name. Deterministic (RFC 8032).
    ///
    /// # Errors
    /// [`CertError::Signing`] for a text whose first line is not this name; as [`Self::verifier`].
    pub fn sign(&self, name: &str, text: &str) -> Result<String, CertError> {
        let key = self.verifier(name)?;
        // No empty line: it would end the text where the note is read.
        if text.lines().next() != Some(name) || !text.ends_with('\n') || text.contains("\n\n") {
            return Err(CertError::Signing("the text is no head of this ledger".to_owned()));
        }
        Ok(note::to_text(text, &key, self.0.sign(text.as_bytes()).as_ref()))
    }

    #[cfg(test)]
    pub(crate) fn sign_unchecked(&self, text: &str) -> Vec<u8> {
        self.0.sign(text.as_bytes()).as_ref().to_vec()
    }
}

impl fmt::Debug for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LedgerKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::note::Note;

    #[test]
    fn a_stored_key_signs_the_same_and_only_heads_of_its_ledger() {
        let key = LedgerKey::generate().unwrap();
        let loaded = LedgerKey::from_text(&key.to_text().unwrap()).unwrap();
        let text = "consilium/0000000000000000/cardiology\n7\nAAAA\n";
        let name = "consilium/0000000000000000/cardiology";
        let note = key.sign(name, text).unwrap();
        assert_eq!(note, loaded.sign(name, text).unwrap());
        let verifier = key.verifier(name).unwrap();
        assert_eq!(Note::parse(note.as_bytes()).unwrap().verify(&verifier), Ok(text));
        let other = LedgerKey::generate().unwrap().verifier(name).unwrap();
        assert!(Note::parse(note.as_bytes()).unwrap().verify(&other).is_err());
        for odd in
            ["", "consilium receipt v1\0", "another\n7\n", &text[..text.len() - 1], &format!("{text}\n\n")]
        {
            assert!(matches!(key.sign(name, odd), Err(CertError::Signing(_))), "{odd:?}");
        }
        assert!(key.sign("two words", "two words\n").is_err());
        assert!(!format!("{key:?}").contains(key.to_text().unwrap().trim()));
        for bad in ["", "consilium-ledger-key", "consilium-ledger-key AAAA", "consilium-officer-key AAAA"] {
            assert_eq!(LedgerKey::from_text(bad).unwrap_err(), CertError::LedgerKey, "{bad}");
        }
    }
}
