//! One-time join tokens: 256 random bits, kept only as a SHA-256, compared in constant time.
//!
//! Called by `coordinator invite` (creates), the coordinator's enrolment (checks) and the site
//! (presents). Invariant: the secret is wiped on drop and never shown by `Debug`. A plain SHA-256 is
//! enough at rest because the secret has 256 bits of entropy: there is nothing to guess.
//! Consuming the token exactly once is the database's transaction, not this file.

use std::{fmt, time::SystemTime};

use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::error::CertError;

/// The secret itself. Exists at the coordinator only while the invitation is printed or checked.
#[derive(Clone)]
pub struct JoinToken(Zeroizing<[u8; 32]>);

impl JoinToken {
    /// A token from 32 random bytes (`random::bytes`) or from the wire.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// Reads 43 characters of base64url.
    ///
    /// # Errors
    /// [`CertError::InvitationToken`] for anything else.
    pub fn from_text(text: &str) -> Result<Self, CertError> {
        let bytes =
            Zeroizing::new(BASE64URL_NOPAD.decode(text.as_bytes()).map_err(|_| CertError::InvitationToken)?);
        let bytes: [u8; 32] = bytes.as_slice().try_into().map_err(|_| CertError::InvitationToken)?;
        Ok(Self::from_bytes(bytes))
    }

    /// The 43 characters that go into the invitation.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64URL_NOPAD.encode(self.0.as_slice()))
    }

    /// The secret bytes, for the enrolment request only.
    pub fn expose_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// What the database keeps.
    pub fn hash(&self) -> TokenHash {
        TokenHash(Sha256::digest(self.0.as_slice()).into())
    }
}

impl fmt::Debug for JoinToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JoinToken(..)")
    }
}

/// SHA-256 of a token. Safe to store and to log.
#[derive(Debug, Clone, Copy)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// From the database.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// For the database.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Whether `presented` is the token of this hash and `now` is before `expires_at`. A wrong token is
    /// told apart from an expired one only to someone who holds the right secret.
    ///
    /// # Errors
    /// [`CertError::TokenWrong`] or [`CertError::TokenExpired`].
    pub fn verify(
        &self,
        presented: &JoinToken,
        expires_at: SystemTime,
        now: SystemTime,
    ) -> Result<(), CertError> {
        if !bool::from(self.0.ct_eq(&presented.hash().0)) {
            return Err(CertError::TokenWrong);
        }
        if now >= expires_at {
            return Err(CertError::TokenExpired);
        }
        Ok(())
    }
}

impl PartialEq for TokenHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for TokenHash {}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn text_round_trips_and_debug_is_silent() {
        let token = JoinToken::from_bytes([0xA5; 32]);
        let text = token.to_text();
        assert_eq!(JoinToken::from_text(&text).unwrap().hash(), token.hash());
        assert_eq!(format!("{token:?}"), "JoinToken(..)");
        for bad in ["", "short", &text[1..], &format!("{}=", text.as_str())] {
            assert_eq!(JoinToken::from_text(bad).unwrap_err(), CertError::InvitationToken, "{bad}");
        }
    }

    #[test]
    fn only_the_right_token_before_its_expiry_is_taken() {
        let token = JoinToken::from_bytes([1; 32]);
        let stored = TokenHash::from_bytes(*token.hash().as_bytes());
        let expires = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let before = expires - Duration::from_nanos(1);
        assert_eq!(stored.verify(&token, expires, before), Ok(()));
        assert_eq!(stored.verify(&token, expires, expires), Err(CertError::TokenExpired));
        let wrong = JoinToken::from_bytes([2; 32]);
        assert_eq!(stored.verify(&wrong, expires, before), Err(CertError::TokenWrong));
        assert_eq!(stored.verify(&wrong, expires, expires), Err(CertError::TokenWrong));
    }
}
