//! The consortium's authority is followed by another, with real processes: while a run goes on, over a site
//! that was off, and wherever the coordinator dies in between. Run by `cargo test`.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use certs::{PeerCertificate, SpkiPin, lineage, tls};
use serde_json::Value;
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

const CRASH_POINTS: [&str; 3] = ["authority-next-stored", "authority-decided", "authority-key-taken"];

fn joined(sites: usize) -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites, records: 8, rounds: 3, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    for index in 0..sites {
        consortium.join(index)?;
    }
    Ok((small, consortium))
}

/// What `coordinator authority show` says.
fn shown(consortium: &Consortium) -> Result<Value> {
    let text = consortium.coordinator.run(&["authority", "show", "--json"], COMMAND_WITHIN)?.success()?;
    Ok(serde_json::from_str(&text)?)
}

/// The certificate that a site comes with, and the authority that it goes by.
fn in_use(state: &Path) -> Result<(PeerCertificate, Vec<u8>)> {
    let identity =
        site_agent::gateway::identity::Identity::load(&state.join("identity"), &Default::default())?;
    Ok((identity.tls.peer()?, identity.authority_der))
}

fn is_signed_by_present(consortium: &Consortium, index: usize) -> Result<bool> {
    let path = consortium.coordinator.state().join("ca/ca.crt.pem");
    let present = tls::certificate_from_pem(&std::fs::read_to_string(path)?)?;
    let (certificate, trusted) = in_use(consortium.sites[index].state())?;
    let is_same = SpkiPin::of_certificate(&trusted)? == SpkiPin::of_certificate(&present)?;
    Ok(certificate.authority == lineage::key_identifier(&present)? && is_same)
}

fn until(consortium: &Consortium, what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let is_so = || Ok(is_so().unwrap_or(false).then_some(()));
    Ok(wait::until(what, Duration::from_secs(60), Duration::from_millis(100), &logs, &interrupt, is_so)?)
}

#[test]
fn another_authority_follows_while_a_run_goes_on_and_nobody_joins_anew() -> Result<()> {
    let (small, mut consortium) = joined(3)?;
    for index in 0..3 {
        consortium.start_site(index, &[])?;
    }
    let before = shown(&consortium)?;
    let stale = consortium.invite("late", &[])?;
    let run = consortium.launch(&small.run_file)?;
    let unasked = consortium.coordinator.run(&["authority", "roll"], COMMAND_WITHIN)?;
    ensure!(unasked.code() == Some(1), "nobody can be asked: {unasked:?}");
    let rolled =
        consortium.coordinator.run(&["authority", "roll", "--yes", "--json"], COMMAND_WITHIN)?.success()?;
    let rolled: Value = serde_json::from_str(&rolled)?;
    ensure!(rolled["pin"] != before["pin"] && rolled["pin"] == shown(&consortium)?["pin"], "{rolled}");

    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    for round in &status.history {
        ensure!(round.updates == ["site-1", "site-2", "site-3"], "{round:?}");
    }
    for index in 0..3 {
        until(&consortium, "the renewal", || is_signed_by_present(&consortium, index))?;
        let said = consortium.sites[index].stderr_since_start();
        ensure!(said.contains(rolled["pin"].as_str().context("a pin")?), "the officer is told: {said}");
        let ledger = std::fs::read_to_string(consortium.sites[index].state().join("ledger/ledger.log"))?;
        ensure!(ledger.matches("\"kind\":\"authority\"").count() == 1, "{ledger}");
        consortium.sites[index].run(&["ledger", "verify"], COMMAND_WITHIN)?.success()?;
    }
    // The third is off while it happens again. Only for it does the one before still stand.
    consortium.sites[2].kill();
    consortium.coordinator.run(&["authority", "roll", "--yes"], COMMAND_WITHIN)?.success()?;
    // A process asks once an hour at most; its next life asks at once.
    for index in 0..2 {
        consortium.sites[index].kill();
        consortium.start_site(index, &[])?;
        until(&consortium, "the second renewal", || is_signed_by_present(&consortium, index))?;
    }
    let earlier = &shown(&consortium)?["earlier"][0];
    ensure!(earlier["pin"] == rolled["pin"] && earlier["is_taken"] == true, "{earlier}");
    ensure!(earlier["members"] == serde_json::json!(["site-3"]), "{earlier}");
    ensure!(!is_signed_by_present(&consortium, 2)?);
    consortium.start_site(2, &[])?;
    until(&consortium, "the renewal of the one that was off", || is_signed_by_present(&consortium, 2))?;

    // An invitation of the time before is void, and one of now is good.
    let refused = consortium.sites[0].run_with_input(&["rejoin"], &format!("{stale}\n"), COMMAND_WITHIN)?;
    ensure!(refused.code() == Some(1), "{refused:?}");
    let listed = consortium.coordinator.run(&["invitations", "list", "--json"], COMMAND_WITHIN)?.success()?;
    ensure!(!listed.contains("late"), "{listed}");
    let run = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    ensure!(status.history[0].updates == ["site-1", "site-2", "site-3"], "{:?}", status.history);
    for arguments in [&["check"][..], &["status"], &["ledger", "verify"]] {
        consortium.sites[2].run(arguments, COMMAND_WITHIN)?.success()?;
    }
    consortium.stop();
    Ok(())
}

