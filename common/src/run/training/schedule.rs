//! Over what the learning rate's schedule is gone through: `schedule_over` of `[training]`. Used by
//! `training`; read by `prepare`, which gives a round its part. Invariant: what is left out is a round, as it
//! always was, so that manifests of older versions keep their bytes and their meaning.

use serde::{Deserialize, Serialize};

/// What has one warm-up and one decay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ScheduleOver {
    /// Each round.
    #[default]
    Round,
    /// All rounds of the run together; each takes an equal share.
    Run,
}

impl ScheduleOver {
    // Serde hands a reference.
    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
