//! The age file format, version 1, for X25519 recipients and for passphrases (age-encryption.org/v1, C2SP
//! age): what escrowed frames are sealed with, so that the privacy officer opens them with this program or
//! with any other age program, and, in `sealed`, private keys.
//!
//! Called by the site agent: its gateway seals, the officer's commands make a key and open. Written here on
//! the one crypto provider instead of taken from the `age` crate (0.12.1), which brings 65 more crates into
//! the process that holds the site's key, a pre-release ML-KEM and a translation system among them. The
//! published test vectors (C2SP CCTV) say whether it is the same format. Invariants: what is opened was
//! authenticated to its last byte; nothing of a file makes this panic; no other recipient type is written.

pub(crate) mod armor;
mod bech32;
mod header;
pub(crate) mod passphrase;
mod scrypt;
mod stream;

use std::fmt;

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Salt};
use data_encoding::BASE64_NOPAD;
use zeroize::Zeroizing;

use self::header::{Header, Stanza};
use crate::error::CertError;

const RECIPIENT_PREFIX: &str = "age";
const IDENTITY_PREFIX: &str = "age-secret-key-";
const STANZA: &str = "X25519";
const WRAP_INFO: &[u8] = b"age-encryption.org/v1/X25519";
/// Bytes of the key that a file is sealed with.
const FILE_KEY_BYTES: usize = 16;
/// Bytes of the payload's nonce, which stands behind the header.
const NONCE_BYTES: usize = 16;

/// Whom something is sealed for: `age1...`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AgeRecipient([u8; 32]);

impl AgeRecipient {
    /// Reads `age1...`; surrounding white space is forgiven.
    ///
    /// # Errors
    /// [`CertError::AgeKey`] for another text.
    pub fn parse(text: &str) -> Result<Self, CertError> {
        let (prefix, bytes) = bech32::decode(text.trim()).ok_or(CertError::AgeKey)?;
        let is_lower = !text.bytes().any(|byte| byte.is_ascii_uppercase());
        let public = <[u8; 32]>::try_from(bytes).map_err(|_| CertError::AgeKey)?;
        if prefix == RECIPIENT_PREFIX && is_lower { Ok(Self(public)) } else { Err(CertError::AgeKey) }
    }
}

impl fmt::Display for AgeRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bech32::encode(RECIPIENT_PREFIX, &self.0))
    }
}

/// The private key that opens: `AGE-SECRET-KEY-1...`.
pub struct AgeIdentity(Zeroizing<[u8; 32]>);

impl AgeIdentity {
    /// A new key from the operating system's generator.
    ///
    /// # Errors
    /// [`CertError::Randomness`].
    pub fn generate() -> Result<Self, CertError> {
        Ok(Self(Zeroizing::new(random()?)))
    }

    /// Reads an identity file as `age-keygen` writes it: lines that begin with `#`, empty ones, and one key.
    ///
    /// # Errors
    /// [`CertError::AgeKey`] for another text, and for several keys.
    pub fn parse(text: &str) -> Result<Self, CertError> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(CertError::AgeKey) };
        let (prefix, bytes) = bech32::decode(line).ok_or(CertError::AgeKey)?;
        let bytes = Zeroizing::new(bytes);
        let secret = <[u8; 32]>::try_from(bytes.as_slice()).map_err(|_| CertError::AgeKey)?;
        let is_upper = !line.bytes().any(|byte| byte.is_ascii_lowercase());
        if prefix == IDENTITY_PREFIX && is_upper {
            Ok(Self(Zeroizing::new(secret)))
        } else {
            Err(CertError::AgeKey)
        }
    }

    /// The line of an identity file, wiped when dropped. The file wants mode 0600.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(bech32::encode(IDENTITY_PREFIX, self.0.as_slice()).to_ascii_uppercase() + "\n")
    }

    /// Whom to seal for.
    ///
    /// # Errors
    /// [`CertError::AgeKey`] when the crypto provider gives no public key.
    pub fn recipient(&self) -> Result<AgeRecipient, CertError> {
        public_of(&self.0).map(AgeRecipient)
    }
}

impl fmt::Debug for AgeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AgeIdentity(..)")
    }
}

/// Seals bytes for one recipient.
///
/// # Errors
/// [`CertError::Randomness`]; [`CertError::AgeKey`] for a recipient of small order.
pub fn seal(recipient: &AgeRecipient, plaintext: &[u8]) -> Result<Vec<u8>, CertError> {
    let file_key = Zeroizing::new(random::<FILE_KEY_BYTES>()?);
    let ephemeral = Zeroizing::new(random::<32>()?);
    let share = public_of(&ephemeral)?;
    let wrap = wrap_key(&ephemeral, &recipient.0, &share, &recipient.0)?;
    let mut body = file_key.to_vec();
    sealing(&wrap)?
        .seal_in_place_append_tag(no_nonce(), Aad::empty(), &mut body)
        .map_err(|_| CertError::AgeKey)?;
    written(&Stanza::of(&[STANZA, &BASE64_NOPAD.encode(&share)], body), &*file_key, plaintext)
}

