//! The ledger against its owner, and a coordinator with an old memory: a ledger that was cut or begun anew, a
//! database that was restored, and what `check` is told. Run by `cargo test`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use tests::binaries::Binaries;
use tests::consortium::Consortium;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, repository};

const SITE: &str = "site-1";

/// One site that has sent one update and has its receipt.
fn one_round() -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    Ok((small, consortium))
}

/// Waits until the site's, or the coordinator's, standard error says something.
fn heard(consortium: &Consortium, who: &str, words: &str) -> Result<()> {
    let (within, pause) = (Duration::from_secs(30), Duration::from_millis(50));
    let what = format!("`{words}` from {who}");
    wait::until(&what, within, pause, consortium.logs(), &Interrupt::default(), || {
        let member = if who == SITE { &consortium.sites[0] } else { &consortium.coordinator };
        Ok::<_, tests::failure::Failure>(member.stderr_since_start().contains(words).then_some(()))
    })?;
    Ok(())
}

/// Exit code and standard error of a command of the site.
fn site(consortium: &Consortium, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let finished = consortium.sites[0].run(arguments, COMMAND_WITHIN)?;
    Ok((finished.code(), finished.stderr))
}

fn coordinator(consortium: &Consortium, arguments: &[&str]) -> Result<(Option<i32>, String)> {
    let finished = consortium.coordinator.run(arguments, COMMAND_WITHIN)?;
    Ok((finished.code(), finished.stderr))
}

/// The second verifier; `None` where there is no Python 3.
fn python(ledger: &Path, receipts: &Path) -> Option<i32> {
    let program = repository().join("deploy/verify_ledger.py");
    let asked = Command::new("python3").arg(program).arg(ledger).arg("--receipts").arg(receipts).output();
    asked.ok().and_then(|output| output.status.code())
}

#[test]
fn a_ledger_that_was_cut_or_deleted_is_found_on_both_sides_and_a_person_decides() -> Result<()> {
    let (small, mut consortium) = one_round()?;
    consortium.sites[0].stop();
    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    let receipts = small.folder.path().join("receipts.json");
    let out = receipts.to_str().context("a UTF-8 path")?;
    site(&consortium, &["ledger", "receipts", "--out", out])?;
    let verified = consortium.sites[0].run(&["ledger", "verify"], COMMAND_WITHIN)?.success()?;
    ensure!(verified.contains("receipts 1: all fit; 0 frames never arrived"), "{verified}");
    let with_python = python(&ledger, &receipts);
    ensure!(with_python.is_none_or(|code| code == 0), "the second verifier: {with_python:?}");

    // The last 8 lines are gone.
    let whole = fs::read_to_string(&ledger)?;
    let kept = whole.lines().count() - 8;
    fs::write(&ledger, whole.split_inclusive('\n').take(kept).collect::<String>())?;
    for (command, expected) in [(&["ledger", "verify"][..], 1), (&["run"], 3), (&["check"], 1)] {
        let (code, words) = site(&consortium, command)?;
        ensure!(code == Some(expected) && words.contains("behind"), "{command:?}: {words}");
    }
    ensure!(python(&ledger, &receipts).is_none_or(|code| code == 1), "the second verifier took it");

    // Deleted: not begun anew before somebody says so.
    fs::remove_file(&ledger)?;
    let (code, words) = site(&consortium, &["run"])?;
    ensure!(code == Some(3) && words.contains("ledger accept") && !ledger.exists(), "{words}");
    let officer = consortium.officer_key(0).to_string_lossy().into_owned();
    let (code, words) = site(&consortium, &["ledger", "accept", "--key", &officer])?;
    ensure!(code == Some(1) && words.contains("nobody can be asked") && !ledger.exists(), "{words}");
    officer_decides(&small, &consortium)?;
    let (_, words) = site(&consortium, &["ledger", "accept", "--yes"])?;
    ensure!(words.contains("lacks nothing"), "{words}");

    // The coordinator was told of another one. The agent says so, and stays.
    consortium.start_site(0, &[])?;
    heard(&consortium, SITE, "was told of another ledger")?;
    let (code, words) = site(&consortium, &["check"])?;
    ensure!(code == Some(1) && words.contains("another ledger"), "{words}");
    let (_, words) = coordinator(&consortium, &["sites"])?;
    ensure!(words.contains("two frames with the number") && words.contains("accept-ledger"), "{words}");
    let (code, words) = coordinator(&consortium, &["sites", "accept-ledger", SITE])?;
    ensure!(code == Some(1) && words.contains("nobody can be asked"), "{words}");
    coordinator(&consortium, &["sites", "accept-ledger", SITE, "--yes"])?;
    heard(&consortium, SITE, "connected to the coordinator")?;
    consortium.sites[0].must_be_running()?;
    let (code, words) = site(&consortium, &["check"])?;
    ensure!(code == Some(0), "{words}");
    consortium.stop();
    Ok(())
}

#[test]
fn a_damaged_ledger_is_one_clear_stop() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    heard(&consortium, SITE, "connected to the coordinator")?;
    consortium.sites[0].stop();
    // No receipt knows anything of it yet: its own chain is what is broken.
    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    let text = fs::read_to_string(&ledger)?;
    fs::write(&ledger, text.replacen("\"length\":", "\"length\":1", 1))?;
    let (code, words) = site(&consortium, &["run"])?;
    ensure!(code == Some(3) && words.matches("not intact").count() == 1, "{words}");
    ensure!(words.contains("ledger accept") && !words.contains("started again"), "{words}");
    let logged = consortium.sites[0].run(&["logs", "agent"], COMMAND_WITHIN)?.success()?;
    ensure!(logged.contains("the agent ends: the ledger") && logged.contains("connected"), "{logged}");
    consortium.stop();
    Ok(())
}

