//! What a hospital's machine is like where it is not like ours: a folder that a service manager made, names
//! with several addresses, a coordinator that moves, long paths, another user's shell, a terminal that is
//! closed. Run by `cargo test`.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::consortium::Consortium;
use tests::ports::free_port;
use tests::process;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

/// A user who owns nothing here.
const NOBODY: u32 = 65_534;

fn unjoined() -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 1, records: 16, rounds: 1, ..Wish::default() })?;
    let consortium = Consortium::create(small.setup.clone())?;
    Ok((small, consortium))
}

/// Whether this test runs as root, who alone may act as somebody else.
fn is_root(small: &Small) -> Result<bool> {
    let path = small.folder.path().join("whose");
    fs::write(&path, "")?;
    let given = chown(&path, Some(NOBODY), None).is_ok();
    if !given {
        println!("SKIPPED in part: only root can act as another user");
    }
    Ok(given)
}

fn open(path: &Path) -> Result<()> {
    Ok(fs::set_permissions(path, Permissions::from_mode(0o755))?)
}

#[test]
fn a_site_joins_in_an_empty_folder_that_somebody_made_for_it() -> Result<()> {
    let (small, mut consortium) = unjoined()?;
    consortium.start_coordinator(&[])?;
    let state = consortium.sites[0].state().to_owned();
    fs::create_dir(&state)?;
    // As `install -d` makes it, on a volume of its own.
    open(&state)?;
    fs::create_dir(state.join("lost+found"))?;
    let invitation = consortium.invite("site-1", &[])?;
    let mut command = consortium.sites[0].command(&consortium.join_arguments(0));
    if is_root(&small)? {
        // The service's user, who may make nothing beside the folder.
        for folder in [small.folder.path(), consortium.root(), consortium.root().join("sites").as_path()] {
            open(folder)?;
        }
        open(&small.data())?;
        for entry in fs::read_dir(small.data())? {
            fs::set_permissions(entry?.path(), Permissions::from_mode(0o644))?;
        }
        chown(&state, Some(NOBODY), Some(NOBODY))?;
        command.uid(NOBODY).gid(NOBODY);
    }
    let logs = consortium.logs().to_owned();
    let joined =
        process::run_with_input(command, &invitation, "join", &logs, COMMAND_WITHIN, &Interrupt::default())?;
    assert_eq!(joined.code(), Some(0), "{}", joined.stderr);
    assert!(state.join("agent.toml").is_file() && state.join("identity/key.pem").is_file());
    assert!(!state.join(".joining").exists() && !state.join("whole").exists());
    assert_eq!(fs::metadata(&state)?.permissions().mode() & 0o777, 0o700);
    let beside: Vec<_> =
        fs::read_dir(consortium.root().join("sites"))?.flatten().map(|e| e.file_name()).collect();
    assert_eq!(beside, ["site-1"]);
    // Another one in the same place is refused.
    let again = consortium.try_join(0, &consortium.invite("site-1", &["--readmit"])?)?;
    assert_eq!(again.code(), Some(1));
    assert!(again.stderr.contains("already holds a site"), "{}", again.stderr);
    Ok(())
}

