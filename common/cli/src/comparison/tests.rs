//! What stands in text and page of a report, in both languages.

use common::language::Language;
use evaluation::compare::{Arm, Measured, Report, report};
use evaluation::judge::{Certainty, Outcome, Spoken, by_words};
use evaluation::safety::{RuleFile, START, SafetyReport, of_measured};
use evaluation::suite::SuiteFile;
use unicode_width::UnicodeWidthStr as _;

use super::format::{name, p_value, points};
use super::*;

const BOTH: [Language; 2] = [Language::En, Language::Zh];

/// Of 200 questions 30 become right and 15 wrong; with a name that would be markup.
fn example(arms: usize) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.toml");
    std::fs::write(
        &file,
        "name = \"<b>心内科 & 消化内科的选择题</b>\"\nlayout = \"items\"\nrecords = \"r.jsonl\"\nanswers = [\"yes\", \"no\"]\n",
    )
    .unwrap();
    let line = |index: usize| {
        let answer = if index < 150 { "yes" } else { "no" };
        format!("{{\"question\": \"q\", \"answer\": \"{answer}\", \"group\": \"<i>{}\"}}\n", index % 12)
    };
    std::fs::write(folder.path().join("r.jsonl"), (0..200).map(line).collect::<String>()).unwrap();
    let outcome = |right| Outcome {
        right,
        found: right,
        chosen: Some(vec![usize::from(!right)]),
        certainty: Some(Certainty { confidence: 0.8, brier: 0.25 }),
        ..Outcome::default()
    };
    let names = ["base", "a-federation-of-four-hospitals", "alone"];
    let arms = (0..arms)
        .map(|arm| Arm {
            name: names[arm].to_owned(),
            outcomes: (0..200)
                .map(|index| outcome(if arm == 0 { (30..130).contains(&index) } else { index < 115 }))
                .collect(),
        })
        .collect();
    report(&[Measured { suite: SuiteFile::read(&file).unwrap().open().unwrap(), arms }], 0)
}

#[test]
fn a_terminal_shows_first_what_got_better_and_worse() {
    let text = terminal(&example(2), None, Language::En);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let at = |part: &str| flat.find(part).unwrap_or_else(|| panic!("{part} is missing in\n{text}"));
    assert!(
        at("+7.5 0.9 to ") < at("200 questions of 200 cases")
            && at(" better ") < at("McNemar p 0.036, mid-p 0.026")
    );
    assert!(at("one answer always 75.0 %") < at("guessing"));
    at("better on 30, worse on 15");
    at("yes base 150 100 ");
    at("base: macro-F1 ");
    at("macro-F1 +");
    at("became wrong: 15 of 200, 7.5 %");
    at("no choice could be found in 85 of 200 answers");
    at("It sees a gain of 6.3 points if");
    at("that became wrong: 116, 117,");
    for language in BOTH {
        for arms in 1..4 {
            let text = terminal(&example(arms), None, language);
            for line in text.lines() {
                assert!(line.width() <= 80, "{} columns: {line}", line.width());
            }
            assert!(!text.contains("NaN") && !text.contains("{}"));
        }
    }
    assert!(terminal(&example(1), None, Language::En).starts_with("No adapter was compared"));
    assert!(terminal(&example(2), None, Language::Zh).starts_with("哪些变好"));
}

#[test]
fn what_stands_before_every_question_is_named_with_where_it_is_from() {
    let mut report = example(2);
    let mut both = |shots: u64, sha256: Option<&str>, description: Option<&str>, language: Language| {
        report.suites[0].shots = shots;
        report.suites[0].examples_sha256 = sha256.map(str::to_owned);
        report.suites[0].description = description.map(str::to_owned);
        let (text, page) = (terminal(&report, None, language), page(&report, None, language));
        assert!(text.lines().all(|line| line.width() <= 80), "{text}");
        (text.split_whitespace().collect::<Vec<_>>().join(" "), page)
    };
    let (text, page) = both(0, None, None, Language::En);
    assert!(!text.contains("example") && !page.contains("behind"), "{text}");
    let sha256 = "0123456789abcdef".repeat(4);
    let (text, page) = both(5, Some(&sha256), Some("Choose."), Language::En);
    for shown in [&text, &page] {
        assert!(shown.contains(", behind a description, behind 5 examples with their answers"), "{shown}");
    }
    assert!(text.contains("file of their own (SHA-256 0123456789ab)") && page.contains(&sha256), "{text}");
    let (text, page) = both(1, None, None, Language::En);
    assert!(
        text.contains("behind one example with its answer") && page.contains("which are not asked"),
        "{text}"
    );
    let (text, page) = both(1, Some(&sha256), Some("选。"), Language::Zh);
    assert!(text.contains("题前有说明，题前有 1 个带答案的示例") && page.contains(&sha256), "{text}");
}

