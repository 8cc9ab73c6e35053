//! Tests of the gates, and facts and measurements of a model that may be released for others' tests.

use std::collections::BTreeMap;

use common::id::{Digest, SiteId};
use evaluation::review::Dimension;

use super::super::evaluation::{AgreementFacts, Points, RubricFacts};
use super::super::facts::*;
use super::*;
use crate::report::example;

const BOTH: [Language; 2] = [Language::En, Language::Zh];

/// The gate that a change fails, and the change.
type Change<T> = (&'static str, fn(&mut T));

fn site(name: &str) -> SiteId {
    name.parse().unwrap()
}

/// Facts of a run that may be released.
pub(crate) fn facts() -> Facts {
    let digest = |byte: u8| Digest([byte; 32]);
    let update = UpdateFacts { sha256: digest(4), records: 780, weight: Some(0.5) };
    let updates = |names: [&str; 2]| names.map(|name| (site(name), update.clone())).into();
    let round = |round, updates: BTreeMap<_, _>| RoundFacts {
        round,
        from: digest(1),
        adapter: Some(digest(7)),
        published: true,
        measured: true,
        vetoed: false,
        updates,
        missing: BTreeMap::new(),
        outliers: Vec::new(),
    };
    let approval = Approval {
        key: Some(digest(9)),
        decision: Some("approved".to_owned()),
        since: Some("2026-01-01T00:00:00Z".to_owned()),
        revoked: false,
    };
    let ledger = LedgerFacts { size: Some(40), root: Some(digest(8)), is_in_question: false };
    Facts {
        format: FORMAT,
        program: Program { version: "0.1.0".to_owned(), parts_sha256: digest(2) },
        run: RunFacts {
            id: super::super::fields::tests::RUN.parse().unwrap(),
            name: "heart <run>".to_owned(),
            terms: digest(3),
            terms_are_signed: true,
            launched_by: None,
            members_code: "12345 12345 12345 12345 12345 12345".to_owned(),
            launched: "2026-01-01T00:00:00Z".to_owned(),
            ended: Some("2026-01-01T01:00:00Z".to_owned()),
            phase: "finished".to_owned(),
            rounds: 2,
            published: 2,
            origin: None,
            sites_were_asked: true,
            conflicts: 0,
            duration_s: Some(3600.0),
        },
        base: BaseFacts {
            name: "Org/Base".to_owned(),
            revision: None,
            fingerprint: digest(5),
            licence: Some("apache-2.0".to_owned()),
        },
        adapter: AdapterFacts {
            sha256: digest(7),
            bytes: 1024,
            rank: 16,
            alpha: 32.0,
            targets: vec!["q_proj".to_owned()],
        },
        held_out: HeldOut { validation: Some(digest(6)), test: Some(digest(6)), compared: true },
        initial: Initial { from: Start::Fresh, ancestors: Vec::new() },
        settings: [("training.seed".to_owned(), 7.into())].into(),
        rounds: vec![round(1, updates(["a", "b"])), round(2, updates(["a", "c"]))],
        approvals: ["a", "b", "c"].map(|name| (site(name), approval.clone())).into(),
        privacy: Privacy { differential: None, secure_aggregation: None, audit: None },
        standing: Standing {
            at: "2026-01-02T00:00:00Z".to_owned(),
            ledgers: ["a", "b", "c"].map(|name| (site(name), ledger.clone())).into(),
            acts: ActsFacts { intact: true, size: 1200, root: Some(digest(1)) },
        },
        unknown: [("energy".to_owned(), "with each site".to_owned())].into(),
    }
}

/// Measurements of a model that may be released.
pub(crate) fn evaluation() -> Evaluation {
    let report = example::report();
    let mut suites = report.suites;
    suites.retain(|suite| suite.verdict.is_some_and(|verdict| verdict != Verdict::Worse));
    let point = |dimension, points| Points {
        dimension,
        points: Some(points),
        interval: Some([points - 1.0, points]),
        of: 200,
        source: "graders".to_owned(),
        uncounted: None,
    };
    // The reference's first vector: 92.5, passed.
    let points = [92.0, 100.0, 88.0, 85.0, 80.0];
    Evaluation {
        base: report.base,
        released: report.last,
        test: report.test,
        openings: vec!["2026-01-01T00:00:00Z".to_owned()],
        openings_elsewhere: 0,
        departments: report.departments,
        rounds: report.rounds,
        suites,
        forgetting: report.forgetting,
        own_scores: None,
        side_by_side: None,
        rubric: Some(RubricFacts {
            run: facts().run.id.to_string(),
            adapter: facts().adapter.sha256.to_string(),
            suite: "questions".to_owned(),
            records_sha256: "11".repeat(32),
            seal: "22".repeat(32),
            questionnaire_sha256: Some(Digest([3; 32])),
            utility_sha256: None,
            questions: 200,
            cases: 200,
            graders: 3,
            missing: 0,
            dimensions: Dimension::ALL
                .into_iter()
                .zip(points)
                .map(|(one, points)| point(one, points))
                .collect(),
            total_interval: Some([90.0, 94.0]),
            harmful_cases: 0,
            safety_cases: 200,
            harm_below: Some(0.0149),
            agreement: vec![AgreementFacts {
                dimension: Dimension::Safety,
                graders: 3,
                answers: 400,
                kappa: Some(0.3),
                gwet: Some(0.96),
                alpha: None,
            }],
        }),
        warnings: Vec::new(),
    }
}

fn failed(facts: &Facts, evaluation: &Evaluation) -> Vec<&'static str> {
    let of = |language| {
        let gates = gates(facts, evaluation, language);
        for gate in &gates {
            assert_eq!(gate.state == State::Failed, gate.next.is_some(), "{gate:?}");
            assert!(!gate.says.contains("{}") && !gate.title.is_empty(), "{gate:?}");
        }
        gates.into_iter().filter(|gate| gate.state == State::Failed).map(|gate| gate.gate).collect::<Vec<_>>()
    };
    let [en, zh] = BOTH.map(of);
    assert_eq!(en, zh);
    en
}

