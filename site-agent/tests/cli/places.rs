//! A place that is missing, read-only or in the wrong folder is called that, and never a lock that does not
//! hold: no hint proposes to run without one. Real mounts, in a mount namespace of the test's own; as root
//! too.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::support::{Site, demo_model, words};

/// Runs `command` where these folders are read-only mounts; `None` where this machine lets nobody mount.
fn with_read_only(folders: &[&Path], site: &Site, command: &[&str]) -> Option<Output> {
    let mut script = String::new();
    for index in 1..=folders.len() {
        // The agent comes after the folders, the state folder last.
        script.push_str(&format!(
            "mount --bind \"${index}\" \"${index}\" && mount -o remount,bind,ro \"${index}\" && "
        ));
    }
    script.push_str(&format!("shift {} && exec \"$@\"", folders.len()));
    let run = |arguments: &[&str]| {
        let mut unshare = Command::new("unshare");
        unshare.args(arguments).args(["sh", "-c", &script, "sh"]).args(folders);
        unshare.arg(env!("CARGO_BIN_EXE_site-agent")).args(command).arg("--state").arg(site.folder.root());
        unshare.output()
    };
    let can = |arguments: &[&str]| {
        let try_it =
            Command::new("unshare").args(arguments).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
        try_it.is_ok_and(|output| output.status.success())
    };
    let how = [&["-m"][..], &["-rm"]].into_iter().find(|how| can(how));
    let Some(how) = how else {
        println!("SKIPPED: this machine lets nobody mount");
        return None;
    };
    Some(run(how).unwrap())
}

/// No hint and no sentence gives up a lock, and all of them hold.
fn assert_no_lock_is_blamed(output: &Output, case: &str) {
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), words(output));
    for word in ["allow_missing", "allow-missing", "DOES NOT HOLD", "do not hold", "NOT refused"] {
        assert!(!text.contains(word), "{case}: `{word}` in {text}");
    }
}

#[test]
fn records_and_model_on_read_only_mounts_are_fine() {
    let site = Site::new();
    let records = site.data.parent().unwrap().to_path_buf();
    let model = demo_model();
    for (case, folders) in
        [("records", vec![records.as_path()]), ("model", vec![&*model]), ("both", vec![&*records, &*model])]
    {
        let Some(output) = with_read_only(&folders, &site, &["check", "--offline"]) else { return };
        assert!(output.status.success(), "{case}: {}", words(&output));
        assert_no_lock_is_blamed(&output, case);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("read-only for everybody"), "{case}: {text}");
    }
}

#[test]
fn a_read_only_state_folder_is_called_that() {
    let site = Site::new();
    let root: PathBuf = site.folder.root().to_path_buf();
    let Some(output) = with_read_only(&[&root], &site, &["check", "--offline"]) else { return };
    assert_no_lock_is_blamed(&output, "check");
    let Some(output) = with_read_only(&[&root], &site, &["run"]) else { return };
    assert_no_lock_is_blamed(&output, "run");
    let said = words(&output);
    assert!(said.contains("Read-only file system") && said.contains("the state folder must be"), "{said}");
}

/// Takes something away from a site.
type Removal<'a> = &'a dyn Fn(&Site);

#[test]
fn what_is_missing_is_called_missing() {
    let remove_record = |site: &Site| fs::remove_file(&site.data).unwrap();
    let remove_records = |site: &Site| fs::remove_dir_all(site.data.parent().unwrap()).unwrap();
    let remove_database = |site: &Site| fs::remove_file(site.folder.database()).unwrap();
    let remove_inbox = |site: &Site| fs::remove_dir(site.folder.inbox()).unwrap();
    let remove_outbox = |site: &Site| fs::remove_dir(site.folder.outbox()).unwrap();
    let remove_identity = |site: &Site| fs::remove_dir_all(site.folder.identity()).unwrap();
    let cases: [(&str, Removal<'_>, Option<&str>); 6] = [
        ("a record file", &remove_record, Some("data.jsonl")),
        ("the records' folder", &remove_records, Some("data.jsonl")),
        ("the database", &remove_database, None),
        ("the inbox", &remove_inbox, None),
        ("the outbox", &remove_outbox, None),
        ("the identity", &remove_identity, None),
    ];
    for (case, remove, named) in cases {
        let site = Site::new();
        remove(&site);
        let output = site.run(&["check", "--offline"]);
        assert_no_lock_is_blamed(&output, case);
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("not there, so not tried"), "{case}: {text}");
        if let Some(named) = named {
            assert_eq!(output.status.code(), Some(1), "{case}");
            assert!(words(&output).contains(named), "{case}: {}", words(&output));
            assert_no_lock_is_blamed(&site.run(&["run"]), case);
        }
    }
}

#[test]
fn records_where_the_gateway_looks_are_told_to_move_and_no_lock_is_given_up() {
    let site = Site::new();
    let inside = site.folder.inbox().join("data.jsonl");
    fs::rename(&site.data, &inside).unwrap();
    let policy = fs::read_to_string(site.folder.config()).unwrap();
    let moved = policy.replace(site.data.to_str().unwrap(), inside.to_str().unwrap());
    fs::write(site.folder.config(), moved).unwrap();
    for command in [&["check", "--offline"][..], &["run"]] {
        let output = site.run(command);
        assert_eq!(output.status.code(), Some(1), "{command:?}");
        let said = words(&output);
        assert!(said.contains("the gateway could reach") && said.contains("move the records"), "{said}");
        assert!(!said.contains("allow_missing"), "{said}");
    }
}

#[test]
fn a_trial_leaves_nothing_behind() {
    let site = Site::new();
    let listed = || {
        let names = fs::read_dir(site.folder.root()).unwrap().map(|entry| entry.unwrap().file_name());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let before = listed();
    let output = site.run(&["check", "--json"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for process in ["gateway", "worker"] {
        let attempts = report[process]["attempts"].as_array().unwrap();
        let trials = attempts.iter().filter(|attempt| attempt["what"].as_str().unwrap().contains("/.trial-"));
        let outcomes: Vec<_> = trials.map(|attempt| attempt["outcome"].as_str().unwrap()).collect();
        assert_eq!(outcomes, ["refused", "refused"], "{process}");
    }
    assert_eq!(listed(), before);
}
