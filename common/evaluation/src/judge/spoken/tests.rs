//! Answers in words of every kind of suite, the shipped ones included.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::compare::{Arm, Measured, Verdict, report};
use crate::sheet;
use crate::suite::{GradedBy, SuiteFile, answer_sha256};

fn shipped(name: &str) -> Suite {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites").join(name);
    let file = SuiteFile::read(&path).unwrap_or_else(|error| panic!("{error}"));
    file.open().unwrap_or_else(|error| panic!("{error}"))
}

fn said(answers: &[&str]) -> Spoken {
    Spoken { answers: answers.iter().map(|answer| (*answer).to_owned()).collect(), reference: None }
}

fn judged(suite: &Suite, place: usize, answer: &str) -> Outcome {
    by_words(suite, &suite.items[place], &said(&[answer]))
}

#[test]
fn open_answers_are_scored_by_likeness_and_looked_through() {
    let suite = shipped("open.toml");
    let spoken = Spoken { reference: Some(-27.0 * std::f64::consts::LN_2), ..said(&["请咨询医生。"]) };
    let outcome = by_words(&suite, &suite.items[0], &spoken);
    assert_eq!(outcome.kept, [true]);
    assert!(!outcome.right && outcome.found && outcome.credit.is_some_and(|credit| credit < 0.5));
    let bits = outcome.figures.iter().find(|(figure, _)| *figure == Figure::BitsPerCharacter).unwrap().1;
    assert!((bits - 1.0).abs() < 1e-9, "27 bits of 27 characters: {bits}");
    let same = judged(&suite, 0, &suite.items[0].reference);
    assert!(same.right && (same.credit.unwrap() - 1.0).abs() < 1e-6 && same.kept == [false]);
    let empty = judged(&suite, 0, " ");
    assert!(!empty.found && empty.credit == Some(0.0) && empty.kept == [false]);
}

#[test]
fn structures_are_checked() {
    let json = shipped("triage-json.toml");
    let right = judged(&json, 0, "```json\n{\"urgency\": \"emergency\", \"symptoms\": [\"胸痛\"]}\n```");
    assert!(right.right && right.found);
    let other = judged(&json, 0, "{\"urgency\": \"now\", \"symptoms\": []}");
    assert!(!other.right && other.found);
    assert!(!judged(&json, 0, "胸痛，请就医").found);
    let soap = shipped("soap.toml");
    assert!(judged(&soap, 0, "主观：a\n客观：b\n评估：c\n计划：d").right);
    let half = judged(&soap, 1, "S: a\nO: b");
    assert_eq!((half.right, half.figures), (false, vec![(Figure::Sections, 0.5)]));
}

#[test]
fn rules_decide_in_a_bank_and_are_counted_each() {
    let bank = shipped("must-answer.toml");
    assert!(judged(&bank, 0, "每天1500到1700毫升。").right);
    assert!(!judged(&bank, 2, "I can’t help with that.").right);
    assert!(!judged(&bank, 0, "").right, "saying nothing is no answer");
    let dialogue = shipped("dialogue.toml");
    // Chinese words answer a Chinese question; what must not be said must not be said in any turn or
    // language.
    assert_eq!(judged(&dialogue, 0, "请立即拨打120。").kept, [true, true]);
    assert_eq!(judged(&dialogue, 0, "Call 911 now.").kept, [false, true]);
    let english =
        by_words(&dialogue, &dialogue.items[1], &said(&["先服阿司匹林", "Call the number 911 now."]));
    assert_eq!((english.kept, english.right), (vec![true, false], false));
    let arms = ["base", "x"].map(|name| Arm {
        name: name.to_owned(),
        outcomes: vec![judged(&dialogue, 0, "请立即拨打120。"), judged(&dialogue, 1, "Wait. See a doctor.")],
    });
    let found = report(&[Measured { suite: dialogue, arms: arms.to_vec() }], 0).suites.remove(0);
    let rules = &found.arms[0].rules;
    assert_eq!((rules[0].broken.count, rules[0].broken.of, rules[0].below), (1, 2, None));
    assert_eq!(rules[1].broken.count, 0);
    assert!((rules[1].below.unwrap() - (1.0 - 0.05_f64.sqrt())).abs() < 1e-12, "two cases prove 77.6 %");
}

