//! A run that an operator has end after its open round: the round is published, nothing more is trained, and
//! another run goes on from there; also where the coordinator dies at the row that says so. Run by `cargo
//! test`.

use std::time::Duration;

use anyhow::{Result, ensure};
use tests::consortium::Consortium;
use tests::status::RunStatus;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

fn until(consortium: &Consortium, run: &str, is_so: impl Fn(&RunStatus) -> bool) -> Result<RunStatus> {
    let pause = Duration::from_millis(100);
    Ok(wait::until("the run", RUN_WITHIN, pause, consortium.logs(), &Interrupt::default(), || {
        // The coordinator may be dead for a moment.
        Ok(consortium.run_status(run).ok().filter(|status| is_so(status)))
    })?)
}

#[test]
fn a_run_that_ends_after_its_round_loses_none_of_it_and_another_goes_on() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, records: 8, rounds: 3, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    until(&consortium, &run, |status| status.round == 1)?;
    // Nobody can finish the first round before it is to be the last.
    consortium.sites[1].kill();
    for point in ["stop-after-round-before-journal", "stop-after-round-after-journal"] {
        consortium.coordinator.kill();
        consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", point)])?;
        let found = consortium.coordinator.run(&["stop", &run, "--after-round", "--yes"], COMMAND_WITHIN)?;
        ensure!(found.code() != Some(0), "{point}: {found:?}");
    }
    consortium.coordinator.kill();
    consortium.start_coordinator(&[])?;
    let said = consortium.coordinator.run(&["status", &run], COMMAND_WITHIN)?.success()?;
    ensure!(said.contains("an operator has it end after round 1"), "{said}");
    // Twice is once.
    let said =
        consortium.coordinator.run(&["stop", &run, "--after-round", "--yes", "--json"], COMMAND_WITHIN)?;
    ensure!(said.stdout.contains("\"after_round\": 1"), "{said:?}");
    consortium.start_site(1, &[])?;
    let ended = until(&consortium, &run, |status| status.failure.is_some())?;
    ensure!(ended.failure.as_deref() == Some("the operator stopped it"), "{ended:?}");
    ensure!(ended.history.len() == 1 && ended.history[0].published.is_some(), "{ended:?}");
    ensure!(ended.history[0].updates.len() == 2 && ended.test.openings.is_empty(), "{ended:?}");

    let over = consortium.coordinator.run(&["stop", &run, "--after-round", "--yes"], COMMAND_WITHIN)?;
    ensure!(over.code() == Some(1) && over.stderr.contains("is already over"), "{over:?}");
    let next = consortium.coordinator.run(&["resume", &run], COMMAND_WITHIN)?.success()?.trim().to_owned();
    let done = consortium.wait_published(&next, RUN_WITHIN)?;
    ensure!(done.history.len() == 2 && done.test.openings.len() == 1, "{done:?}");
    consortium.stop();
    Ok(())
}
