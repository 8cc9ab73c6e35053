//! The locks, tested by trying: real children in real sandboxes of this machine's kernel.

use std::fs;
use std::io::Read as _;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use sandbox::Lock;
use sandbox::probe::ProbeReport;
use sandbox::probe::attempt::Outcome;
use site_agent::preflight::Locks;

use crate::support::{Site, demo_model, program, words};

pub(crate) fn probe(site: &Site, role: &str) -> ProbeReport {
    let output = site.run(&["probe", role]);
    assert!(output.status.success(), "{}", words(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A kernel without a lock cannot show that the lock holds: say so loudly, and only for that lock.
fn kernel_has(report: &ProbeReport, lock: Lock) -> bool {
    let found = report.locks.iter().find(|report| report.lock == lock);
    let is_held = found.is_some_and(|report| report.held);
    if !is_held {
        println!("SKIPPED: this kernel has no {lock}: {found:?}");
    }
    is_held
}

pub(crate) fn assert_refused(report: &ProbeReport, lock: Lock, at_least: usize) {
    if kernel_has(report, lock) {
        let tried: Vec<_> = report.attempts.iter().filter(|attempt| attempt.lock == lock).collect();
        assert!(tried.len() >= at_least, "only {} attempts against {lock}", tried.len());
        let allowed: Vec<_> = tried.iter().filter(|attempt| !attempt.refused()).collect();
        assert!(allowed.is_empty(), "not refused by {lock}: {allowed:#?}");
    }
}

#[test]
fn the_worker_can_make_no_socket_and_touch_no_other_process() {
    // Without the lock the same call works here, so a refusal is the lock's.
    UnixDatagram::unbound().unwrap();
    let report = probe(&Site::new(), "worker");
    assert!(
        report.locks.iter().any(|report| report.lock == Lock::Seccomp && report.held),
        "{:?}",
        report.locks
    );
    assert_refused(&report, Lock::Seccomp, 68);
    assert_refused(&report, Lock::NetworkNamespace, 1);
    assert_refused(&report, Lock::CoreDumps, 1);
}

/// What a replaced worker did to files and processes outside before its filter was an allow list.
#[test]
fn both_children_are_refused_every_known_way_out() {
    let site = Site::new();
    for role in ["worker", "gateway"] {
        let report = probe(&site, role);
        assert_refused(&report, Lock::Seccomp, 53);
        assert_refused(&report, Lock::Descriptors, 1);
        assert_refused(&report, Lock::Scopes, 2);
        for what in [
            "change a file's mode",
            "change a file's owner",
            "set a file's attributes",
            "set a file's times",
            "limit another process",
            "signal another process",
            "attach shared memory (System V)",
            "open a message queue (System V)",
            "open a message queue (POSIX)",
            "use a keyring",
            "make another process",
            "outlive the agent",
            "start another program",
            "write to a socket that was left open",
        ] {
            assert!(report.attempts.iter().any(|attempt| attempt.what == what), "{role} did not try: {what}");
        }
    }
}

/// Starts the program as `bash` started it: with a connection open that nobody told it of.
fn with_a_connection(site: &Site, command: &str) -> (TcpStream, Child) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let script = format!("exec 7<>/dev/tcp/127.0.0.1/{port}; exec {command}");
    let child = Command::new("bash")
        .args(["-c", &script, env!("CARGO_BIN_EXE_site-agent")])
        .arg(site.folder.root())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let (connection, _) = listener.accept().unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(8))).unwrap();
    (connection, child)
}

#[test]
fn a_connection_that_was_left_open_is_closed_while_the_worker_lives() {
    let site = Site::new();
    let (mut connection, mut child) = with_a_connection(&site, "\"$0\" worker --state \"$1\"");
    let mut received = Vec::new();
    let end = connection.read_to_end(&mut received);
    let lives = child.try_wait().unwrap().is_none();
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(end.is_ok() && lives, "the other side must see its end while the worker lives: {end:?}");
    assert_eq!(String::from_utf8_lossy(&received), "");
}

#[test]
fn a_connection_in_the_place_of_standard_output_is_cut() {
    let site = Site::new();
    let (mut connection, mut child) = with_a_connection(&site, "\"$0\" probe worker --state \"$1\" >&7");
    let mut received = Vec::new();
    connection.read_to_end(&mut received).unwrap();
    child.wait().unwrap();
    assert_eq!(String::from_utf8_lossy(&received), "");
}

