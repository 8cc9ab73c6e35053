//! The promises of a split: one place each, nobody on two sides, proportions, dates in order, the same on any
//! machine.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::error::DataError;
use crate::record::Date;

struct Case {
    content: [u8; 32],
    cluster: u32,
    patient: Option<String>,
    date: Option<Date>,
    stratum: Option<String>,
}

impl Case {
    fn plain(number: u32) -> Self {
        let content = Sha256::digest(number.to_le_bytes()).into();
        Self { content, cluster: number, patient: None, date: None, stratum: None }
    }

    fn input(&self) -> SplitInput<'_> {
        SplitInput {
            content: self.content,
            cluster: self.cluster,
            patient: self.patient.as_deref(),
            date: self.date,
            stratum: self.stratum.as_deref(),
            given: None,
        }
    }
}

fn run(cases: &[Case], options: &SplitOptions) -> SplitAssignment {
    assign(&cases.iter().map(Case::input).collect::<Vec<_>>(), options).unwrap()
}

fn day(number: u32) -> Date {
    let (year, rest) = (2000 + number / 336, number % 336);
    Date { year: year as u16, month: (rest / 28 + 1) as u8, day: (rest % 28 + 1) as u8 }
}

/// By the number of records.
fn auto() -> SplitOptions {
    SplitOptions { scheme: SchemeChoice::Auto, ..SplitOptions::default() }
}

fn holdout(percent: [u8; 3]) -> SplitOptions {
    SplitOptions { scheme: SchemeChoice::Holdout(percent), ..SplitOptions::default() }
}

fn side_counts(plan: &SplitAssignment) -> [usize; 3] {
    [Side::Train, Side::Validation, Side::Test].map(|side| plan.report.sides.get(&side).copied().unwrap_or(0))
}

#[test]
fn the_size_decides_the_scheme_and_can_be_overruled() {
    for (records, scheme) in [
        (1, Scheme::LeaveOneOut),
        (99, Scheme::LeaveOneOut),
        (100, Scheme::KFold(5)),
        (499, Scheme::KFold(5)),
        (500, Scheme::Holdout([70, 15, 15])),
        (2000, Scheme::Holdout([70, 15, 15])),
        (2001, Scheme::Holdout([80, 10, 10])),
    ] {
        let cases: Vec<Case> = (0..records).map(Case::plain).collect();
        let plan = run(&cases, &auto());
        assert_eq!(plan.scheme, scheme, "{records}");
        assert_eq!(plan.report.notes, [], "{records}");
        let none = SplitOptions::default();
        assert_eq!(side_counts(&run(&cases, &none)), [records as usize, 0, 0]);
    }
    assert_eq!(side_counts(&run(&(0..1000).map(Case::plain).collect::<Vec<_>>(), &auto())), [700, 150, 150]);
    let folds = run(&(0..103).map(Case::plain).collect::<Vec<_>>(), &auto()).report.folds;
    assert_eq!(folds, [21, 21, 21, 20, 20]);
}

#[test]
fn impossible_settings_are_refused() {
    for scheme in [
        SchemeChoice::Holdout([80, 10, 11]),
        SchemeChoice::Holdout([0, 50, 50]),
        SchemeChoice::Holdout([255, 255, 255]),
        SchemeChoice::KFold(1),
        SchemeChoice::KFold(101),
    ] {
        let options = SplitOptions { scheme, ..SplitOptions::default() };
        assert!(matches!(assign(&[], &options), Err(DataError::Setting { .. })), "{scheme:?}");
    }
    assert!(assign(&[], &SplitOptions::default()).unwrap().assignment.is_empty());
}

#[test]
fn old_records_train_and_new_ones_test() {
    let cases: Vec<Case> = (0..1000u32)
        .map(|number| Case { date: Some(day(number * 7919 % 1000)), ..Case::plain(number) })
        .collect();
    let plan = run(&cases, &auto());
    assert_eq!(side_counts(&plan), [700, 150, 150]);
    assert_eq!(plan.report.train_until, Some(day(699)));
    for (case, assigned) in cases.iter().zip(&plan.assignment) {
        let expected = match case.date.unwrap() {
            date if date <= day(699) => Side::Train,
            date if date <= day(849) => Side::Validation,
            _ => Side::Test,
        };
        assert_eq!(*assigned, Assignment::Side(expected));
    }
    let random = run(&cases, &SplitOptions { by_time: false, ..auto() });
    assert_ne!(plan.assignment, random.assignment);
}

