//! The report in both languages: the verdict stands first, no line is too wide, and what comes from outside
//! is harmless.

use std::path::Path;

use common::progress::COLUMNS;
use evaluation::review::report::{Evidence, report};
use evaluation::review::{Given, Grade, Key, KeyGrader, KeyItem, Letter, Subject, plan};
use unicode_width::UnicodeWidthStr as _;

use super::*;

fn made(comment: &str) -> Report {
    let item = |number: usize| KeyItem {
        name: format!("item-{number}"),
        case: None,
        question: "?".to_owned(),
        answers: ["a", "b"].map(str::to_owned),
    };
    let of = Subject {
        run: "0123456789abcdef".to_owned(),
        suite: "questions of patients".to_owned(),
        records_sha256: "11".repeat(32),
        adapter: "22".repeat(32),
        models: ["base", "round 12"].map(str::to_owned),
    };
    let graders = (1..).zip(plan(40, 3, [1; 32]));
    let graders = graders
        .map(|(number, places): (u32, _)| KeyGrader { name: format!("grader-{number}"), places })
        .collect::<Vec<_>>();
    let key = Key { review: 1, nonce: "00".repeat(32), of, items: (0..40).map(item).collect(), graders };
    let (key, seal) = Key::parse(Path::new("key.json"), &key.to_bytes().expect("JSON")).expect("a key");
    let grade = |place: usize, answer: Letter| Grade {
        accuracy: Some(u8::try_from(1 + place % 5).expect("small")),
        professionalism: Some(4),
        checklist: vec![1, 1, 1, 1, 1, u8::from(place != 7), 1, 1],
        harm: Some(0),
        comment: if place == 7 { comment.to_owned() } else { String::new() },
        ..Grade::empty(place, answer)
    };
    let all = |grader: usize| Given {
        grader,
        grades: (1..=44).flat_map(|place| [grade(place, Letter::A), grade(place, Letter::B)]).collect(),
    };
    let given = [all(0), all(1)];
    report(&Evidence { key: &key, seal: &seal, given: &given, questionnaire: None, utility: None, seed: 0 })
}

#[test]
fn every_line_fits_and_the_verdict_is_first() {
    let report = made("a dose of 500 mg is ten times too much");
    for (language, verdict) in [(Language::En, "NOT PASSED"), (Language::Zh, "未通过")] {
        let text = terminal(&report, language);
        assert!(text.lines().nth(1).is_some_and(|line| line.contains(verdict)), "{text}");
        for line in text.lines() {
            assert!(line.width() <= COLUMNS, "{} columns: {line}", line.width());
        }
        assert!(text.contains("grader-3") && text.contains("medicines"), "{text}");
        assert!(page(&report, language).contains(verdict));
    }
}

#[test]
fn what_graders_write_is_only_text() {
    let report = made("<img src=x onerror=alert(1)>\u{1b}[2J");
    let page = page(&report, Language::En);
    assert!(!page.contains("<img") && page.contains("&lt;img"), "{page}");
    assert!(!terminal(&report, Language::En).contains('\u{1b}'));
}
