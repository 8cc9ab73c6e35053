//! A run from its proposal to its end, with real processes: it waits for an officer who decides by hand, goes
//! on without a site that leaves, and what leaves that site afterwards is one code. Run by `cargo test`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::clock::{Clock as _, SystemClock};
use common::ledger::{Kind, Record};
use serde_json::Value;
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

#[test]
fn a_run_waits_for_its_officers_and_goes_on_without_a_site_that_withdraws() -> Result<()> {
    let small = Small::new(&Wish { sites: 3, rounds: 20, ..Wish::default() })?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_integer("quorum", "sites", 2);
    // Far longer than this test may take: the third is waited for, and then it is not.
    file.set_integer("approval", "grace_s", 3600);
    file.write(&small.run_file)?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    (0..3).try_for_each(|index| consortium.join(index))?;
    // Two agree by their signed policies; at the third an officer decides.
    let policy = consortium.sites[2].state().join("agent.toml");
    let text = std::fs::read_to_string(&policy)?;
    std::fs::write(&policy, text.replace("approval = \"auto\"", "approval = \"ask\""))?;
    (0..3).try_for_each(|index| consortium.start_site(index, &[]))?;

    let run = consortium.launch(&small.run_file)?;
    until(&consortium, &run, |status| {
        status["phase"] == "proposed"
            && (0..3).map(|index| &status["sites"][index]["state"]).eq(["approved", "approved", "asked"])
    })?;
    // It was asked; its agent may still be fetching the terms.
    let (within, pause) = (COMMAND_WITHIN, Duration::from_millis(100));
    let words = wait::until("the terms", within, pause, consortium.logs(), &Interrupt::default(), || {
        let shown = consortium.sites[2].run(&["runs", &run], COMMAND_WITHIN)?;
        Ok::<_, tests::failure::Failure>(shown.success().ok())
    })?;
    ensure!(words.contains("site-1") && words.contains("site-2") && words.contains("20"), "{words}");
    let code = |text: &str| serde_json::from_str::<Value>(text).map(|value| value["code"].clone());
    let ours = consortium.coordinator.run(&["roster", "--json"], COMMAND_WITHIN)?.success()?;
    ensure!(code(&ours)? == code(&site(&consortium, &["roster", "--json"], 0)?)?, "{ours}");
    let refused = site(&consortium, &["approve", &run, "--yes"], 1)?;
    ensure!(refused.contains("--key"), "{refused}");
    let key = consortium.officer_key(2).to_string_lossy().into_owned();
    site(&consortium, &["approve", &run, "--yes", "--key", &key], 0)?;

    until(&consortium, &run, |status| status["history"][1]["published"].is_string())?;
    let withdrawn = site(&consortium, &["withdraw", &run, "--yes"], 0)?;
    ensure!(withdrawn.contains("withdrawn"), "{withdrawn}");
    until(&consortium, &run, |status| status["sites"][2]["state"] == "withdrawn")?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    let last = status.history.last().context("rounds")?;
    ensure!(last.updates == ["site-1", "site-2"], "{last:?}");
    ensure!(status.history[0].updates.len() == 3, "the first one had it");
    consortium.sites[2].must_be_running()?;
    after_the_withdrawal(&consortium, &run)?;
    the_report_has_it_all(&small, &consortium, &run)?;
    consortium.stop();
    Ok(())
}

