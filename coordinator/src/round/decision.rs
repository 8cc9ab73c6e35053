//! What a site decided about a run, as the journal keeps it and as `status` says it. Used by `consent`, which
//! decides what follows, by `event`, `state` and `missing`, and by `admin::report`. Invariant: written names
//! stay, so that old journals replay.

use common::clock::Timestamp;
use common::wire::message::Decision;
use serde::{Deserialize, Serialize};

/// What a site decided about a run, as the journal keeps it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SiteDecision {
    /// It takes part.
    Approved,
    /// Its privacy officer does not want it.
    Declined,
    /// Its policy does not allow it.
    OutsidePolicy,
    /// It no longer takes part.
    Withdrawn,
}

impl From<Decision> for SiteDecision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Approved => Self::Approved,
            Decision::Declined => Self::Declined,
            Decision::OutsidePolicy => Self::OutsidePolicy,
            Decision::Withdrawn => Self::Withdrawn,
        }
    }
}

impl SiteDecision {
    /// The word in `status`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Declined => "declined",
            Self::OutsidePolicy => "outside_policy",
            Self::Withdrawn => "withdrawn",
        }
    }
}

/// A site's word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// What it says now.
    pub decision: SiteDecision,
    /// Since when.
    pub at: Timestamp,
    /// How often it has said something else before.
    pub changes: u32,
}
