//! What is trained on and what is held out, so that no patient and no copy of a record is on both sides.
//!
//! Called by the room. Pure. Invariants: the same records with the same options give the same assignments on
//! any machine, with any number of threads and in any order of files (only integers and SHA-256 decide); a
//! cluster of duplicates and a patient are never split; every record gets exactly one assignment.
//!
//! Rules (each can be overridden by [`SplitOptions`]): fewer than 100 records leave one group out at a time,
//! 100 to 499 are five folds, 500 to 2,000 are split 70/15/15, more are split 80/10/10. Where at least half
//! of the records have a date, old ones train and new ones test; otherwise every disease or department is
//! divided in the same proportion.

mod assignment;
mod choice;
mod folds;
mod groups;
mod holdout;
mod options;
mod report;

#[cfg(test)]
mod tests;

pub use self::assignment::{Assignment, Scheme, Side, SplitInput};
pub use self::choice::{SchemeChoice, UnknownScheme};
pub use self::options::SplitOptions;
pub use self::report::{Note, SplitReport};

use self::groups::Group;
use crate::error::Result;

/// What a split decided.
#[derive(Debug, Clone, PartialEq)]
pub struct SplitAssignment {
    /// The scheme that was used.
    pub scheme: Scheme,
    /// The decision about every input, in the order of the inputs.
    pub assignment: Vec<Assignment>,
    /// The group of every input: records of one patient, or of one cluster of duplicates, have the same
    /// number.
    pub groups: Vec<u32>,
    /// What a person should know about it.
    pub report: SplitReport,
}

/// Divides records.
///
/// # Errors
/// `Setting` when the percentages do not make 100 or leave nothing to train on, or the number of folds is not
/// between 2 and [`FOLDS_MAX`](crate::limits::FOLDS_MAX).
pub fn assign(inputs: &[SplitInput<'_>], options: &SplitOptions) -> Result<SplitAssignment> {
    options.validate()?;
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
    let mut of = vec![0; inputs.len()];
    for (number, group) in (0..).zip(&groups) {
        for index in &group.members {
            of[*index] = number;
        }
    }
    Ok(SplitAssignment { scheme, assignment, groups: of, report })
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

/// The sides that the user gave the files. A group that is on two keeps its records on the latest side only,
/// because those were held out on purpose.
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

/// Gives every record its group's assignment.
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
