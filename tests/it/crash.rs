//! Nobody's crash changes the result: coordinator and site are killed at every named point, and at
//! random moments, and the published adapter is the one of the undisturbed run, byte for byte.
//!
//! Each run has a seed of its own, because bytes the coordinator already has are not sent again; what
//! the same seed gives without crashes is found out afterwards, in a consortium that nobody disturbs.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::relay::split_mix_64;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

/// A point is reached at the latest in the second run after it was armed.
const LAUNCHES_PER_POINT: u32 = 2;
const LOOK_EVERY: Duration = Duration::from_millis(50);

fn wish() -> Wish {
    Wish { sites: 2, records: 8, ..Wish::default() }
}

#[test]
fn the_coordinator_resumes_at_every_crash_point() -> Result<()> {
    let small = Small::new(&wish())?;
    let mut consortium = small.start()?;
    let mut bench = Bench::new(&mut consortium, &small)?;
    // The points of enrolment are the business of the module `enrol`, that of renewal of `renewal`, those of
    // the authority of `authority`, those of suites, which these runs have none of, of `suites`, those of
    // sites alone of `alone`, those of an operator who gives a round more time of `extend`, those of runs
    // that wait, and of those that end after a round, of `queue` and `stopping`.
    let is_of_a_run = |point: &&&str| {
        !["enrol-", "renew-", "authority-", "suite-", "alone-", "deadline-", "left-queue-", "stop-after-"]
            .iter()
            .any(|of| point.starts_with(of))
    };
    for point in coordinator::execution::crash::CRASH_POINTS.iter().filter(is_of_a_run) {
        bench.kill_coordinator();
        match bench.consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", point)]) {
            // Work that was in progress is taken up before anybody is listened to.
            Ok(()) | Err(Failure::Died { .. }) => {}
            Err(other) => return Err(other.into()),
        }
        bench.until_reached(point, |consortium| Ok(!consortium.coordinator.is_running()?))?;
    }
    bench.kill_coordinator();
    bench.consortium.start_coordinator(&[])?;
    bench.every_run_is_as_undisturbed()
}

#[test]
fn a_site_resumes_at_every_crash_point() -> Result<()> {
    let small = Small::new(&wish())?;
    let mut consortium = small.start()?;
    let mut bench = Bench::new(&mut consortium, &small)?;
    for point in site_agent::CRASH_POINTS {
        bench.consortium.sites[0].kill();
        bench.consortium.start_site(0, &[("CONSILIUM_CRASH_AT", point)])?;
        let said = format!("crash point {point}");
        bench.until_reached(point, |consortium| {
            let state = consortium.sites[0].state().join("logs");
            Ok(folder_says(&state, &said) || consortium.sites[0].stderr_since_start().contains(&said))
        })?;
    }
    bench.consortium.sites[0].kill();
    bench.consortium.start_site(0, &[])?;
    bench.every_run_is_as_undisturbed()
}

#[test]
fn random_power_cuts_change_nothing() -> Result<()> {
    random_power_cuts(12)
}

#[test]
#[ignore = "minutes: run by deploy/long-tests"]
fn two_hundred_random_power_cuts_change_nothing() -> Result<()> {
    random_power_cuts(200)
}

fn random_power_cuts(cuts: u32) -> Result<()> {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_123);
    println!("SEED={seed} cargo test -p tests --test it random_power_cuts");
    let small = Small::new(&wish())?;
    let mut consortium = small.start()?;
    let mut bench = Bench::new(&mut consortium, &small)?;
    let mut random = seed;
    for _ in 0..cuts {
        bench.find_run()?;
        if bench.run.is_none() {
            bench.launch()?;
        }
        std::thread::sleep(Duration::from_millis(split_mix_64(&mut random) % 900));
        match split_mix_64(&mut random) % 3 {
            0 => {
                bench.kill_coordinator();
                bench.consortium.start_coordinator(&[])?;
            }
            site => {
                let index = site as usize - 1;
                bench.consortium.sites[index].kill();
                bench.consortium.start_site(index, &[])?;
            }
        }
        bench.note_if_published()?;
    }
    bench.every_run_is_as_undisturbed()
}

/// A consortium in which things are killed, and what its runs published all the same.
struct Bench<'a> {
    consortium: &'a mut Consortium,
    small: &'a Small,
    /// The run that is under way; `None` before the first and after a published one.
    run: Option<String>,
    /// Runs that were launched, in order; the index is the seed.
    published: Vec<(String, String)>,
    /// Seed of the run under way.
    seed: i64,
}