#[test]
fn every_address_of_the_coordinator_is_tried_and_a_running_site_follows_it() -> Result<()> {
    let (small, mut consortium) = unjoined()?;
    // Nobody listens at the first address of each list.
    let silent = format!("127.0.0.1:{}", free_port()?);
    let path = consortium.coordinator.state().join("coordinator.toml");
    let text = fs::read_to_string(&path)?;
    let address = value_of(&text, "address")?;
    let join = value_of(&text, "join_address")?;
    let text = text.replace(&format!("= \"{address}\""), &format!("= \"{silent},{address}\""));
    fs::write(&path, text.replace(&format!("= \"{join}\""), &format!("= \"{silent}, {join}\"")))?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let checked = consortium.sites[0].run(&["check"], COMMAND_WITHIN)?;
    assert!(
        checked.stdout.contains(&format!("{silent},{address} accepts this site")),
        "{}{}",
        checked.stdout,
        checked.stderr
    );

    let known = consortium.sites[0].state().join("identity/coordinator.toml");
    let before = fs::read_to_string(&known)?;
    let refused = consortium.sites[0].run(&["set-address", &silent], COMMAND_WITHIN)?;
    assert_eq!((refused.code(), fs::read_to_string(&known)?), (Some(1), before), "{}", refused.stderr);
    consortium.sites[0].run(&["set-address", &silent, "--offline"], COMMAND_WITHIN)?.success()?;
    consortium.start_site(0, &[])?;
    let logs = consortium.logs().to_owned();
    let poll = Duration::from_millis(50);
    wait::until("a failed connection", COMMAND_WITHIN, poll, &logs, &Interrupt::default(), || {
        let log =
            fs::read_to_string(consortium.sites[0].state().join("logs/gateway.log")).unwrap_or_default();
        Ok(log.contains(&silent).then_some(()))
    })?;
    // The agent goes on running and takes the new address by itself.
    consortium.sites[0].run(&["set-address", &address], COMMAND_WITHIN)?.success()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    Ok(())
}

#[test]
fn another_consortium_at_the_address_is_not_taken_for_ours() -> Result<()> {
    let (_small, mut consortium) = unjoined()?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let (_other_small, mut other) = unjoined()?;
    other.start_coordinator(&[])?;
    let theirs = fs::read_to_string(other.coordinator.state().join("coordinator.toml"))?;
    let known = consortium.sites[0].state().join("identity/coordinator.toml");
    let before = fs::read_to_string(&known)?;
    let refused =
        consortium.sites[0].run(&["set-address", &value_of(&theirs, "address")?], COMMAND_WITHIN)?;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.contains("certificate is refused"), "{}", refused.stderr);
    assert_eq!(fs::read_to_string(&known)?, before);
    Ok(())
}

/// The text that a configuration gives to a key.
fn value_of(toml: &str, key: &str) -> Result<String> {
    let line = toml.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""));
    Ok(line.and_then(|line| line.strip_suffix('"')).context("the key has a text")?.to_owned())
}

#[test]
fn invitations_are_listed_and_withdrawn() -> Result<()> {
    let (_small, mut consortium) = unjoined()?;
    consortium.start_coordinator(&[])?;
    let list = || -> Result<Vec<(String, String)>> {
        let text =
            consortium.coordinator.run(&["invitations", "list", "--json"], COMMAND_WITHIN)?.success()?;
        let rows: Vec<serde_json::Value> = serde_json::from_str(&text)?;
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        assert!(rows.iter().all(|row| text(row, "expires").ends_with('Z')), "{rows:?}");
        Ok(rows.iter().map(|row| (text(row, "site"), text(row, "state"))).collect())
    };
    let pair = |site: &str, state: &str| (site.to_owned(), state.to_owned());
    let seen_by_others = consortium.invite("site-1", &[])?;
    consortium.invite("typo", &[])?;
    assert_eq!(list()?, [pair("site-1", "open"), pair("typo", "open")]);
    let table = consortium.coordinator.run(&["invitations", "list"], COMMAND_WITHIN)?.success()?;
    let token = seen_by_others.split('/').nth(4).context("a token")?;
    assert!(!table.contains(token), "{table}");
    for site in ["site-1", "typo"] {
        consortium.coordinator.run(&["invitations", "withdraw", site], COMMAND_WITHIN)?.success()?;
    }
    assert_eq!(list()?, []);
    let refused = consortium.try_join(0, &seen_by_others)?;
    assert_eq!(refused.code(), Some(1));
    assert!(refused.stderr.contains("does not know this invitation"), "{}", refused.stderr);
    let nothing = consortium.coordinator.run(&["invitations", "withdraw", "typo"], COMMAND_WITHIN)?;
    assert_eq!(nothing.code(), Some(1), "{}", nothing.stderr);
    consortium.join(0)?;
    assert_eq!(list()?, [pair("site-1", "used")]);
    let used = consortium.coordinator.run(&["invitations", "withdraw", "site-1"], COMMAND_WITHIN)?;
    assert!(used.code() == Some(1) && used.stderr.contains("coordinator revoke"), "{}", used.stderr);
    assert_eq!(consortium.site_list()?.joined().len(), 1);
    Ok(())
}

