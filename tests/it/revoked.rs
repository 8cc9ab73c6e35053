//! A revoked site is out at once: its live connection closes, it gets no new one, and nothing it
//! trained counts. So is the old machine of a site that joined again.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::id::Digest;
use common::net::{CertificateFault, NetError};
use common::wire::message::{LedgerHead, PROTOCOL_VERSION, Request, Response};
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::wait::{self, Interrupt};

use crate::asker::Asker;
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

/// Its old machine asks nothing meanwhile: the coordinator ends what it has open.
#[test]
fn a_site_that_joins_again_cuts_its_old_machine_off_at_once() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, records: 4, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let old = small.folder.path().join("old");
    std::fs::rename(consortium.sites[0].state(), &old)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut machine = runtime.block_on(Asker::connect(&old))?;
    let ledger = LedgerHead { size: 1, root: Digest([1; 32]) };
    let hello = Request::Hello { protocol: PROTOCOL_VERSION, ledger };
    let answer = runtime.block_on(machine.ask(hello, &[]))?;
    ensure!(answer.response == Response::Welcome { protocol: PROTOCOL_VERSION }, "{answer:?}");
    let invitation = consortium.invite("site-1", &["--readmit"])?;
    consortium.join_with(0, &invitation)?;
    let end = async { tokio::time::timeout(Duration::from_secs(2), machine.closed()).await };
    let error = runtime.block_on(end).context("the old machine is still connected")?;
    let fault = CertificateFault::Revoked;
    ensure!(matches!(&error, NetError::CertificateRefused { fault: found } if *found == fault), "{error:?}");
    // The new one is not.
    let mut machine = runtime.block_on(Asker::connect(consortium.sites[0].state()))?;
    let answer = runtime.block_on(machine.ask(Request::Poll { wait_ms: 0 }, &[]))?;
    ensure!(matches!(answer.response, Response::Work(_)), "{answer:?}");
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