#[test]
fn a_site_waits_for_its_hours_and_then_takes_part() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let path = consortium.sites[0].state().join("agent.toml");
    let text = std::fs::read_to_string(&path)?;
    // An hour that begins in half a day.
    let hour = SystemClock.now().0 / 3_600_000 + 12;
    let closed = format!("hours = \"{:02}:00-{:02}:00 +00:00\"", hour % 24, (hour + 1) % 24);
    std::fs::write(&path, text.replace("hours = \"\"", &closed))?;
    consortium.sign_policy(0)?;
    consortium.start_site(0, &[])?;
    let run = consortium.launch(&small.run_file)?;
    let (within, pause) = (COMMAND_WITHIN, Duration::from_millis(50));
    wait::until("the wait", within, pause, consortium.logs(), &Interrupt::default(), || {
        let said = consortium.sites[0].stderr_since_start();
        Ok::<_, tests::failure::Failure>(said.contains("outside the hours").then_some(()))
    })?;
    let status = consortium.sites[0].run(&["status", "--json"], COMMAND_WITHIN)?.success()?;
    let status: Value = serde_json::from_str(&status)?;
    let hours = &status["training_hours"];
    ensure!(hours["open"] == false && hours["opens"].is_string(), "{hours}");
    let words = consortium.sites[0].run(&["status"], COMMAND_WITHIN)?.success()?;
    ensure!(words.contains("(not now; from "), "{words}");
    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    let ledger = std::fs::read_to_string(ledger)?;
    ensure!(!ledger.contains("\"kind\":\"ready\"") && !ledger.contains("\"kind\":\"failed\""), "{ledger}");
    consortium.sites[0].stop();
    std::fs::write(&path, text)?;
    consortium.sign_policy(0)?;
    consortium.start_site(0, &[])?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    ensure!(status.history[0].updates == ["site-1"], "{:?}", status.history);
    consortium.stop();
    Ok(())
}

/// A training that stops when the hours end goes on from its checkpoint, and gives the bytes of one that
/// nobody stopped.
#[test]
#[ignore = "minutes: run by deploy/long-tests"]
fn a_training_that_is_stopped_by_its_hours_gives_the_same_bytes() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, records: 160, ..Wish::default() })?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_integer("training", "epochs", 100);
    file.set_integer("quorum", "deadline_s", 3600);
    file.write(&small.run_file)?;
    let mut consortium = small.start()?;
    let path = consortium.sites[0].state().join("agent.toml");
    let text = std::fs::read_to_string(&path)?;
    let run = consortium.launch(&small.run_file)?;
    let undisturbed = consortium.wait_published(&run, RUN_WITHIN)?.adapter;

    consortium.sites[0].stop();
    let run = consortium.launch(&small.run_file)?;
    let checkpoint = consortium.sites[0].state().join("work").join(format!("{run}-00001.checkpoint"));
    // Late enough that training has not ended when the hours do, and soon enough that it has begun: on a busy
    // machine that takes longer, and until it has, the next minute does as well.
    for lead_s in [15, 25, 35, 45] {
        until_the_hours_end(&mut consortium, &path, &text, lead_s)?;
        if checkpoint.exists() {
            break;
        }
        consortium.sites[0].stop();
    }
    ensure!(checkpoint.exists(), "it keeps what it has");
    std::thread::sleep(Duration::from_secs(5));
    ensure!(checkpoint.exists(), "also later");
    consortium.sites[0].stop();
    std::fs::write(&path, text)?;
    consortium.sign_policy(0)?;
    consortium.start_site(0, &[])?;
    let disturbed = consortium.wait_published(&run, RUN_WITHIN)?.adapter;
    let log = std::fs::read_to_string(consortium.sites[0].state().join("logs/worker.log"))?;
    ensure!(log.contains("training is resumed from a checkpoint"), "{log}");
    ensure!(disturbed == undisturbed, "{disturbed} and {undisturbed}");
    consortium.stop();
    Ok(())
}

/// Lets the site work for so many seconds, to the end of a minute, and waits until it says that its hours are
/// over.
fn until_the_hours_end(consortium: &mut Consortium, config: &Path, text: &str, lead_s: i64) -> Result<()> {
    let left_ms = || 60_000 - i64::try_from(SystemClock.now().0 % 60_000).unwrap_or(0);
    while !(lead_s * 1000 - 5_000..lead_s * 1000 + 5_000).contains(&left_ms()) {
        std::thread::sleep(Duration::from_millis(200));
    }
    let minute = SystemClock.now().0 / 60_000;
    let clock = |minute: u64| format!("{:02}:{:02}", minute / 60 % 24, minute % 60);
    let hours = format!("hours = \"{}-{} +00:00\"", clock(minute), clock(minute + 1));
    std::fs::write(config, text.replace("hours = \"\"", &hours))?;
    consortium.sign_policy(0)?;
    consortium.start_site(0, &[])?;
    let (within, pause) = (RUN_WITHIN, Duration::from_millis(50));
    wait::until("the site", within, pause, consortium.logs(), &Interrupt::default(), || {
        let said = consortium.sites[0].stderr_since_start();
        Ok::<_, tests::failure::Failure>(said.contains("outside the hours").then_some(()))
    })?;
    Ok(())
}

