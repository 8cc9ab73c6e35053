//! Everything that can be wrong with what the other side sent or a file holds. Used by every file of
//! `overlap`, by the site agent and by the coordinator. Invariant: no message carries a feature, a point or a
//! key.

/// Why the comparison with the held-out set cannot go on. The same bytes fail again, so no retry helps; a
/// file that was damaged on the way can be fetched again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OverlapError {
    /// A point is not a canonical encoding of a group element, or is the identity.
    #[error("point {index} is not a valid element of ristretto255")]
    Point {
        /// Counted from 0 within the batch.
        index: usize,
    },
    /// The bytes of the run's public key are not a public key.
    #[error("the run's public key is not a valid element of ristretto255")]
    PublicKey,
    /// No key can be derived from the secret seed (probability 2^-252).
    #[error("no key can be derived from this seed")]
    Seed,
    /// The evaluations were not made with the key that the run's manifest names, or are not of these points.
    #[error(
        "the proof over points {first} to {last} does not hold: they were not evaluated with the run's key"
    )]
    Proof {
        /// First point under the proof, counted from 0 within the whole query.
        first: u32,
        /// Last point under it.
        last: u32,
    },
    /// The bytes of a proof are not two scalars.
    #[error("the proof over the points from {first} on is not a proof at all")]
    ProofFormat {
        /// First point under the proof.
        first: u32,
    },
    /// Too few or too many bytes.
    #[error("{expected} bytes were expected and {found} came")]
    Length {
        /// How many there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// A batch was asked for at a point where none begins.
    #[error("no batch of points begins at {first}")]
    Offset {
        /// The first point that was asked for.
        first: u32,
    },
    /// More features than a site may ask for.
    #[error("{features} features are more than one site may ask for in a run")]
    TooMany {
        /// How many.
        features: usize,
    },
    /// A file of a published set, a query or a result is damaged or of another kind.
    #[error("the {file} is damaged: {reason}")]
    File {
        /// Which file.
        file: &'static str,
        /// What is wrong.
        reason: &'static str,
    },
}

impl OverlapError {
    /// Whether the same call may succeed later: never.
    #[must_use]
    pub fn is_retryable(self) -> bool {
        false
    }
}
