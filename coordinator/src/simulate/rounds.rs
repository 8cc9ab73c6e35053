//! What a round of a simulation cost: its parts along the way that decided when it ended. Used by `world`,
//! which notes them, and by `prediction`. Invariant: the parts of a round add up to its length.

use std::collections::BTreeMap;

use serde::Serialize;

use super::agenda::Ms;

/// A round's time in milliseconds: of the site whose update was the last that counted, then of the
/// coordinator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Parts {
    /// From the announcement until the site had the adapter.
    pub download_ms: Ms,
    /// Until it had its update, time away left out.
    pub training_ms: Ms,
    /// Until the update was checked and journalled.
    pub upload_ms: Ms,
    /// Away, and until the round closed: the grace period, or what was left to the deadline.
    pub waiting_ms: Ms,
    /// Until the average was published, the measurement left out.
    pub aggregation_ms: Ms,
    /// The measurement on the validation set.
    pub evaluation_ms: Ms,
}

impl Parts {
    /// All of them, in order.
    #[must_use]
    pub fn all(&self) -> [Ms; 6] {
        let Self { download_ms, training_ms, upload_ms, waiting_ms, aggregation_ms, evaluation_ms } = *self;
        [download_ms, training_ms, upload_ms, waiting_ms, aggregation_ms, evaluation_ms]
    }

    /// The whole round.
    #[must_use]
    pub fn total_ms(&self) -> Ms {
        self.all().into_iter().fold(0, Ms::saturating_add)
    }
}

/// What ended a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClosedBy {
    /// The last update that was waited for.
    Update,
    /// Only sites out of reach were waited for.
    Absence,
    /// The end of the grace period after the quorum, or the deadline.
    Time,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RoundCost {
    /// Which.
    pub round: u32,
    /// Updates that counted.
    pub updates: usize,
    /// What ended it.
    pub closed_by: ClosedBy,
    /// Whether it ended without a quorum, and the run with it.
    pub failed: bool,
    /// Its time.
    pub parts: Parts,
    /// Sites that did not count, by the scheduler's reason.
    pub missing: BTreeMap<String, usize>,
}

/// When things happened in the round that is open, or was closed last.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Stamps {
    pub(super) announced_at: Ms,
    /// The site whose update counted last.
    pub(super) last: Option<(usize, Ms)>,
    pub(super) closed_at: Ms,
    pub(super) averaged_at: Ms,
    pub(super) scored_at: Ms,
}
