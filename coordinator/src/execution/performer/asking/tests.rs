//! Suites through scripted children: what is asked is journalled, and a child that dies costs a sentence.

use std::path::Path;
use std::time::Duration;

use common::clock::Timestamp;
use common::id::Digest;

use super::*;
use crate::evaluate::tests::scripted;
use crate::round::launched::PinnedSuite;
use crate::round::measured::Begun;
use crate::round::scheduler::tests::launched_run;
use crate::round::suites::tests::{figures, pinned};
use crate::state_folder::StateFolder;

/// A performer whose children do this, and a run with one suite whose final model is there.
fn performer(folder: &Path, script: &str) -> (Performer, RunState) {
    let state_folder = StateFolder::at(&folder.join("state"));
    state_folder.create().unwrap();
    let mut launched = launched_run(1, 1, 1);
    launched.suites = vec![pinned("exam")];
    launched.initial = Digest::of(b"adapter");
    std::fs::write(state_folder.blob(launched.initial), b"adapter").unwrap();
    let state = RunState::launched(launched, Timestamp(0));
    (Performer::new(state_folder, scripted(folder, script, Duration::from_secs(2))), state)
}

/// What it ends in, begun as often as it may be, and how often that was.
async fn measured(performer: &Performer, state: &RunState, what: Wanted) -> (Event, u32) {
    let mut state = state.clone();
    for attempts in 1..=suites::attempts_max(what) {
        state.begun = Some(Begun { what, attempts });
        if let Some(event) = performer.measure(&state, what, performer.turn().await).await {
            return (event, attempts);
        }
    }
    panic!("begun without an end");
}

/// What a suite's answers are kept in, of the run that [`performer`] has.
fn kept(performer: &Performer, state: &RunState) -> PathBuf {
    performer.folder.suite(state.launched.run, 0)
}

