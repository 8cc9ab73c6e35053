//! A revoked site is out at once: its live connection closes, it gets no new one, and nothing it
//! trained counts.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

const REVOKED: &str = "site-2";

#[test]
fn a_revoked_site_is_cut_off_and_does_not_count() -> Result<()> {
    let small = Small::new(&Wish { sites: 3, rounds: 1, ..Wish::default() })?;
    let mut run_file = tests::run_file::RunFile::read(&small.run_file)?;
    run_file.set_integer("quorum", "sites", 2);
    run_file.write(&small.run_file)?;
    let mut consortium = small.start()?;
    every_site_is_heard(&consortium)?;
    let run = consortium.launch(&small.run_file)?;
    consortium.coordinator.run(&["revoke", REVOKED], COMMAND_WITHIN)?.success()?;
    // The reliability goal: cut off within two seconds. From then on nothing of it is taken.
    std::thread::sleep(Duration::from_secs(2));
    let after_revocation = frames(&consortium)?;

    let logs = consortium.logs().to_owned();
    let interrupt = Interrupt::default();
    let status = wait::until("the run", RUN_WITHIN, Duration::from_millis(150), &logs, &interrupt, || {
        consortium.published(&run)
    })?;
    let counted = &status.history[0].updates;
    assert_eq!(counted, &["site-1", "site-3"], "who counts");
    assert!(
        status.sites.iter().any(|site| site.site == REVOKED && site.state == "revoked"),
        "{:?}",
        status.sites
    );
    // Long enough for several attempts to come back.
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(frames(&consortium)?, after_revocation, "the coordinator went on taking its requests");
    consortium.stop();
    Ok(())
}

/// Waits until the coordinator has had a request of every site.
fn every_site_is_heard(consortium: &Consortium) -> Result<()> {
    let (logs, interrupt) = (consortium.logs(), Interrupt::default());
    wait::until(
        "the connections",
        Duration::from_secs(60),
        Duration::from_millis(100),
        logs,
        &interrupt,
        || {
            let list = consortium.site_list()?;
            let heard = |name: &str| list.find(name).is_some_and(|site| site.frames > 0);
            Ok::<_, Failure>(consortium.sites.iter().all(|site| heard(site.name())).then_some(()))
        },
    )?;
    Ok(())
}

/// Requests of the revoked site that were taken so far.
fn frames(consortium: &Consortium) -> Result<u64> {
    Ok(consortium.site_list()?.find(REVOKED).context("a revoked site stays in the books")?.frames)
}