/// The worker of a site that computes on a GPU may make one more kind of socket, and nothing that was tried
/// before.
#[test]
fn a_worker_on_a_gpu_is_refused_the_same() {
    let site = Site::new();
    let policy = site.folder.config();
    let text = fs::read_to_string(&policy).unwrap();
    let on_gpu = text.replace("device = \"cpu\"", "device = \"cuda:0\"");
    assert_ne!(text, on_gpu);
    let tried = |report: &ProbeReport| -> Vec<(String, bool)> {
        report.attempts.iter().map(|attempt| (attempt.what.clone(), attempt.refused())).collect()
    };
    let on_cpu = probe(&site, "worker");
    fs::write(&policy, on_gpu).unwrap();
    let report = probe(&site, "worker");
    let without_ids =
        |(what, refused): &(String, bool)| (what.split("/proc").next().unwrap().to_owned(), *refused);
    assert_eq!(
        tried(&report).iter().map(without_ids).collect::<Vec<_>>(),
        tried(&on_cpu).iter().map(without_ids).collect::<Vec<_>>()
    );
    assert_refused(&report, Lock::Seccomp, 68);
    assert_refused(&report, Lock::Landlock, 7);
}

#[test]
fn the_worker_can_reach_neither_key_nor_ledger_nor_outbox_and_changes_no_data() {
    let site = Site::new();
    let report = probe(&site, "worker");
    assert_refused(&report, Lock::Landlock, 7);
    let entries = fs::read_dir(site.data.parent().unwrap()).unwrap().count();
    assert_eq!(entries, 1, "a probe left something in the data folder");
}

#[test]
fn the_gateway_can_read_neither_records_nor_model_and_make_no_stream_socket() {
    let site = Site::new();
    fs::read(&site.data).unwrap();
    let report = probe(&site, "gateway");
    assert_refused(&report, Lock::Landlock, 4);
    assert_refused(&report, Lock::Seccomp, 53);
    let tried = |what: &str| report.attempts.iter().any(|attempt| attempt.what.contains(what));
    assert!(tried("data.jsonl") && tried("demo-data/model"), "{:?}", report.attempts);
}

#[test]
fn a_lock_that_does_not_hold_stops_a_run_unless_the_policy_names_it() {
    let site = Site::new();
    let mut locks = Locks { gateway: probe(&site, "gateway"), worker: probe(&site, "worker") };
    if locks.unmet(&[]).is_empty() {
        // The lock says it holds, but one attempt went through: the attempt is believed.
        let attempt = locks.worker.attempts.iter_mut().find(|attempt| attempt.lock == Lock::Seccomp).unwrap();
        attempt.outcome = Outcome::Allowed;
        assert_eq!(locks.unmet(&[]), vec![Lock::Seccomp]);
        assert_eq!(locks.unmet(&[Lock::Seccomp]), Vec::new());
    }
}

#[test]
fn check_shows_a_table_and_every_attempt_on_request() {
    let site = Site::new();
    let output = site.run(&["check", "--offline"]);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("landlock") && text.contains("seccomp"), "{text}{}", words(&output));
    for tried in ["change a file's mode", "make another process", "write to a socket that was left open"] {
        assert!(text.replace("\n ", "").contains(tried), "{tried} is not listed: {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let output = site.run(&["check", "--json"]);
    let value: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(value["worker"]["attempts"].as_array().unwrap().len() > 15);
}

#[test]
fn plan_and_quantise_read_a_model_behind_the_locks() {
    let root = tempfile::tempdir().unwrap();
    let model = root.path().join("model");
    fs::create_dir(&model).unwrap();
    for entry in fs::read_dir(demo_model()).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), model.join(entry.file_name())).unwrap();
    }
    // Long enough to be looked at while it is read.
    let config = fs::read_to_string(model.join("config.json")).unwrap();
    fs::write(model.join("config.json"), format!("{}{config}", " ".repeat(7 << 20))).unwrap();
    let out = root.path().join("out");
    for arguments in
        [vec!["plan".as_ref(), model.as_os_str()], vec!["quantise".as_ref(), model.as_ref(), out.as_ref()]]
    {
        let mut child =
            program().args(&arguments).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut was_locked = false;
        let ended = loop {
            let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
            was_locked |= status.lines().any(|line| line == "Seccomp:\t2");
            if let Some(ended) = child.try_wait().unwrap() {
                break ended;
            }
        };
        assert!(ended.success() && was_locked, "{arguments:?}: {ended}, locked: {was_locked}");
    }
    assert!(out.join("model.safetensors").exists());
}
