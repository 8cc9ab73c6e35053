//! Points, proofs and batches as they are exchanged, and how many points a site asks for. Used by `key`,
//! `query`, the site agent's files beside it and the coordinator. Invariant: a point is a canonical encoding
//! of an element other than the identity; both sides compute the same sizes.

use voprf::{Group, Ristretto255};

use super::error::OverlapError;
use crate::limits::{OVERLAP_POINTS_MAX, OVERLAP_POINTS_MIN};

/// Bytes of one point (a compressed ristretto255 element).
pub const POINT_BYTES: usize = 32;
/// Bytes of one proof (two scalars).
pub const PROOF_BYTES: usize = 64;
/// Points that one request of the overlap check carries: 4,096 x 32 B = 128 KiB up, and about 0.3 s of one
/// core at the coordinator, so that 100 sites at once are still answered within a request's deadline.
pub const BATCH_POINTS: usize = 4096;
/// Points under one proof. A batch has 16 proofs of 64 B, made and verified on as many cores as there are.
pub const PROOF_POINTS: usize = 256;

const _: () = assert!(BATCH_POINTS.is_multiple_of(PROOF_POINTS), "a batch is whole proofs");
const _: () =
    assert!((OVERLAP_POINTS_MIN as usize).is_multiple_of(PROOF_POINTS), "every query is whole proofs");
const _: () =
    assert!(OVERLAP_POINTS_MIN.is_power_of_two() && OVERLAP_POINTS_MAX.is_power_of_two(), "padding");

/// The coordinator's public key of a run: the same for all sites, because it stands in the run's manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; POINT_BYTES]);

impl PublicKey {
    /// Accepts a canonical encoding of an element other than the identity.
    ///
    /// # Errors
    /// [`OverlapError::PublicKey`] when the bytes are not canonical, or are the identity.
    pub fn from_bytes(bytes: [u8; POINT_BYTES]) -> Result<Self, OverlapError> {
        Ristretto255::deserialize_elem(&bytes).map(|_| Self(bytes)).map_err(|_| OverlapError::PublicKey)
    }

    /// The key that a server computed, which is never the identity.
    pub(super) fn of_element(element: <Ristretto255 as Group>::Elem) -> Self {
        Self(Ristretto255::serialize_elem(element).into())
    }

    /// The 32 bytes.
    #[must_use]
    pub fn to_bytes(self) -> [u8; POINT_BYTES] {
        self.0
    }
}

/// How many points are asked for so many features: the next power of two, at least [`OVERLAP_POINTS_MIN`].
/// What the coordinator learns of a site is this number.
///
/// # Errors
/// [`OverlapError::TooMany`] when that is more than [`OVERLAP_POINTS_MAX`].
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
    let begins = first < points && (first as usize).is_multiple_of(BATCH_POINTS);
    begins.then(|| BATCH_POINTS.min((points - first) as usize))
}

/// Bytes of the answer to a batch of so many points: the evaluated points, then one proof for each 256 of
/// them.
#[must_use]
pub fn answer_bytes(points: usize) -> usize {
    points * POINT_BYTES + points.div_ceil(PROOF_POINTS) * PROOF_BYTES
}
