//! What a privacy officer does who knows only `site-agent/PRIVACY.md`, in one piece and with real processes:
//! agrees to a run with a key that was never at the site, holds against the ledger what has left while the
//! run goes on, computes a round again, and leaves in the middle of the next one. Run by `cargo test`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::clock::{Clock as _, SystemClock};
use common::ledger::{Kind, Record};
use serde_json::Value;
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, repository};

/// Whose officer it is about, and whom a round waits for meanwhile.
const OURS: usize = 2;
const OTHER: usize = 0;

#[test]
fn an_officer_agrees_from_another_machine_proves_what_left_and_withdraws_in_the_second_round() -> Result<()> {
    let small = Small::new(&Wish { sites: 3, rounds: 3, ..Wish::default() })?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_integer("quorum", "sites", 2);
    file.set_integer("quorum", "deadline_s", 3600);
    file.set_integer("quorum", "grace_s", 3600);
    file.set_integer("approval", "grace_s", 3600);
    // Long enough that a site can be stopped before it has trained.
    file.set_integer("training", "epochs", 12);
    file.write(&small.run_file)?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    (0..3).try_for_each(|index| consortium.join(index))?;
    set(&consortium, OURS, "approval = \"auto\"", "approval = \"ask\"")?;
    (0..3).try_for_each(|index| consortium.start_site(index, &[]))?;

    let run = consortium.launch(&small.run_file)?;
    agrees_from_another_machine(&small, &consortium, &run)?;
    until(&consortium, &run, |status| status["history"][0]["published"].is_string())?;

    // From here on the round that is open waits for another hospital, whose hours are over.
    consortium.sites[OTHER].stop();
    let hour = SystemClock.now().0 / 3_600_000 + 12;
    let closed = format!("hours = \"{:02}:00-{:02}:00 +00:00\"", hour % 24, (hour + 1) % 24);
    set(&consortium, OTHER, "hours = \"\"", &closed)?;
    consortium.sign_policy(OTHER)?;
    consortium.start_site(OTHER, &[])?;

    holds_what_left_against_the_ledger(&small, &consortium, "before")?;
    let again = ours(&consortium, &["replay", &run, "--round", "1", "--json"])?;
    let again: Value = serde_json::from_str(&again)?;
    ensure!(again["verdict"] == "same-bytes", "{again}");

    let open = status(&consortium, &run)?["round"].as_u64().context("a round is open")?;
    let said = ours(&consortium, &["withdraw", &run, "--yes"])?;
    ensure!(said.contains("withdrawn"), "{said}");
    until(&consortium, &run, |status| status["sites"][OURS]["state"] == "withdrawn")?;
    set(&consortium, OTHER, &closed, "hours = \"\"")?;
    consortium.sites[OTHER].stop();
    consortium.sign_policy(OTHER)?;
    consortium.start_site(OTHER, &[])?;
    let ended = consortium.wait_published(&run, RUN_WITHIN)?;

    for (number, round) in (1..).zip(&ended.history) {
        let has_ours = round.updates.contains(&"site-3".to_owned());
        ensure!(has_ours == (number < open), "it left in round {open}: {number}, {:?}", round.updates);
    }
    ensure!((2..=3).contains(&open), "{open}");
    consortium.sites[OURS].must_be_running()?;
    is_all_on_paper(&small, &consortium, &run)?;
    consortium.stop();
    Ok(())
}

/// The request goes there and the answer comes back; the private key does not move. What the officer compares
/// by telephone is the same on both machines.
fn agrees_from_another_machine(small: &Small, consortium: &Consortium, run: &str) -> Result<()> {
    let (within, pause) = (COMMAND_WITHIN, Duration::from_millis(100));
    let words = wait::until("the terms", within, pause, consortium.logs(), &Interrupt::default(), || {
        let shown = consortium.sites[OURS].run(&["runs", run, "--json"], COMMAND_WITHIN)?;
        Ok::<_, tests::failure::Failure>(shown.success().ok())
    })?;
    let here: Value = serde_json::from_str(&words)?;
    ensure!(here["state"] == "waiting", "{here}");
    let explained = ours(consortium, &["policy", "explain", run])?;
    ensure!(explained.contains("rounds"), "{explained}");

    let there = small.folder.path().join("officer");
    fs::create_dir(&there)?;
    let key = there.join("officer.key");
    fs::copy(consortium.officer_key(OURS), &key)?;
    fs::remove_file(consortium.officer_key(OURS))?;
    let (request, answer) = (text(&there.join("request.json")), text(&there.join("answer.json")));
    ours(consortium, &["approve", run, "--request", &request])?;
    let sign = ["officer-key", "sign", &request, "--key", &text(&key), "--out", &answer, "--yes"];
    let said = consortium.sites[OURS].run_without_state(&sign, COMMAND_WITHIN)?.success()?;
    for compared in ["terms", "code"] {
        let compared = here[compared].as_str().context("a code")?;
        // Long lines of a page are broken where there is a space.
        let squeezed = |text: &str| text.split_whitespace().collect::<String>();
        ensure!(squeezed(&said).contains(&squeezed(compared)), "{compared}: {said}");
    }
    // An answer to something else is none.
    let refused = consortium.sites[OURS].run(&["decline", run, "--answer", &answer], COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1), "{refused:?}");
    let said = ours(consortium, &["approve", run, "--answer", &answer])?;
    ensure!(said.contains("approved"), "{said}");
    fs::remove_file(key)?;
    Ok(())
}

