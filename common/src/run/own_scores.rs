//! `[evaluation.sites]` of a run file: what the sites are asked about the result on records of their own.
//! Used by `evaluation`; the coordinator reads it, and the manifest says it to the sites. Invariant: it is
//! asked only of a run in which sites hold records back.

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use super::training::TrainingSettings;

/// `[evaluation.sites]`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SiteScores {
    /// Whether base model and result are measured at each site on the records that it held back, after the
    /// last round, where its policy allows it.
    pub score: bool,
}

impl SiteScores {
    /// Whether nothing is asked.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Whether these terms can ask for own scores: nothing is held back without a share.
pub(super) fn validate(
    is_asked: bool,
    key: &'static str,
    training: &TrainingSettings,
) -> Result<(), RunError> {
    let is_fine = !is_asked || training.validation_share > 0.0;
    bound(is_fine, key, is_asked, "false unless training.validation_share is above 0")
}
