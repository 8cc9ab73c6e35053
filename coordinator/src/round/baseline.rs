//! What came of the update of a site that trained alone, as the journal keeps it. Used by `event` and
//! `state`, which hold it; by `alone`, which notes it; by `execution::performer` and `report`. Invariant:
//! written names stay, so that old journals replay.

use serde::{Deserialize, Serialize};

use super::metrics::{Metrics, Paired};

/// A held-out set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeldOut {
    /// That steers runs of sites together.
    Validation,
    /// Opened once.
    Test,
}

/// What a measurement of one site's adapter came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Baseline {
    /// It was measured.
    Measured(Box<Figures>),
    /// It could not be; the run goes on.
    NotMeasured {
        /// One sentence for the operator.
        reason: String,
    },
}

/// Models on the same records, in one process.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Figures {
    /// The base model.
    pub base: Metrics,
    /// With the adapter of the site; `paired` beside the base model.
    pub alone: Metrics,
    /// With the final adapter of the run that it is compared with; `paired` beside the base model.
    pub together: Option<Metrics>,
    /// That beside the site's own: below 0 where training together is better.
    pub difference: Option<Paired>,
}

/// One site's, on both sets.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Baselines {
    /// On the validation set; nothing before it is measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validation: Option<Baseline>,
    /// On the test set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test: Option<Baseline>,
}

impl Baselines {
    /// On one of them.
    pub fn on(&self, set: HeldOut) -> Option<&Baseline> {
        match set {
            HeldOut::Validation => self.validation.as_ref(),
            HeldOut::Test => self.test.as_ref(),
        }
    }
}
