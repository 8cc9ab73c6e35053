//! Runs that wait for their turn: from the command line and from another machine, with the coordinator dead
//! at the very row with which one begins; a run that is taken out; and what is refused. Run by `cargo test`.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::consortium::Consortium;
use tests::wait::{self, Interrupt};

use crate::operators::Machine;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

fn launch(consortium: &Consortium, file: &str) -> Result<String> {
    let said =
        consortium.coordinator.run(&["launch", "--queue", file, "--json"], COMMAND_WITHIN)?.success()?;
    let said: Value = serde_json::from_str(&said)?;
    Ok(said["run"].as_str().context("an id")?.to_owned())
}

fn says(consortium: &Consortium, arguments: &[&str], words: &str) -> Result<()> {
    let said = consortium.coordinator.run(arguments, COMMAND_WITHIN)?;
    let text = format!("{} {}", said.stdout, said.stderr);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    ensure!(text.contains(words), "{arguments:?}: {text}");
    Ok(())
}

/// The phases of all runs, in the order in which they are listed.
fn phases(consortium: &Consortium) -> Result<Vec<(String, String)>> {
    let said = consortium.coordinator.run(&["runs", "--json"], COMMAND_WITHIN)?.success()?;
    let said: Value = serde_json::from_str(&said)?;
    let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
    let rows = said.as_array().context("a list")?.iter();
    Ok(rows.map(|row| (text(row, "run"), text(row, "phase"))).collect())
}

fn died(consortium: &mut Consortium) -> Result<()> {
    let logs = consortium.logs().to_owned();
    let pause = Duration::from_millis(50);
    wait::until("the death of the coordinator", RUN_WITHIN, pause, &logs, &Interrupt::default(), || {
        Ok((!consortium.coordinator.is_running()?).then_some(()))
    })?;
    consortium.coordinator.kill();
    Ok(())
}

#[test]
fn a_queued_run_begins_when_the_one_before_it_is_over_whenever_the_coordinator_dies() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, records: 8, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let otto = Machine::enrolled(&consortium, small.folder.path().join("otto"), "otto", "operator")?;
    let file = small.run_file.to_str().context("a path")?.to_owned();
    // Nobody can finish the first one before the others are queued.
    consortium.sites.iter_mut().for_each(tests::consortium::member::Member::kill);
    let first = consortium.launch(&small.run_file)?;
    says(&consortium, &["launch", &file], "coordinator launch --queue")?;
    let second = launch(&consortium, &file)?;
    says(&consortium, &["status", &second], "it waits for its turn, and its sites know nothing of it yet")?;
    let out = launch(&consortium, &file)?;
    consortium.coordinator.run(&["stop", &out, "--yes"], COMMAND_WITHIN)?.success()?;
    let third = otto.json(&["launch", "--queue", &file])?;
    let (third, notes) = (third["run"].as_str().context("an id")?, third["notes"].to_string());
    let waits = format!("it waits for run {first} that is going and another run that waits;");
    ensure!(notes.contains(&waits), "{notes}");
    says(&consortium, &["status"], &format!("run {first}"))?;
    says(&consortium, &["extend", &second, "--by", "1m"], "waits for its turn, and no round is open")?;
    let words = |run: &str, phase: &str| (run.to_owned(), phase.to_owned());
    let listed = phases(&consortium)?;
    let expected = [words(&second, "queued"), words(&out, "failed"), words(third, "queued")];
    ensure!(listed[1..] == expected, "{listed:?}");

    // One whose operator is none any more by the time it is its turn.
    let berta = Machine::enrolled(&consortium, small.folder.path().join("berta"), "berta", "operator")?;
    let stale = berta.json(&["launch", "--queue", &file])?["run"].as_str().context("an id")?.to_owned();
    otto.says(&["operators", "revoke", "berta"])?;

    consortium.coordinator.kill();
    consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", "left-queue-before-journal")])?;
    for index in 0..2 {
        consortium.start_site(index, &[])?;
    }
    died(&mut consortium)?;
    // It may die before it listens: the next run begins at once.
    let _ = consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", "left-queue-after-journal")]);
    died(&mut consortium)?;
    consortium.start_coordinator(&[])?;
    // Nobody has had a turn in the queue before: the one that waits longest comes first.
    for run in [&first, &second, third] {
        let status = consortium.wait_published(run, RUN_WITHIN)?;
        ensure!(status.history.len() == 1 && status.history[0].updates.len() == 2, "{status:?}");
    }
    let logs = consortium.logs().to_owned();
    wait::until(
        "the end of a stale run",
        RUN_WITHIN,
        Duration::from_millis(100),
        &logs,
        &Interrupt::default(),
        || {
            let said = consortium.coordinator.run(&["status", &stale], COMMAND_WITHIN)?.success()?;
            Ok(said.contains("failed: berta, who queued it, is no operator any more").then_some(()))
        },
    )?;
    let begun: Vec<String> = phases(&consortium)?.into_iter().map(|(run, _)| run).collect();
    let place = |run: &str| begun.iter().position(|one| one == run);
    ensure!(place(&first) < place(&second) && place(&second) < place(third), "{begun:?}");
    consortium.stop();
    Ok(())
}
