//! The command line of `coordinator`, driven as a user drives it: the real binary, its exit code, its words.
//! `env!("CARGO_BIN_EXE_coordinator")` also makes `cargo test --workspace` build the binary, which the
//! integration tests in `tests/` start as separate processes.

#![allow(clippy::unwrap_used, reason = "helpers of tests; clippy knows only the test functions themselves")]

use std::process::{Command, Output};

fn run(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_coordinator")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A verb's manual: what it does, its arguments, an example.
fn explains(verb: &[&str]) {
    let output = run(&[verb, &["--help"]].concat());
    let manual = text(&output.stdout);
    assert!(output.status.success(), "{verb:?} --help exits with {:?}", output.status);
    for part in ["Usage: coordinator", "xample", "Options:"] {
        assert!(manual.contains(part), "{verb:?} --help lacks {part:?}:\n{manual}");
    }
    assert!(manual.lines().count() >= 8, "{verb:?} --help is no manual:\n{manual}");
}

#[test]
fn help_lists_every_verb_and_hides_what_nobody_types() {
    let output = run(&["--help"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    let help = text(&output.stdout);
    for verb in
        ["init", "invite", "serve", "launch", "status", "runs", "sites", "stop", "revoke", "export", "check"]
    {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb} is not listed:\n{help}");
    }
    assert!(!help.contains("evaluate-child"), "evaluate-child is listed");
}

#[test]
fn every_verb_has_a_manual_with_an_example() {
    for verb in
        ["init", "invite", "serve", "launch", "status", "runs", "sites", "stop", "revoke", "export", "check"]
    {
        explains(&[verb]);
    }
}

#[test]
fn a_mistake_is_the_users_and_changes_nothing() {
    for arguments in [&["frobnicate"] as &[&str], &["status", "--frobnicate"], &[]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(!output.stderr.is_empty() && output.stdout.is_empty(), "{arguments:?}");
    }
    let folder = tempfile::tempdir().unwrap();
    let nowhere = folder.path().join("nowhere");
    let output = run(&["status", "--state", nowhere.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("\n\nhint: "), "{}", text(&output.stderr));
    assert!(!nowhere.exists(), "a question created a state folder");
}