/// A shipped suite of answers in words, answered by two models.
fn in_words(suite: &str, answers: [&str; 2]) -> Report {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../evaluation/suites").join(suite);
    let suite = SuiteFile::read(&file).unwrap().open().unwrap();
    let arm = |(name, answer): (&str, &str)| {
        let spoken = Spoken { answers: vec![answer.to_owned()], reference: Some(-40.0) };
        let outcomes = suite.items.iter().map(|item| by_words(&suite, item, &spoken)).collect();
        Arm { name: name.to_owned(), outcomes }
    };
    let arms = ["base", "a-federation-of-four-hospitals"].into_iter().zip(answers).map(arm).collect();
    report(&[Measured { suite, arms }], 0)
}

#[test]
fn answers_in_words_stand_with_every_figure_in_text_and_page() {
    let open = in_words("open.toml", ["拨打120。", "立即拨打120，平卧休息。请咨询医生。"]);
    let text = terminal(&open, None, Language::En);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in
        ["ROUGE-L", "ROUGE-2", "BLEU-4", "bits per char.", "repetition", "points of the score", "disclaimer"]
    {
        assert!(flat.contains(part), "{part} is missing in\n{text}");
    }
    assert!(flat.contains("disclaimer base 3 3 29.2 to 100.0"), "{text}");
    let rubric = in_words("healthbench.toml", ["a", "b"]);
    let bank = in_words("must-answer.toml", ["每天八杯。", "每天八杯。"]);
    let structured = in_words("soap.toml", ["x", "S: a"]);
    assert!(terminal(&rubric, None, Language::En).contains("no grades yet"));
    assert!(
        terminal(&bank, None, Language::En).contains("< 63.2 %"),
        "{}",
        terminal(&bank, None, Language::En)
    );
    assert!(terminal(&structured, None, Language::En).contains("no structure could be read in 2 of 2"));
    for report in [&open, &rubric, &bank, &structured] {
        for language in BOTH {
            let (text, page) = (terminal(report, None, language), page(report, None, language));
            for line in text.lines() {
                assert!(line.width() <= 80, "{} columns: {line}", line.width());
            }
            assert!(
                !text.contains("NaN")
                    && !page.contains("NaN")
                    && !text.contains("{}")
                    && !page.contains("{}")
            );
        }
    }
    assert!(
        page(&open, None, Language::Zh).contains("BLEU-4")
            && page(&bank, None, Language::Zh).contains("&lt; 63.2")
    );
}

/// The shipped bank of safety, answered by two models, by the rules that are begun with.
fn checked(answers: [&str; 2]) -> (Report, SafetyReport) {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../evaluation/suites/safety.toml");
    let suite = SuiteFile::read(&file).unwrap().open().unwrap();
    let arm = |(name, answer): (&str, &str)| {
        let spoken = Spoken { answers: vec![answer.to_owned()], reference: None };
        let outcomes = suite.items.iter().map(|item| by_words(&suite, item, &spoken)).collect();
        Arm { name: name.to_owned(), outcomes }
    };
    let arms = ["base", "a-federation-of-four-hospitals"].into_iter().zip(answers).map(arm).collect();
    let [(name, text), (_, table)] = START;
    let rules = RuleFile::parse(std::path::Path::new(name), text.as_bytes()).unwrap();
    let rules = rules.with_tables(&|_| Ok(table.as_bytes().to_vec())).unwrap();
    let measured = [Measured { suite, arms }];
    (report(&measured, 0), of_measured(&rules, &measured, &|_| Vec::new()))
}

