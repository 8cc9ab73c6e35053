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

/// What an operator can ask for, in the order of the help.
const VERBS: [&str; 21] = [
    "init",
    "invite",
    "invitations",
    "serve",
    "simulate",
    "launch",
    "status",
    "report",
    "runs",
    "sites",
    "stop",
    "revoke",
    "export",
    "release",
    "verify-release",
    "prune",
    "check",
    "logs",
    "config",
    "completions",
    "man",
];

#[test]
fn help_lists_every_verb_and_hides_what_nobody_types() {
    let output = run(&["--help"]);
    assert!(output.status.success() && output.stderr.is_empty(), "{}", text(&output.stderr));
    let help = text(&output.stdout);
    for verb in VERBS {
        assert!(help.contains(&format!("\n  {verb} ")), "{verb} is not listed:\n{help}");
    }
    assert!(!help.contains("evaluate-child"), "evaluate-child is listed");
}

#[test]
fn every_verb_has_a_manual_with_an_example() {
    for verb in VERBS {
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

/// A reader that goes away (`| head`) is no error; a full disk behind `>` is one, with a sentence.
#[test]
fn output_that_nobody_reads_is_no_error_and_output_that_is_lost_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coordinator"));
        command.args(arguments).env("CONSILIUM_STATE", &state);
        command
    };
    assert!(command(&["init", "--address", "127.0.0.1:4600"]).output().unwrap().status.success());
    for verb in [&["sites"][..], &["runs", "--json"], &["invite", "a"], &["invitations", "list"], &["--help"]]
    {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(verb).stdout(writer).stderr(std::process::Stdio::piped()).output().unwrap();
        let said = text(&output.stderr);
        assert!(output.status.success() && !said.contains("panicked"), "{verb:?}: {said}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let output = command(verb).stdout(std::process::Stdio::null()).stderr(writer).output().unwrap();
        assert!(output.status.success(), "{verb:?}: {:?}", output.status);
    }
    for verb in [&["sites"][..], &["runs", "--json"], &["invitations", "list"]] {
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command(verb).stdout(full).stderr(std::process::Stdio::piped()).output().unwrap();
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{verb:?}: {said}");
        assert!(said.contains("standard output") && said.contains("No space left"), "{verb:?}: {said}");
    }
}

#[test]
fn completions_and_manual_pages_are_made() {
    for shell in ["bash", "zsh", "fish"] {
        let output = run(&["completions", shell]);
        let script = text(&output.stdout);
        assert!(output.status.success() && script.contains("invitations"), "{shell}");
        assert!(!script.contains("evaluate-child"), "{shell} completes what is hidden");
    }
    let folder = tempfile::tempdir().unwrap();
    let output = run(&["man", "--out", folder.path().to_str().unwrap()]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    for page in ["coordinator.1", "coordinator-launch.1", "coordinator-invitations-withdraw.1"] {
        assert!(folder.path().join(page).is_file(), "{page}");
    }
    assert!(!folder.path().join("coordinator-evaluate-child.1").exists());
}

#[test]
fn settings_say_where_they_come_from_and_the_log_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state");
    let state = state.to_str().unwrap();
    assert!(run(&["init", "--state", state, "--address", "127.0.0.1:4600"]).status.success());
    let shown = text(&run(&["config", "show", "--state", state]).stdout);
    let line = |key: &str| shown.lines().find(|line| line.starts_with(key)).unwrap_or_default().to_owned();
    assert!(line("state ").contains("option"), "{shown}");
    assert!(line("address ").contains("file         127.0.0.1:4600"), "{shown}");
    std::fs::write(
        format!("{state}/coordinator.toml"),
        "name = 'c'\naddress = 'h:1'\njoin_address = 'h:2'\nlisten = '127.0.0.1:1'\nlisten_join = '127.0.0.1:2'\n",
    )
    .unwrap();
    let json = run(&["config", "show", "--json", "--state", state]);
    let shown: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    let days = shown["settings"].as_array().unwrap().iter().find(|row| row["key"] == "certificate_days");
    assert_eq!(days.unwrap()["from"], "default");
    assert!(!text(&json.stdout).contains("PRIVATE"));

    let none = run(&["logs", "--state", state]);
    assert!(none.status.success() && text(&none.stderr).contains("there is no log yet"));
    // An address of no machine (RFC 5737).
    let served = run(&["serve", "--state", state, "--listen", "192.0.2.1:4600"]);
    assert_eq!(served.status.code(), Some(1), "{}", text(&served.stderr));
    let logged = text(&run(&["logs", "--state", state, "-n", "1"]).stdout);
    assert!(logged.contains("Z serve ends: cannot listen on 192.0.2.1:4600"), "{logged}");
}

#[test]
fn several_addresses_are_taken_and_too_many_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let init = |name: &str, address: &str| {
        run(&["init", "--state", folder.path().join(name).to_str().unwrap(), "--address", address])
    };
    let output = init("two", "a.example.org:4600,[::1]:4700");
    assert!(output.status.success(), "{}", text(&output.stderr));
    let config = std::fs::read_to_string(folder.path().join("two/coordinator.toml")).unwrap();
    assert!(config.contains("join_address = \"a.example.org:4601,[::1]:4701\""), "{config}");
    assert!(config.contains("listen = \"0.0.0.0:4600\""), "{config}");
    for bad in ["a:1,", "a:1,b", "a:1,b:1,c:1,d:1,e:1"] {
        let output = init("bad", bad);
        assert_eq!(output.status.code(), Some(1), "{bad}");
        assert!(text(&output.stderr).contains("hint: "), "{}", text(&output.stderr));
    }
}

#[test]
fn rules_of_safety_are_for_suites_and_the_gate_is_for_rules() {
    for arguments in [
        &["evaluate", "5f0c", "--rules", "r.toml"] as &[&str],
        &["evaluate", "5f0c", "--suite", "s.toml", "--must-pass"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(text(&output.stderr).contains("required"), "{}", text(&output.stderr));
    }
    let manual = text(&run(&["evaluate", "--help"]).stdout);
    assert!(manual.contains("--must-pass") && manual.contains("100 % or exit code 1"), "{manual}");
}
