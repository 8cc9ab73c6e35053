//! Children that answer, die, hang and babble.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::*;

/// An evaluator whose child is a shell script.
pub(crate) fn scripted(folder: &Path, script: &str, timeout: Duration) -> Evaluator {
    let program = folder.join("child");
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    Evaluator { program, timeout, child: ChildSettings::default(), turn: Arc::default() }
}

fn job() -> Job {
    let model = ModelJob {
        model: "model".into(),
        base: BaseSettings::default(),
        adapter: AdapterSettings::default(),
        cutoff_tokens: 8,
    };
    let data = PinnedFile { path: "data".into(), digest: Digest::of(b"data") };
    let base_fingerprint = Digest::of(b"base");
    Job::Score { model, data, base_fingerprint, adapters: vec![None], batch_size: 1 }
}

async fn answer_of(script: &str) -> Result<Answer> {
    let folder = tempfile::tempdir().unwrap();
    scripted(folder.path(), script, Duration::from_secs(2)).run(&job()).await
}

#[tokio::test]
async fn an_answer_is_read_and_a_failure_is_one() {
    let scored = answer_of("read line; echo '{\"answer\":\"scored\",\"scores\":[]}'").await.unwrap();
    assert_eq!(scored, Answer::Scored { scores: vec![], departments: vec![] });
    let failed =
        answer_of("echo '{\"answer\":\"failed\",\"message\":\"m\",\"hint\":null,\"user\":true}'").await;
    assert!(matches!(failed.unwrap(), Answer::Failed { user: true, .. }));
}

#[tokio::test]
async fn death_babble_and_silence_are_errors_in_time() {
    let started = Instant::now();
    for (script, words) in [
        ("exit 3", "exit status: 3"),
        ("echo hello", "no answer"),
        ("kill -9 $$", "signal: 9"),
        ("kill -SYS $$", "signal: 31"),
        ("exec sleep 60", "after 2 s"),
    ] {
        let error = answer_of(script).await.unwrap_err();
        assert!(error.to_string().contains(words), "{script}: {error}");
        let ours = script.starts_with("exit") || script.starts_with("echo");
        assert_eq!(error.is_user_error(), !ours, "{script}: whose fault is {error}");
    }
    assert!(started.elapsed() < Duration::from_secs(20));
    let missing = Evaluator {
        program: "/nonexistent".into(),
        timeout: Duration::from_secs(1),
        child: ChildSettings::default(),
        turn: Arc::default(),
    };
    assert!(missing.run(&job()).await.is_err());
}

/// Two children at once would need twice the memory: the second waits, and its time is its own.
#[tokio::test]
async fn one_child_runs_at_a_time() {
    let folder = tempfile::tempdir().unwrap();
    // Making a folder that is there fails.
    let script = "mkdir \"$0.busy\" || exit 3; sleep 0.3; rmdir \"$0.busy\"; \
                  echo '{\"answer\":\"scored\",\"scores\":[]}'";
    let evaluator = scripted(folder.path(), script, Duration::from_secs(20));
    let job = job();
    let all = [evaluator.run_timed(&job), evaluator.run_timed(&job), evaluator.run_timed(&job)];
    let [first, second, third] = all;
    let started = Instant::now();
    let (first, second, third) = tokio::join!(first, second, third);
    let whole = started.elapsed();
    let mut sum = Duration::ZERO;
    for (answer, took) in [first, second, third] {
        assert_eq!(answer.unwrap(), Answer::Scored { scores: vec![], departments: vec![] });
        sum += took;
    }
    assert!(sum <= whole, "{sum:?} of work in {whole:?}: no time is counted twice");
}