impl<'a> Bench<'a> {
    fn new(consortium: &'a mut Consortium, small: &'a Small) -> Result<Self> {
        Ok(Self { consortium, small, run: None, published: Vec::new(), seed: 0 })
    }

    fn kill_coordinator(&mut self) {
        self.consortium.coordinator.kill();
    }

    /// Starts a run. The coordinator may be killed while it takes the order: then the order may or
    /// may not have been taken, as for any user, who looks and asks again.
    fn launch(&mut self) -> Result<()> {
        self.seed = self.published.len() as i64;
        self.run = self.consortium.launch(&run_file(self.small, self.seed)?).ok();
        Ok(())
    }

    /// Keeps runs going until the armed process has died at its point.
    fn until_reached(
        &mut self,
        point: &str,
        mut died: impl FnMut(&mut Consortium) -> Result<bool>,
    ) -> Result<()> {
        let deadline = Instant::now() + RUN_WITHIN;
        let mut launches = 0;
        while !died(self.consortium)? {
            ensure!(Instant::now() < deadline, "{point}: neither reached nor passed in time");
            self.find_run()?;
            self.note_if_published()?;
            if self.run.is_none() {
                ensure!(launches < LAUNCHES_PER_POINT, "{point}: two whole runs never came there");
                launches += 1;
                self.launch()?;
            }
            std::thread::sleep(LOOK_EVERY);
        }
        println!("died at {point}");
        Ok(())
    }

    /// After a crash during `launch`: was the order taken?
    fn find_run(&mut self) -> Result<()> {
        if self.run.is_some() || !self.consortium.coordinator.is_running()? {
            return Ok(());
        }
        let listed = self.consortium.coordinator.run(&["runs", "--json"], COMMAND_WITHIN)?;
        // The coordinator may have died while it answered.
        let Ok(text) = listed.success() else { return Ok(()) };
        let runs = tests::status::RunList::parse(&text)?;
        self.run =
            runs.ids().find(|run| !self.published.iter().any(|(seen, _)| seen == run)).map(str::to_owned);
        Ok(())
    }

    /// If the run under way is published, notes what.
    fn note_if_published(&mut self) -> Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        let status = match self.consortium.published(run) {
            Ok(status) => status,
            Err(Failure::Command { .. }) => None,
            Err(other) => return Err(other.into()),
        };
        if let Some(status) = status {
            assert_eq!(status.test.openings.len(), 1, "run {run} opened the test set once");
            assert!(
                status.history.iter().all(|round| round.updates.len() == 2),
                "run {run} counted every site once"
            );
            self.published.extend(self.run.take().map(|run| (run, status.adapter)));
        }
        Ok(())
    }

    /// Lets the last run end, then compares every run with its undisturbed twin.
    fn every_run_is_as_undisturbed(mut self) -> Result<()> {
        let deadline = Instant::now() + RUN_WITHIN;
        self.find_run()?;
        while self.run.is_some() {
            ensure!(Instant::now() < deadline, "the last run did not end");
            self.note_if_published()?;
            std::thread::sleep(LOOK_EVERY);
        }
        self.consortium.stop();
        ensure!(!self.published.is_empty(), "no disturbed run was published");
        let calm = Small::new(&wish())?;
        let mut consortium = calm.start()?;
        for (seed, (disturbed, adapter)) in self.published.iter().enumerate() {
            let run = consortium.launch(&run_file(&calm, seed as i64)?)?;
            let status = consortium.wait_published(&run, RUN_WITHIN)?;
            assert_eq!(
                &status.adapter, adapter,
                "seed {seed}: run {disturbed} was disturbed, run {run} was not"
            );
        }
        println!("{} disturbed runs published what undisturbed ones publish", self.published.len());
        Ok(())
    }
}

/// The small run with a seed of its own.
fn run_file(small: &Small, seed: i64) -> Result<std::path::PathBuf> {
    let mut run = tests::run_file::RunFile::read(&small.run_file)?;
    run.set_integer("training", "seed", seed);
    // A round in which one party dies six times may be a long one on a busy machine.
    run.set_integer("quorum", "deadline_s", 3600);
    // Both of them each round, so that choosing them is disturbed too.
    run.set_integer("participation", "sites_per_round", 2);
    // So that what the server remembers from round to round is disturbed too.
    run.set("aggregation", "server_optimizer", "yogi".into());
    let path = small.folder.path().join(format!("seed-{seed}.toml"));
    run.write(&path)?;
    Ok(path)
}

fn folder_says(folder: &Path, words: &str) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .map(|file| std::fs::read(file.path()).unwrap_or_default())
        .any(|bytes| String::from_utf8_lossy(&bytes).contains(words))
}