/// The ledger by this program and by the other one, with the coordinator's list of what arrived.
fn holds_what_left_against_the_ledger(small: &Small, consortium: &Consortium, when: &str) -> Result<()> {
    let file = |name: &str| text(&small.folder.path().join("officer").join(format!("{name}-{when}")));
    let (receipts, arrived, head) = (file("receipts"), file("arrived"), file("head"));
    ours(consortium, &["ledger", "verify"])?;
    ours(consortium, &["ledger", "reconcile", "--wire"])?;
    ours(consortium, &["ledger", "checkpoint", "--out", &head])?;
    ours(consortium, &["ledger", "receipts", "--out", &receipts])?;
    let list = ["ledger", "site-3", "--out", &arrived];
    consortium.coordinator.run(&list, COMMAND_WITHIN)?.success()?;
    ours(consortium, &["ledger", "reconcile", &arrived])?;
    let key = ours(consortium, &["ledger", "checkpoint", "--key"])?;
    let asked = ["--receipts", &receipts, "--checkpoint", &head, "--key", key.trim()];
    second_verifier(consortium, &asked)
}

/// What `deploy/verify_ledger.py` says, where there is Python.
fn second_verifier(consortium: &Consortium, arguments: &[&str]) -> Result<()> {
    let program = repository().join("deploy/verify_ledger.py");
    let ledger = consortium.sites[OURS].state().join("ledger/ledger.log");
    let Ok(output) = Command::new("python3").arg(program).arg(ledger).args(arguments).output() else {
        eprintln!("SKIPPED the second verifier, deploy/verify_ledger.py: no python3 here");
        return Ok(());
    };
    ensure!(output.status.success(), "{output:?}");
    Ok(())
}

/// After the withdrawal nothing of the run has left but the word itself; the page says who decided what.
fn is_all_on_paper(small: &Small, consortium: &Consortium, run: &str) -> Result<()> {
    holds_what_left_against_the_ledger(small, consortium, "after")?;
    let ledger = fs::read_to_string(consortium.sites[OURS].state().join("ledger/ledger.log"))?;
    let records = ledger.lines().map(serde_json::from_str).collect::<Result<Vec<Record>, _>>()?;
    let of_run = records.iter().filter(|record| record.run.as_deref() == Some(run)).map(|record| record.kind);
    let kinds: Vec<Kind> = of_run.collect();
    let left = kinds.iter().position(|kind| *kind == Kind::Withdrawal).context("the withdrawal")?;
    // A note of a replay may stand anywhere: it leaves nothing.
    let after: Vec<Kind> = kinds[left + 1..].iter().copied().filter(|kind| !kind.is_note()).collect();
    ensure!(after == [Kind::Decide], "{kinds:?}");
    let facts: Value = serde_json::from_str(&ours(consortium, &["ledger", "report", run, "--json"])?)?;
    let decisions = facts["runs"]["shown"][0]["decisions"]["shown"].as_array().context("decisions")?;
    let choices: Vec<_> = decisions.iter().map(|one| (&one["choice"], &one["decided_by"])).collect();
    ensure!(choices[0] == (&"approved".into(), &"officer".into()), "{choices:?}");
    ensure!(choices[1].0 == "withdrawn" && facts["ledger"]["verified"] == true, "{choices:?}");
    let replays = facts["replays"]["shown"].as_array().context("replays")?;
    ensure!(replays.iter().any(|one| one["verdict"] == "same-bytes" && one["round"] == 1), "{replays:?}");
    for (language, words) in [("en", "The ledger is intact"), ("zh", "台账完整")] {
        let out = text(&small.folder.path().join("officer").join(language).with_extension("html"));
        ours(consortium, &["ledger", "report", run, "--out", &out, "--language", language])?;
        let page = fs::read_to_string(&out)?;
        ensure!(page.contains(words) && page.contains(run), "{page}");
    }
    Ok(())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Changes one setting of a site's agent.toml.
fn set(consortium: &Consortium, index: usize, from: &str, to: &str) -> Result<()> {
    let path: PathBuf = consortium.sites[index].state().join("agent.toml");
    let settings = fs::read_to_string(&path)?;
    ensure!(settings.contains(from), "{settings}");
    fs::write(&path, settings.replace(from, to))?;
    Ok(())
}

/// What a command of our site prints, which succeeds.
fn ours(consortium: &Consortium, arguments: &[&str]) -> Result<String> {
    Ok(consortium.sites[OURS].run(arguments, COMMAND_WITHIN)?.success()?)
}

fn status(consortium: &Consortium, run: &str) -> Result<Value> {
    let shown = consortium.coordinator.run(&["status", run, "--json"], COMMAND_WITHIN)?.success()?;
    Ok(serde_json::from_str(&shown)?)
}

/// Waits until a run is so.
fn until(consortium: &Consortium, run: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
    let (within, pause) = (RUN_WITHIN, Duration::from_millis(50));
    wait::until("the run", within, pause, consortium.logs(), &Interrupt::default(), || {
        let shown = consortium.coordinator.run(&["status", run, "--json"], COMMAND_WITHIN)?.success()?;
        Ok::<_, tests::failure::Failure>(
            is_so(&serde_json::from_str(&shown).unwrap_or_default()).then_some(()),
        )
    })?;
    Ok(())
}
