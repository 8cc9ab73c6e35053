//! The keys by which a record is compared: one key for its exact normalised question and one for each of the
//! 16 bands of its MinHash signature, each a SHA-256 hash with a domain of its own. Called by the worker and
//! by the coordinator; used by `key`, `query` and `result`.
//!
//! With 8 rows a band, two texts of Jaccard similarity s share a band with probability s^8, so the rule "3 of
//! 16 bands" finds 6 % of pairs at s = 0.7, 52 % at 0.8, 85 % at 0.85, 99 % at 0.9 (binomial tail); equal
//! texts always.

use std::fmt;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::dedup::{self, BANDS, Texts};
use crate::record::Record;

/// The 17 keys of one record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Features {
    /// Of the whole normalised question.
    pub exact: [u8; 32],
    /// Of each band of the question's MinHash signature.
    pub bands: [[u8; 32]; BANDS],
}

/// Prints no key: whoever guesses a question could compare its hash.
impl fmt::Debug for Features {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Features").finish_non_exhaustive()
    }
}

impl Features {
    /// Keys from the digest of the normalised text and the values of its bands.
    #[must_use]
    pub fn new(exact: &[u8; 32], bands: &[u64; BANDS]) -> Self {
        let band = |band: usize| key(1 + band as u8, &bands[band].to_le_bytes());
        Self { exact: key(0, exact), bands: std::array::from_fn(band) }
    }

    /// The keys of a record's question (all of a plain text): a held-out question with another answer counts
    /// as the same. `None` when there is neither letter nor digit in it, so that there is nothing to compare.
    #[must_use]
    pub fn of(record: &Record) -> Option<Self> {
        dedup::features(&Texts::of(record)).map(|keys| Self::new(&keys.question, &keys.bands))
    }

    /// [`Self::of`] for each record, in order, on all cores.
    #[must_use]
    pub fn of_all(records: &[Record]) -> Vec<Option<Self>> {
        records.par_iter().map(Self::of).collect()
    }

    /// All keys: the exact one first.
    pub(super) fn keys(&self) -> impl Iterator<Item = [u8; 32]> {
        std::iter::once(self.exact).chain(self.bands)
    }
}

/// A feature's 32 bytes: what the pseudorandom function is applied to. `slot` keeps bands and exact texts
/// apart.
fn key(slot: u8, value: &[u8]) -> [u8; 32] {
    Sha256::new()
        .chain_update(b"consilium overlap feature v1\0")
        .chain_update([slot])
        .chain_update(value)
        .finalize()
        .into()
}
