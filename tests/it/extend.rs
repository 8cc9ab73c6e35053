//! An operator gives an open round more time, from another machine: it waits for a site that comes after the
//! deadline of the run file, also where the coordinator dies at the row that says so; an auditor may not; and
//! a run without an open round says why not.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::operators::Machine;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

const DEADLINE: Duration = Duration::from_secs(12);

#[test]
fn a_round_that_an_operator_gives_more_time_waits_for_who_is_late() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, records: 8, rounds: 1, ..Wish::default() })?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_integer("quorum", "sites", 2);
    file.set_integer("quorum", "deadline_s", i64::try_from(DEADLINE.as_secs())?);
    file.set_integer("quorum", "grace_s", 1);
    file.write(&small.run_file)?;
    let mut consortium = small.start()?;
    let home = |name: &str| small.folder.path().join(name);
    let otto = Machine::enrolled(&consortium, home("otto"), "otto", "operator")?;
    let anna = Machine::enrolled(&consortium, home("anna"), "anna", "auditor")?;

    let run = consortium.launch(&small.run_file)?;
    until(&consortium, &run, |status| status["round"] == 1)?;
    consortium.sites[1].kill();
    anna.refused(&["extend", &run, "--by", "2m"], "an auditor reads and changes nothing")?;
    otto.refused(&["extend", &run, "--by", "8d"], "can be given")?;

    // It dies before the row and again after it: once it was not done, and once it was.
    for point in ["deadline-extended-before-journal", "deadline-extended-after-journal"] {
        consortium.coordinator.kill();
        consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", point)])?;
        let arguments = ["extend", run.as_str(), "--by", "2m"];
        let found = consortium.coordinator.run(&arguments, COMMAND_WITHIN)?;
        ensure!(found.code() != Some(0), "{point}: {found:?}");
    }
    consortium.start_coordinator(&[])?;
    let status = status(&consortium, &run)?;
    ensure!(status["history"][0]["extended_ms"] == 120_000, "once, and once not: {status}");
    let moved = otto.json(&["extend", &run, "--by", "30s"])?;
    ensure!(moved["round"] == 1 && moved["by_ms"] == 30_000 && moved["closes"].is_string(), "{moved}");
    let words = consortium.coordinator.run(&["status", &run], COMMAND_WITHIN)?.success()?;
    ensure!(words.contains("round 1: an operator moved its deadline by 2m 30s"), "{words}");
    let closes = moved["closes"].as_str().context("when it ends")?;
    ensure!(words.contains(&format!("the round ends at {closes} at the latest")), "{moved} {words}");

    // The deadline of the run file passes, counted from the last start.
    std::thread::sleep(DEADLINE + Duration::from_secs(3));
    until(&consortium, &run, |status| status["phase"] == "collecting")?;
    consortium.start_site(1, &[])?;
    let done = consortium.wait_published(&run, RUN_WITHIN)?;
    ensure!(done.history[0].updates.len() == 2, "{done:?}");
    let over = consortium.coordinator.run(&["extend", &run, "--by", "1m"], COMMAND_WITHIN)?;
    ensure!(over.code() == Some(1) && over.stderr.contains("is over, and has no open round"), "{over:?}");
    let acts = otto.json(&["acts", "show"])?;
    let is_there = |step: &str, who: &str| {
        let mut lines = acts.as_array().into_iter().flatten();
        lines.any(|act| act["verb"] == "extend" && act["step"] == step && act["who"] == who)
    };
    ensure!(is_there("done", "otto") && is_there("failed", "otto") && is_there("refused", "anna"), "{acts}");
    consortium.stop();
    Ok(())
}

fn status(consortium: &Consortium, run: &str) -> Result<Value> {
    let text = consortium.coordinator.run(&["status", run, "--json"], COMMAND_WITHIN)?.success()?;
    Ok(serde_json::from_str(&text)?)
}

fn until(consortium: &Consortium, run: &str, is_so: impl Fn(&Value) -> bool) -> Result<()> {
    let (within, pause) = (RUN_WITHIN, Duration::from_millis(100));
    wait::until("the round", within, pause, consortium.logs(), &Interrupt::default(), || {
        let text = consortium.coordinator.run(&["status", run, "--json"], COMMAND_WITHIN)?.success()?;
        let status: Value = serde_json::from_str(&text).unwrap_or_default();
        Ok::<_, tests::failure::Failure>(is_so(&status).then_some(()))
    })?;
    Ok(())
}
