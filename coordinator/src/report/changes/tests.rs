//! What changed, said by example in both languages: which fact goes where, and what it is said with.

use super::*;
use crate::report::document::Report;
use crate::report::example;

fn said(report: &Report) -> Changes {
    of(report, Language::En)
}

#[test]
fn each_fact_stands_under_its_direction_with_its_n_and_interval() {
    let changes = said(&Report { own_scores: None, side_by_side: None, ..example::report() });
    assert_eq!(
        changes.better,
        [
            "Test loss -11.9 % (95 % interval -14.9 % to -9.0 %; 60 questions).",
            "By department, test loss: 心血管科 -11.9 % (-14.9 % to -9.0 %; 40 questions).",
            "exam <b>: 50.0 % right with the base model, 65.0 % with the final one, of 100 questions (+15.0 points, 95 % \
             interval +11.0 to +19.0; p 0.012, Holm over 3 suites). One answer always: 25.0 %.",
        ]
    );
    assert!(changes.worse.len() == 1 && changes.worse[0].contains("急诊转诊: 50.0 % right"), "{changes:?}");
    let [small, cmb, general] = changes.not_told.as_slice() else { panic!("{changes:?}") };
    assert_eq!(small, "Too few questions to tell: others (20).");
    assert!(cmb.ends_with(
        "NOT shown: not worse by 2.0 points or more; this many questions see a change of about 7.0 points."
    ));
    assert!(general.starts_with("General knowledge"), "{general}");
    assert!(general.ends_with("Shown: not worse by 5.0 points or more."), "{general}");
    assert!(
        changes.missing.len() == 1 && changes.missing[0].contains("gone was not asked: it changed since")
    );
    assert_eq!(changes.certainty.len(), 3);
}

#[test]
fn chinese_says_the_same_of_the_same() {
    let (english, chinese) = (said(&example::report()), of(&example::report(), Language::Zh));
    let counts = |of: &Changes| [of.better.len(), of.worse.len(), of.not_told.len(), of.missing.len()];
    assert_eq!(counts(&english), counts(&chinese));
    assert!(chinese.better[2].contains("答对 50.0 %，最终模型 65.0 %，共 100 题"), "{chinese:?}");
    assert!(chinese.not_told[2].contains("已证明：不会变差 5.0 个百分点或更多"), "{chinese:?}");
}

#[test]
fn a_change_that_may_be_chance_is_not_called_better() {
    let mut report = example::report();
    report.test.change_interval = Some([-0.2, 0.01]);
    report.departments[0].change_interval = Some([0.01, 0.2]);
    report.suites.clear();
    (report.forgetting, report.own_scores, report.side_by_side) = (None, None, None);
    let changes = said(&report);
    assert!(changes.better.is_empty() && changes.worse[0].contains("心血管科"), "{changes:?}");
    assert!(changes.not_told[0].starts_with("Test loss"), "{changes:?}");
    let [(_, better), ..] = changes.directions(Language::En);
    assert_eq!(better, ["Nothing is shown to be so."]);
}

#[test]
fn a_run_without_any_comparison_says_nothing_and_one_that_waits_says_so() {
    assert!(said(&example::going()).is_empty() && said(&example::going()).certainty.is_empty());
    let mut report = example::going();
    report.suites = example::report().suites;
    for suite in &mut report.suites {
        (suite.status, suite.figures, suite.verdict, suite.reason) = (Status::Waiting, None, None, None);
    }
    let changes = said(&report);
    assert!(changes.missing[0].contains("still being asked, or wait: 4"), "{changes:?}");
    assert!(changes.better.is_empty() && changes.certainty.len() == 1, "no word of Holm: {changes:?}");
}

#[test]
fn many_departments_are_named_up_to_a_few() {
    let mut report = example::report();
    report.departments = vec![report.departments[0].clone(); 30];
    assert!(said(&report).better[1].ends_with("; 40 questions), and 22 more."), "{:?}", said(&report).better);
}

#[test]
fn the_divergence_is_said_with_pinskers_bound() {
    let text = divergence(&example::report(), Language::En).unwrap();
    // sqrt(0.0321 / 2) is 0.1267.
    assert!(
        text.contains("0.0321 nats (95 % interval 0.0287 to 0.0359)") && text.contains("12.7 points"),
        "{text}"
    );
    assert_eq!(divergence(&example::going(), Language::En), None);
}