#[test]
fn undated_records_train_and_are_reported() {
    let cases: Vec<Case> = (0..600u32)
        .map(|number| Case { date: (number % 10 != 0).then(|| day(number)), ..Case::plain(number) })
        .collect();
    let plan = run(&cases, &auto());
    assert!(plan.report.by_time && plan.report.notes == [Note::Undated { records: 60 }]);
    assert!(
        cases
            .iter()
            .zip(&plan.assignment)
            .all(|(case, assigned)| case.date.is_some() || *assigned == Assignment::Side(Side::Train))
    );
    // With dates in less than half of the records, time cannot decide.
    let few: Vec<Case> = (0..600u32)
        .map(|number| Case { date: (number % 3 == 0).then(|| day(number)), ..Case::plain(number) })
        .collect();
    assert!(!run(&few, &auto()).report.by_time);
}

#[test]
fn every_stratum_is_everywhere_or_reported() {
    let sizes = [("心血管科", 900), ("神经科", 60), ("罕见病", 3), ("极罕见", 2), ("孤例", 1)];
    let mut cases = Vec::new();
    for (stratum, size) in sizes {
        for _ in 0..size {
            cases.push(Case { stratum: Some(stratum.into()), ..Case::plain(cases.len() as u32) });
        }
    }
    let plan = run(&cases, &holdout([70, 15, 15]));
    let mut places: BTreeMap<&str, BTreeMap<Assignment, usize>> = BTreeMap::new();
    for (case, assigned) in cases.iter().zip(&plan.assignment) {
        *places.entry(case.stratum.as_deref().unwrap()).or_default().entry(*assigned).or_default() += 1;
    }
    let counts = |name: &str| places[name].values().copied().collect::<Vec<_>>();
    assert_eq!(counts("心血管科"), [630, 135, 135]);
    assert_eq!(counts("神经科"), [42, 9, 9]);
    assert_eq!(counts("罕见病"), [1, 1, 1]);
    let rare: Vec<&Note> = plan.report.notes.iter().collect();
    assert_eq!(
        rare,
        [
            &Note::RareStratum { stratum: "孤例".into(), records: 1, absent: 2 },
            &Note::RareStratum {
                stratum: "极罕见".into(),
                records: 2,
                absent: plan_absent(&places["极罕见"])
            },
        ]
    );
}

fn plan_absent(places: &BTreeMap<Assignment, usize>) -> usize {
    3 - places.len()
}

#[test]
fn given_files_keep_their_sides_and_what_leaks_is_left_out() {
    let cases: Vec<Case> = (0..6)
        .map(|number| Case {
            cluster: [0, 1, 2, 0, 4, 5][number as usize],
            patient: [None, Some("p7"), None, None, Some("p7"), None][number as usize].map(str::to_owned),
            ..Case::plain(number)
        })
        .collect();
    let sides = [
        None,
        Some(Side::Train),
        Some(Side::Train),
        Some(Side::Validation),
        Some(Side::Test),
        Some(Side::Test),
    ];
    let inputs: Vec<SplitInput<'_>> =
        cases.iter().zip(sides).map(|(case, given)| SplitInput { given, ..case.input() }).collect();
    let split = assign(&inputs, &auto()).unwrap();
    let side = Assignment::Side;
    // 0 is a copy of the validation record 3; 1 is of the patient of the test record 4.
    assert_eq!(
        split.assignment,
        [
            Assignment::LeftOut,
            Assignment::LeftOut,
            side(Side::Train),
            side(Side::Validation),
            side(Side::Test),
            side(Side::Test)
        ]
    );
    assert_eq!((split.scheme, split.report.notes), (Scheme::Given, vec![Note::LeftOut { records: 2 }]));
}

/// An example's bytes: computed once, the same on any machine from then on.
#[test]
fn an_example_is_the_same_on_every_machine() {
    let cases = sample(&[3; 700]);
    let mut hash = Sha256::new();
    for options in [
        auto(),
        SplitOptions { by_time: false, seed: 7, ..auto() },
        SplitOptions { scheme: SchemeChoice::KFold(5), ..SplitOptions::default() },
        SplitOptions { scheme: SchemeChoice::LeaveOneOut, ..SplitOptions::default() },
    ] {
        hash.update(serde_json::to_vec(&run(&cases, &options).assignment).unwrap());
    }
    let found: String = hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(found, "1a5db680d93b736be7d7076d9b08acfe5097d4bc856ffcc3f3ca2854953de633");
}

