//! The revocation list, with real processes: signed at each revocation, verified by `openssl`, gone by at
//! sites, also where it has ended, after a rollover, and when the coordinator's own key was stolen. Run by
//! `cargo test`.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use certs::tls;
use common::clock::{Clock as _, SystemClock};
use common::crash::FOLDER_VARIABLE;
use common::time_lapse::VARIABLE;
use serde_json::Value;
use tests::consortium::Consortium;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, Small, Wish};

const DAY_MS: u64 = 86_400_000;

fn joined(sites: usize) -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites, records: 4, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    for index in 0..sites {
        consortium.join(index)?;
    }
    Ok((small, consortium))
}

fn list(consortium: &Consortium) -> Result<Value> {
    let text = consortium.coordinator.run(&["crl", "show", "--json"], COMMAND_WITHIN)?.success()?;
    Ok(serde_json::from_str(&text)?)
}

/// The list that a site has.
fn at_site(consortium: &Consortium, index: usize) -> Result<Value> {
    let text = consortium.sites[index].run(&["status", "--json"], COMMAND_WITHIN)?.success()?;
    let status: Value = serde_json::from_str(&text)?;
    Ok(status["revocation_list"].clone())
}

fn has(list: &Value, kind: &str, name: &str) -> bool {
    let revoked = list["revoked"].as_array().map(Vec::as_slice).unwrap_or_default();
    revoked.iter().any(|entry| entry["kind"] == kind && entry["name"] == name)
}

fn until(consortium: &Consortium, what: &str, mut is_so: impl FnMut() -> Result<bool>) -> Result<()> {
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let is_so = || Ok(is_so().unwrap_or(false).then_some(()));
    Ok(wait::until(what, Duration::from_secs(60), Duration::from_millis(100), &logs, &interrupt, is_so)?)
}

/// Kinds of the frames in a site's ledger.
fn frames(consortium: &Consortium, index: usize) -> Result<Vec<String>> {
    let ledger = std::fs::read_to_string(consortium.sites[index].state().join("ledger/ledger.log"))?;
    let kind = |line: &str| Some(line.split("\"kind\":\"").nth(1)?.split('"').next()?.to_owned());
    Ok(ledger.lines().filter_map(kind).collect())
}

#[test]
fn what_is_revoked_is_listed_with_and_without_serve_and_openssl_agrees() -> Result<()> {
    let (small, mut consortium) = joined(2)?;
    let serial = |index: usize| -> Result<String> {
        let path = consortium.sites[index].state().join("identity/certificate.pem");
        let der = tls::certificate_from_pem(&std::fs::read_to_string(path)?)?;
        Ok(certs::PeerCertificate::from_der(&der)?.serial.to_string())
    };
    let (first, second) = (serial(0)?, serial(1)?);
    let before = list(&consortium)?;
    ensure!(before["holds"] == true && !has(&before, "certificate", &first), "{before}");
    consortium.coordinator.run(&["revoke", "site-1", "--yes"], COMMAND_WITHIN)?.success()?;
    let after = list(&consortium)?;
    ensure!(
        has(&after, "certificate", &first) && after["number"].as_u64() > before["number"].as_u64(),
        "{after}"
    );
    ensure!(after["revoked"].as_array().is_some_and(|all| all.len() == 2), "certificate and key: {after}");
    consortium.coordinator.stop();
    consortium.coordinator.run(&["revoke", "site-2", "--yes"], COMMAND_WITHIN)?.success()?;
    let offline = list(&consortium)?;
    ensure!(has(&offline, "certificate", &first) && has(&offline, "certificate", &second), "{offline}");

    let file = small.folder.path().join("revoked.pem").display().to_string();
    consortium.coordinator.run(&["crl", "export", &file], COMMAND_WITHIN)?.success()?;
    if Command::new("openssl").arg("version").output().is_err() {
        println!("SKIPPED: there is no openssl on this machine");
        return Ok(());
    }
    let ca = consortium.coordinator.state().join("ca/ca.crt.pem").display().to_string();
    let output = Command::new("openssl")
        .args(["crl", "-in", &file, "-CAfile", &ca, "-verify", "-noout", "-text"])
        .output()?;
    let words = [output.stdout, output.stderr].concat();
    let words = String::from_utf8_lossy(&words).to_lowercase();
    ensure!(words.contains("verify ok") && words.contains(&second), "{words}");
    Ok(())
}