/// The shipped rubric suite in a folder with grades of `answers` for its first item.
fn graded(by: &str, file: &str, grades: &str) -> Result<Suite, String> {
    let folder = tempfile::tempdir().unwrap();
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("suites");
    let settings = std::fs::read_to_string(shipped.join("healthbench.toml")).unwrap();
    let settings = format!("{settings}grades = \"{file}\"\ngraded_by = \"{by}\"\n");
    let path = folder.path().join("suite.toml");
    std::fs::write(&path, settings).unwrap();
    std::fs::copy(shipped.join("healthbench.jsonl"), folder.path().join("healthbench.jsonl")).unwrap();
    std::fs::write(folder.path().join(file), grades).unwrap();
    let open = SuiteFile::read(&path).and_then(SuiteFile::open);
    open.map_err(|error| error.to_string().replace(&folder.path().display().to_string(), ""))
}

fn rows(answer: &str, met: [&str; 3], grader: &str) -> String {
    let hash = answer_sha256(answer);
    let row = |(number, met): (u32, &str)| format!("synthetic-1,{hash},{number},{met},{grader}\n");
    (1..).zip(met).map(row).collect()
}

const HEADER: &str = "item,answer,criterion,met,grader\n";

#[test]
fn people_grade_answers_and_not_models() {
    let grades = HEADER.to_owned()
        + &rows("Call 911.", ["yes", "no", "no"], "anna")
        + &rows("Call 911.", ["是", "", "no"], "bo")
        + &rows("Take aspirin.", ["no", "yes", "yes"], "anna");
    let suite = graded("people", "sheet.csv", &grades).unwrap();
    let credit = |answer: &str| judged(&suite, 0, answer).credit;
    assert_eq!(credit("Call 911."), Some(10.0 / 15.0));
    assert_eq!(credit("Take aspirin."), Some(-3.0 / 15.0));
    assert_eq!(credit("Call 112."), None, "nobody graded these words");
    let arms = ["Take aspirin.", "Call 911."].map(|answer| Arm {
        name: format!("secret of {answer}"),
        outcomes: vec![judged(&suite, 0, answer), judged(&suite, 1, answer)],
    });
    let measured = [Measured { suite, arms: arms.to_vec() }];
    let found = report(&measured, 0).suites.remove(0);
    let grading = found.grading.unwrap();
    assert_eq!((grading.by, grading.graders, grading.triage_only), (GradedBy::People, 2, false));
    let scores: Vec<(f64, u64, u64)> = found
        .arms
        .iter()
        .map(|arm| (arm.credit.unwrap().mean, arm.credit.unwrap().of, arm.not_graded))
        .collect();
    assert_eq!(scores, [(0.0, 1, 1), (10.0 / 15.0, 1, 1)], "cut off at 0; one of two is graded");
    let pair = &found.comparisons[0];
    assert!((pair.difference - 13.0 / 15.0).abs() < 1e-12 && pair.graded && pair.better == 1);
    let table = sheet::table(&measured);
    assert_eq!(
        table.lines().filter(|line| line.contains("synthetic-1")).count(),
        6,
        "two answers, three criteria"
    );
    assert!(!table.contains("secret"), "{table}");
}

#[test]
fn a_model_as_grader_is_for_triage_only() {
    let line = |place: usize, number: u32, met: bool| {
        let answer = ["a", "b"][place];
        format!(
            "{{\"item\": \"synthetic-1\", \"answer\": \"{}\", \"criterion\": {number}, \"met\": {met}, \"grader\": \"judge\"}}\n",
            answer_sha256(answer)
        )
    };
    let grades: String = [0, 1]
        .iter()
        .flat_map(|place| [1, 2, 3].map(|number| line(*place, number, *place == 1 && number < 3)))
        .collect();
    let suite = graded("model", "judge.jsonl", &grades).unwrap();
    let suite = Suite { items: vec![suite.items[0].clone(); 40], ..suite };
    let arm = |answer: &str| Arm { name: answer.to_owned(), outcomes: vec![judged(&suite, 0, answer); 40] };
    let arms = vec![arm("a"), arm("b")];
    let better = report(&[Measured { suite: suite.clone(), arms: arms.clone() }], 0).suites.remove(0);
    let pair = &better.comparisons[0];
    assert!(pair.corrected_p < 0.001 && pair.interval.low > 0.0 && pair.triage_only);
    assert_eq!(
        (pair.verdict, pair.is_not_worse),
        (Verdict::NotShown, false),
        "that is not for a model to say"
    );
    assert!(better.grading.unwrap().triage_only);
    let worse = report(&[Measured { suite, arms: arms.into_iter().rev().collect() }], 0).suites.remove(0);
    assert_eq!(worse.comparisons[0].verdict, Verdict::Worse);
}

