//! Which of a site's records are too close to the consortium's held-out set, found out without either side showing a
//! text: an oblivious pseudorandom function (RFC 9497, ristretto255-SHA512, verifiable mode) over hashes of records.
//!
//! The coordinator has a key k for each run and publishes the first 80 bits of F_k(feature) for the features of its
//! held-out records ([`EvaluationKey::publish`]). The site blinds its own features ([`Query::blinded`]), has them
//! evaluated ([`EvaluationKey::evaluate`]), checks the proof that k is the run's key, unblinds, and looks itself up
//! ([`Query::hits`]). A record with an exact hit or at least [`BAND_HITS_MIN`] of its 16 band keys is dropped
//! ([`Verdict::exclude`]).
//!
//! Who learns what. The coordinator: how many points were asked, a power of two. Every point is a feature's hash times
//! a random scalar, uniform whatever the feature. The site: which of its own records are close; about others'
//! records only what it asks, and it can ask no more than it declared. A third party: nothing.
//!
//! Called by the site's worker (query, verdict) and by the coordinator (key, published set). Pure: randomness is an
//! argument, there is no clock and no file. Invariants: nothing panics on outside input; a point is a canonical
//! encoding of an element other than the identity; secrets are wiped when dropped and never shown by `Debug`.

mod error;
mod features;
mod key;
mod published;
mod query;
mod random;
mod verdict;

pub use error::OverlapError;
pub use features::Features;
pub use key::{Batch, EvaluationKey};
pub use published::PublishedSet;
pub use query::Query;
pub use verdict::{BAND_HITS_MIN, Excluded, Verdict};

use voprf::{Group, Ristretto255};

use crate::limits::{OVERLAP_BATCH_POINTS, OVERLAP_POINTS_MAX, OVERLAP_POINTS_MIN, OVERLAP_PROOF_POINTS};

/// Bytes of one point (a compressed ristretto255 element).
pub const POINT_BYTES: usize = 32;
/// Bytes of one proof (two scalars).
pub const PROOF_BYTES: usize = 64;

/// The coordinator's public key of a run: the same for all sites, because it stands in the run's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; POINT_BYTES]);

impl PublicKey {
    /// Accepts a canonical encoding of an element other than the identity.
    ///
    /// # Errors
    /// [`OverlapError::PublicKey`] for anything else.
    pub fn from_bytes(bytes: [u8; POINT_BYTES]) -> Result<Self, OverlapError> {
        Ristretto255::deserialize_elem(&bytes).map(|_| Self(bytes)).map_err(|_| OverlapError::PublicKey)
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; POINT_BYTES] {
        self.0
    }
}

/// How many points are asked for so many features: the next power of two, at least `OVERLAP_POINTS_MIN`. What the
/// coordinator learns of a site is this number.
///
/// # Errors
/// [`OverlapError::TooMany`] beyond `OVERLAP_POINTS_MAX`.
pub fn padded(features: usize) -> Result<u32, OverlapError> {
    let wanted = features.checked_next_power_of_two().and_then(|points| u32::try_from(points).ok());
    match wanted.map(|points| points.max(OVERLAP_POINTS_MIN)) {
        Some(points) if points <= OVERLAP_POINTS_MAX => Ok(points),
        _ => Err(OverlapError::TooMany { features }),
    }
}

/// Whether a site may declare this number of points.
#[must_use]
pub fn is_padded(points: u32) -> bool {
    points.is_power_of_two() && (OVERLAP_POINTS_MIN..=OVERLAP_POINTS_MAX).contains(&points)
}

/// Points of the batch that begins at `first` of `points`; `None` where no batch begins.
#[must_use]
pub fn batch_points(points: u32, first: u32) -> Option<usize> {
    let begins = first < points && (first as usize).is_multiple_of(OVERLAP_BATCH_POINTS);
    begins.then(|| OVERLAP_BATCH_POINTS.min((points - first) as usize))
}

/// Bytes of the answer to a batch of so many points: the evaluated points, then one proof for each 256 of them.
#[must_use]
pub fn answer_bytes(points: usize) -> usize {
    points * POINT_BYTES + points.div_ceil(OVERLAP_PROOF_POINTS) * PROOF_BYTES
}

#[cfg(test)]
mod tests;
