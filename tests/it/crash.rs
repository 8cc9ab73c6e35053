//! Nobody's crash changes the result: coordinator and site are killed at every named point, and at
//! random moments, and the published adapter is the one of the undisturbed run, byte for byte.

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};
use anyhow::{Context as _, Result, ensure};
use std::path::Path;
use std::time::{Duration, Instant};
use tests::consortium::Consortium;
use tests::relay::split_mix_64;

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
    let mut bench = Bench::undisturbed(&mut consortium, &small.run_file)?;
    // The points of enrolment are the business of the module `enrol`.
    for point in coordinator::crash::CRASH_POINTS.iter().filter(|point| !point.starts_with("enrol-")) {
        bench.kill_coordinator();
        bench.consortium.start_coordinator(&[("CONSILIUM_CRASH_AT", point)])?;
        bench.until_reached(point, |consortium| Ok(!consortium.coordinator.is_running()?))?;
    }
    bench.kill_coordinator();
    bench.consortium.start_coordinator(&[])?;
    bench.last_run_is_undisturbed()
}

#[test]
fn a_site_resumes_at_every_crash_point() -> Result<()> {
    let small = Small::new(&wish())?;
    let mut consortium = small.start()?;
    let mut bench = Bench::undisturbed(&mut consortium, &small.run_file)?;
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
    bench.last_run_is_undisturbed()
}

#[test]
fn random_power_cuts_change_nothing() -> Result<()> {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(20_261_123);
    println!("SEED={seed} cargo test -p tests --test it random_power_cuts");
    let small = Small::new(&wish())?;
    let mut consortium = small.start()?;
    let mut bench = Bench::undisturbed(&mut consortium, &small.run_file)?;
    let mut random = seed;
    bench.launch()?;
    for _ in 0..12 {
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
        bench.compare_if_published()?;
    }
    bench.last_run_is_undisturbed()
}

/// A consortium, and what its undisturbed run published.
struct Bench<'a> {
    consortium: &'a mut Consortium,
    run_file: &'a Path,
    undisturbed: String,
    /// The run that is under way; `None` before the first and after a compared one.
    run: Option<String>,
    /// Every run that was compared.
    compared: Vec<String>,
}

impl<'a> Bench<'a> {
    fn undisturbed(consortium: &'a mut Consortium, run_file: &'a Path) -> Result<Self> {
        let run = consortium.launch(run_file)?;
        let status = consortium.wait_published(&run, RUN_WITHIN)?;
        Ok(Self { consortium, run_file, undisturbed: status.adapter, run: None, compared: vec![run] })
    }

    fn kill_coordinator(&mut self) {
        self.consortium.coordinator.kill();
    }

    /// Starts a run. The coordinator may be killed while it takes the order: then the order may or
    /// may not have been taken, as for any user, who looks and asks again.
    fn launch(&mut self) -> Result<()> {
        self.run = self.consortium.launch(self.run_file).ok();
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
            self.compare_if_published()?;
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
        self.run = runs.ids().find(|run| !self.compared.iter().any(|seen| seen == run)).map(str::to_owned);
        Ok(())
    }

    /// If the run under way is published, its adapter must be the undisturbed one.
    fn compare_if_published(&mut self) -> Result<()> {
        let Some(run) = &self.run else { return Ok(()) };
        let status = match self.consortium.published(run) {
            Ok(status) => status,
            Err(tests::failure::Failure::Command { .. }) => None,
            Err(other) => return Err(other.into()),
        };
        if let Some(status) = status {
            assert_eq!(status.adapter, self.undisturbed, "run {run} published something else");
            assert_eq!(status.test.openings.len(), 1, "run {run} opened the test set once");
            self.compared.extend(self.run.take());
        }
        Ok(())
    }

    /// The run that was disturbed last ends as the undisturbed one.
    fn last_run_is_undisturbed(mut self) -> Result<()> {
        let deadline = Instant::now() + RUN_WITHIN;
        self.find_run()?;
        while self.run.is_some() {
            ensure!(Instant::now() < deadline, "the last run did not end");
            self.compare_if_published()?;
            std::thread::sleep(LOOK_EVERY);
        }
        ensure!(self.compared.len() >= 2, "no disturbed run was compared");
        let last = self.compared.last().context("a run was compared")?;
        println!("{} runs compared, the last is {last}", self.compared.len());
        Ok(())
    }
}

fn folder_says(folder: &Path, words: &str) -> bool {
    let files = std::fs::read_dir(folder).into_iter().flatten().flatten();
    files
        .map(|file| std::fs::read(file.path()).unwrap_or_default())
        .any(|bytes| String::from_utf8_lossy(&bytes).contains(words))
}
