//! Sample questions through the driver with a scripted child: kept when they are answered, and never in the
//! way of a run when they are not.

use std::os::unix::fs::PermissionsExt;

use super::*;
use crate::evaluate::details::Details;
use crate::evaluate::tests::scripted;
use crate::round::scheduler::tests::launched_run;

/// Measures, and answers with this when it is asked questions.
fn script(answer: &str) -> String {
    let scored = r#"{"answer":"scored","scores":[{"loss":5.5,"perplexity":244.7,"token_accuracy":0.1,"supervised_tokens":9,"samples":3,"duration_ms":1}]}"#;
    format!("read line; case \"$line\" in *'\"job\":\"answer\"'*) {answer};; *) echo '{scored}';; esac")
}

async fn last_round(folder: &std::path::Path, script: &str, wanted: usize) -> (StateFolder, RunState, Event) {
    let state_folder = StateFolder::at(&folder.join("state"));
    state_folder.create().unwrap();
    // As an older version left it.
    std::fs::remove_dir(folder.join("state/details")).unwrap();
    let mut launched = launched_run(2, 2, 2);
    launched.test = None;
    launched.spec.evaluation.sample_questions = wanted;
    let state = RunState::launched(launched, common::clock::Timestamp(0));
    let evaluator = scripted(folder, script, Duration::from_secs(2));
    let performer = Performer::new(state_folder.clone(), evaluator);
    let effect = Effect::Score { round: Round(2), adapter: Digest::of(b"adapter") };
    let event = performer.perform(&state, effect).await.unwrap();
    (state_folder, state, event)
}

#[tokio::test]
async fn answers_are_kept_before_the_measurement_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let said = r#"{"text":"<b>","ended":true}"#;
    let answer = format!(
        r#"echo '{{"answer":"answered","questions":[{{"department":null,"question":"q","reference":"r","base":{said},"federated":{said}}}]}}'"#
    );
    let (state_folder, state, event) = last_round(folder.path(), &script(&answer), 1).await;
    assert!(matches!(event, Event::Scored { score: Score::Measured(_), .. }));
    let path = state_folder.details(state.launched.run);
    let details = Details::read(&path).unwrap().unwrap();
    let samples = details.samples.unwrap();
    assert_eq!((details.adapter, samples.set), (Digest::of(b"adapter"), HeldOutSet::Validation));
    assert_eq!((samples.questions[0].reference.as_str(), samples.reason), ("r", None));
    for path in [path.as_path(), path.parent().unwrap()] {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}: {mode:o}", path.display());
    }
}

#[tokio::test]
async fn a_child_that_dies_or_hangs_over_questions_costs_no_measurement() {
    for (answer, word) in
        [("kill -9 $$", "signal: 9"), ("exec sleep 60", "after 2 s"), ("echo '{}'", "no answer")]
    {
        let folder = tempfile::tempdir().unwrap();
        let (state_folder, state, event) = last_round(folder.path(), &script(answer), 3).await;
        assert!(matches!(event, Event::Scored { score: Score::Measured(_), .. }), "{answer}: {event:?}");
        let details = Details::read(&state_folder.details(state.launched.run)).unwrap().unwrap();
        let samples = details.samples.unwrap();
        assert!(samples.questions.is_empty() && samples.reason.unwrap().contains(word), "{answer}");
    }
}

#[tokio::test]
async fn no_child_is_asked_where_the_run_file_wants_none() {
    let folder = tempfile::tempdir().unwrap();
    let (state_folder, state, event) = last_round(folder.path(), &script("touch \"$0.asked\""), 0).await;
    assert!(matches!(event, Event::Scored { score: Score::Measured(_), .. }));
    assert_eq!(Details::read(&state_folder.details(state.launched.run)).unwrap(), None);
    assert!(!folder.path().join("child.asked").exists());
}

#[tokio::test]
async fn the_last_round_of_a_run_that_adopted_none_asks_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let state_folder = StateFolder::at(&folder.path().join("state"));
    state_folder.create().unwrap();
    let mut launched = launched_run(2, 2, 1);
    launched.test = None;
    launched.spec.evaluation.loss_increase_max = Some(0.5);
    let mut state = RunState::launched(launched, common::clock::Timestamp(0));
    let evaluator = scripted(folder.path(), &script("touch \"$0.asked\""), Duration::from_secs(2));
    let performer = Performer::new(state_folder, evaluator);
    let effect = || Effect::Score { round: Round(1), adapter: Digest::of(b"adapter") };
    let asked = folder.path().join("child.asked");
    // 5.5, as the script says, is a nat above.
    let base = r#"{"measured":{"loss":4.5,"perplexity":1.0,"token_accuracy":0.1,"supervised_tokens":9,"samples":3,"duration_ms":1}}"#;
    state.base = Some(serde_json::from_str(base).unwrap());
    performer.perform(&state, effect()).await.unwrap();
    assert!(!asked.exists(), "the adapter is nobody's model");
    state.launched.spec.evaluation.loss_increase_max = Some(2.0);
    performer.perform(&state, effect()).await.unwrap();
    assert!(asked.exists());
}
