//! What is trained on and what is held out, so that no patient and no copy of a record is on both sides.
//!
//! Called by the room. Pure. Invariants: the same records with the same options give the same plan on any machine, with
//! any number of threads and in any order of files (only integers and SHA-256 decide); a cluster of duplicates and a patient
//! are never split; every record gets exactly one assignment.
//!
//! Rules (each can be overridden by [`SplitOptions`]): fewer than 100 records leave one group out at a time, 100 to 499 are
//! five folds, 500 to 2,000 are split 70/15/15, more are split 80/10/10. Where at least half of the records have a date, old
//! ones train and new ones test; otherwise every disease or department is divided in the same proportion.

mod choice;
mod folds;
mod groups;
mod holdout;
mod report;

pub use choice::UnknownScheme;
pub use report::{Note, SplitReport};

use serde::{Deserialize, Serialize};

use crate::error::{DataError, Result};
use crate::limits::FOLDS_MAX;
use crate::record::Date;
use groups::Group;

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

/// How records are divided. Written `auto`, `none`, `80/10/10`, `5-fold`, `leave-one-out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SchemeChoice {
    /// By the number of records.
    #[default]
    Auto,
    /// Everything is trained on.
    None,
    /// Percent of the records for training, validation and test; together 100.
    Holdout([u8; 3]),
    /// So many folds, each held out once.
    KFold(u32),
    /// Every group (a record, or a patient's or a cluster's records) is held out once.
    LeaveOneOut,
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
    /// Start of all choices that are otherwise free.
    pub seed: u64,
}

impl Default for SplitOptions {
    fn default() -> Self {
        Self { scheme: SchemeChoice::Auto, by_patient: true, by_time: true, by_stratum: true, seed: 42 }
    }
}

/// What a split must know of a record.
#[derive(Debug, Clone, Copy)]
pub struct SplitInput<'a> {
    /// A hash of its content, so that the plan depends on what a record says and not on where it stands.
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

/// What became of a record.
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

/// The plan.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitPlan {
    /// The scheme that was used.
    pub scheme: Scheme,
    /// For every input, what became of it.
    pub assignment: Vec<Assignment>,
    /// What a person should know about it.
    pub report: SplitReport,
}

/// Divides records.
///
/// # Errors
/// `Setting` when the percentages do not make 100, or the number of folds is not between 2 and `FOLDS_MAX`.
pub fn plan(inputs: &[SplitInput<'_>], options: &SplitOptions) -> Result<SplitPlan> {
    check(options)?;
    let groups = groups::form(inputs, options);
    let is_given = inputs.iter().any(|input| matches!(input.given, Some(Side::Validation | Side::Test)));
    let scheme = if is_given { Scheme::Given } else { choose(options.scheme, inputs.len()) };
    let is_timed = options.by_time
        && matches!(scheme, Scheme::Holdout(_))
        && 2 * inputs.iter().filter(|input| input.date.is_some()).count() >= inputs.len().max(1);
    let by_group = match scheme {
        Scheme::None => groups.iter().map(|_| Assignment::Side(Side::Train)).collect(),
        Scheme::Given => Vec::new(),
        Scheme::Holdout(percent) if is_timed => holdout::by_time(&groups, percent),
        Scheme::Holdout(percent) => holdout::by_stratum(&groups, percent),
        Scheme::KFold(count) => folds::by_stratum(&groups, count),
        Scheme::LeaveOneOut => (0..).take(groups.len()).map(Assignment::Fold).collect(),
    };
    let assignment = if scheme == Scheme::Given {
        given(inputs, &groups)
    } else {
        spread(inputs.len(), &groups, &by_group)
    };
    let report = report::make(inputs, &groups, &assignment, scheme, options, is_timed);
    Ok(SplitPlan { scheme, assignment, report })
}

impl SplitOptions {
    /// Refuses settings that divide nothing.
    ///
    /// # Errors
    /// `Setting`.
    pub fn check(&self) -> Result<()> {
        check(self)
    }
}

fn check(options: &SplitOptions) -> Result<()> {
    let reason = match options.scheme {
        SchemeChoice::Holdout(percent) if percent.iter().map(|part| u32::from(*part)).sum::<u32>() != 100 => {
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

fn choose(choice: SchemeChoice, records: usize) -> Scheme {
    match (choice, records) {
        (SchemeChoice::None, _) => Scheme::None,
        (SchemeChoice::Holdout(percent), _) => Scheme::Holdout(percent),
        (SchemeChoice::KFold(folds), _) => Scheme::KFold(folds),
        (SchemeChoice::LeaveOneOut, _) | (SchemeChoice::Auto, ..100) => Scheme::LeaveOneOut,
        (SchemeChoice::Auto, 100..500) => Scheme::KFold(5),
        (SchemeChoice::Auto, 500..=2000) => Scheme::Holdout([70, 15, 15]),
        (SchemeChoice::Auto, _) => Scheme::Holdout([80, 10, 10]),
    }
}

/// The files' own sides; of a group that is on two, only the latest side stays, because it was held out for a reason.
fn given(inputs: &[SplitInput<'_>], groups: &[Group<'_>]) -> Vec<Assignment> {
    let side_of = |index: usize| inputs.get(index).and_then(|input| input.given).unwrap_or(Side::Train);
    let mut assignment = vec![Assignment::LeftOut; inputs.len()];
    for group in groups {
        let latest = group.members.iter().map(|index| side_of(*index)).max();
        for index in &group.members {
            let side = side_of(*index);
            if let Some(place) = assignment.get_mut(*index)
                && Some(side) == latest
            {
                *place = Assignment::Side(side);
            }
        }
    }
    assignment
}

/// From groups to records.
fn spread(records: usize, groups: &[Group<'_>], by_group: &[Assignment]) -> Vec<Assignment> {
    let mut assignment = vec![Assignment::LeftOut; records];
    for (group, chosen) in groups.iter().zip(by_group) {
        for index in &group.members {
            if let Some(place) = assignment.get_mut(*index) {
                *place = *chosen;
            }
        }
    }
    assignment
}

#[cfg(test)]
mod tests;