#[test]
fn rules_of_safety_stand_first_with_what_stops_and_who_approved_them() {
    let careful =
        "请立即拨打120，不要服用阿司匹林。请咨询医生。Call 911 now. Do not take aspirin. See a doctor.";
    let careless = "<b>Take 5 mg</b> of aspirin. 阿司匹林每次5毫克。";
    let (report, rules) = checked([careful, careless]);
    let text = terminal(&report, Some(&rules), Language::En);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("approved by nobody: a medical team has to go through them"), "{text}");
    assert!(
        flat.contains("STOP: safety, a-federation-of-four-hospitals: In an emergency the answer begins"),
        "{text}"
    );
    assert!(flat.contains("dose a-federat~ 0/12 6/6 100.0 % 54.1 to 100.0"), "{text}");
    assert!(flat.contains("emergency-referral base 4/4 0/2 < 77.6 % 0.0 to 84.2"), "{text}");
    assert!(text.find("STOP: ").unwrap() < text.find("12 questions of").unwrap(), "{text}");
    for language in BOTH {
        let (text, page) = (terminal(&report, Some(&rules), language), page(&report, Some(&rules), language));
        for line in text.lines() {
            assert!(line.width() <= 80, "{} columns: {line}", line.width());
        }
        assert!(!text.contains("{}") && !page.contains("{}") && !text.contains("NaN"));
        assert!(page.contains("&lt;b&gt;Take 5 mg") && !page.contains("<b>Take"), "{page}");
    }
    assert_eq!(not_passed(&report, &rules).unwrap(), unkept(&rules).unwrap());
    let unkept_words = unkept(&rules).unwrap();
    assert!(
        unkept_words.starts_with("rules that stop are broken: emergency-referral by a-federation"),
        "{unkept_words}"
    );
    // The base may be careless: it is not what is released.
    let (report, rules) = checked([careless, careful]);
    // Its answers are not about every rule that asks for words: these are named.
    assert_eq!(unkept(&rules), not_passed(&report, &rules));
    let unshown = unkept(&rules).unwrap();
    assert!(rules.stopped().is_empty() && unshown.contains("stopping-medicine by a-federation"), "{unshown}");
    let (_, mut none) = checked([careless, careful]);
    none.suites.clear();
    assert!(unkept(&none).unwrap().contains("nothing is shown"));
}

#[test]
fn grades_of_a_model_are_marked_wherever_they_stand() {
    let mut report = in_words("healthbench.toml", ["a", "b"]);
    report.suites[0].comparisons[0].triage_only = true;
    report.suites[0].grading = Some(evaluation::compare::Grading {
        file: "judge.jsonl".to_owned(),
        sha256: "00".repeat(32),
        by: evaluation::suite::GradedBy::Model,
        graders: 1,
        triage_only: true,
    });
    for (language, mark) in [(Language::En, "TRIAGE ONLY"), (Language::Zh, "仅供初筛")] {
        for text in [terminal(&report, None, language), page(&report, None, language)] {
            assert!(text.matches(mark).count() >= 2, "{text}");
        }
    }
    assert!(serde_json::to_string(&report).unwrap().contains("\"triage_only\":true"));
}

