//! What a report says of outcomes that are known.

use super::*;
use crate::judge::Outcome;
use crate::suite::{Item, Suite, SuiteFile};

/// A suite of `n` items of two options, in cases of `each` items, the first half of one group.
fn suite(n: usize, each: usize) -> Suite {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("suite.toml");
    std::fs::write(
        &file,
        "name = \"a\"\nlayout = \"items\"\nrecords = \"items.jsonl\"\nanswers = [\"yes\", \"no\"]\n",
    )
    .unwrap();
    let line = |index: usize| {
        let group = if index < n / 2 { "heart" } else { "gut" };
        format!(
            "{{\"question\": \"q\", \"answer\": \"yes\", \"case\": \"{}\", \"group\": \"{group}\"}}\n",
            index / each
        )
    };
    std::fs::write(folder.path().join("items.jsonl"), (0..n).map(line).collect::<String>()).unwrap();
    SuiteFile::read(&file).unwrap().open().unwrap()
}

fn arm(name: &str, n: usize, is_right: impl Fn(usize) -> bool) -> Arm {
    let outcome = |index| Outcome { right: is_right(index), found: true, ..Outcome::default() };
    Arm { name: name.to_owned(), outcomes: (0..n).map(outcome).collect() }
}

#[test]
fn what_got_better_and_worse_is_said_with_its_sureness() {
    // Of 200 items 30 become right, the first of them at line 1, and 15 become wrong.
    let (base, other) = (arm("base", 200, |i| (30..130).contains(&i)), arm("x", 200, |i| i < 115));
    let measured = Measured { suite: suite(200, 1), arms: vec![base, other] };
    let found = report(std::slice::from_ref(&measured), 0);
    let one = &found.suites[0];
    assert_eq!((one.items, one.cases, one.majority, one.guessing), (200, 200, Some(1.0), Some(0.5)));
    assert_eq!((one.arms[0].right.count, one.arms[1].right.count), (100, 115));
    let pair = &one.comparisons[0];
    assert_eq!((pair.better, pair.worse, pair.difference), (30, 15, 0.075));
    assert!((pair.exact_p - 0.035_697_8).abs() < 5e-8 && (pair.mid_p - 0.025_896_1).abs() < 5e-8);
    assert_eq!((pair.verdict, pair.corrected_p), (Verdict::Better, pair.exact_p));
    assert_eq!((pair.better_lines.first(), pair.worse_lines.last()), (Some(&1), Some(&130)));
    assert_eq!(pair.became_wrong_below, None);
    // Heart: 30 right now that were wrong; gut: 15 wrong now that were right.
    let groups: Vec<_> =
        pair.groups.iter().map(|group| (group.name.as_str(), group.better, group.worse)).collect();
    assert_eq!(groups, [("gut", 0, 15), ("heart", 30, 0)]);
    assert_eq!(found, report(&[measured], 0));
}

#[test]
fn two_comparisons_are_corrected_for_each_other() {
    let base = arm("base", 200, |i| (30..130).contains(&i));
    let same = arm("y", 200, |i| (30..130).contains(&i));
    let measured = Measured { suite: suite(200, 1), arms: vec![base, arm("x", 200, |i| i < 115), same] };
    let found = report(&[measured], 0);
    let [x, y] = &found.suites[0].comparisons[..] else { panic!("two") };
    // 2 * 0.0357 is not below 5 % any more, but the interval's lower end is above minus two points.
    assert_eq!((x.verdict, found.comparisons), (Verdict::NotWorse, 2));
    assert!((x.corrected_p - 2.0 * x.exact_p).abs() < 1e-15);
    // The same answers: nothing became wrong, which proves less than 1.49 %.
    assert_eq!((y.verdict, y.exact_p, y.difference), (Verdict::NotWorse, 1.0, 0.0));
    assert!((y.became_wrong_below.unwrap() - 0.0149).abs() < 5e-5);
}

#[test]
fn items_of_one_case_make_the_interval_wider() {
    let arms = || vec![arm("base", 200, |i| i % 40 < 20), arm("x", 200, |i| i % 40 < 30)];
    let width = |each| {
        let found = report(&[Measured { suite: suite(200, each), arms: arms() }], 0);
        let pair = found.suites[0].comparisons[0].clone();
        (found.suites[0].cases, pair.interval.high - pair.interval.low)
    };
    let ((apart, narrow), (together, wide)) = (width(1), width(10));
    assert_eq!((apart, together), (200, 20));
    assert!(wide > 2.0 * narrow, "{narrow} {wide}");
}

#[test]
fn a_case_with_many_items_counts_once() {
    // Three cases of four items, all of them better: McNemar on items says 0.0005, the cases 0.25.
    let arms = vec![arm("base", 12, |_| false), arm("x", 12, |_| true)];
    let found = report(&[Measured { suite: suite(12, 4), arms }], 0).suites[0].clone();
    let pair = &found.comparisons[0];
    assert!(pair.by_case && pair.exact_p < 0.001);
    assert!((pair.case_p - 0.25).abs() < 1e-12 && pair.verdict != Verdict::Better);
    assert_eq!(pair.corrected_p, pair.case_p);
    // 200 items of 20 cases, none wrong: 20 cases prove 13.9 %.
    let arms = vec![arm("base", 200, |_| true), arm("x", 200, |_| true)];
    let found = report(&[Measured { suite: suite(200, 10), arms }], 0).suites[0].clone();
    let bounds = [found.arms[1].wrong_below, found.comparisons[0].became_wrong_below];
    assert!(bounds.iter().all(|bound| (bound.unwrap() - 0.1391).abs() < 5e-5), "{bounds:?}");
    // One item of two cases wrong is two cases of 20.
    let arms = vec![arm("base", 200, |_| true), arm("x", 200, |i| i != 3 && i != 15)];
    let found = report(&[Measured { suite: suite(200, 10), arms }], 0).suites[0].clone();
    let (wrong, lost) = (found.arms[1].wrong, found.comparisons[0].became_wrong);
    assert_eq!(((wrong.count, wrong.of), (lost.count, lost.of)), ((2, 20), (2, 20)));
}

#[test]
fn three_equal_answers_prove_nothing() {
    let arms = |n| vec![arm("base", n, |_| true), arm("x", n, |_| true)];
    let pair =
        |n| report(&[Measured { suite: suite(n, 1), arms: arms(n) }], 0).suites[0].comparisons[0].clone();
    let (few, many) = (pair(3), pair(200));
    assert_eq!((few.bootstrap.low, few.verdict, few.is_not_worse), (0.0, Verdict::NotShown, false));
    assert!(few.interval.low < -0.3 && many.interval.low > -0.01);
    assert_eq!(many.verdict, Verdict::NotWorse);
}

#[test]
fn a_model_without_outcomes_is_wrong_everywhere_and_no_fault() {
    let measured = Measured {
        suite: Suite { items: vec![Item::default()], ..suite(2, 1) },
        arms: vec![arm("base", 0, |_| true), arm("x", 0, |_| true)],
    };
    assert_eq!(report(&[measured], 0).suites[0].comparisons[0].better, 0);
}