/// Nothing of the run but the word itself, and the ledger holds.
fn after_the_withdrawal(consortium: &Consortium, run: &str) -> Result<()> {
    site(consortium, &["ledger", "verify"], 0)?;
    let text = std::fs::read_to_string(consortium.sites[2].state().join("ledger/ledger.log"))?;
    let records = text.lines().map(serde_json::from_str).collect::<Result<Vec<Record>, _>>()?;
    let of_run: Vec<Kind> = records
        .iter()
        .filter(|record| record.run.as_deref() == Some(run))
        .map(|record| record.kind)
        .collect();
    ensure!(of_run[..2] == [Kind::Approval, Kind::Decide], "{of_run:?}");
    ensure!(of_run[of_run.len() - 2..] == [Kind::Withdrawal, Kind::Decide], "{of_run:?}");
    Ok(())
}

/// The officer's report, beside the running agent: who decided, what left to whom, which receipts fit.
fn the_report_has_it_all(small: &Small, consortium: &Consortium, run: &str) -> Result<()> {
    let facts: Value = serde_json::from_str(&site(consortium, &["ledger", "report", run, "--json"], 0)?)?;
    let ledger = &facts["ledger"];
    ensure!(ledger["verified"] == true && ledger["receipts"]["fit"].as_u64() >= Some(1), "{ledger}");
    let found = &facts["runs"]["shown"][0];
    let decisions = found["decisions"]["shown"].as_array().context("decisions")?;
    let choices: Vec<_> = decisions.iter().map(|one| (&one["choice"], &one["decided_by"])).collect();
    ensure!(choices[0] == (&"approved".into(), &"officer".into()), "{choices:?}");
    ensure!(choices[1] == (&"withdrawn".into(), &"unsigned".into()), "{choices:?}");
    ensure!(decisions.iter().all(|one| one["sequence"].is_u64()), "both are in the ledger: {decisions:?}");
    ensure!(found["notes_without_decision"]["shown"] == serde_json::json!([]), "{found}");
    let first = &found["rounds"]["shown"][1];
    ensure!(first["round"] == 1 && first["update"]["receipt"] == "fits", "{first}");
    ensure!(found["data"]["shown"][0]["screening"]["used"].as_u64() > Some(0), "{found}");
    let peers = facts["recipient"]["peers"].as_array().context("peers")?;
    ensure!(peers.len() == 1 && peers[0]["authority"] == facts["recipient"]["authority"], "{peers:?}");
    ensure!(facts["policy"]["noted"] == true && facts["officer"].is_string(), "{facts}");
    ensure!(facts["locks"]["missing"] == serde_json::json!([]), "{}", facts["locks"]);
    for (language, words) in [("en", "The ledger is intact"), ("zh", "台账完整")] {
        let out = small.folder.path().join(language).with_extension("html").to_string_lossy().into_owned();
        site(consortium, &["ledger", "report", "--out", &out, "--language", language], 0)?;
        let page = std::fs::read_to_string(&out)?;
        ensure!(page.contains(words) && page.contains(run) && !page.contains("<script"), "{page}");
    }
    Ok(())
}

/// What a command of the third site says, which ends with this code.
fn site(consortium: &Consortium, arguments: &[&str], code: i32) -> Result<String> {
    let finished = consortium.sites[2].run(arguments, COMMAND_WITHIN)?;
    ensure!(finished.code() == Some(code), "{arguments:?}: {finished:?}");
    Ok(if code == 0 { finished.stdout } else { finished.stderr })
}

/// Waits until a run is so.
fn until(consortium: &Consortium, run: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
    let (within, pause) = (RUN_WITHIN, Duration::from_millis(50));
    wait::until("the run", within, pause, consortium.logs(), &Interrupt::default(), || {
        let text = consortium.coordinator.run(&["status", run, "--json"], COMMAND_WITHIN)?.success()?;
        let status: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok::<_, tests::failure::Failure>(is_so(&status).then_some(()))
    })?;
    Ok(())
}
