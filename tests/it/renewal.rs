//! Certificates that come to their end, with real processes: one is renewed while a run goes on, whatever
//! dies in between; one that has ended comes back by an invitation, with its ledger. Run by `cargo test`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use certs::{
    CertificateAuthority, IdentityKey, PeerCertificate, RequestedKey, SerialNumber, csr, random, tls,
};
use common::clock::{Clock as _, SystemClock};
use common::net::{CertificateFault, NetError};
use coordinator::store::{Certificate, Store};
use tests::consortium::Consortium;
use tests::wait::{self, Interrupt};

use crate::asker::Asker;
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

const DAY: Duration = Duration::from_secs(86_400);

/// A consortium whose sites have joined and do not run.
fn joined(rounds: u32) -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 2, records: 8, rounds, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    consortium.join(1)?;
    Ok((small, consortium))
}

/// Gives a site the certificate that it would have if it had joined so many days ago.
pub(crate) fn age(consortium: &Consortium, index: usize, days: u32) -> Result<()> {
    let (coordinator, site) = (consortium.coordinator.state(), &consortium.sites[index]);
    let read = |name: &str| std::fs::read_to_string(coordinator.join("ca").join(name));
    let authority = CertificateAuthority::load(&read("ca.crt.pem")?, &read("ca.key.pem")?)?;
    let key = IdentityKey::generate()?;
    let request = RequestedKey::from_csr(&csr::create(&key)?)?;
    let serial = SerialNumber::from_random(random::bytes()?);
    let issued = authority.issue_site(
        site.name(),
        &request,
        &serial,
        SystemClock.system_time() - days * DAY,
        30 * DAY,
    )?;
    let store = Store::open(&database(coordinator)?)?;
    let (name, used) = (site.name().parse()?, in_use(site.state())?.serial);
    let made = || Ok(Certificate { serial, key: key.pin(), der: issued.der.clone() });
    store.renew(&name, used, key.pin(), SystemClock.now(), made)?;
    store.supersede(&name, serial, SystemClock.now())?;
    let identity = site.state().join("identity");
    std::fs::write(identity.join("key.pem"), key.to_pem().as_bytes())?;
    Ok(std::fs::write(identity.join("certificate.pem"), &issued.pem)?)
}

fn database(coordinator: &Path) -> Result<PathBuf> {
    let is_one = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "db");
    let mut paths = std::fs::read_dir(coordinator)?.flatten().map(|entry| entry.path());
    paths.find(is_one).context("the coordinator has a database")
}

/// The certificate that a site comes with.
fn in_use(state: &Path) -> Result<PeerCertificate> {
    let identity = state.join("identity");
    let renewed = identity.join("renewed/identity.pem");
    let path = if renewed.exists() { renewed } else { identity.join("certificate.pem") };
    Ok(PeerCertificate::from_der(&tls::certificate_from_pem(&std::fs::read_to_string(path)?)?)?)
}

fn until(consortium: &Consortium, what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let is_so = || Ok(is_so().unwrap_or(false).then_some(()));
    Ok(wait::until(what, Duration::from_secs(60), Duration::from_millis(100), &logs, &interrupt, is_so)?)
}

#[test]
fn a_certificate_is_renewed_while_a_run_goes_on_and_the_older_one_ends() -> Result<()> {
    let (small, mut consortium) = joined(2)?;
    age(&consortium, 0, 21)?;
    let old = small.folder.path().join("old");
    copy_identity(consortium.sites[0].state(), &old)?;
    let before = in_use(&old)?;
    // The roster has the key of the launch; the site renews before its first question.
    let run = consortium.launch(&small.run_file)?;
    consortium.start_site(0, &[])?;
    consortium.start_site(1, &[])?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    for round in &status.history {
        ensure!(round.updates == ["site-1", "site-2"], "{round:?}");
    }
    let after = in_use(consortium.sites[0].state())?;
    ensure!(after.key != before.key && after.not_after > before.not_after + 20 * DAY, "{after:?}");
    ensure!(consortium.sites[0].stderr_since_start().contains("the certificate of this site was renewed"));
    let young = in_use(consortium.sites[1].state())?;
    ensure!(young.not_after > SystemClock.system_time() + 29 * DAY, "the young one is as it was");
    ensure!(!consortium.sites[1].state().join("identity/renewed/identity.pem").exists());
    // Whoever has the older key is nobody now.
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let refused = runtime.block_on(async {
        let machine = Asker::connect(&old).await?;
        anyhow::Ok(tokio::time::timeout(Duration::from_secs(5), machine.closed()).await?)
    })?;
    let fault = CertificateFault::Revoked;
    ensure!(
        matches!(&refused, NetError::CertificateRefused { fault: found } if *found == fault),
        "{refused:?}"
    );
    // One message, and the next run has the new key.
    let ledger = std::fs::read_to_string(consortium.sites[0].state().join("ledger/ledger.log"))?;
    ensure!(ledger.matches("\"kind\":\"renew\"").count() == 1);
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let roster = consortium.coordinator.run(&["roster", "--json"], COMMAND_WITHIN)?.success()?;
    ensure!(roster.contains(&after.key.to_string()) || roster.contains(&hex(&after)), "{roster}");
    for arguments in [&["ledger", "verify"][..], &["status"], &["check"]] {
        let said = consortium.sites[0].run(arguments, COMMAND_WITHIN)?;
        ensure!(said.code() == Some(0) && !said.stderr.contains("warning"), "{arguments:?}: {said:?}");
    }
    consortium.stop();
    Ok(())
}