/// The shipped rubric suite with grades of the answers a (everything wrong) and b by a model, of its first
/// item or of both.
fn triaged(items: &[&str]) -> Report {
    let shipped = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../evaluation/suites");
    let folder = tempfile::tempdir().unwrap();
    let settings = std::fs::read_to_string(shipped.join("healthbench.toml")).unwrap();
    let path = folder.path().join("suite.toml");
    std::fs::write(&path, settings + "grades = \"g.csv\"\ngraded_by = \"model\"\n").unwrap();
    std::fs::copy(shipped.join("healthbench.jsonl"), folder.path().join("healthbench.jsonl")).unwrap();
    let ungraded = SuiteFile::read(&shipped.join("healthbench.toml")).unwrap().open().unwrap();
    let mut grades = "item,answer,criterion,met,grader\n".to_owned();
    for item in ungraded.items.iter().filter(|item| items.contains(&item.name().as_str())) {
        for answer in ["a", "b"] {
            for (number, one) in (1..).zip(&item.rubric) {
                let met = (answer == "b") == (one.points > 0.0);
                let hash = evaluation::suite::answer_sha256(answer);
                grades += &format!("{},{hash},{number},{met},judge\n", item.name());
            }
        }
    }
    std::fs::write(folder.path().join("g.csv"), grades).unwrap();
    let suite = SuiteFile::read(&path).unwrap().open().unwrap();
    let arms = ["a", "b"].map(|answer| {
        let spoken = Spoken { answers: vec![answer.to_owned()], reference: None };
        let outcomes = suite.items.iter().map(|item| by_words(&suite, item, &spoken)).collect();
        Arm { name: answer.to_owned(), outcomes }
    });
    report(&[Measured { suite, arms: arms.to_vec() }], 0)
}

#[test]
fn what_a_model_graded_is_never_called_not_worse_and_what_is_not_graded_has_no_figure() {
    let flat = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let both = triaged(&["synthetic-1", "synthetic-2"]);
    for text in [terminal(&both, None, Language::En), page(&both, None, Language::En)].map(flat) {
        assert!(text.contains("not worse by 2.0 points or more: not shown"), "{text}");
        assert!(!text.contains("more: shown") && !text.contains("It sees a gain"), "{text}");
    }
    let one = flat(terminal(&triaged(&["synthetic-1"]), None, Language::En));
    assert!(one.contains("only 1 of 2 questions have grades of both answers"), "{one}");
    assert!(!one.contains("hedging 0 0.0 %") && one.contains("hedging 0"), "{one}");
    let html = page(&triaged(&["synthetic-1"]), None, Language::En);
    assert!(html.contains("<td>hedging</td><td>0</td><td></td><td></td>"), "{html}");
    assert!(html.contains("<td>1</td><td>0</td><td>1</td>"), "better, worse and of how many: {html}");
    let none = in_words("healthbench.toml", ["", ""]);
    for text in [terminal(&none, None, Language::En), page(&none, None, Language::En)].map(flat) {
        assert!(text.contains("nothing is compared") && !text.contains("+0.0"), "{text}");
        assert!(text.contains("graded like any other") && !text.contains("count as wrong"), "{text}");
    }
}

#[test]
fn items_that_share_cases_are_told_by_case() {
    let mut report = example(2);
    report.suites[0].comparisons[0].by_case = true;
    let text = terminal(&report, None, Language::En);
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(flat.contains("cases with a question that became wrong: 15 of 200"), "{text}");
    assert!(flat.contains("sign test on cases p 0.036"), "{text}");
}

#[test]
fn the_name_of_a_file_moves_no_cursor() {
    let mut report = example(1);
    report.suites[0].records = "r\u{1b}[2J.jsonl".to_owned();
    for text in [terminal(&report, None, Language::En), page(&report, None, Language::En)] {
        assert!(!text.contains('\u{1b}') && text.contains("r\\u{1b}[2J.jsonl"));
    }
}

#[test]
fn a_page_is_whole_and_names_cannot_inject_markup() {
    for language in BOTH {
        let page = page(&example(3), None, language);
        assert!(!page.contains("<b>") && !page.contains("<i>") && page.contains("&lt;b&gt;"));
        for outside in ["http://", "https://", "src=", "@import", "url(", "<link", "<script"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert_eq!(page.matches("<tr>").count(), page.matches("</tr>").count());
        assert!(
            page.contains("+7.5") && page.contains("0.071"),
            "the p-value of two comparisons is corrected"
        );
    }
}

#[test]
fn numbers_are_written_as_people_read_them() {
    assert_eq!((points(0.075), points(-0.0004), points(0.0)), ("+7.5".into(), "-0.0".into(), "+0.0".into()));
    assert_eq!((p_value(0.0004), p_value(0.0357)), ("< 0.001".into(), "0.036".into()));
    assert_eq!(name("a\u{7}b"), "a\\u{7}b");
}
