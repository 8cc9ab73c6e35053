//! The kernel locks, looked at from outside on running processes: the worker has no socket and may
//! make none, the gateway has no record open. `site-agent check` tries them from inside.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

#[test]
fn check_tries_every_lock_and_says_what_it_found() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let mut consortium = tests::consortium::Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let checked = consortium.sites[0].run(&["check"], COMMAND_WITHIN)?;
    let text = checked.stdout.to_lowercase();
    for lock in ["landlock", "seccomp"] {
        assert!(text.contains(lock), "{lock} is not mentioned: {}", checked.stdout);
    }
    // On a kernel that lacks one, refusing is right; saying nothing is not.
    assert!(matches!(checked.code(), Some(0 | 1)), "{:?}: {}", checked.code(), checked.stderr);
    Ok(())
}

#[test]
fn the_worker_has_no_socket_and_the_gateway_no_record() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let supervisor = consortium.sites[0].process().context("the site runs")?.id();
    let logs = consortium.logs().to_owned();
    let children = wait::until(
        "both children",
        Duration::from_secs(30),
        Duration::from_millis(50),
        &logs,
        &Interrupt::default(),
        || Ok(children_of(supervisor)),
    )?;
    let run = consortium.launch(&small.run_file)?;
    let data = small.data();
    let model = std::fs::canonicalize(&small.setup.model)?;
    let mut looks = 0;
    let mut children = children;
    wait::until("the run", RUN_WITHIN, Duration::from_millis(50), &logs, &Interrupt::default(), || {
        // A run has a worker of its own.
        children = children_of(supervisor).unwrap_or_else(|| children.clone());
        let open = open_files(children["gateway"]);
        let seen = open.iter().find(|path| path.starts_with(&data) || path.starts_with(&model));
        assert_eq!(seen, None, "the gateway has a record or the model open");
        let sockets = open_files(children["worker"]).into_iter().find(|path| is_inet_socket(path));
        assert_eq!(sockets, None, "the worker has a socket");
        looks += 1;
        consortium.published(&run)
    })?;
    assert!(looks > 3, "the processes were looked at {looks} times only");
    // 2: filtered. The filter itself is tried by `site-agent check` and the sandbox's unit tests.
    assert_eq!(status_field(children["worker"], "Seccomp").as_deref(), Some("2"));
    for child in children.values() {
        assert_eq!(status_field(*child, "NoNewPrivs").as_deref(), Some("1"));
    }
    Ok(())
}

/// The gateway and the worker of a supervisor, once both have started.
fn children_of(supervisor: u32) -> Option<BTreeMap<&'static str, u32>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir("/proc").ok()?.flatten() {
        let Some(id) = entry.file_name().to_str().and_then(|name| name.parse::<u32>().ok()) else { continue };
        if status_field(id, "PPid").as_deref() != Some(&supervisor.to_string()) {
            continue;
        }
        let line = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        for role in ["gateway", "worker"] {
            if line.split(|byte| *byte == 0).any(|word| word == role.as_bytes()) {
                found.insert(role, id);
            }
        }
    }
    (found.len() == 2).then_some(found)
}

fn status_field(process: u32, name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(line.trim().to_owned())
}

fn open_files(process: u32) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
    entries.filter_map(|entry| std::fs::read_link(entry.path()).ok()).collect()
}

fn is_inet_socket(path: &Path) -> bool {
    path.as_os_str().to_string_lossy().starts_with("socket:")
}
