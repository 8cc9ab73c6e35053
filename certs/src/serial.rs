//! The serial number of a certificate: 16 bytes, drawn at random.
//!
//! Used by `profile` and `ca` (write it), `peer` (reads it) and the coordinator's database (finds a site by
//! it). Invariant: the DER integer is positive and exactly 16 bytes long, whatever the randomness.

use std::fmt;

use data_encoding::HEXLOWER;

/// A certificate serial number of exactly 16 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SerialNumber([u8; 16]);

impl SerialNumber {
    /// From 16 random bytes. Two bits are fixed so that the DER integer is positive and always 16
    /// bytes long; 126 random bits remain, far above the 64 the CA/Browser Forum asks for.
    pub fn from_random(mut bytes: [u8; 16]) -> Self {
        bytes[0] = (bytes[0] & 0x3f) | 0x40;
        Self(bytes)
    }

    /// The 16 bytes, big-endian.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// From the 16 bytes of `as_bytes`, for example out of a database.
    pub fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// 32 lower-case hexadecimal digits, as `openssl x509 -serial` shows it but for the case.
impl fmt::Display for SerialNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}