fn hex(certificate: &PeerCertificate) -> String {
    certificate.key.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn copy_identity(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to.join("identity"))?;
    for name in ["key.pem", "certificate.pem", "ca.pem", "coordinator.toml"] {
        std::fs::copy(from.join("identity").join(name), to.join("identity").join(name))?;
    }
    Ok(())
}

#[test]
fn whatever_dies_while_a_certificate_is_renewed_there_is_one_successor() -> Result<()> {
    let (_small, mut consortium) = joined(1)?;
    age(&consortium, 0, 25)?;
    for point in ["site-renewal-asked", "site-renewal-stored"] {
        consortium.start_site(0, &[("CONSILIUM_CRASH_AT", point)])?;
        let said = format!("crash point {point}");
        let (logs, site) = (consortium.sites[0].state().join("logs/gateway.log"), &consortium.sites[0]);
        until(&consortium, point, || {
            let log = std::fs::read_to_string(&logs).unwrap_or_default();
            Ok(log.contains(&said) || site.stderr_since_start().contains(&said))
        })?;
        consortium.sites[0].kill();
    }
    consortium.start_site(0, &[])?;
    let state = consortium.sites[0].state().to_owned();
    until(&consortium, "the renewal", || {
        Ok(in_use(&state)?.not_after > SystemClock.system_time() + 29 * DAY)
    })?;
    consortium.sites[0].kill();
    ensure!(certificates(&consortium)? == 3, "of joining, of the test, and the successor");

    age_renewed(&consortium)?;
    consortium.coordinator.kill();
    consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", "renew-after-commit")])?;
    consortium.start_site(0, &[])?;
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let pause = Duration::from_millis(100);
    wait::until("the crash", Duration::from_secs(60), pause, &logs, &interrupt, || {
        Ok((!consortium.coordinator.is_running()?).then_some(()))
    })?;
    ensure!(certificates(&consortium)? == 5, "the one that the site did not hear of is in the database");
    // Its next attempt is an hour away, or the next life of its gateway.
    consortium.sites[0].kill();
    consortium.start_coordinator(&[])?;
    consortium.start_site(0, &[])?;
    until(&consortium, "the renewal", || {
        Ok(in_use(&state)?.not_after > SystemClock.system_time() + 29 * DAY)
    })?;
    ensure!(certificates(&consortium)? == 5, "the same key got the same certificate");
    consortium.stop();
    Ok(())
}

/// The renewed certificate becomes one that is to be renewed.
fn age_renewed(consortium: &Consortium) -> Result<()> {
    // Its successor is signed for what stands in `renewed` now; `age` writes what `join` would have written.
    age(consortium, 0, 28)?;
    Ok(std::fs::remove_dir_all(consortium.sites[0].state().join("identity/renewed"))?)
}

/// Certificates of the first site that the coordinator remembers.
fn certificates(consortium: &Consortium) -> Result<usize> {
    let store = Store::open(&database(consortium.coordinator.state())?)?;
    Ok(store.certificates(&"site-1".parse()?)?.len())
}

#[test]
fn a_site_whose_certificate_ended_comes_back_with_its_ledger() -> Result<()> {
    let (small, mut consortium) = joined(1)?;
    consortium.start_site(0, &[])?;
    consortium.start_site(1, &[])?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.sites[0].kill();
    age(&consortium, 0, 31)?;
    let ended = consortium.sites[0].run(&["check"], COMMAND_WITHIN)?;
    ensure!(ended.code() == Some(1) && ended.stderr.contains("site-agent rejoin"), "{ended:?}");
    let status = consortium.sites[0].run(&["status"], COMMAND_WITHIN)?.success()?;
    ensure!(status.contains("it has ended"), "{status}");

    let rejoin = |site: usize, invitation: &str| {
        consortium.sites[site].run_with_input(&["rejoin"], &format!("{invitation}\n"), COMMAND_WITHIN)
    };
    let others = consortium.invite("site-2", &["--readmit"])?;
    let refused = rejoin(0, &others)?;
    ensure!(refused.code() == Some(1) && refused.stderr.contains("is not for site-1"), "{refused:?}");
    // A running agent holds the ledger; the other one is as it was, and its invitation is not used up.
    let running = rejoin(1, &others)?;
    ensure!(running.code() == Some(1), "{running:?}");
    let lines = |text: &str| text.lines().count();
    let path = consortium.sites[0].state().join("ledger/ledger.log");
    let before = std::fs::read_to_string(&path)?;
    let invitation = consortium.invite("site-1", &["--readmit"])?;
    let back = rejoin(0, &invitation)?;
    ensure!(back.code() == Some(0) && back.stdout.contains("a member again"), "{back:?}");
    let after = std::fs::read_to_string(&path)?;
    ensure!(after.starts_with(&before) && lines(&after) == lines(&before) + 1, "the request alone is new");
    let check = consortium.sites[0].run(&["check"], COMMAND_WITHIN)?;
    ensure!(check.code() == Some(0) && check.stdout.contains("accepts this site"), "{check:?}");
    consortium.start_site(0, &[])?;
    let run = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;
    ensure!(status.history[0].updates == ["site-1", "site-2"], "{:?}", status.history);
    // Also the receipt whose count began far from the ledger's first record.
    consortium.sites[0].run(&["ledger", "verify"], COMMAND_WITHIN)?.success()?;
    consortium.stop();
    Ok(())
}