#[test]
fn a_state_folder_with_a_long_path_works() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let mut setup = small.setup.clone();
    setup.root = small.folder.path().join("a-folder-in-a-folder".repeat(8)).join("another".repeat(10));
    let mut consortium = Consortium::create(setup)?;
    assert!(consortium.coordinator.state().as_os_str().len() > 200);
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let stopped = consortium.coordinator.run(&["stop", "0000"], COMMAND_WITHIN)?;
    // The server answers: it knows no such run.
    assert!(stopped.stderr.contains("there is no run"), "{}", stopped.stderr);
    Ok(())
}

#[test]
fn another_users_command_says_that_permission_is_missing() -> Result<()> {
    let (small, mut consortium) = unjoined()?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    if !is_root(&small)? {
        return Ok(());
    }
    for folder in [small.folder.path(), consortium.root(), consortium.root().join("sites").as_path()] {
        open(folder)?;
    }
    let logs = consortium.logs().to_owned();
    for (member, verbs) in [
        (&consortium.coordinator, &["status", "sites", "check"][..]),
        (&consortium.sites[0], &["status", "check", "run"]),
    ] {
        for verb in verbs {
            let mut command = member.command(&[verb]);
            command.uid(NOBODY).gid(NOBODY);
            let done = process::run(command, verb, &logs, COMMAND_WITHIN, &Interrupt::default())?;
            let case = format!("{} {verb}: {}", member.name(), done.stderr);
            assert_eq!(done.code(), Some(1), "{case}");
            assert!(done.stderr.contains("belongs to user root"), "{case}");
            assert!(done.stderr.contains("sudo -u root"), "{case}");
            for wrong in ["there is no", "init", "invitation", "permissions"] {
                assert!(!done.stderr.contains(wrong), "{case}");
            }
        }
    }
    Ok(())
}

#[test]
fn a_terminal_that_is_closed_ends_nothing_and_moved_logs_are_begun_anew() -> Result<()> {
    let (_small, mut consortium) = unjoined()?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    consortium.start_site(0, &[])?;
    let log = consortium.sites[0].state().join("logs/gateway.log");
    let (logs, poll) = (consortium.logs().to_owned(), Duration::from_millis(50));
    wait::until("the children", COMMAND_WITHIN, poll, &logs, &Interrupt::default(), || {
        let site = &consortium.sites[0];
        Ok((log.exists() && site.stderr_since_start().contains("connected")).then_some(()))
    })?;
    let site = consortium.sites[0].process().context("the site runs")?.id();
    let coordinator = consortium.coordinator.process().context("the coordinator runs")?.id();
    let children = || -> Result<Vec<u32>> {
        let listed = Command::new("ps").args(["-o", "pid=", "--ppid", &site.to_string()]).output()?;
        Ok(String::from_utf8_lossy(&listed.stdout)
            .split_whitespace()
            .filter_map(|id| id.parse().ok())
            .collect())
    };
    let before = children()?;
    assert_eq!(before.len(), 2, "gateway and worker");
    fs::rename(&log, log.with_extension("log.1"))?;
    for group in [site, coordinator] {
        let sent = Command::new("kill").args(["-HUP", "--", &format!("-{group}")]).status()?;
        assert!(sent.success());
    }
    std::thread::sleep(Duration::from_millis(500));
    consortium.all_must_be_running()?;
    assert_eq!(children()?, before, "the children live on");
    consortium.coordinator.run(&["sites"], COMMAND_WITHIN)?.success()?;
    // The next line begins the log anew: that the coordinator is gone.
    consortium.coordinator.stop();
    wait::until("the log", COMMAND_WITHIN, poll, &logs, &Interrupt::default(), || {
        Ok(log.exists().then_some(()))
    })?;
    Ok(())
}