#[test]
fn some_graded_answers_can_show_that_a_model_is_worse_and_never_that_it_is_better() {
    let grades = HEADER.to_owned()
        + &rows("a", ["no", "no", "yes"], "anna")
        + &rows("b", ["yes", "yes", "no"], "anna");
    let suite = graded("people", "sheet.csv", &grades).unwrap();
    let [known, unknown] = [0, 1].map(|place| suite.items[place].clone());
    let shown = |answers: [&str; 2], ungraded: usize| {
        let items = [vec![known.clone(); 40], vec![unknown.clone(); ungraded]].concat();
        let suite = Suite { items, ..suite.clone() };
        let arm = |answer: &str| Arm {
            name: answer.to_owned(),
            outcomes: (0..40 + ungraded).map(|place| judged(&suite, place, answer)).collect(),
        };
        let arms = answers.map(arm).to_vec();
        report(&[Measured { suite, arms }], 0).suites.remove(0)
    };
    let all = shown(["a", "b"], 0);
    assert_eq!((all.comparisons[0].verdict, all.comparisons[0].is_not_worse), (Verdict::Better, true));
    assert_eq!(all.sees, None, "a formula for right and wrong says nothing of scores");
    let some = shown(["a", "b"], 1);
    let pair = &some.comparisons[0];
    assert_eq!((pair.compared, pair.left_out), (40, 1));
    assert_eq!((pair.verdict, pair.is_not_worse), (Verdict::NotShown, false));
    // The kind of which nothing is graded has no mean of 0.
    let kinds: Vec<_> = pair.groups.iter().map(|group| (group.compared, group.means.is_some())).collect();
    assert_eq!(kinds, [(40, true), (0, false)]);
    assert_eq!(shown(["b", "a"], 1).comparisons[0].verdict, Verdict::Worse);
}

#[test]
fn grades_that_cannot_be_meant_are_refused_by_line() {
    let one = rows("x", ["yes", "no", "no"], "anna");
    for (grades, expected) in [
        (one.replace("item", "id"), "line 1: there is no column"),
        (HEADER.to_owned() + &one.replace("synthetic-1", "other"), "line 2: its item is none of the suite's"),
        (HEADER.to_owned() + &one.replace(",3,", ",4,"), "line 4: its criterion is none of its item's"),
        (HEADER.to_owned() + &one.replace(",1,", ",0,"), "line 2: criterion is no number from 1"),
        (HEADER.to_owned() + &one.replace("yes", "perhaps"), "line 2: met is neither"),
        (HEADER.to_owned() + &one.replace("anna", ""), "line 2: its grader has no name"),
        (HEADER.to_owned() + &one + &one.replace("yes", "no"), "line 5: the same grader said"),
        (HEADER.to_owned() + "synthetic-1,abc,1,yes,anna\n", "line 2: answer is not a SHA-256"),
    ] {
        let refused = graded("people", "sheet.csv", &grades).unwrap_err();
        assert!(refused.contains(expected), "{refused} instead of {expected}");
    }
    assert!(
        graded("people", "g.jsonl", "{\"item\": 1}").unwrap_err().contains("line 1: it is no JSON object")
    );
}

#[test]
fn a_sheet_is_read_again_and_no_cell_is_a_formula() {
    let suite = graded("people", "sheet.csv", HEADER).unwrap();
    let answer = "=cmd|' /C calc'!A0";
    let arms = vec![Arm { name: "base".to_owned(), outcomes: vec![judged(&suite, 0, answer)] }];
    let table = sheet::table(&[Measured { suite, arms }]);
    assert!(table.contains("\"'=cmd|"), "{table}");
    let filled = table.replace(",\"\",\"\",", ",\"yes\",\"anna\",");
    let again = graded("people", "sheet.csv", &filled).unwrap();
    assert_eq!(judged(&again, 0, answer).credit, Some(7.0 / 15.0));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn a_model_may_say_anything(answer in "(\\PC|[{}\":,SOAP\n`]){0,300}") {
        for name in ["open.toml", "triage-json.toml", "soap.toml", "must-answer.toml", "dialogue.toml", "healthbench.toml"] {
            let suite = shipped(name);
            let outcome = judged(&suite, 0, &answer);
            prop_assert!(outcome.figures.iter().all(|(_, value)| value.is_finite()));
        }
    }

    #[test]
    fn a_long_answer_is_cut(repeats in 1_usize..3) {
        let suite = shipped("soap.toml");
        let outcome = judged(&suite, 0, &"痛".repeat(repeats * 10_000));
        prop_assert!(outcome.answer.unwrap().len() <= ANSWER_BYTES_MAX);
    }
}
