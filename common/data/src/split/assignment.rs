//! What a split is told about each record, and what it decides: a side, a fold, or to leave the record out.
//! Used by every file of `split`, by the room and by the manifest. Invariant: the written names stand in
//! manifests that hospitals keep.

use serde::{Deserialize, Serialize};

use crate::record::Date;

/// What a record is used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// Trained on.
    Train,
    /// Held out; steers choices.
    Validation,
    /// Held out; looked at once.
    Test,
}

/// The scheme that was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// Everything is trained on.
    None,
    /// The files' own sides: the user gave validation or test files.
    Given,
    /// Percent for training, validation and test.
    Holdout([u8; 3]),
    /// Number of folds.
    KFold(u32),
    /// As many folds as groups.
    LeaveOneOut,
}

/// What a split is told about a record.
#[derive(Debug, Clone, Copy)]
pub struct SplitInput<'a> {
    /// A hash of its content, so that the split depends on what a record says and not on where it stands.
    pub content: [u8; 32],
    /// The number of its cluster of duplicates; records of one cluster stay together.
    pub cluster: u32,
    /// The patient's pseudonym.
    pub patient: Option<&'a str>,
    /// The day of the visit.
    pub date: Option<Date>,
    /// Disease or department.
    pub stratum: Option<&'a str>,
    /// The side of the file it came from, where the user named one.
    pub given: Option<Side>,
}

/// What the split decided about a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Assignment {
    /// One side.
    Side(Side),
    /// Held out in this fold, trained on in all others.
    Fold(u32),
    /// In a training or validation file, but a copy of it or the same patient is on a later side: not used.
    LeftOut,
}
