//! What of a record is compared: one key for its exact normalised text and one for each of the 16 bands of its MinHash
//! signature, each a SHA-256 hash with a domain of its own.
//!
//! With 8 rows a band, two texts of Jaccard similarity s share a band with probability s^8, so the rule "3 of 16 bands"
//! finds 6 % of pairs at s = 0.7, 52 % at 0.8, 85 % at 0.85, 99 % at 0.9 (binomial tail); equal texts always.

use sha2::{Digest as _, Sha256};

/// Bands of a signature (reference: 128 permutations, 16 bands x 8 rows).
pub const BANDS: usize = 16;

/// The 17 keys of one record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Of the whole normalised text.
    pub exact: [u8; 32],
    /// Of each band; a text too short to have shingles has none.
    pub bands: Option<[[u8; 32]; BANDS]>,
}

impl Features {
    /// Keys from the digest of the normalised text and the values of each band.
    #[must_use]
    pub fn new(exact: &[u8], bands: Option<[&[u8]; BANDS]>) -> Self {
        let bands = bands.map(|bands| std::array::from_fn(|band| key(1 + band as u8, bands[band])));
        Self { exact: key(0, exact), bands }
    }

    /// All keys: the exact one first.
    pub(super) fn keys(&self) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(self.exact).chain(self.bands.into_iter().flatten())
    }
}

/// A feature's 32 bytes: what the pseudorandom function is applied to. `slot` keeps bands and exact texts apart.
fn key(slot: u8, value: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"consilium overlap feature v1\0")
        .chain_update([slot])
        .chain_update(value)
        .finalize()
        .into()
}
