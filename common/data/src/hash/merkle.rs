//! Merkle tree hash of RFC 6962, section 2.1. Called by `manifest` and by waivers. (The ledger's tree in
//! `common` grows line by line; this crate depends on nobody, and needs the root of a list only.)

use sha2::{Digest as _, Sha256};

/// SHA-256(0x00 || data).
#[must_use]
pub fn leaf_hash(data: &[u8]) -> [u8; 32] {
    Sha256::new().chain_update([0]).chain_update(data).finalize().into()
}

/// The tree hash over leaf hashes, in their order; SHA-256 of nothing for none.
#[must_use]
pub fn root(leaves: &[[u8; 32]]) -> [u8; 32] {
    let mut level = leaves.to_vec();
    while level.len() > 1 {
        // An odd last one is carried up as it is, which is the RFC's split at the largest power of two,
        // bottom up.
        level = level
            .chunks(2)
            .map(|pair| match pair {
                [left, right] => node(left, right),
                rest => rest.first().copied().unwrap_or_default(),
            })
            .collect();
    }
    level.first().copied().unwrap_or_else(|| Sha256::digest(b"").into())
}

/// SHA-256(0x01 || left || right).
fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}
