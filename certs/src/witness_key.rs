//! A witness' Ed25519 key: cosigns heads of logs that others keep, and nothing else.
//!
//! Made by `witness init` of both programs and used by their `witness cosign`, after the witness' memory was
//! written (`cli::witness`). Invariants: what it signs begins with `cosignature/v1`, so that nothing else
//! that this key could sign passes for it; one key has one name, because a cosignature does not name the
//! witness.

use std::fmt;

use aws_lc_rs::{
    encoding::AsBigEndian,
    signature::{Ed25519KeyPair, KeyPair},
};
use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::error::CertError;
use crate::note::cosignature::{Cosigned, WitnessVerifier, message};
use crate::note::{Note, VerifierKey};

const LABEL: &str = "consilium-witness-key";

/// The private key, with the witness' name.
pub struct WitnessKey {
    name: String,
    pair: Ed25519KeyPair,
}

impl WitnessKey {
    /// A new key from the crypto provider's generator.
    ///
    /// # Errors
    /// [`CertError::WitnessVerifier`] for a name that no key may have; [`CertError::Randomness`].
    pub fn generate(name: &str) -> Result<Self, CertError> {
        let pair = Ed25519KeyPair::generate().map_err(|_| CertError::Randomness)?;
        Self::named(name, pair)
    }

    fn named(name: &str, pair: Ed25519KeyPair) -> Result<Self, CertError> {
        let key = Self { name: name.to_owned(), pair };
        key.verifier()?;
        Ok(key)
    }

    /// One line: a label, the name and base64 over the 32-byte seed, wiped when dropped. The file wants mode
    /// 0600.
    ///
    /// # Errors
    /// [`CertError::WitnessKey`] when the crypto provider does not hand the seed out.
    pub fn to_text(&self) -> Result<Zeroizing<String>, CertError> {
        let seed = self.pair.seed().map_err(|_| CertError::WitnessKey)?;
        let seed = seed.as_be_bytes().map_err(|_| CertError::WitnessKey)?;
        Ok(Zeroizing::new(format!("{LABEL} {} {}\n", self.name, BASE64.encode(seed.as_ref()))))
    }

    /// Reads what `to_text` wrote; surrounding white space is forgiven.
    ///
    /// # Errors
    /// [`CertError::WitnessKey`] for any other text.
    pub fn from_text(text: &str) -> Result<Self, CertError> {
        let mut words = text.split_ascii_whitespace();
        let (Some(LABEL), Some(name), Some(seed), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(CertError::WitnessKey);
        };
        let seed = Zeroizing::new(BASE64.decode(seed.as_bytes()).map_err(|_| CertError::WitnessKey)?);
        let pair = Ed25519KeyPair::from_seed_unchecked(&seed).map_err(|_| CertError::WitnessKey)?;
        Self::named(name, pair).map_err(|_| CertError::WitnessKey)
    }

    /// What its cosignatures are verified with.
    ///
    /// # Errors
    /// [`CertError::WitnessVerifier`] for a name that no key may have.
    pub fn verifier(&self) -> Result<WitnessVerifier, CertError> {
        let public = self.pair.public_key().as_ref().try_into().map_err(|_| CertError::WitnessKey)?;
        WitnessVerifier::new(&self.name, public)
    }

    /// Whether the note has room for a cosignature of this key; nothing is signed.
    ///
    /// # Errors
    /// [`CertError::Note`] where it has none.
    pub fn fits(&self, note: &Note) -> Result<(), CertError> {
        note.clone().has_room(&self.verifier()?)
    }

    /// The note with a cosignature of this moment (seconds since 1970), in place of an earlier one of this
    /// key. The caller has compared the head in it with what it remembers, and has written that down.
    ///
    /// # Errors [`CertError::NoteSignature`] where `log`, whose note it is, did not sign it;
    /// [`CertError::Note`] where it has no room; [`CertError::Cosignature`] for a time behind the year 292
    /// billion.
    pub fn cosign(&self, note: Note, log: &VerifierKey, at_s: u64) -> Result<Note, CertError> {
        note.verify(log)?;
        let signature = self.pair.sign(&message(at_s, note.unverified())).as_ref().to_vec();
        note.with_cosignature(&self.verifier()?, Cosigned { at_s, signature })
    }
}

impl fmt::Debug for WitnessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WitnessKey(..)")
    }
}
