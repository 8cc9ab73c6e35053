//! Identifiers as types: parsed once at the border, valid ever after. Used by every crate of the
//! federation; none of them holds free text, so all of them may appear in an outbound message.

use std::fmt;
use std::str::FromStr;

use data_encoding::HEXLOWER;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::limits::SITE_NAME_BYTES_MAX;

/// Why a string is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Site names become certificate names and folder names.
    #[error("`{0}` is not a site name: use 1 to 32 of a-z, 0-9 and `-`, starting with a letter")]
    Site(String),
    /// Run ids are 16 hexadecimal digits.
    #[error("`{0}` is not a run id: 16 hexadecimal digits are expected")]
    Run(String),
    /// Digests are 64 hexadecimal digits.
    #[error("`{0}` is not a SHA-256 digest: 64 hexadecimal digits are expected")]
    Digest(String),
}

/// The name of one hospital in a consortium: 1 to 32 of `a-z 0-9 -`, starting with a letter.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SiteId(String);

impl SiteId {
    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for SiteId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let starts_well = text.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
        let plain =
            text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
        if starts_well && plain && text.len() <= SITE_NAME_BYTES_MAX && !text.ends_with('-') {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Site(text.chars().take(64).collect()))
        }
    }
}

impl TryFrom<String> for SiteId {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        text.parse()
    }
}

impl From<SiteId> for String {
    fn from(site: SiteId) -> Self {
        site.0
    }
}

impl fmt::Display for SiteId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// One fine-tuning run: 64 random bits, shown (in JSON too) as 16 hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub [u8; 8]);

impl fmt::Display for RunId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl FromStr for RunId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| IdError::Run(text.chars().take(64).collect()))
    }
}

/// A round of a run; the first is 1. Round 0 means "before any training".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Round(pub u32);

impl fmt::Display for Round {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// SHA-256 of a file or message; the name of every adapter and manifest. In JSON, 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// SHA-256 of `bytes`.
    pub fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string().chars().take(12).collect()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Digest({self})")
    }
}

impl FromStr for Digest {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| IdError::Digest(text.chars().take(80).collect()))
    }
}

/// A public key of ristretto255 (RFC 9496), 32 bytes. In JSON, 64 hexadecimal digits. Only whoever computes
/// with it (the crate `data`) can say whether it is a valid element.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Point(pub [u8; 32]);

impl fmt::Display for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Point {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Point({self})")
    }
}

impl FromStr for Point {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| IdError::Digest(text.chars().take(80).collect()))
    }
}

/// Hexadecimal text where people read (JSON), plain bytes on the wire.
macro_rules! hexadecimal_for_people {
    ($id:ident, $bytes:ty) => {
        impl Serialize for $id {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                if serializer.is_human_readable() {
                    serializer.collect_str(self)
                } else {
                    self.0.serialize(serializer)
                }
            }
        }

        impl<'de> Deserialize<'de> for $id {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                if deserializer.is_human_readable() {
                    let text = String::deserialize(deserializer)?;
                    text.parse().map_err(serde::de::Error::custom)
                } else {
                    <$bytes>::deserialize(deserializer).map(Self)
                }
            }
        }
    };
}

hexadecimal_for_people!(RunId, [u8; 8]);
hexadecimal_for_people!(Digest, [u8; 32]);
hexadecimal_for_people!(Point, [u8; 32]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn site_names_are_certificate_and_folder_safe() {
        for good in ["a", "cardiology", "site-1", "st-mary-2"] {
            assert_eq!(good.parse::<SiteId>().unwrap().as_str(), good);
        }
        for bad in ["", "1a", "A", "a_b", "a/b", "..", "a-", "心内科", &"x".repeat(33)] {
            assert!(bad.parse::<SiteId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn ids_round_trip_through_text() {
        let run = RunId([1, 2, 3, 4, 5, 6, 7, 255]);
        assert_eq!(run.to_string().parse(), Ok(run));
        let digest = Digest::of(b"abc");
        assert_eq!(digest.to_string(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(digest.to_string().parse(), Ok(digest));
        assert!("ba78".parse::<Digest>().is_err());
        assert!("0102".parse::<RunId>().is_err());
        let json = serde_json::to_string(&(run, digest)).unwrap();
        assert_eq!(json, format!("[\"{run}\",\"{digest}\"]"));
        assert_eq!(serde_json::from_str::<(RunId, Digest)>(&json).unwrap(), (run, digest));
    }
}