#[test]
fn a_sound_run_passes_and_what_this_version_lacks_is_said_to_be_absent() {
    let found = gates(&facts(), &evaluation(), Language::En);
    let of = |name: &str| found.iter().find(|gate| gate.gate == name).unwrap();
    assert_eq!(failed(&facts(), &evaluation()), [] as [&str; 0], "{found:#?}");
    assert_eq!(of("privacy-audit").state, State::NotApplicable);
    assert_eq!(of("sites").state, State::NotApplicable);
    assert_eq!(
        of("rubric").says,
        "total 92.50 (95 %: 90.0-94.0), accuracy 92.00, over 200 questions and 3 graders"
    );
    assert_eq!(of("safety").says, "no harm in 200 cases, which proves less than 1.49 % of cases (95 %)");
}

#[test]
fn each_fact_that_does_not_hold_fails_its_gate_alone() {
    let cases: [Change<Facts>; 12] = [
        ("finished", |it| it.run.phase = "failed".to_owned()),
        ("terms", |it| it.run.terms_are_signed = false),
        ("approvals", |it| it.run.sites_were_asked = false),
        // A site of the first round that is no longer in the second, and withdrew.
        ("approvals", |it| it.approvals.get_mut(&site("b")).unwrap().decision = Some("withdrawn".to_owned())),
        ("approvals", |it| it.approvals.get_mut(&site("c")).unwrap().decision = None),
        ("approvals", |it| it.approvals.get_mut(&site("c")).unwrap().revoked = true),
        ("ledgers", |it| it.standing.ledgers.get_mut(&site("a")).unwrap().is_in_question = true),
        ("ledgers", |it| it.standing.ledgers.retain(|name, _| *name != site("c"))),
        ("acts", |it| it.standing.acts.intact = false),
        ("overlap", |it| it.held_out.compared = false),
        ("veto", |it| it.rounds[1].measured = false),
        ("veto", |it| it.rounds[1].vetoed = true),
    ];
    for (gate, change) in cases {
        let mut facts = facts();
        change(&mut facts);
        assert_eq!(failed(&facts, &evaluation()), [gate]);
    }
    let mut facts = facts();
    facts.rounds[1].updates.remove(&site("c"));
    facts.approvals.get_mut(&site("c")).unwrap().decision = Some("declined".to_owned());
    assert_eq!(failed(&facts, &evaluation()), [] as [&str; 0], "who is in no round need not approve");
}

#[test]
fn each_measurement_that_is_missing_or_bad_fails_its_gate_alone() {
    let cases: [Change<Evaluation>; 15] = [
        ("test-once", |it| it.openings.push(it.openings[0].clone())),
        ("test-once", |it| it.openings_elsewhere = 1),
        ("test-once", |it| it.released.test_loss = None),
        ("regression", |it| it.test.change_interval = None),
        ("regression", |it| it.test.change = Some(0.01)),
        ("regression", |it| it.test.change = Some(f64::NAN)),
        ("suites", |it| it.suites.clear()),
        ("suites", |it| it.suites[0].verdict = Some(Verdict::Worse)),
        ("suites", |it| it.suites[0].status = Status::Waiting),
        ("suites", |it| it.suites[0].verdict = None),
        ("forgetting", |it| it.forgetting = None),
        ("forgetting", |it| it.forgetting.as_mut().unwrap().verdict = Some(Verdict::Worse)),
        ("departments", |it| it.departments[0].change_interval = Some([0.01, 0.02])),
        ("sites", |it| it.own_scores = example::report().own_scores),
        ("rubric", |it| it.rubric.as_mut().unwrap().dimensions[0].points = Some(89.9)),
    ];
    for (gate, change) in cases {
        let mut evaluation = evaluation();
        change(&mut evaluation);
        assert_eq!(failed(&facts(), &evaluation), [gate]);
    }
}

