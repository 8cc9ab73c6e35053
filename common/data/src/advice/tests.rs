//! Tests of the adviser on files, and of its statistics on samples whose values are known.

use super::drift::{chi_square, distance};
use super::*;
use crate::room::{RoomFile, RoomOptions, inspect};
use crate::split::{SchemeChoice, SplitOptions};

fn advice(lines: &[String], scheme: SchemeChoice) -> Vec<Advice> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, lines.join("\n")).unwrap();
    let split = SplitOptions { scheme, ..SplitOptions::default() };
    let options = RoomOptions { split, ..RoomOptions::default() };
    of(&inspect(&[RoomFile { path, side: None }], &options, &mut |_| ()).unwrap())
}

/// A question that no other is like.
fn question(number: usize, words: usize) -> String {
    (0..words).map(|word| format!("w{}x{word} ", number * 7919 + word * 104_729)).collect()
}

fn alpaca(number: usize, words: usize, department: Option<&str>) -> String {
    let department = department.map_or(String::new(), |name| format!(",\"department\":\"{name}\""));
    format!("{{\"instruction\":\"{}\",\"output\":\"rest\"{department}}}", question(number, words))
}

#[test]
fn what_was_not_measured_is_not_spoken_of() {
    let plain: Vec<String> = (0..3).map(|n| format!("{{\"text\":\"{}\"}}", question(n, 9))).collect();
    assert_eq!(
        advice(&plain, SchemeChoice::None),
        [Advice::Amount { records: 3, least: 1_000, most: 2_000 }]
    );
    assert_eq!(advice(&[], SchemeChoice::None), []);
    let single: Vec<String> = (0..3).map(|number| alpaca(number, 9, None)).collect();
    let found = advice(&single, SchemeChoice::None);
    assert_eq!(
        found[1..],
        [
            Advice::Questions { over: 0, of: 3 },
            Advice::Answers { over: 0, of: 3 },
            Advice::Mix { alpaca: 3, share_gpt: 0 },
        ]
    );
    assert_eq!(found.iter().map(Advice::is_met).collect::<Vec<_>>(), [false, true, true, false]);
}

#[test]
fn departments_lengths_turns_and_formats_are_counted() {
    let dialogue = |number: usize, turns: usize| {
        let turns = (0..turns).map(|turn| {
            format!(
                "{{\"from\":\"human\",\"value\":\"{}\"}},{{\"from\":\"gpt\",\"value\":\"{}\"}}",
                question(number * 100 + turn, 9),
                if turn == 1 { "a".repeat(1_000) } else { "b".to_owned() }
            )
        });
        format!("{{\"conversations\":[{}]}}", turns.collect::<Vec<_>>().join(","))
    };
    let mut lines: Vec<String> = (0..5).map(|number| alpaca(number, 9, Some("心血管科"))).collect();
    lines.push(alpaca(9, 80, Some("消化科")));
    lines.extend([dialogue(20, 1), dialogue(21, 2), dialogue(22, 3), dialogue(23, 9)]);
    let found = advice(&lines, SchemeChoice::None);
    let department =
        |name: &str, records, least, most| Advice::Department { name: name.to_owned(), records, least, most };
    assert_eq!(
        found,
        [
            // One record has the other: its name may be of a patient.
            department("心血管科", 5, 1_000, 1_500),
            Advice::SmallDepartments { departments: 2, of: 2 },
            Advice::Balance { largest: 5, smallest: 1 },
            Advice::Questions { over: 1, of: 10 },
            Advice::Answers { over: 3, of: 10 },
            Advice::Dialogues { outside: 2, of: 3 },
            Advice::Mix { alpaca: 6, share_gpt: 4 },
        ]
    );
    assert!(Advice::Mix { alpaca: 60, share_gpt: 40 }.is_met());
    assert!(!Advice::Mix { alpaca: 71, share_gpt: 29 }.is_met());
}

