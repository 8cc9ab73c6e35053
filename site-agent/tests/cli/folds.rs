//! `site-agent train --folds` as a person uses it: every record held out once, the same result when it was
//! killed in between, and refused where it would mean nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::support::{demo_model, program, words};

/// The first records of a site of the demo, each another question.
fn records(place: &TempDir, count: usize) -> PathBuf {
    let demo =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/demo-data/sites/cardiology.alpaca.jsonl");
    let text = fs::read_to_string(demo).unwrap();
    let path = place.path().join(format!("records-{count}.jsonl"));
    fs::write(&path, text.lines().take(count).collect::<Vec<_>>().join("\n")).unwrap();
    path
}

fn command(place: &TempDir, data: &Path, out: &str, more: &[&str]) -> Command {
    let mut command = program();
    command.arg("train").arg(demo_model()).arg("--data").arg(data).arg("--out").arg(place.path().join(out));
    command.args(["--rank", "4", "--batch-size", "4", "--learning-rate", "5e-3"]).args(more);
    command
}

fn run(place: &TempDir, data: &Path, out: &str, more: &[&str]) -> Output {
    command(place, data, out, more).output().unwrap()
}

/// What the folds found, without the seconds they took.
fn result(place: &TempDir, out: &str) -> Value {
    let text = fs::read(place.path().join(out).join("cross-validation.json")).unwrap();
    let mut value: Value = serde_json::from_slice(&text).unwrap();
    for fold in value["folds"].as_array_mut().unwrap() {
        fold.as_object_mut().unwrap().remove("elapsed_s");
    }
    value
}

#[test]
fn every_record_is_held_out_once_and_a_kill_changes_nothing() {
    let place = tempfile::tempdir().unwrap();
    let data = records(&place, 60);
    let folds = ["--folds", "3", "--epochs", "2"];
    let whole = run(&place, &data, "whole", &folds);
    assert!(whole.status.success(), "{}", words(&whole));
    let shown = String::from_utf8_lossy(&whole.stdout).into_owned();
    assert!(
        shown.contains("3 folds: 60 records, each held out once") && shown.contains("training helps"),
        "{shown}"
    );
    let said = words(&whole);
    let wide: Vec<&str> =
        said.lines().chain(shown.lines()).filter(|line| line.chars().count() > 80).collect();
    assert!(wide.is_empty(), "{wide:?}");
    let found = result(&place, "whole");
    for (index, fold) in found["folds"].as_array().unwrap().iter().enumerate() {
        assert_eq!((fold["fold"].as_u64(), fold["held_out"].as_u64()), (Some(index as u64 + 1), Some(20)));
        assert_eq!((fold["trained_on"].as_u64(), fold["records"].as_array().unwrap().len()), (Some(40), 20));
    }
    let together = &found["together"];
    let number = |key: &str| together[key].as_f64().unwrap();
    assert!(
        number("change_low") <= number("change") && number("change") <= number("change_high"),
        "{together}"
    );

    // Before training the folds together are all records, as any measurement of them says.
    let other = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/demo-data/sites");
    let other = fs::read_dir(other).unwrap().map(|entry| entry.unwrap().path());
    let other = other.into_iter().find(|path| !path.ends_with("cardiology.alpaca.jsonl")).unwrap();
    let more = ["--validation", data.to_str().unwrap(), "--steps", "1"];
    let measured = run(&place, &other, "measured", &more);
    assert!(measured.status.success(), "{}", words(&measured));
    let rows = fs::read_to_string(place.path().join("measured/metrics.jsonl")).unwrap();
    let first: Value = serde_json::from_str(rows.lines().next().unwrap()).unwrap();
    let loss = together["before"]["loss"].as_f64().unwrap();
    assert!((first["eval_loss"].as_f64().unwrap() - loss).abs() < 1e-4, "{first} {loss}");

    // Killed in the second fold, and gone on with.
    let mut child = command(&place, &data, "part", &folds)
        .args(["--checkpoint-interval-s", "0"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !place.path().join("part/folds/2/training.checkpoint").exists() {
        assert!(Instant::now() < deadline, "the second fold never began");
        std::thread::sleep(Duration::from_millis(2));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!place.path().join("part/cross-validation.json").exists());
    let without = run(&place, &data, "part", &["--epochs", "2", "--resume"]);
    assert!(words(&without).contains("was begun with --folds 3-fold"), "{}", words(&without));
    let other_settings = run(&place, &data, "part", &["--folds", "3", "--epochs", "1", "--resume"]);
    assert!(words(&other_settings).contains("other settings"), "{}", words(&other_settings));
    let rest = run(&place, &data, "part", &["--folds", "3", "--epochs", "2", "--resume"]);
    assert!(rest.status.success(), "{}", words(&rest));
    assert!(words(&rest).contains("; 1 are done"), "{}", words(&rest));
    assert_eq!(result(&place, "part"), found);
    let again = run(&place, &data, "part", &folds);
    assert!(words(&again).contains("holds a finished training"), "{}", words(&again));
}

#[test]
fn few_records_are_left_out_one_by_one() {
    let place = tempfile::tempdir().unwrap();
    let data = records(&place, 5);
    let output = run(&place, &data, "out", &["--folds", "--steps", "2"]);
    assert!(output.status.success(), "{}", words(&output));
    let found = result(&place, "out");
    assert_eq!(found["folds"].as_array().unwrap().len(), 5);
    assert_eq!(found["together"]["drawn"], 5);
    assert!(String::from_utf8_lossy(&output.stdout).contains("too few patients or records"));
    assert_eq!(found["scheme"], "auto");
}

#[test]
fn folds_that_mean_nothing_are_refused_with_the_way_out() {
    let place = tempfile::tempdir().unwrap();
    let data = records(&place, 30);
    for (more, expected) in [
        (&["--folds", "1"][..], "between 2 and 100"),
        (&["--folds", "80/10/10"], "a number of them, leave-one-out or auto"),
        (&["--folds", "3", "--validation-share", "0.2"], "cannot be used with"),
        (&["--folds", "3", "--base-name", "x"], "cannot be used with"),
        (&["--folds", "3", "--early-stopping-patience", "2"], "nothing to measure on"),
        (&["--folds", "3", "--evaluate-every-steps", "2"], "nothing to measure on"),
    ] {
        let output = run(&place, &data, "out", more);
        assert_eq!(output.status.code(), Some(1), "{}", words(&output));
        assert!(words(&output).contains(expected), "{more:?}: {}", words(&output));
        assert!(!place.path().join("out").exists());
    }
    let config = place.path().join("train.toml");
    fs::write(&config, "[training]\nvalidation_share = 0.1\n").unwrap();
    let output = run(&place, &data, "out", &["--folds", "3", "--config", config.to_str().unwrap()]);
    assert!(words(&output).contains("training.validation_share measures while"), "{}", words(&output));
    let one = records(&place, 1);
    let output = run(&place, &one, "out", &["--folds"]);
    assert!(words(&output).contains("fewer than two folds"), "{}", words(&output));
}