/// Records with patients, clusters, dates and strata; what a record has follows from its number and the
/// draws.
fn sample(draws: &[u8]) -> Vec<Case> {
    let case = |(number, draw): (u32, &u8)| {
        let kind = u32::from(*draw).wrapping_mul(31).wrapping_add(number.wrapping_mul(2_654_435_761) >> 16);
        Case {
            cluster: if kind % 5 == 0 { number / 2 * 2 } else { number },
            patient: (kind % 3 == 0).then(|| format!("p{}", number / 4)),
            date: (kind % 7 != 0).then(|| day(kind % 900)),
            stratum: (kind % 11 != 0).then(|| format!("科{}", kind % 4)),
            ..Case::plain(number)
        }
    };
    (0u32..).zip(draws).map(case).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn nobody_is_on_two_sides_and_everybody_is_somewhere(
        draws in proptest::collection::vec(any::<u8>(), 1..400),
        scheme in prop_oneof![
            Just(SchemeChoice::Auto), Just(SchemeChoice::LeaveOneOut), Just(SchemeChoice::KFold(4)),
            Just(SchemeChoice::Holdout([80, 10, 10])), Just(SchemeChoice::Holdout([60, 40, 0]))],
        by_time in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let cases = sample(&draws);
        let options = SplitOptions { scheme, by_time, seed, ..SplitOptions::default() };
        let plan = run(&cases, &options);
        prop_assert_eq!(plan.assignment.len(), cases.len());
        let (mut clusters, mut patients) = (BTreeMap::new(), BTreeMap::new());
        for (case, assigned) in cases.iter().zip(&plan.assignment) {
            prop_assert_ne!(*assigned, Assignment::LeftOut);
            prop_assert_eq!(*clusters.entry(case.cluster).or_insert(*assigned), *assigned);
            if let Some(patient) = &case.patient {
                prop_assert_eq!(*patients.entry(patient).or_insert(*assigned), *assigned);
            }
        }
        let counted = plan.report.sides.values().sum::<usize>() + plan.report.folds.iter().sum::<usize>();
        prop_assert_eq!(counted, cases.len());
        if let Scheme::Holdout(percent) = plan.scheme {
            // One group may be too much on a side, and each stratum may ask for one record more.
            let slack = plan.report.largest_group * 2 + 6;
            for (count, part) in side_counts(&plan).iter().zip(percent) {
                let target = cases.len() * usize::from(part) / 100;
                prop_assert!(count.abs_diff(target) <= slack, "{} of {}, target {}", count, cases.len(), target);
            }
        }
    }

    #[test]
    fn time_is_in_order_between_groups(draws in proptest::collection::vec(any::<u8>(), 3..300), seed in any::<u64>()) {
        let cases = sample(&draws);
        let plan = run(&cases, &SplitOptions { seed, ..holdout([70, 15, 15]) });
        prop_assume!(plan.report.by_time);
        let mut latest: BTreeMap<u32, (Option<Date>, Assignment)> = BTreeMap::new();
        let inputs: Vec<SplitInput<'_>> = cases.iter().map(Case::input).collect();
        for (number, group) in groups::form(&inputs, &SplitOptions::default()).iter().enumerate() {
            latest.insert(number as u32, (group.latest, plan.assignment[group.members[0]]));
        }
        for (left, one) in latest.values() {
            for (right, other) in latest.values() {
                prop_assert!(one >= other || left <= right, "{left:?} {one:?} {right:?} {other:?}");
            }
        }
        // No training record is newer than the day up to which training knows.
        let until = plan.report.train_until;
        for (case, assigned) in cases.iter().zip(&plan.assignment) {
            prop_assert!(*assigned != Assignment::Side(Side::Train) || case.date <= until);
        }
    }

    #[test]
    fn the_order_of_the_records_does_not_matter(draws in proptest::collection::vec(any::<u8>(), 1..200), turn in 0usize..200) {
        let options = holdout([70, 15, 15]);
        let cases = sample(&draws);
        let expected = run(&cases, &options).assignment;
        let turn = turn % cases.len();
        let turned: Vec<SplitInput<'_>> =
            cases[turn..].iter().chain(&cases[..turn]).rev().map(Case::input).collect();
        let mut found = assign(&turned, &options).unwrap().assignment;
        found.reverse();
        found.rotate_right(turn);
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_seed_is_a_choice() {
    let cases: Vec<Case> = (0..800).map(Case::plain).collect();
    let plans: BTreeSet<Vec<Assignment>> =
        (0..5).map(|seed| run(&cases, &SplitOptions { seed, ..auto() }).assignment).collect();
    assert_eq!(plans.len(), 5);
}
