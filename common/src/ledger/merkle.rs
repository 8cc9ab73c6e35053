//! Merkle tree hash of RFC 6962, section 2.1, kept as a compact range: one hash per set bit of the size.
//! Used by `verify` and `consistency`.

use sha2::{Digest as _, Sha256};

use crate::id::Digest;

/// An append-only tree that remembers only what its root needs: at most 64 hashes.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    size: u64,
    /// Roots of complete subtrees, largest first; their sizes are the set bits of `size`.
    peaks: Vec<[u8; 32]>,
}

impl Tree {
    /// Appends one leaf: SHA-256(0x00 || entry).
    pub fn append(&mut self, entry: &[u8]) {
        let mut hash: [u8; 32] = Sha256::new().chain_update([0]).chain_update(entry).finalize().into();
        // Two complete subtrees of equal size become one: as many times as `size` ends in ones.
        for _ in 0..self.size.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node(&left, &hash);
            }
        }
        self.peaks.push(hash);
        self.size += 1;
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The tree hash; SHA-256 of nothing for the empty tree.
    pub fn root(&self) -> Digest {
        let mut peaks = self.peaks.iter().rev();
        let Some(last) = peaks.next() else { return Digest::of(b"") };
        Digest(peaks.fold(*last, |right, left| node(left, &right)))
    }
}

/// SHA-256(0x01 || left || right).
pub(super) fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}
