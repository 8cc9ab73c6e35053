//! The attack suite of `site-agent check --attack`, at a site that has joined: what is promised holds on this
//! machine, nothing of the site's state changes, and the same suite finds what the locks are for where there
//! are none. Run by `cargo test`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::consortium::Consortium;

use crate::support::{COMMAND_WITHIN, Small, Wish};

/// What a privacy officer looks for by name.
const NAMED: [&str; 37] = [
    "make a socket, or a pair, of any family and kind",
    "look up a name (DNS over UDP)",
    "use a local or abstract Unix socket",
    "talk to the kernel by netlink",
    "talk to the host of a virtual machine (vsock)",
    "use a connection that somebody left open",
    "set up io_uring",
    "load a kernel program (bpf)",
    "count events of the kernel (perf)",
    "handle page faults (userfaultfd)",
    "mount a file system",
    "change the root of the file system",
    "leave a namespace",
    "enter a namespace",
    "take another process's descriptors",
    "make any call that is not on the list, or newer than it",
    "share memory, queues, semaphores or keys",
    "make another process, and another (fork bomb)",
    "trace, signal, limit or slow down the gateway",
    "trace, signal, limit or slow down the supervisor",
    "read memory, environment or files of the gateway (/proc)",
    "read memory, environment or files of the supervisor (/proc)",
    "open the key, the ledger, the database or what left",
    "be the gateway, and open the key of ledger heads or of joining",
    "run a program: its own, the machine's, one in memory",
    "put a symbolic link where others read",
    "put a hard link where others read",
    "put a named pipe where others read",
    "put a device where others read",
    "have the gateway open what is no file: the update",
    "exchange the update between its check and its copy",
    "leave spare bytes between or after the tensors",
    "hide bits in NaN payloads, infinities, giant values",
    "send a giant norm",
    "say what is no message, or has no end",
    "say every word, again and again",
    "fill the log, or write to the terminal by it",
];

/// What must be found where there are no locks, whoever runs the test.
const FOUND_BY_ANYBODY: [&str; 8] = [
    "open the key, the ledger, the database or what left",
    "open files outside its own folders",
    "use a connection that somebody left open",
    "look up a name (DNS over UDP)",
    "run a program: its own, the machine's, one in memory",
    "make another process, and another (fork bomb)",
    "put a named pipe where others read",
    "put a symbolic link where others read",
];

/// The locks of the kernel, as the table says them.
const LOCKS: [&str; 4] = ["landlock", "seccomp", "descriptors", "network-namespace"];

/// Everything that is in a folder: kind and mode, number of names, and bytes of each entry.
type Contents = BTreeMap<PathBuf, (u32, u64, Vec<u8>)>;

fn contents(root: &Path) -> Result<Contents> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            let facts = fs::symlink_metadata(&path)?;
            let bytes = if facts.is_file() { fs::read(&path)? } else { Vec::new() };
            if facts.is_dir() {
                folders.push(path.clone());
            }
            found.insert(path, (facts.mode(), facts.nlink(), bytes));
        }
    }
    Ok(found)
}

/// The lines of the suite by their attack, and its exit code.
fn suite(consortium: &Consortium, more: &[&str]) -> Result<(BTreeMap<String, Value>, Option<i32>, Value)> {
    let arguments = [&["check", "--attack", "--json"], more].concat();
    let finished = consortium.sites[0].run(&arguments, COMMAND_WITHIN)?;
    let document: Value = serde_json::from_str(&finished.stdout)
        .with_context(|| format!("{}{}", finished.stdout, finished.stderr))?;
    let rows = document["attacks"].as_array().context("attacks")?;
    let name = |row: &Value| row["attack"].as_str().unwrap_or_default().to_owned();
    let by_name: BTreeMap<String, Value> = rows.iter().map(|row| (name(row), row.clone())).collect();
    ensure!(by_name.len() == rows.len(), "two attacks have one name");
    Ok((by_name, finished.code(), document["locks"].clone()))
}

/// The suite behind the locks; again where a busy machine left something untried.
fn tried(consortium: &Consortium) -> Result<(BTreeMap<String, Value>, Option<i32>, Value)> {
    let is_untried = |row: &Value| row["result"] == "not-tried";
    for _ in 0..4 {
        let found = suite(consortium, &[])?;
        if !found.0.values().any(is_untried) {
            return Ok(found);
        }
        println!("AGAIN: {:#?}", found.0.values().filter(|row| is_untried(row)).collect::<Vec<_>>());
    }
    suite(consortium, &[])
}

