//! The shipped systemd units: they are read without a warning, and both programs do their work behind the
//! system-call filter that each unit sets. Run by `cargo test`. No service manager is needed: the filter is
//! resolved here, put on a thread, and inherited by what that thread starts. x86-64 only.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::consortium::Consortium;
use tests::wait::{self, Interrupt};

use self::filter::{Refusal, Unit};
use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, repository};

mod filter;

/// Runs `work` in a thread behind the filter of a unit.
fn behind<T: Send>(unit: &Unit, refusal: Refusal, work: impl FnOnce() -> T + Send) -> Result<T> {
    std::thread::scope(|scope| {
        let filtered = scope.spawn(|| {
            unit.apply(refusal)?;
            anyhow::Ok(work())
        });
        filtered.join().map_err(|_| anyhow::anyhow!("the thread behind the filter panicked"))?
    })
}

fn one_site() -> Result<(Small, Consortium)> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let consortium = Consortium::create(small.setup.clone())?;
    Ok((small, consortium))
}

#[test]
fn a_whole_run_goes_well_behind_the_filters_of_the_units() -> Result<()> {
    let (site, coordinator) = (Unit::read("consilium-site")?, Unit::read("consilium-coordinator")?);
    let (small, mut consortium) = one_site()?;
    consortium.share_processors();
    behind(&coordinator, Refusal::Errno, || consortium.start_coordinator(&[]))??;
    consortium.join(0)?;
    let unfiltered = consortium.sites[0].run(&["check", "--offline"], COMMAND_WITHIN)?;
    let member = &consortium.sites[0];
    let filtered = behind(&site, Refusal::Errno, || member.run(&["check", "--offline"], COMMAND_WITHIN))??;
    assert_eq!(filtered.code(), unfiltered.code(), "{}{}", filtered.stdout, filtered.stderr);
    // The same locks hold, and the same calls are refused.
    assert_eq!(filtered.stdout, unfiltered.stdout);
    behind(&site, Refusal::Errno, || consortium.start_site(0, &[]))??;
    let run = consortium.launch(&small.run_file)?;
    let logs = consortium.logs().to_owned();
    wait::until("the run", RUN_WITHIN, Duration::from_millis(100), &logs, &Interrupt::default(), || {
        consortium.sites[0].must_be_running()?;
        consortium.published(&run)
    })?;
    Ok(())
}

#[test]
fn a_filter_that_kills_is_told_in_words_and_no_lock_is_given_up_for_it() -> Result<()> {
    let (_small, mut consortium) = one_site()?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let site = &consortium.sites[0];
    // As the unit once was: a group that systemd 252 does not know, and a signal for everything else.
    let without_locks = Unit::read("consilium-site")?.without(&["landlock_create_ruleset", "seccomp"]);
    for command in [&["check", "--offline"][..], &["run"]] {
        let killed = behind(&without_locks, Refusal::Kill, || site.run(command, COMMAND_WITHIN))??;
        assert_eq!(killed.code(), Some(1), "{command:?}: {}", killed.stderr);
        assert!(killed.stderr.contains("landlock, seccomp"), "{command:?}: {}", killed.stderr);
        assert!(!killed.stderr.contains("allow_missing"), "{command:?}: {}", killed.stderr);
    }
    // Only what the probes try is killed for: they survive it, and all locks hold.
    let killing = Unit::read("consilium-site")?;
    let checked = behind(&killing, Refusal::Kill, || site.run(&["check", "--offline"], COMMAND_WITHIN))??;
    assert_eq!(checked.code(), Some(0), "{}{}", checked.stdout, checked.stderr);
    // A lock that a filter refuses is really missing, and the reason stands beside it.
    let refused =
        behind(&without_locks, Refusal::Errno, || site.run(&["check", "--offline"], COMMAND_WITHIN))??;
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    assert!(refused.stdout.contains("a filter around this program"), "{}", refused.stdout);
    Ok(())
}

#[test]
fn the_units_never_give_up_and_refuse_instead_of_killing() -> Result<()> {
    for name in ["consilium-site", "consilium-coordinator"] {
        let unit = Unit::read(name)?;
        assert_eq!(unit.value("Unit", "StartLimitIntervalSec"), Some("0"), "{name}");
        assert_eq!(unit.value("Service", "Restart"), Some("always"), "{name}");
        assert_eq!(unit.value("Service", "SystemCallErrorNumber"), Some("EPERM"), "{name}");
        assert!(unit.value("Service", "StateDirectory").is_some(), "{name}");
        // But for a ledger that a person must look at first.
        let person = (name == "consilium-site").then_some("3");
        assert_eq!(unit.value("Service", "RestartPreventExitStatus"), person, "{name}");
        let restart_s: u32 = unit.value("Service", "RestartSec").context("RestartSec")?.parse()?;
        assert!((2..=15).contains(&restart_s), "{name}: {restart_s}");
    }
    Ok(())
}

#[test]
fn systemd_reads_the_units_without_a_word() -> Result<()> {
    if Command::new("systemd-analyze").arg("--version").output().is_err() {
        println!("SKIPPED: this machine has no systemd-analyze");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    for name in ["consilium-site", "consilium-coordinator"] {
        let file = format!("{name}.service");
        let text = std::fs::read_to_string(repository().join("deploy/systemd").join(&file))?;
        // The programs are not installed here.
        let text = text.replace("/usr/local/bin/site-agent", "/bin/true");
        let path = folder.path().join(file);
        std::fs::write(&path, text.replace("/usr/local/bin/coordinator", "/bin/true"))?;
        let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output()?;
        let words = String::from_utf8_lossy(&verified.stderr);
        let ours: Vec<&str> = words.lines().filter(|line| line.contains(name)).collect();
        assert_eq!(ours, [] as [&str; 0], "systemd-analyze verify");
    }
    Ok(())
}