#[test]
fn a_site_whose_list_has_ended_sends_nothing_says_so_and_goes_on_with_a_newer_one() -> Result<()> {
    let (_small, mut consortium) = joined(1)?;
    // By the site's clock, eight days ahead, whatever the coordinator signs has ended.
    let lapse = format!("{}*9", SystemClock.now().0 - DAY_MS);
    let state = consortium.sites[0].state().display().to_string();
    consortium.sites[0].set_environment(FOLDER_VARIABLE, &state);
    consortium.sites[0].set_environment(VARIABLE, &lapse);
    consortium.start_site(0, &[])?;
    until(&consortium, "the clear word", || {
        Ok(consortium.sites[0]
            .stderr_since_start()
            .contains("revocation list of the consortium has ended or never came"))
    })?;
    consortium.sites[0].kill();
    let left = frames(&consortium, 0)?;
    let allowed = ["join", "policy", "waiver", "hello", "revocations"];
    ensure!(left.iter().all(|kind| allowed.contains(&kind.as_str())), "{left:?}");
    ensure!(left.iter().any(|kind| kind == "revocations"), "{left:?}");
    let check = consortium.sites[0].run(&["check"], COMMAND_WITHIN)?;
    ensure!(check.code() == Some(1), "{check:?}");
    for words in ["nothing leaves without a revocation list", "hint: look at this machine's clock"] {
        ensure!(check.stderr.contains(words), "{words}: {}", check.stderr);
    }
    // The clock is put right.
    consortium.sites[0].set_environment(VARIABLE, "");
    consortium.start_site(0, &[])?;
    until(&consortium, "a list that holds", || Ok(at_site(&consortium, 0)?["fault"].is_null()))?;
    until(&consortium, "a poll", || Ok(frames(&consortium, 0)?.contains(&"poll".to_owned())))?;
    let status = consortium.sites[0].run(&["status"], COMMAND_WITHIN)?.success()?;
    ensure!(status.contains("good until 20"), "{status}");
    consortium.stop();
    Ok(())
}

/// The whole folder as it was on the day of the theft: more than the key of the certificate alone.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status()?;
    ensure!(copied.success(), "{copied}");
    Ok(())
}

#[test]
fn a_stolen_key_of_the_coordinator_is_worth_nothing_once_it_is_replaced() -> Result<()> {
    let (small, mut consortium) = joined(1)?;
    let (state, stolen) = (consortium.coordinator.state().to_owned(), small.folder.path().join("stolen"));
    consortium.coordinator.stop();
    copy(&state, &stolen)?;
    consortium.start_coordinator(&[])?;
    consortium.start_site(0, &[])?;
    until(&consortium, "the first list", || Ok(at_site(&consortium, 0)?["number"].is_u64()))?;
    let unasked = consortium.coordinator.run(&["crl", "replace-server"], COMMAND_WITHIN)?;
    ensure!(unasked.code() == Some(1), "nobody can be asked: {unasked:?}");
    let replaced = consortium
        .coordinator
        .run(&["crl", "replace-server", "--yes", "--json"], COMMAND_WITHIN)?
        .success()?;
    let replaced: Value = serde_json::from_str(&replaced)?;
    let number = replaced["list"].as_u64().context("a number")?;
    until(&consortium, "the list at the site", || {
        Ok(at_site(&consortium, 0)?["number"].as_u64() >= Some(number))
    })?;
    // It goes on with the new one, and hears the thief say nothing.
    consortium.coordinator.stop();
    let aside = small.folder.path().join("aside");
    std::fs::rename(&state, &aside)?;
    std::fs::rename(&stolen, &state)?;
    let before = frames(&consortium, 0)?.len();
    consortium.start_coordinator(&[])?;
    until(&consortium, "the warning", || {
        Ok(consortium.sites[0].stderr_since_start().contains("answers as the coordinator was revoked"))
    })?;
    let after = frames(&consortium, 0)?;
    ensure!(after.len() == before, "nothing was sent to it: {:?}", &after[before..]);
    consortium.stop();
    Ok(())
}

#[test]
fn another_authority_signs_the_list_and_sites_follow_it() -> Result<()> {
    let (_small, mut consortium) = joined(1)?;
    consortium.start_site(0, &[])?;
    until(&consortium, "the first list", || Ok(at_site(&consortium, 0)?["number"].is_u64()))?;
    let before = list(&consortium)?;
    consortium.coordinator.run(&["authority", "roll", "--yes"], COMMAND_WITHIN)?.success()?;
    let after = list(&consortium)?;
    ensure!(after["authority"] != before["authority"], "{after}");
    ensure!(after["number"].as_u64() > before["number"].as_u64(), "{before} {after}");
    let number = after["number"].as_u64();
    until(&consortium, "the list of the next authority", || {
        let here = at_site(&consortium, 0)?;
        Ok(here["number"].as_u64() >= number && here["fault"].is_null())
    })?;
    consortium.stop();
    Ok(())
}
