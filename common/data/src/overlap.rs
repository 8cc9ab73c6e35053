//! Which of a site's records are too close to the consortium's held-out set, found out without either side
//! showing a text: an oblivious pseudorandom function (RFC 9497, ristretto255-SHA512, verifiable mode) over
//! hashes of records.
//!
//! The coordinator has a key k for each run and publishes the first 80 bits of F_k(feature) for the features
//! of its held-out records ([`EvaluationKey::publish`]). The site blinds its own features
//! ([`Query::blinded`]), has them evaluated ([`EvaluationKey::evaluate`]), checks the proof that k is the
//! run's key, unblinds, and looks itself up ([`Query::hits`]). A record with an exact hit or at least
//! [`OVERLAP_BAND_HITS_MIN`](crate::limits::OVERLAP_BAND_HITS_MIN) of its 16 band keys is dropped
//! ([`OverlapResult::exclude`]).
//!
//! Who learns what. The coordinator: how many points were asked, a power of two. Every point is a feature's
//! hash times a random scalar, uniform whatever the feature. The site: which of its own records are close;
//! about others' records only what it asks, and it can ask no more than it declared. A third party: nothing.
//!
//! Called by the site's worker (query, result) and by the coordinator (key, published set). Pure: randomness
//! is an argument, there is no clock and no file. Invariants: nothing panics on outside input; a point is a
//! canonical encoding of an element other than the identity; secrets are wiped when dropped and never shown
//! by `Debug`.

mod error;
mod features;
mod key;
mod points;
mod published;
mod query;
mod random;
mod result;

#[cfg(test)]
mod tests;

pub use self::error::OverlapError;
pub use self::features::Features;
pub use self::key::{Batch, EvaluationKey};
pub use self::points::{
    BATCH_POINTS, POINT_BYTES, PROOF_BYTES, PROOF_POINTS, PublicKey, answer_bytes, batch_points, is_padded,
    padded,
};
pub use self::published::PublishedSet;
pub use self::query::Query;
pub use self::result::{Excluded, OverlapResult};