#[test]
fn what_is_promised_holds_and_is_found_where_there_are_no_locks() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let state = consortium.sites[0].state().to_path_buf();
    let records = small.data();
    let before = (contents(&state)?, contents(&records)?);

    let (held, code, locks) = tried(&consortium)?;
    assert_eq!((contents(&state)?, contents(&records)?), before, "the suite changes nothing of the site's");
    let missing: Vec<&Value> =
        locks.as_array().context("locks")?.iter().filter(|lock| lock["held"] != true).collect();
    if !missing.is_empty() {
        println!("SKIPPED: this kernel lacks locks, so what they stop is not shown: {missing:#?}");
    }
    for name in NAMED {
        assert!(held.contains_key(name), "not tried: {name}");
    }
    for row in held.values() {
        let is_right = match row["result"].as_str() {
            Some("stopped") => row["tries"].as_u64() > Some(0) && row["stopped_by"][0].is_string(),
            Some("cannot-be-stopped") => row["note"].is_string(),
            _ => false,
        };
        assert!(is_right || !missing.is_empty(), "{row:#}");
    }
    assert!(code == Some(0) || !missing.is_empty(), "{code:?}");

    let (open, code, _) = suite(&consortium, &["--unlocked"])?;
    assert_eq!(code, Some(1));
    assert_eq!((contents(&state)?, contents(&records)?), before, "not even without locks");
    assert_eq!(held.keys().collect::<Vec<_>>(), open.keys().collect::<Vec<_>>());
    let by_a_lock = |row: &&Value| LOCKS.iter().any(|lock| row["stopped_by"] == serde_json::json!([lock]));
    for (name, row) in held.iter().filter(|(_, row)| row["without_locks"].is_string()) {
        let alone = open[name]["let_through"].as_array().is_some_and(Vec::is_empty);
        let said = row["without_locks"] == "refused";
        assert_eq!(
            said, alone,
            "the control says what the suite without locks finds: {row:#} {}",
            open[name]
        );
    }
    let mut found = 0;
    for (name, row) in held.iter().filter(|(_, row)| by_a_lock(row)) {
        let without = &open[name];
        match without["result"].as_str() {
            Some("not-stopped") => found += 1,
            // Not everybody may do everything on every machine.
            _ if without["stopped_by"] == serde_json::json!(["this machine"]) => {
                println!("SKIPPED: this machine refuses it without any lock: {name}");
                assert!(!FOUND_BY_ANYBODY.contains(&name.as_str()), "{without:#}");
            }
            _ => panic!("without locks it must not be stopped by one: {row:#} {without:#}"),
        }
    }
    assert!(found >= FOUND_BY_ANYBODY.len() || !missing.is_empty(), "only {found} were found");
    Ok(())
}

/// A suite that was killed leaves nothing that the next one stumbles over, and two at once are told apart.
#[test]
fn what_a_killed_suite_left_is_removed_and_two_do_not_meet() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let place = consortium.sites[0].state().join(".attack");
    let mut killed = consortium.sites[0].command(&["check", "--attack"]).spawn()?;
    let within = std::time::Instant::now() + COMMAND_WITHIN;
    while !place.join("state/agent.toml").exists() {
        ensure!(std::time::Instant::now() < within && killed.try_wait()?.is_none(), "it made no folder");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let second = consortium.sites[0].run(&["check", "--attack"], COMMAND_WITHIN)?;
    killed.kill()?;
    killed.wait()?;
    let is_told = second.stderr.contains("is under way") && second.stderr.contains("\nhint: ");
    assert!(second.code() == Some(1) && is_told, "{}", second.stderr);
    assert!(place.exists());
    let third = consortium.sites[0].run(&["check", "--attack"], COMMAND_WITHIN)?;
    let has_ended = third.stdout.contains("attacks: ");
    assert!(has_ended && third.stdout.lines().all(|line| line.chars().count() <= 80), "{}", third.stdout);
    assert!(!place.exists(), "it is removed");
    Ok(())
}