/// Where the site trusts an officer's key, that key alone accepts a ledger.
fn officer_decides(small: &Small, consortium: &Consortium) -> Result<()> {
    let path = |name: &str| small.folder.path().join(name).to_string_lossy().into_owned();
    let (officer, other) = (consortium.officer_key(0).to_string_lossy().into_owned(), path("other.key"));
    let made = Command::new(Binaries::find()?.site_agent).args(["officer-key", "new", &other]).output()?;
    ensure!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for (more, refusal) in [(&["--yes"][..], "they decide"), (&["--yes", "--key", &other], "not the key")] {
        let (code, words) = site(consortium, &[&["ledger", "accept"], more].concat())?;
        ensure!(code == Some(1) && words.contains(refusal), "{words}");
    }
    let (code, words) = site(consortium, &["ledger", "accept", "--yes", "--key", &officer])?;
    ensure!(code == Some(0), "{words}");
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(copied.success(), "cp -a");
    Ok(())
}

#[test]
fn a_restored_coordinator_says_so_and_goes_on_only_if_told() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    heard(&consortium, SITE, "connected to the coordinator")?;
    consortium.coordinator.stop();
    let state = consortium.coordinator.state().to_path_buf();
    let backup = small.folder.path().join("backup");
    copy(&state, &backup)?;
    consortium.start_coordinator(&[])?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.coordinator.stop();

    // The database alone is old, empty, or gone: the folder shows it.
    let newest = small.folder.path().join("newest");
    copy(&state, &newest)?;
    for database in ["old", "empty", "gone"] {
        for name in ["coordinator.db", "coordinator.db-wal", "coordinator.db-shm"] {
            let _ = fs::remove_file(state.join(name));
            if database == "old" && backup.join(name).exists() {
                fs::copy(backup.join(name), state.join(name))?;
            }
        }
        if database == "empty" {
            fs::write(state.join("coordinator.db"), b"")?;
        }
        for command in ["serve", "check"] {
            let (code, words) = coordinator(&consortium, &[command])?;
            ensure!(code == Some(1) && words.contains("--accept-restored"), "{database}, {command}: {words}");
        }
    }
    fs::remove_dir_all(&state)?;
    copy(&newest, &state)?;
    consortium.start_coordinator(&[])?;
    consortium.coordinator.stop();

    // The whole folder is old: the site's receipt shows it.
    fs::remove_dir_all(&state)?;
    copy(&backup, &state)?;
    consortium.start_coordinator(&[])?;
    heard(&consortium, SITE, "older than what it signed")?;
    heard(&consortium, "coordinator", "restored from an older")?;
    let (code, words) = site(&consortium, &["check"])?;
    ensure!(code == Some(1) && words.contains("restored"), "{words}");
    consortium.coordinator.stop();
    let (code, words) = coordinator(&consortium, &["serve"])?;
    ensure!(code == Some(1) && words.contains("receipts") && words.contains(SITE), "{words}");
    consortium.sites[0].must_be_running()?;
    consortium.sites[0].stop();
    consortium.start_coordinator_with(&["--accept-restored"], &[])?;
    consortium.start_site(0, &[])?;
    heard(&consortium, SITE, "connected to the coordinator")?;
    consortium.coordinator.stop();
    consortium.start_coordinator(&[])?;
    consortium.stop();
    Ok(())
}

#[test]
fn check_says_what_the_coordinator_said() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let records = |consortium: &Consortium| -> Result<usize> {
        Ok(fs::read_to_string(consortium.sites[0].state().join("ledger/ledger.log"))?.lines().count())
    };
    let before = records(&consortium)?;
    let accepted = consortium.sites[0].run(&["check"], COMMAND_WITHIN)?.success()?;
    ensure!(accepted.contains("accepts this site"), "{accepted}");
    // The greeting, the question for a revocation list, and how the machine is.
    ensure!(records(&consortium)? == before + 3, "requests that were made are in the ledger");
    ensure!(consortium.site_list()?.find(SITE).context("the site")?.frames == 3, "and arrived");
    // A newer certificate takes its place.
    let old = small.folder.path().join("old");
    let state = consortium.sites[0].state().to_path_buf();
    fs::rename(&state, &old)?;
    let (code, words) = coordinator(&consortium, &["invite", SITE])?;
    ensure!(code == Some(1) && words.contains("--readmit"), "{words}");
    let invitation = consortium.invite(SITE, &["--readmit"])?;
    consortium.join_with(0, &invitation)?;
    consortium.sites[0].run(&["check"], COMMAND_WITHIN)?.success()?;
    let shown = consortium.coordinator.run(&["sites"], COMMAND_WITHIN)?.success()?;
    ensure!(shown.contains("joined again once"), "the operator sees it: {shown}");
    let new = small.folder.path().join("new");
    fs::rename(&state, &new)?;
    fs::rename(&old, &state)?;
    let (code, words) = site(&consortium, &["check"])?;
    ensure!(code == Some(1) && words.contains("has a newer one"), "the old certificate: {words}");
    fs::rename(&state, &old)?;
    fs::rename(&new, &state)?;
    coordinator(&consortium, &["revoke", SITE])?;
    let (code, words) = site(&consortium, &["check"])?;
    ensure!(code == Some(1) && words.contains("revoked"), "{words}");
    Ok(())
}