#[test]
fn a_split_like_its_training_part_is_told_from_one_that_is_not() {
    let even: Vec<String> =
        (0..400).map(|n| alpaca(n, 5 + n % 13, Some(if n % 3 == 0 { "a" } else { "b" }))).collect();
    let found = advice(&even, SchemeChoice::Holdout([70, 15, 15]));
    let drifts: Vec<&Advice> = found
        .iter()
        .filter(|advice| matches!(advice, Advice::LengthDrift { .. } | Advice::DepartmentDrift { .. }))
        .collect();
    assert_eq!(drifts.len(), 4, "{found:?}");
    assert!(drifts.iter().all(|advice| advice.is_met()), "{drifts:?}");
    // Old and short to training, new and long to test.
    let aged: Vec<String> = (0..400)
        .map(|n| {
            let words = if n < 280 { 6 } else { 20 };
            let name = if n < 280 { "a" } else { "b" };
            let line = alpaca(n, words, Some(name));
            line.replace("{\"inst", &format!("{{\"date\":\"{}-01-01\",\"inst", 1900 + n))
        })
        .collect();
    let found = advice(&aged, SchemeChoice::Holdout([70, 15, 15]));
    let is_seen = |wanted: Side| {
        found.iter().any(|advice| matches!(advice, Advice::LengthDrift { part, p, .. } if *part == wanted && *p < 1e-9))
            && found.iter().any(|advice| matches!(advice, Advice::DepartmentDrift { part, p, .. } if *part == wanted && *p < 1e-9))
    };
    assert!(is_seen(Side::Test) && is_seen(Side::Validation), "{found:?}");
}

fn numbers(range: std::ops::Range<u32>) -> Vec<f64> {
    range.map(f64::from).collect()
}

#[test]
fn a_part_that_is_harder_for_the_base_model_is_told_from_one_that_is_not() {
    let losses = |shift: f64| -> Vec<(Side, f64)> {
        let value = |n: u32| 2.0 + f64::from(n * 7 % 50) / 25.0;
        let train = (0..200).map(|n| (Side::Train, value(n)));
        train.chain((0..50).map(|n| (Side::Test, value(n) + shift))).collect()
    };
    let found = of_losses(&losses(0.0));
    let [even] = found.as_slice() else { panic!("one part: {found:?}") };
    let Advice::LossDrift { part: Side::Test, records: 50, train_nats, nats, distance, .. } = even else {
        panic!("{even:?}")
    };
    assert!(even.is_met() && *distance < 0.05 && (train_nats - nats).abs() < 1e-9, "{even:?}");
    let found = of_losses(&losses(1.0));
    let [harder] = found.as_slice() else { panic!("one part: {found:?}") };
    let Advice::LossDrift { train_nats, nats, p, .. } = harder else { panic!("{harder:?}") };
    assert!(!harder.is_met() && *p < 1e-6 && (nats - train_nats - 1.0).abs() < 1e-9, "{harder:?}");
    assert_eq!(of_losses(&[(Side::Train, f64::NAN), (Side::Test, 1.0)]), [], "too few, and no number");
}

#[test]
fn statistics_have_the_values_of_worked_examples() {
    // Distances by hand: of two samples that do not overlap 1, of equal ones 0, and 3/10 of the third.
    let (apart, p) = distance(numbers(0..20), numbers(100..120)).unwrap();
    assert!((apart - 1.0).abs() < 1e-12 && p < 1e-6);
    let (same, p) = distance(numbers(0..20), numbers(0..20)).unwrap();
    assert!(same.abs() < 1e-12 && (p - 1.0).abs() < 1e-12);
    let (third, _) = distance(numbers(0..10), numbers(3..13)).unwrap();
    assert!((third - 0.3).abs() < 1e-12);
    assert_eq!(distance(numbers(1..4), numbers(1..4)), None, "too few");
    assert_eq!(distance(Vec::new(), Vec::new()), None);
    // 20 of 50 against 30 of 50: chi-square 4 with one degree of freedom.
    let (value, degrees, p) = chi_square(&[[20, 30], [30, 20]]).unwrap();
    assert!((value - 4.0).abs() < 1e-12 && degrees == 1 && (p - 0.045_500_263_896_358_42).abs() < 1e-12);
    // Rare rows are taken together, into the smallest where they are still too rare.
    assert_eq!(chi_square(&[[20, 30], [30, 20], [1, 0], [0, 1]]).unwrap().1, 1);
    assert_eq!(chi_square(&[[20, 30], [30, 20], [4, 2], [2, 4]]).unwrap().1, 2);
    assert_eq!(chi_square(&[[20, 30]]), None);
    assert_eq!(chi_square(&[[2, 3], [3, 2]]), None);
    assert_eq!(chi_square(&[]), None);
}