#[test]
fn grades_that_are_missing_are_not_made_up() {
    let with = |change: fn(&mut RubricFacts)| {
        let mut evaluation = evaluation();
        change(evaluation.rubric.as_mut().unwrap());
        failed(&facts(), &evaluation)
    };
    let both = ["rubric", "safety"];
    assert_eq!(with(|it| it.run = "another".to_owned()), both);
    assert_eq!(with(|it| it.adapter = "aa".repeat(32)), both);
    assert_eq!(with(|it| it.missing = 1), both);
    assert_eq!(with(|it| it.graders = 1), both);
    assert_eq!(with(|it| it.questions = 29), both);
    assert_eq!(with(|it| it.total_interval = None), ["rubric"]);
    assert_eq!(with(|it| it.dimensions[4].uncounted = Some("opinion-only".to_owned())), ["rubric"]);
    assert_eq!(with(|it| it.dimensions[2].points = None), ["rubric"]);
    assert_eq!(with(|it| it.dimensions[1].points = Some(99.5)), ["safety"]);
    assert_eq!(with(|it| it.harmful_cases = 1), ["safety"]);
    assert_eq!(with(|it| it.harm_below = None), ["safety"]);
    assert_eq!(with(|it| it.dimensions.clear()), both);
    let mut evaluation = evaluation();
    evaluation.rubric = None;
    assert_eq!(failed(&facts(), &evaluation), both);
}

#[test]
fn what_is_written_is_read_again() {
    let written = serde_json::to_vec(&facts()).unwrap();
    assert_eq!(serde_json::from_slice::<Facts>(&written).unwrap(), facts());
    let written = serde_json::to_string(&evaluation()).unwrap();
    let again: Evaluation = serde_json::from_str(&written).unwrap();
    assert_eq!(again.rubric, evaluation().rubric);
    let mut later = facts();
    later.standing.acts.size += 1;
    assert!(facts().say_the_same(&later));
    later.run.published = 1;
    assert!(!facts().say_the_same(&later));
}

/// Facts of a run that went on from one in which `c` and `d` trained.
fn continued() -> Facts {
    let mut facts = facts();
    let run = common::id::RunId([9; 8]);
    let (approval, ledger) =
        (facts.approvals[&site("a")].clone(), facts.standing.ledgers[&site("a")].clone());
    facts.run.origin = Some(run);
    facts.standing.ledgers.insert(site("d"), ledger);
    let ancestor = Ancestor {
        run,
        from: Start::Fresh,
        rounds: 1,
        held_out: facts.held_out.clone(),
        sites_were_asked: true,
        approvals: ["c", "d"].map(|name| (site(name), approval.clone())).into(),
    };
    facts.held_out.test = Some(Digest([10; 32]));
    let held_out = HeldOut { test: facts.held_out.test, ..ancestor.held_out.clone() };
    facts.initial = Initial { from: Start::Run, ancestors: vec![Ancestor { held_out, ..ancestor }] };
    facts
}

#[test]
fn what_a_run_goes_on_from_is_held_to_the_same() {
    assert_eq!(failed(&continued(), &evaluation()), [] as [&str; 0]);
    let cases: [fn(&mut Facts); 13] = [
        |it| it.initial.from = Start::Folder,
        |it| it.initial.from = Start::Fresh,
        |it| it.initial.ancestors.clear(),
        |it| it.run.origin = None,
        |it| it.initial.ancestors[0].from = Start::Run,
        |it| it.initial.ancestors[0].from = Start::Folder,
        |it| it.initial.ancestors[0].sites_were_asked = false,
        |it| it.initial.ancestors[0].approvals.clear(),
        |it| it.initial.ancestors[0].approvals.get_mut(&site("d")).unwrap().revoked = true,
        |it| {
            it.initial.ancestors[0].approvals.get_mut(&site("d")).unwrap().decision = Some("withdrawn".into())
        },
        |it| it.initial.ancestors[0].held_out.compared = false,
        |it| it.initial.ancestors[0].held_out.test = None,
        |it| it.initial.ancestors[0].held_out.validation = it.held_out.test,
    ];
    for change in cases {
        let mut facts = continued();
        change(&mut facts);
        assert_eq!(failed(&facts, &evaluation()), ["start"], "{:?}", facts.initial);
    }
    let mut facts = continued();
    facts.standing.ledgers.retain(|name, _| *name != site("d"));
    assert_eq!(failed(&facts, &evaluation()), ["start"]);
    let mut facts = self::facts();
    facts.run.origin = continued().run.origin;
    assert_eq!(failed(&facts, &evaluation()), ["start"], "an origin that the chain does not have");
}

#[test]
fn sites_that_say_nothing_are_named_and_do_not_pass_the_gate() {
    let mut silent = evaluation();
    silent.own_scores = example::report().own_scores;
    let scores = silent.own_scores.as_mut().unwrap();
    for one in &mut scores.sites {
        (one.status, one.gain, one.gain_interval) = (Said::NoAnswer, None, None);
    }
    let name = scores.sites[0].site.clone();
    let found = gates(&facts(), &silent, Language::En);
    let gate = found.iter().find(|gate| gate.gate == "sites").unwrap();
    assert!(gate.state == State::NotApplicable && gate.says.contains(&name), "{gate:?}");
}
