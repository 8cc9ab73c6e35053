//! A year of a consortium in minutes, with real processes whose clock runs faster: certificates come to their
//! end and are renewed, another authority follows, members come and are shut out, and runs go on as if
//! nothing had been. Run by `deploy/long-tests`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use common::clock::{Clock as _, SystemClock};
use common::crash::FOLDER_VARIABLE;
use common::time_lapse::VARIABLE;
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

/// A year in seven and a half minutes. A site asks for its next certificate between two polls, of 20 s at
/// most: a certificate of eighty days lives for 98 s here, of which 33 are left when it is time.
const TIMES_FASTER: u64 = 70_080;
const CERTIFICATE_DAYS: u32 = 80;
const MONTH: Duration = Duration::from_millis(365 * 86_400_000 / 12 / TIMES_FASTER);
/// Who takes part in the runs; the others come and go.
const STAY: usize = 3;

/// The clock of the year: begun at a moment, and everybody's.
struct Year {
    begun: Instant,
}

impl Year {
    fn begin(consortium: &mut Consortium) -> Self {
        let lapse = format!("{}*{TIMES_FASTER}", SystemClock.now().0);
        let parties = std::iter::once(&mut consortium.coordinator).chain(&mut consortium.sites);
        for party in parties {
            party.set_environment(VARIABLE, &lapse);
            let state = party.state().display().to_string();
            party.set_environment(FOLDER_VARIABLE, &state);
        }
        Self { begun: Instant::now() }
    }

    fn wait_for_month(&self, month: u32) {
        std::thread::sleep((MONTH * month).saturating_sub(self.begun.elapsed()));
    }
}

fn small(sites: usize) -> Result<Small> {
    Small::new(&Wish { sites, records: 8, rounds: 3, ..Wish::default() })
}

/// The run with this seed, for those who stay.
fn run_file(small: &Small, seed: i64) -> Result<PathBuf> {
    let mut run = RunFile::read(&small.run_file)?;
    run.set_integer("training", "seed", seed);
    run.set_integer("quorum", "sites", STAY as i64);
    let path = small.folder.path().join(format!("run-{seed}.toml"));
    run.write(&path)?;
    Ok(path)
}

fn published(consortium: &mut Consortium, run: &str) -> Result<String> {
    let status = consortium.wait_published(run, RUN_WITHIN)?;
    for round in &status.history {
        ensure!(round.updates == ["site-1", "site-2", "site-3"], "{round:?}");
    }
    Ok(status.adapter)
}

fn until(consortium: &Consortium, what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let (logs, interrupt) = (consortium.logs().to_owned(), Interrupt::default());
    let is_so = || Ok(is_so().then_some(()));
    Ok(wait::until(what, Duration::from_secs(30), Duration::from_millis(100), &logs, &interrupt, is_so)?)
}

/// A member joins, and its agent runs.
fn comes(consortium: &mut Consortium, index: usize) -> Result<()> {
    let name = consortium.sites[index].name().to_owned();
    // The usual day of an invitation is over in a second here.
    let invitation = consortium.invite(&name, &["--ttl", "30d"])?;
    consortium.join_with(index, &invitation)?;
    Ok(consortium.start_site(index, &[])?)
}

/// A member is shut out; how fast is printed (`revoked` holds it to two seconds).
fn goes(consortium: &mut Consortium, index: usize) -> Result<()> {
    let (name, asked) = (consortium.sites[index].name().to_owned(), Instant::now());
    consortium.coordinator.run(&["revoke", &name, "--yes"], COMMAND_WITHIN)?.success()?;
    let site = &consortium.sites[index];
    until(consortium, "the agent hears of it", || site.stderr_since_start().contains("does not accept"))?;
    println!("{name} was shut out within {:?}", asked.elapsed());
    consortium.sites[index].kill();
    let check = consortium.sites[index].run(&["check"], COMMAND_WITHIN)?;
    ensure!(check.code() == Some(1), "{check:?}");
    Ok(())
}

/// Records of this kind in a site's ledger.
fn records(consortium: &Consortium, index: usize, kind: &str) -> Result<usize> {
    let ledger = std::fs::read_to_string(consortium.sites[index].state().join("ledger/ledger.log"))?;
    Ok(ledger.matches(&format!("\"kind\":\"{kind}\"")).count())
}

fn set_certificate_days(state: &Path) -> Result<()> {
    let path = state.join("coordinator.toml");
    let text = std::fs::read_to_string(&path)?;
    let of_days = |line: &str| line.starts_with("certificate_days");
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let line = lines.iter_mut().find(|line| of_days(line)).context("certificate_days is written out")?;
    *line = format!("certificate_days = {CERTIFICATE_DAYS}");
    Ok(std::fs::write(&path, lines.join("\n"))?)
}

#[test]
#[ignore = "eight minutes: run by deploy/long-tests"]
fn a_year_with_renewals_a_rollover_and_revocations_publishes_what_a_quiet_day_does() -> Result<()> {
    let quiet = small(STAY)?;
    let mut twin = quiet.start()?;
    let mut expected = Vec::new();
    for seed in 0..3 {
        let run = twin.launch(&run_file(&quiet, seed)?)?;
        expected.push(published(&mut twin, &run)?);
    }
    twin.stop();
    drop(twin);
    ensure!(expected.iter().collect::<BTreeSet<_>>().len() == 3, "three runs that differ: {expected:?}");

    let small = small(STAY + 2)?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    let year = Year::begin(&mut consortium);
    set_certificate_days(consortium.coordinator.state())?;
    consortium.start_coordinator(&[])?;
    for index in 0..STAY {
        comes(&mut consortium, index)?;
    }
    let mut found = Vec::new();
    year.wait_for_month(1);
    let run = consortium.launch(&run_file(&small, 0)?)?;
    found.push(published(&mut consortium, &run)?);
    year.wait_for_month(2);
    comes(&mut consortium, STAY)?;
    year.wait_for_month(4);
    goes(&mut consortium, STAY)?;
    year.wait_for_month(5);
    let run = consortium.launch(&run_file(&small, 1)?)?;
    consortium.coordinator.run(&["authority", "roll", "--yes"], COMMAND_WITHIN)?.success()?;
    found.push(published(&mut consortium, &run)?);
    year.wait_for_month(7);
    comes(&mut consortium, STAY + 1)?;
    year.wait_for_month(9);
    goes(&mut consortium, STAY + 1)?;
    // An operator's update: a new process, which looks at its own certificate.
    consortium.coordinator.kill();
    consortium.start_coordinator(&[])?;
    year.wait_for_month(11);
    let run = consortium.launch(&run_file(&small, 2)?)?;
    found.push(published(&mut consortium, &run)?);
    year.wait_for_month(12);

    ensure!(found == expected, "{found:?} {expected:?}");
    let mut renewals = 0;
    for index in 0..STAY {
        let here = records(&consortium, index, "renew")?;
        ensure!(here >= 4, "12 renewals were asked of three sites, and site {index} renewed {here} times");
        ensure!(records(&consortium, index, "authority")? == 1);
        renewals += here;
        consortium.sites[index].kill();
        for arguments in [&["ledger", "verify"][..], &["check"]] {
            consortium.sites[index].run(arguments, COMMAND_WITHIN)?.success()?;
        }
    }
    println!(
        "a year in {:?}: {renewals} renewals, one rollover, two revocations, 3 runs",
        year.begun.elapsed()
    );
    consortium.stop();
    Ok(())
}
