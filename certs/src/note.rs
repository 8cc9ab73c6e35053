//! Signed notes (C2SP signed-note, as golang.org/x/mod/sumdb/note writes them): a text, an empty line, and
//! a line for each signature. The heads of a site's ledger are such notes; the lines of witnesses are in
//! `cosignature`.
//!
//! Called by the site agent, which signs heads and verifies old ones, years later too; the Python program
//! `deploy/verify_ledger.py` reads the same. Invariants: a note that a key verifies was signed by it as it
//! stands; signatures of keys that nobody asks for are ignored, as the specification wants; nothing of a
//! note makes this panic.

pub mod cosignature;

use std::fmt;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::{BASE64, HEXLOWER};
use sha2::{Digest as _, Sha256};

use crate::error::CertError;
use crate::limits::{NOTE_BYTES_MAX, NOTE_NAME_BYTES_MAX, NOTE_SIGNATURES_MAX};

/// The kind of signature: plain Ed25519 over the text.
const ED25519_KIND: u8 = 1;
/// The y of the points whose order divides 8, sign bit left out: 0, 1, -1, the two of order 8, and 0 and 1
/// once more with the prime added.
const SMALL_ORDER: [&str; 7] = [
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
];
/// How a signature line begins.
const LINE_START: &str = "\u{2014} ";

/// What a note is verified with: the key's name, and the public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    public: [u8; 32],
}

impl VerifierKey {
    /// From the key's name and its 32 bytes (RFC 8032 encoding).
    ///
    /// # Errors
    /// [`CertError::VerifierKey`] for a name that no key may have, and for a point of small order.
    pub fn new(name: &str, public: [u8; 32]) -> Result<Self, CertError> {
        if is_name(name) && !is_small(public) {
            Ok(Self { name: name.to_owned(), public })
        } else {
            Err(CertError::VerifierKey)
        }
    }

    /// Reads `NAME+ID+KEY`, as [`Self::to_text`] writes it; surrounding white space (of ASCII) is forgiven.
    ///
    /// # Errors
    /// [`CertError::VerifierKey`] for another text, and for one whose id is not that of its key.
    pub fn parse(text: &str) -> Result<Self, CertError> {
        let (name, public) = parse_key(text, ED25519_KIND).ok_or(CertError::VerifierKey)?;
        Self::new(name, public)
    }

    /// `NAME+ID+KEY`: the id as 8 hexadecimal digits, the key as base64 of its kind and its 32 bytes.
    #[must_use]
    pub fn to_text(&self) -> String {
        key_text(&self.name, ED25519_KIND, &self.public)
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The first four bytes of SHA-256(name, newline, kind, key): a hint as to which key signed.
    #[must_use]
    pub fn id(&self) -> [u8; 4] {
        key_id(&self.name, ED25519_KIND, &self.public)
    }
}

/// The name and the public key in `NAME+ID+KEY` of a key of this kind, whose id must belong to it.
fn parse_key(text: &str, kind: u8) -> Option<(&str, [u8; 32])> {
    let mut parts = text.trim_matches(|c: char| c.is_ascii_whitespace()).splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let bytes = decoded(key)?;
    let (found, public) = bytes.split_first()?;
    let public: [u8; 32] = public.try_into().ok()?;
    (*found == kind && HEXLOWER.encode(&key_id(name, kind, &public)) == id).then_some((name, public))
}

fn key_text(name: &str, kind: u8, public: &[u8; 32]) -> String {
    let key = BASE64.encode(&[&[kind][..], public].concat());
    format!("{name}+{}+{key}", HEXLOWER.encode(&key_id(name, kind, public)))
}

fn key_id(name: &str, kind: u8, public: &[u8; 32]) -> [u8; 4] {
    let hash: [u8; 32] =
        Sha256::new().chain_update(name).chain_update([b'\n', kind]).chain_update(public).finalize().into();
    [hash[0], hash[1], hash[2], hash[3]]
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_text())
    }
}

/// A note as it was read: nothing of it is believed before a key verifies it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl Note {
    /// Reads a note.
    ///
    /// # Errors
    /// [`CertError::Note`], with what is wrong.
    pub fn parse(bytes: &[u8]) -> Result<Self, CertError> {
        let wrong = |reason| Err(CertError::Note { reason });
        if bytes.len() > NOTE_BYTES_MAX {
            return wrong("it is too long");
        }
        let Ok(whole) = std::str::from_utf8(bytes) else { return wrong("it is not UTF-8") };
        if whole.chars().any(|character| character < ' ' && character != '\n') {
            return wrong("it has control characters");
        }
        let Some(at) = whole.rfind("\n\n") else {
            return wrong("it has no empty line before its signatures");
        };
        let (text, lines) = (&whole[..=at], &whole[at + 2..]);
        let Some(lines) = lines.strip_suffix('\n') else { return wrong("its last line has no end") };
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            let Some(signature) = NoteSignature::parse(line) else {
                return wrong("a line after its empty line is no signature");
            };
            signatures.push(signature);
            if signatures.len() > NOTE_SIGNATURES_MAX {
                return wrong("it has too many signatures");
            }
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, if this key signed it. Other signatures are not looked at.
    ///
    /// # Errors
    /// [`CertError::NoteSignature`] where there is no signature of this key, or one that does not hold.
    pub fn verify(&self, key: &VerifierKey) -> Result<&str, CertError> {
        let id = key.id();
        let mut found = false;
        for signature in &self.signatures {
            if signature.name != key.name || signature.id != id {
                continue;
            }
            UnparsedPublicKey::new(&ED25519, &key.public)
                .verify(self.text.as_bytes(), &signature.signature)
                .map_err(|_| CertError::NoteSignature)?;
            found = true;
        }
        if found { Ok(&self.text) } else { Err(CertError::NoteSignature) }
    }

    /// The note with all of its lines, as it was read.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.text);
        for NoteSignature { name, id, signature } in &self.signatures {
            text.push_str(&line(name, &[&id[..], signature].concat()));
        }
        text
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(LINE_START)?.split_once(' ')?;
        let bytes = decoded(encoded)?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        (is_name(name) && !signature.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: *id,
            signature: signature.to_vec(),
        })
    }
}

/// The note of a text, with one signature, which [`crate::ledger_key`] made.
pub(crate) fn to_text(text: &str, key: &VerifierKey, signature: &[u8]) -> String {
    format!("{text}\n{}", line(&key.name, &[&key.id()[..], signature].concat()))
}

fn line(name: &str, id_and_signature: &[u8]) -> String {
    format!("{LINE_START}{name} {}\n", BASE64.encode(id_and_signature))
}

/// The bytes of a base64 text in its one spelling: the library also takes several of them, end to end.
fn decoded(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}

/// Whether the bytes are a point of small order, of either sign: under such a key anybody signs anything.
fn is_small(mut public: [u8; 32]) -> bool {
    public[31] &= 0x7f;
    SMALL_ORDER.contains(&HEXLOWER.encode(&public).as_str())
}

/// Not empty, without a space or a plus.
fn is_name(name: &str) -> bool {
    let is_inside = |character: char| !character.is_whitespace() && character != '+' && character >= ' ';
    !name.is_empty() && name.len() <= NOTE_NAME_BYTES_MAX && name.chars().all(is_inside)
}

#[cfg(test)]
mod tests;
