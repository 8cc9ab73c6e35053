//! The settings of a split. Used by `split`, `groups`, `report` and the room, and filled from `agent.toml`
//! and the command line. Invariant: the written names and defaults stand in manifests that hospitals keep.

use serde::{Deserialize, Serialize};

use super::choice::SchemeChoice;
use crate::error::{DataError, Result};
use crate::limits::FOLDS_MAX;

/// The settings of a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SplitOptions {
    /// How records are divided.
    pub scheme: SchemeChoice,
    /// Keep a patient's records together.
    pub by_patient: bool,
    /// Old to training and new to test, where at least half of the records have a date.
    pub by_time: bool,
    /// Divide every disease or department in proportion, where time does not decide.
    pub by_stratum: bool,
    /// Seed of the random order of the groups.
    pub seed: u64,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { scheme: SchemeChoice::None, by_patient: true, by_time: true, by_stratum: true, seed: 42 }
    }
}

impl SplitOptions {
    /// Refuses settings that divide nothing.
    ///
    /// # Errors
    /// `Setting` when the percentages do not make 100 or leave nothing to train on, or the number of folds is
    /// not between 2 and [`FOLDS_MAX`].
    pub fn validate(&self) -> Result<()> {
        let reason = match self.scheme {
            SchemeChoice::Holdout(percent)
                if percent.iter().map(|part| u32::from(*part)).sum::<u32>() != 100 =>
            {
                "the three percentages must make 100".to_owned()
            }
            SchemeChoice::Holdout([0, ..]) => "the training part must not be empty".to_owned(),
            SchemeChoice::KFold(folds) if !(2..=FOLDS_MAX).contains(&folds) => {
                format!("the number of folds must be between 2 and {FOLDS_MAX}")
            }
            _ => return Ok(()),
        };
        Err(DataError::Setting { name: "split", reason })
    }
}