async fn asked(script: &str) -> SuiteOutcome {
    let folder = tempfile::tempdir().unwrap();
    let (performer, state) = performer(folder.path(), script);
    match measured(&performer, &state, Wanted::Suite(0)).await.0 {
        Event::SuiteMeasured { suite: 0, outcome } => *outcome,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_kept_of_a_suite_that_is_still_asked_survives_a_start_and_nothing_else_does() {
    let temporary = tempfile::tempdir().unwrap();
    let folder = StateFolder::at(temporary.path());
    folder.create().unwrap();
    let (mut waiting, _) = suites::tests::finished();
    let run = waiting.launched.run;
    let other = RunId([9; 8]);
    for path in [folder.suite(run, 0), folder.suite(other, 0), folder.spool().join("aggregate-1")] {
        std::fs::write(path, "x").unwrap();
    }
    remove_strays(&folder, &[Arc::new(waiting.clone())]).unwrap();
    assert!(folder.suite(run, 0).is_file() && !folder.suite(other, 0).exists());
    assert!(folder.spool().join("aggregate-1").is_file(), "somebody else's");
    waiting.launched.suites.clear();
    remove_strays(&folder, &[Arc::new(waiting)]).unwrap();
    assert!(!folder.suite(run, 0).exists());
}

#[tokio::test]
async fn what_was_said_is_kept_for_the_next_child_until_it_is_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    // Each child finds the file that it was told of, and adds to it; the last one answers nonsense.
    let script = "read line; file=$(echo \"$line\" | sed 's/.*\"resume\":\"\\([^\"]*\\)\".*/\\1/'); \
                  test -f \"$file\" || exit 9; echo x >> \"$file\"; \
                  test $(grep -c '^x' \"$file\") -lt 2 && exit 1; echo '{}'";
    let (performer, state) = performer(folder.path(), script);
    let path = kept(&performer, &state);
    let at = |attempts| RunState { begun: Some(Begun { what: Wanted::Suite(0), attempts }), ..state.clone() };
    let turn = performer.turn().await;
    let found = performer.measure(&at(1), Wanted::Suite(0), turn).await;
    assert!(found.is_none() && path.is_file(), "{found:?}");
    assert!(std::fs::read_to_string(&path).unwrap().ends_with("x\n"));
    let turn = performer.turn().await;
    let found = performer.measure(&at(suites::attempts_max(Wanted::Suite(0))), Wanted::Suite(0), turn).await;
    assert!(matches!(found, Some(Event::SuiteMeasured { .. })), "{found:?}");
    assert!(path.exists(), "the journal does not have the outcome yet");
    performer.forget_answers(state.launched.run, 0).await;
    assert!(!path.exists());
}

#[tokio::test]
async fn what_a_child_found_is_what_is_journalled() {
    let sent = Answer::Asked { figures: Box::new(figures(50, 20, 5, 100, 0.004)) };
    let line = serde_json::to_string(&sent).unwrap();
    // As it is read back: the last bit of a number in JSON may be another one.
    let Ok(Answer::Asked { figures }) = serde_json::from_str(&line) else { panic!("{line}") };
    let script =
        format!("read line; case \"$line\" in *'\"job\":\"suite\"'*exam.toml*) echo '{line}';; esac");
    match asked(&script).await {
        SuiteOutcome::Measured { figures: found, .. } => assert_eq!(found, figures),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_child_that_dies_hangs_or_refuses_costs_a_sentence() {
    let mut many = figures(50, 20, 5, 100, 0.004);
    many.kinds = vec![many.kinds[0].clone(); 1000];
    let impossible = serde_json::to_string(&Answer::Asked { figures: Box::new(many) }).unwrap();
    let refusal = r#"echo '{"answer":"failed","message":"exam.jsonl changed","hint":null,"user":true}'"#;
    for (script, word) in [
        ("kill -9 $$", "signal: 9"),
        ("exec sleep 60", "after 2 s"),
        ("echo '{}'", "no answer"),
        (r#"echo '{"answer":"answered","questions":[]}'"#, "something else"),
        (refusal, "exam.jsonl changed"),
        (&format!("echo '{impossible}'"), "cannot be: its kinds"),
    ] {
        match asked(script).await {
            SuiteOutcome::NotMeasured { reason } => assert!(reason.contains(word), "{script}: {reason}"),
            other => panic!("{script}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_child_that_died_once_is_tried_again_and_a_damaged_model_is_asked_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let line =
        serde_json::to_string(&Answer::Asked { figures: Box::new(figures(5, 1, 0, 10, 1.0)) }).unwrap();
    let script = format!("mkdir \"$0.once\" && kill -9 $$; touch \"$0.asked\"; echo '{line}'");
    let (performer, mut state) = performer(folder.path(), &script);
    let (event, attempts) = measured(&performer, &state, Wanted::Suite(0)).await;
    assert_eq!(attempts, 2);
    let is_measured = |event: &Event| matches!(event, Event::SuiteMeasured { outcome, .. } if matches!(**outcome, SuiteOutcome::Measured { .. }));
    assert!(is_measured(&event), "{event:?}");
    std::fs::remove_file(folder.path().join("child.asked")).unwrap();
    std::fs::write(performer.folder.blob(state.model()), b"other").unwrap();
    assert!(!is_measured(&measured(&performer, &state, Wanted::Suite(0)).await.0));
    state.launched.suites = Vec::<PinnedSuite>::new();
    assert!(!is_measured(&measured(&performer, &state, Wanted::Suite(0)).await.0), "there is no such suite");
    assert!(!folder.path().join("child.asked").exists());
}

#[tokio::test]
async fn what_was_forgotten_is_asked_of_a_child_of_its_own() {
    let found = ForgettingFigures {
        general: figures(80, 3, 4, 120, 1.0),
        texts: 40,
        positions: 812,
        divergence: 0.03,
        divergence_interval: [0.02, 0.04],
    };
    let answer = Answer::Forgotten { figures: Box::new(found) };
    let line = serde_json::to_string(&answer).unwrap();
    let Ok(Answer::Forgotten { figures: found }) = serde_json::from_str(&line) else { panic!("{line}") };
    for (script, is_measured) in [(format!("echo '{line}'"), true), ("kill -9 $$".to_owned(), false)] {
        let folder = tempfile::tempdir().unwrap();
        let (performer, state) = performer(folder.path(), &script);
        let (event, _) = measured(&performer, &state, Wanted::Forgetting).await;
        let Event::ForgettingMeasured { outcome } = event else { panic!("{event:?}") };
        match *outcome {
            Forgotten::Measured { figures, .. } => assert!(is_measured && figures == found),
            Forgotten::NotMeasured { reason } => {
                assert!(!is_measured && reason.contains("signal: 9"), "{reason}")
            }
        }
    }
}