/// A file with one stanza, which has this key of it.
fn written(stanza: &Stanza, file_key: &[u8], plaintext: &[u8]) -> Result<Vec<u8>, CertError> {
    let code_key = derived(&[], file_key, b"header")?;
    let mut sealed = header::write(stanza, &code_key);
    let nonce = random::<NONCE_BYTES>()?;
    sealed.extend_from_slice(&nonce);
    let key = derived(&nonce, file_key, b"payload")?;
    stream::seal(&sealing(&key)?, plaintext, &mut sealed)?;
    Ok(sealed)
}

/// Opens what was sealed for this identity, possibly beside others.
///
/// # Errors
/// [`CertError::Age`], with what is wrong.
pub fn open(identity: &AgeIdentity, sealed: &[u8]) -> Result<Zeroizing<Vec<u8>>, CertError> {
    let wrong = |reason| CertError::Age { reason };
    let header = Header::parse(sealed).ok_or_else(|| wrong("its header is malformed"))?;
    let public = identity.recipient()?.0;
    let mut file_key = None;
    for stanza in header.stanzas.iter().filter(|stanza| stanza.kind() == Some(STANZA)) {
        let (share, body) = stanza.x25519().ok_or_else(|| wrong("its header is malformed"))?;
        // Of a share of small order there is no key.
        let wrap =
            wrap_key(&identity.0, &share, &share, &public).map_err(|_| wrong("its header is malformed"))?;
        let mut body = body.to_vec();
        if let Ok(key) = sealing(&wrap)?.open_in_place(no_nonce(), Aad::empty(), &mut body) {
            file_key.get_or_insert_with(|| Zeroizing::new(key.to_vec()));
        }
    }
    let file_key = file_key.ok_or_else(|| wrong("it was sealed for another key"))?;
    content(&header, &file_key, wrong)
}

/// What a file holds, of which this is the key; `wrong` says why there is nothing.
fn content(
    header: &Header<'_>,
    file_key: &[u8],
    wrong: impl Fn(&'static str) -> CertError,
) -> Result<Zeroizing<Vec<u8>>, CertError> {
    let code_key = derived(&[], file_key, b"header")?;
    if !header.has_code(&code_key) {
        return Err(wrong("its header was changed"));
    }
    let (nonce, payload) =
        header.payload.split_at_checked(NONCE_BYTES).ok_or_else(|| wrong("it ends in its header"))?;
    let key = derived(nonce, file_key, b"payload")?;
    stream::open(&sealing(&key)?, payload).ok_or_else(|| wrong("its content was changed or cut off"))
}

fn random<const N: usize>() -> Result<[u8; N], CertError> {
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| CertError::Randomness)?;
    Ok(bytes)
}

fn private(secret: &[u8; 32]) -> Result<PrivateKey, CertError> {
    PrivateKey::from_private_key(&X25519, secret).map_err(|_| CertError::AgeKey)
}

fn public_of(secret: &[u8; 32]) -> Result<[u8; 32], CertError> {
    let public = private(secret)?.compute_public_key().map_err(|_| CertError::AgeKey)?;
    public.as_ref().try_into().map_err(|_| CertError::AgeKey)
}

/// HKDF over the shared secret, with both public keys as its salt.
fn wrap_key(
    secret: &[u8; 32],
    theirs: &[u8; 32],
    share: &[u8; 32],
    recipient: &[u8; 32],
) -> Result<Zeroizing<[u8; 32]>, CertError> {
    let salt = [&share[..], &recipient[..]].concat();
    let peer = UnparsedPublicKey::new(&X25519, theirs.as_slice());
    agree(&private(secret)?, peer, CertError::AgeKey, |shared| derived(&salt, shared, WRAP_INFO))
}

struct Length32;

impl KeyType for Length32 {
    fn len(&self) -> usize {
        32
    }
}

fn derived(salt: &[u8], secret: &[u8], info: &[u8]) -> Result<Zeroizing<[u8; 32]>, CertError> {
    let mut key = Zeroizing::new([0; 32]);
    Salt::new(HKDF_SHA256, salt)
        .extract(secret)
        .expand(&[info], Length32)
        .and_then(|material| material.fill(key.as_mut_slice()))
        .map_err(|_| CertError::AgeKey)?;
    Ok(key)
}

fn sealing(key: &[u8; 32]) -> Result<LessSafeKey, CertError> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(|_| CertError::AgeKey)
}

/// Each of these keys seals one thing.
fn no_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

#[cfg(test)]
mod tests;
