//! What a person should know about a split. Called by `split::assign`. Holds numbers and names of strata,
//! never a patient.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::assignment::{Assignment, Scheme, Side, SplitInput};
use super::groups::Group;
use super::options::SplitOptions;
use crate::record::Date;

/// Something about the split that a person should look at.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "note")]
pub enum Note {
    /// There are fewer groups than sides or folds, so some are empty.
    TooFewGroups {
        /// Groups there are.
        groups: usize,
        /// Sides or folds that are empty.
        empty: usize,
    },
    /// A stratum has too few groups to be on every side.
    RareStratum {
        /// Its name.
        stratum: String,
        /// Its records.
        records: usize,
        /// Sides or folds without any of them.
        absent: usize,
    },
    /// Records without a date went to training although time decides.
    Undated {
        /// How many.
        records: usize,
    },
    /// Held-out records of patients that come back later, older than the newest training record.
    OlderThanTraining {
        /// How many.
        records: usize,
    },
    /// Records of the given files that were left out because their patient or a copy is on a later side.
    LeftOut {
        /// How many.
        records: usize,
    },
}

/// Numbers about a split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitReport {
    /// The seed.
    pub seed: u64,
    /// Whether time decided.
    pub by_time: bool,
    /// Groups of records that stay together.
    pub groups: usize,
    /// Records of the largest group.
    pub largest_group: usize,
    /// Different patients, where they are given and kept together.
    pub patients: usize,
    /// Records by side.
    pub sides: BTreeMap<Side, usize>,
    /// Records by fold.
    pub folds: Vec<usize>,
    /// Last day of the training records, where time decided.
    pub train_until: Option<Date>,
    /// What a person should look at.
    pub notes: Vec<Note>,
}

pub(super) fn make(
    inputs: &[SplitInput<'_>],
    groups: &[Group<'_>],
    assignment: &[Assignment],
    scheme: Scheme,
    options: &SplitOptions,
    is_timed: bool,
) -> SplitReport {
    let (mut sides, mut folds) = (BTreeMap::new(), Vec::new());
    let fold_count = match scheme {
        Scheme::KFold(count) => count as usize,
        Scheme::LeaveOneOut => groups.len(),
        _ => 0,
    };
    folds.resize(fold_count, 0);
    for assigned in assignment {
        match assigned {
            Assignment::Side(side) => *sides.entry(*side).or_insert(0) += 1,
            Assignment::Fold(fold) => {
                if let Some(count) = folds.get_mut(*fold as usize) {
                    *count += 1;
                }
            }
            Assignment::LeftOut => {}
        }
    }
    let is_train = |assigned: &Assignment| *assigned == Assignment::Side(Side::Train);
    let train_dates = inputs.iter().zip(assignment).filter(|(_, assigned)| is_train(assigned));
    let train_until = train_dates.filter_map(|(input, _)| input.date).max().filter(|_| is_timed);
    let mut notes = strata_notes(inputs, assignment, scheme, fold_count, options);
    notes.extend(empty_note(scheme, &sides, &folds, groups.len()));
    let count = |wanted: &dyn Fn(&SplitInput<'_>, &Assignment) -> bool| {
        inputs.iter().zip(assignment).filter(|(input, assigned)| wanted(input, assigned)).count()
    };
    let undated = count(&|input, _| is_timed && input.date.is_none());
    let older = count(&|input, assigned| {
        !is_train(assigned) && input.date.is_some_and(|date| train_until.is_some_and(|until| date < until))
    });
    let left_out = count(&|_, assigned| *assigned == Assignment::LeftOut);
    notes.extend((undated > 0).then_some(Note::Undated { records: undated }));
    notes.extend((older > 0).then_some(Note::OlderThanTraining { records: older }));
    notes.extend((left_out > 0).then_some(Note::LeftOut { records: left_out }));
    let patients: BTreeSet<&str> = inputs.iter().filter_map(|input| input.patient).map(str::trim).collect();
    SplitReport {
        seed: options.seed,
        by_time: is_timed,
        groups: groups.len(),
        largest_group: groups.iter().map(|group| group.members.len()).max().unwrap_or(0),
        patients: if options.by_patient { patients.len() } else { 0 },
        sides,
        folds,
        train_until,
        notes,
    }
}

fn wanted_sides(scheme: Scheme) -> usize {
    match scheme {
        Scheme::Holdout(percent) => percent.iter().filter(|part| **part > 0).count(),
        _ => 0,
    }
}

fn empty_note(scheme: Scheme, sides: &BTreeMap<Side, usize>, folds: &[usize], groups: usize) -> Option<Note> {
    let empty =
        wanted_sides(scheme).saturating_sub(sides.len()) + folds.iter().filter(|count| **count == 0).count();
    (empty > 0).then_some(Note::TooFewGroups { groups, empty })
}

/// Notes on strata that are missing on some side or fold. Leave-one-out holds out one group at a time and
/// cannot spread anything.
fn strata_notes(
    inputs: &[SplitInput<'_>],
    assignment: &[Assignment],
    scheme: Scheme,
    folds: usize,
    options: &SplitOptions,
) -> Vec<Note> {
    let wanted = match scheme {
        Scheme::Holdout(_) => wanted_sides(scheme),
        Scheme::KFold(_) => folds,
        _ => return Vec::new(),
    };
    let mut strata: BTreeMap<&str, (usize, BTreeSet<Assignment>)> = BTreeMap::new();
    for (input, assigned) in inputs.iter().zip(assignment) {
        let Some(stratum) = input.stratum.filter(|_| options.by_stratum) else { continue };
        let (records, places) = strata.entry(stratum.trim()).or_default();
        *records += 1;
        places.insert(*assigned);
    }
    let rare = strata.into_iter().filter(|(_, (_, places))| places.len() < wanted);
    rare.map(|(stratum, (records, places))| Note::RareStratum {
        stratum: stratum.to_owned(),
        records,
        absent: wanted - places.len(),
    })
    .collect()
}