#[test]
fn a_site_that_slept_beyond_the_end_of_its_authority_comes_back_by_an_invitation() -> Result<()> {
    let (_small, mut consortium) = joined(1)?;
    let ledger = consortium.sites[0].state().join("ledger/ledger.log");
    for _ in 0..2 {
        consortium.coordinator.run(&["authority", "roll", "--yes"], COMMAND_WITHIN)?.success()?;
    }
    consortium.coordinator.run(&["authority", "retire", "--yes"], COMMAND_WITHIN)?.success()?;
    let out = consortium.sites[0].run(&["check"], COMMAND_WITHIN)?;
    ensure!(out.code() == Some(1), "{out:?}");
    // Not to another consortium, whatever its invitation says.
    let (_other_small, mut other) = joined(1)?;
    let theirs = other.invite("site-1", &["--readmit"])?;
    let refused = consortium.sites[0].run_with_input(&["rejoin"], &format!("{theirs}\n"), COMMAND_WITHIN)?;
    ensure!(
        refused.code() == Some(1) && refused.stderr.contains("consortium that this site joined"),
        "{refused:?}"
    );
    other.stop();
    let invitation = consortium.invite("site-1", &["--readmit"])?;
    let back = consortium.sites[0].run_with_input(&["rejoin"], &format!("{invitation}\n"), COMMAND_WITHIN)?;
    ensure!(back.code() == Some(0), "{back:?}");
    ensure!(is_signed_by_present(&consortium, 0)?);
    let check = consortium.sites[0].run(&["check"], COMMAND_WITHIN)?;
    ensure!(check.code() == Some(0) && check.stdout.contains("accepts this site"), "{check:?}");
    // One consortium to its ledger, whoever signs.
    let text = std::fs::read_to_string(ledger)?;
    let peers: std::collections::BTreeSet<&str> =
        text.lines().filter_map(|line| line.split("\"peer\":\"").nth(1)?.get(..64)).collect();
    ensure!(peers.len() == 1, "{peers:?}");
    consortium.stop();
    Ok(())
}

#[test]
fn wherever_the_coordinator_dies_the_authority_is_followed_or_not() -> Result<()> {
    let (small, mut consortium) = joined(2)?;
    for point in CRASH_POINTS {
        ensure!(coordinator::execution::crash::CRASH_POINTS.contains(&point), "{point}");
        consortium.coordinator.kill();
        match consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", point)]) {
            Ok(()) | Err(Failure::Died { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        let before = shown(&consortium)?;
        let broken = consortium.coordinator.run(&["authority", "roll", "--yes"], COMMAND_WITHIN)?;
        ensure!(broken.code() != Some(0), "{point}: {broken:?}");
        consortium.start_coordinator(&[])?;
        let after = shown(&consortium)?;
        let is_decided = point != "authority-next-stored";
        ensure!((after["pin"] != before["pin"]) == is_decided, "{point}: {before} {after}");
        let check = consortium.coordinator.run(&["check"], COMMAND_WITHIN)?;
        ensure!(check.code() == Some(0), "{point}: {check:?}");
    }
    consortium.start_site(0, &[])?;
    consortium.start_site(1, &[])?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    for index in 0..2 {
        until(&consortium, "the renewal", || is_signed_by_present(&consortium, index))?;
    }
    consortium.stop();
    Ok(())
}
