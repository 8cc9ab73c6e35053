//! The hashes that name records and datasets: a record's content hash, the Merkle tree over such hashes, and
//! how a hash is written. Used by `manifest`, `room`, `screen` and its `waiver`, and by the site agent's
//! waivers. Invariant: pure; the bytes that are hashed never change within a version.

mod content;
mod merkle;

pub use self::content::content_hash;
pub use self::merkle::{leaf_hash, root as merkle_root};

/// Lower-case hexadecimal digits.
#[must_use]
pub fn hex(bytes: &[u8; 32]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
