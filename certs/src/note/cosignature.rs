//! Cosignatures of witnesses (C2SP tlog-cosignature, Ed25519 `cosignature/v1`): a line of a note by which a
//! witness says that, at a time, the head in the note was the largest that it knew of this log, and followed
//! from all that it had cosigned of it before. The newer kind of that specification, ML-DSA-44, is not made.
//!
//! Called by `cli::witness`, which makes them and asks for them; `deploy/verify_ledger.py` reads the same.
//! Invariants: a witness' key is never taken for a key of heads, nor the other way round (the kind is part of
//! its id); the time is part of what is signed; what is no such line is never a cosignature.

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};

use super::{Note, NoteSignature, VerifierKey, key_id, key_text, parse_key};
use crate::error::CertError;
use crate::limits::{NOTE_BYTES_MAX, NOTE_SIGNATURES_MAX};

/// The kind of signature: Ed25519 over a time and the text.
const KIND: u8 = 4;
/// Bytes of time and signature.
const BYTES: usize = 8 + 64;

/// What a witness' cosignatures are verified with: its name and its public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WitnessVerifier {
    name: String,
    public: [u8; 32],
}

impl WitnessVerifier {
    /// From the witness' name and the 32 bytes of its key.
    ///
    /// # Errors
    /// [`CertError::WitnessVerifier`] for a name that no key may have, and for a point of small order.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, CertError> {
        VerifierKey::new(name, public).map_err(|_| CertError::WitnessVerifier)?;
        Ok(Self { name: name.to_owned(), public })
    }

    /// Reads `NAME+ID+KEY`, as [`Self::to_text`] writes it; surrounding white space (of ASCII) is forgiven.
    ///
    /// # Errors
    /// [`CertError::WitnessVerifier`] for another text, for a key of heads among them.
    pub fn parse(text: &str) -> Result<Self, CertError> {
        let (name, public) = parse_key(text, KIND).ok_or(CertError::WitnessVerifier)?;
        Self::new(name, public)
    }

    /// `NAME+ID+KEY`.
    #[must_use]
    pub fn to_text(&self) -> String {
        key_text(&self.name, KIND, &self.public)
    }

    /// The witness' name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn id(&self) -> [u8; 4] {
        key_id(&self.name, KIND, &self.public)
    }

    fn is_of(&self, signature: &NoteSignature) -> bool {
        signature.name == self.name && signature.id == self.id()
    }
}

impl fmt::Display for WitnessVerifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

impl Note {
    /// When this witness cosigned the note, in seconds since 1970; of several lines the newest. All of its
    /// lines must hold. Other lines are not looked at.
    ///
    /// # Errors
    /// [`CertError::Cosignature`] where there is no line of this key, or one that does not hold.
    pub fn cosigned_at(&self, witness: &WitnessVerifier) -> Result<u64, CertError> {
        let wrong = |reason| CertError::Cosignature { reason };
        let mut newest = None;
        for line in self.signatures.iter().filter(|line| witness.is_of(line)) {
            let at_s =
                holds(&self.text, line, witness).ok_or_else(|| wrong("the one of this key does not hold"))?;
            newest = newest.max(Some(at_s));
        }
        newest.ok_or_else(|| wrong("there is none of this key"))
    }

    /// Whether it has a line of this witness, whether or not that holds.
    #[must_use]
    pub fn names(&self, witness: &WitnessVerifier) -> bool {
        self.signatures.iter().any(|line| witness.is_of(line))
    }

    /// The same note with this line in place of those of the same witness.
    ///
    /// # Errors
    /// [`CertError::Cosignature`] where the line does not hold; [`CertError::Note`] where there is no room.
    pub(crate) fn with_cosignature(
        self,
        witness: &WitnessVerifier,
        line: Cosigned,
    ) -> Result<Self, CertError> {
        let signature = [&line.at_s.to_be_bytes()[..], &line.signature].concat();
        let note = self.with_line(witness, signature)?;
        note.cosigned_at(witness)?;
        Ok(note)
    }

    /// Whether there is room for a line of this witness.
    ///
    /// # Errors
    /// [`CertError::Note`] where there is none.
    pub(crate) fn has_room(self, witness: &WitnessVerifier) -> Result<(), CertError> {
        self.with_line(witness, vec![0; BYTES]).map(drop)
    }

    fn with_line(mut self, witness: &WitnessVerifier, signature: Vec<u8>) -> Result<Self, CertError> {
        self.signatures.retain(|other| !witness.is_of(other));
        if self.signatures.len() >= NOTE_SIGNATURES_MAX {
            return Err(CertError::Note { reason: "it has as many signatures as it may have" });
        }
        self.signatures.push(NoteSignature { name: witness.name.clone(), id: witness.id(), signature });
        if self.to_text().len() > NOTE_BYTES_MAX {
            return Err(CertError::Note { reason: "a further signature would make it too long" });
        }
        Ok(self)
    }

    /// The text, which nobody has verified yet.
    pub(crate) fn unverified(&self) -> &str {
        &self.text
    }
}

/// What a witness' key made, by [`crate::witness_key`].
pub(crate) struct Cosigned {
    pub(crate) at_s: u64,
    pub(crate) signature: Vec<u8>,
}

/// What a witness signs of a note's text.
pub(crate) fn message(at_s: u64, text: &str) -> Vec<u8> {
    format!("cosignature/v1\ntime {at_s}\n{text}").into_bytes()
}

fn holds(text: &str, line: &NoteSignature, witness: &WitnessVerifier) -> Option<u64> {
    if line.signature.len() != BYTES {
        return None;
    }
    let (time, signature) = line.signature.split_first_chunk::<8>()?;
    let at_s = u64::from_be_bytes(*time);
    // The specification's bound: a signed number of 64 bits holds it.
    i64::try_from(at_s).ok()?;
    let key = UnparsedPublicKey::new(&ED25519, &witness.public);
    key.verify(&message(at_s, text), signature).ok().map(|()| at_s)
}

#[cfg(test)]
mod tests;
