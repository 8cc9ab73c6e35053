//! What an operator gave a round beside the run file's times, as it is kept in the state. Used by `state`,
//! which holds it; by `extension`, which gives it; by `admin::report`. Invariant: written names stay.

use serde::{Deserialize, Serialize};

/// What an operator gave a round beside the run file's times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Extension {
    /// Of the deadline, in all.
    pub deadline_ms: u64,
    /// Of the grace period: what was given while the quorum was in.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub grace_ms: u64,
}

impl Extension {
    /// Whether nothing was given.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

fn is_zero(ms: &u64) -> bool {
    *ms == 0
}
