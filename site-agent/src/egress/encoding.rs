//! Exact values of an item as the wire has them: coarse where the item is exact. Called by `egress`, which
//! records and sends them; a replay makes the offer of an update again. Invariant: a function of what is
//! handed in alone.

use common::limits::VERSION_PART_MAX;
use common::wire::message::Request;
use common::wire::numbers::{LossMilli, RoundedCount};

use crate::error::SiteError;
use crate::gateway::store::Update;

/// The version of this program, as numbers: no text leaves.
pub(super) fn own_version() -> [u16; 3] {
    let part = |text: &str| text.parse().unwrap_or(0).min(VERSION_PART_MAX - 1);
    [
        part(env!("CARGO_PKG_VERSION_MAJOR")),
        part(env!("CARGO_PKG_VERSION_MINOR")),
        part(env!("CARGO_PKG_VERSION_PATCH")),
    ]
}

/// What is offered of an update; a replay makes it again.
#[must_use]
pub fn offer_of(update: &Update) -> Request {
    Request::Offer {
        key: update.key,
        digest: update.digest,
        bytes: update.bytes,
        records: RoundedCount::of(update.records),
        tokens: RoundedCount::of(coarse_tokens(update.tokens)),
        loss: LossMilli::of(update.loss),
    }
}

/// A length or a count as the wire has it.
pub(super) fn short(number: usize) -> Result<u32, SiteError> {
    u32::try_from(number).map_err(|error| SiteError::Internal(error.to_string()))
}

/// The power of two at or below. A coordinator that chose the cutoff, run after run, would find each record's
/// length in two exact digits.
pub(super) fn coarse_tokens(tokens: u64) -> u64 {
    tokens.checked_ilog2().map_or(0, |exponent| 1 << exponent)
}
