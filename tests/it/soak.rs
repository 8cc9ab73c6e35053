//! A day with twenty hospitals in minutes, or in hours: runs one behind the other in the queue, and faults
//! at random all the time: power cuts at sites and of single processes, frozen ones, a lossy or cut network,
//! runs that an operator stops; in the first third the coordinator dies too. Then what is promised is looked
//! at: no run ends for another reason than a missing quorum or the operator, nothing counts twice, every
//! ledger holds and explains the wire, journal and books say the same after a restart, and the coordinator's
//! memory and descriptors do not grow. Run by `deploy/long-tests`; `SEED` repeats the draws, `SOAK_MINUTES`
//! shortens it.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::consortium::Consortium;
use tests::dataset;
use tests::relay::{Faults, split_mix_64};
use tests::run_file::RunFile;
use tests::status::RunList;
use toml::Value;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, demo_settings};

const SITES: usize = 20;
const QUORUM: i64 = 8;
/// Two hours, where nothing else is asked for.
const MINUTES: u64 = 120;
/// Between two faults, at most.
const PAUSE_MS: u64 = 6_000;
/// How long something stays broken, at most.
const BROKEN_MS: u64 = 20_000;
const LOOK_EVERY: Duration = Duration::from_secs(10);
/// What the coordinator may grow by in an hour, and how far its open files may differ.
const GROWTH_MIB_PER_HOUR: f64 = 1.0;
const DESCRIPTORS: f64 = 8.0;

#[test]
#[ignore = "two hours: run by deploy/long-tests"]
fn a_day_with_twenty_sites_and_faults_at_random() -> Result<()> {
    let number =
        |name: &str, else_: u64| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(else_);
    let (seed, minutes) = (number("SEED", 20_261_201), number("SOAK_MINUTES", MINUTES));
    println!("SEED={seed} SOAK_MINUTES={minutes}");
    let small = Small::new(&Wish { sites: SITES, records: 6, rounds: 4, relayed: true })?;
    own_records(&small)?;
    let mut consortium = small.start()?;
    let mut soak = Soak::new(&mut consortium, &small, seed, Duration::from_secs(60 * minutes));
    while soak.began.elapsed() < soak.lasts {
        soak.keep_runs_going()?;
        soak.break_something()?;
        soak.wait_and_mend()?;
    }
    soak.mend_everything()?;
    soak.nothing_promised_is_broken()
}

/// Records of its own for each site: equal updates would be one file.
fn own_records(small: &Small) -> Result<()> {
    let demo = demo_settings()?;
    for (index, site) in small.setup.sites.iter().enumerate() {
        let source = &demo.sites[index % demo.sites.len()].data[0];
        dataset::take(source, &site.data[0], 6 + index / demo.sites.len())?;
    }
    Ok(())
}

/// What is mended, and when.
enum Mend {
    Start(usize),
    Continue(u32),
    Network,
}

/// One look at the coordinator: seconds since the beginning, its own memory in MiB, its open files.
#[derive(Clone, Copy, Debug)]
struct Look {
    at_s: f64,
    memory_mib: f64,
    descriptors: f64,
}

struct Soak<'a> {
    consortium: &'a mut Consortium,
    small: &'a Small,
    random: u64,
    began: Instant,
    lasts: Duration,
    mends: Vec<(Instant, Mend)>,
    /// Runs that were launched.
    launched: i64,
    faults: [u64; 7],
    looked: Instant,
    looks: Vec<Look>,
}

impl<'a> Soak<'a> {
    fn new(consortium: &'a mut Consortium, small: &'a Small, random: u64, lasts: Duration) -> Self {
        let began = Instant::now();
        let (mends, looks) = (Vec::new(), Vec::new());
        Self {
            consortium,
            small,
            random,
            began,
            lasts,
            mends,
            launched: 0,
            faults: [0; 7],
            looked: began,
            looks,
        }
    }

    fn below(&mut self, bound: u64) -> u64 {
        split_mix_64(&mut self.random) % bound
    }

    /// The coordinator dies in the first third only: then its memory is that of one process.
    fn coordinator_may_die(&self) -> bool {
        self.began.elapsed() < self.lasts / 3
    }

    /// One goes, one waits.
    fn keep_runs_going(&mut self) -> Result<()> {
        let Some(phases) = self.phases() else { return Ok(()) };
        let going = phases.iter().filter(|(_, phase)| phase != "finished" && phase != "failed").count();
        if going >= 2 {
            return Ok(());
        }
        let file = self.run_file()?;
        let file = file.to_str().context("a path")?;
        // It may be frozen, or refuse a queue that is full: the next turn asks again.
        if self.consortium.coordinator.run(&["launch", "--queue", file], COMMAND_WITHIN)?.success().is_ok() {
            self.launched += 1;
        }
        Ok(())
    }

    fn run_file(&self) -> Result<PathBuf> {
        let mut run = RunFile::read(&self.small.run_file)?;
        run.set_integer("training", "seed", self.launched);
        run.set_integer("quorum", "sites", QUORUM);
        run.set_integer("quorum", "deadline_s", 90);
        run.set_integer("quorum", "grace_s", 3);
        run.set("overlap", "enabled", Value::Boolean(self.launched % 3 == 0));
        let path = self.small.folder.path().join("soak.toml");
        run.write(&path)?;
        Ok(path)
    }

    /// Every run and its phase, if the coordinator answers.
    fn phases(&self) -> Option<Vec<(String, String)>> {
        let said =
            self.consortium.coordinator.run(&["runs", "--json"], COMMAND_WITHIN).ok()?.success().ok()?;
        let said: serde_json::Value = serde_json::from_str(&said).ok()?;
        let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        Some(said.as_array()?.iter().map(|row| (text(row, "run"), text(row, "phase"))).collect())
    }

    fn later(&mut self, mend: Mend) {
        let broken = Duration::from_millis(self.below(BROKEN_MS));
        self.mends.push((Instant::now() + broken, mend));
    }

    fn break_something(&mut self) -> Result<()> {
        // The first site is left alone by those who kill: somebody has to see it all.
        let site = 1 + self.below(SITES as u64 - 1) as usize;
        let is_up = self.consortium.sites[site].is_running()?;
        let kind = self.below(if self.coordinator_may_die() { 7 } else { 6 });
        match kind {
            0..=2 if !is_up => return Ok(()),
            0 => {
                self.consortium.sites[site].kill();
                self.later(Mend::Start(site));
            }
            1 => self.kill_a_child(site)?,
            2 => {
                let process = self.consortium.sites[site].process().context("it runs")?.id();
                self.freeze(process);
            }
            3 => {
                let (drop_per_mille, burst) = (10 + self.below(240) as u32, 1 + self.below(10) as u32);
                let delay_ms = self.below(100);
                self.disturb(Faults { drop_per_mille, burst, delay_ms, ..Faults::default() })?;
            }
            4 => {
                self.consortium.relay().context("a relay")?.rebind();
                let partitioned = self.below(3) == 0;
                self.disturb(Faults { partitioned, ..Faults::default() })?;
            }
            5 if self.below(8) == 0 => self.stop_a_run()?,
            5 => {
                let process = self.consortium.coordinator.process().context("it runs")?.id();
                signal("STOP", process)?;
                std::thread::sleep(Duration::from_millis(self.below(4_000)));
                signal("CONT", process)?;
            }
            _ => {
                self.consortium.coordinator.kill();
                std::thread::sleep(Duration::from_millis(self.below(3_000)));
                self.consortium.start_coordinator(&[])?;
            }
        }
        self.faults[kind as usize] += 1;
        Ok(())
    }

    fn disturb(&mut self, faults: Faults) -> Result<()> {
        let seed = split_mix_64(&mut self.random);
        self.consortium.relay().context("a relay")?.set_faults(Faults { seed, ..faults });
        self.later(Mend::Network);
        Ok(())
    }

    /// Worker or gateway dies; its supervisor lives.
    fn kill_a_child(&mut self, site: usize) -> Result<()> {
        let parent = self.consortium.sites[site].process().context("it runs")?.id();
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        // While it starts, processes that only try the locks or look at the records are its children: whoever
        // kills one of those has killed the start, and a service manager starts it again.
        let serves = |child: &u32| {
            let command = fs::read_to_string(format!("/proc/{child}/cmdline")).unwrap_or_default();
            let mut words = command.split('\0').skip(1);
            matches!(words.next(), Some("worker" | "gateway")) && words.next() == Some("--state")
        };
        let children: Vec<u32> =
            children.split_whitespace().filter_map(|word| word.parse().ok()).filter(serves).collect();
        if !children.is_empty() {
            let chosen = children[self.below(children.len() as u64) as usize];
            let _ = Command::new("kill").args(["-s", "KILL", &chosen.to_string()]).status();
        }
        Ok(())
    }

    fn freeze(&mut self, process: u32) {
        if signal("STOP", process).is_ok() {
            self.later(Mend::Continue(process));
        }
    }

    fn stop_a_run(&mut self) -> Result<()> {
        let going = self.phases().unwrap_or_default();
        if let Some((run, _)) = going.iter().find(|(_, phase)| phase != "finished" && phase != "failed") {
            self.consortium.coordinator.run(&["stop", run, "--yes"], COMMAND_WITHIN)?;
        }
        Ok(())
    }

    fn wait_and_mend(&mut self) -> Result<()> {
        let until = Instant::now() + Duration::from_millis(self.below(PAUSE_MS));
        loop {
            let now = Instant::now();
            let due: Vec<usize> = self
                .mends
                .iter()
                .enumerate()
                .filter(|(_, (at, _))| *at <= now)
                .map(|(index, _)| index)
                .collect();
            for index in due.into_iter().rev() {
                let (_, mend) = self.mends.remove(index);
                self.mend(&mend)?;
            }
            if self.looked.elapsed() >= LOOK_EVERY {
                self.looked = now;
                self.look()?;
            }
            if now >= until {
                return self.all_that_should_run_do();
            }
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    fn mend(&mut self, mend: &Mend) -> Result<()> {
        match mend {
            Mend::Start(site) => self.consortium.start_site(*site, &[])?,
            // It may have been killed since.
            Mend::Continue(process) => drop(signal("CONT", *process)),
            Mend::Network => self.consortium.relay().context("a relay")?.set_faults(Faults::default()),
        }
        Ok(())
    }

    /// Who was not killed by us lives.
    fn all_that_should_run_do(&mut self) -> Result<()> {
        self.consortium.coordinator.must_be_running()?;
        for site in &mut self.consortium.sites {
            site.must_be_running()?;
        }
        Ok(())
    }

    fn look(&mut self) -> Result<()> {
        if self.coordinator_may_die() {
            return Ok(());
        }
        let process = self.consortium.coordinator.process().context("it runs")?.id();
        let status = fs::read_to_string(format!("/proc/{process}/status"))?;
        let kib = status.lines().find_map(|line| line.strip_prefix("RssAnon:")?.trim().strip_suffix(" kB"));
        let kib: f64 = kib.context("the kernel says how large a process is")?.trim().parse()?;
        let descriptors = fs::read_dir(format!("/proc/{process}/fd"))?.count() as f64;
        let at_s = self.began.elapsed().as_secs_f64();
        self.looks.push(Look { at_s, memory_mib: kib / 1024.0, descriptors });
        Ok(())
    }

    /// From now on nothing is broken, and what goes on ends.
    fn mend_everything(&mut self) -> Result<()> {
        for (_, mend) in std::mem::take(&mut self.mends) {
            self.mend(&mend)?;
        }
        let until = Instant::now() + 2 * RUN_WITHIN;
        loop {
            let phases = self.phases().context("a coordinator that nobody disturbs answers")?;
            if phases.iter().all(|(_, phase)| phase == "finished" || phase == "failed") {
                return Ok(());
            }
            ensure!(Instant::now() < until, "a healed run did not end: {phases:?}");
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    fn nothing_promised_is_broken(&mut self) -> Result<()> {
        let (published, failed) = self.every_run_ended_well()?;
        println!(
            "{} runs launched, {published} published, {failed} failed; faults (site killed, process killed, site \
             frozen, network lossy, network cut or another address, coordinator frozen or run stopped, coordinator \
             killed): {:?}",
            self.launched, self.faults
        );
        ensure!(published > 0, "no run was published");
        let held = self.growth();
        self.every_ledger_holds()?;
        let before = self.phases().context("it answers")?;
        self.consortium.coordinator.run(&["check"], COMMAND_WITHIN)?.success()?;
        self.consortium.coordinator.stop();
        self.consortium.start_coordinator(&[])?;
        ensure!(
            self.phases().context("it answers")? == before,
            "the journal says another thing after a restart"
        );
        self.consortium.stop();
        held
    }

    /// Counts of those that were published and of those that were not.
    fn every_run_ended_well(&mut self) -> Result<(u64, u64)> {
        let listed = self.consortium.coordinator.run(&["runs", "--json"], COMMAND_WITHIN)?.success()?;
        let (mut published, mut failed) = (0, 0);
        for run in RunList::parse(&listed)?.ids() {
            let status = self.consortium.run_status(run)?;
            match &status.failure {
                None => {
                    published += 1;
                    ensure!(status.test.openings.len() <= 1, "{run}: the test set was opened again");
                }
                Some(reason) => {
                    failed += 1;
                    let is_known = ["quorum", "stopped", "agreed"].iter().any(|word| reason.contains(word));
                    ensure!(is_known, "{run} failed: {reason}");
                }
            }
            for round in &status.history {
                let mut sites = round.updates.clone();
                sites.sort();
                sites.dedup();
                ensure!(
                    sites.len() == round.updates.len(),
                    "{run}, round {}: a site counts twice",
                    round.round
                );
                let is_enough = round.adapter.is_none() || sites.len() >= QUORUM as usize;
                ensure!(is_enough, "{run}, round {}: published by {sites:?}", round.round);
            }
        }
        Ok((published, failed))
    }

    fn every_ledger_holds(&mut self) -> Result<()> {
        for site in &mut self.consortium.sites {
            site.stop();
        }
        for site in &self.consortium.sites {
            let named = |what: &str| format!("{}: {what}", site.name());
            site.run(&["ledger", "verify"], COMMAND_WITHIN)?.success().with_context(|| named("verify"))?;
            site.run(&["ledger", "reconcile", "--wire"], COMMAND_WITHIN)?
                .success()
                .with_context(|| named("the wire"))?;
            let file = self.small.folder.path().join(format!("{}.arrived", site.name()));
            let path = file.to_str().context("a path")?;
            let arrived = ["ledger", site.name(), "--out", path];
            self.consortium.coordinator.run(&arrived, COMMAND_WITHIN)?.success()?;
            let compared = site.run(&["ledger", "reconcile", path], COMMAND_WITHIN)?;
            compared.success().with_context(|| named("what arrived"))?;
        }
        Ok(())
    }

    /// How the coordinator grew while it was one process; of each minute the smallest, without its first
    /// fifth.
    fn growth(&self) -> Result<()> {
        let mut minutes: Vec<Look> = Vec::new();
        for look in &self.looks {
            match minutes.last_mut() {
                Some(last) if (last.at_s / 60.0).floor() == (look.at_s / 60.0).floor() => {
                    last.memory_mib = last.memory_mib.min(look.memory_mib);
                    last.descriptors = last.descriptors.min(look.descriptors);
                }
                _ => minutes.push(*look),
            }
        }
        let minutes = &minutes[minutes.len() / 5..];
        let per_hour = 3600.0 * slope(minutes.iter().map(|look| (look.at_s, look.memory_mib)));
        let first = minutes.first().context("it was looked at")?;
        let last = minutes.last().context("it was looked at")?;
        println!(
            "coordinator, {:.0} min: {:.1} MiB, then {:.1} MiB, slope {per_hour:.2} MiB an hour; {} and {} open files",
            (last.at_s - first.at_s) / 60.0,
            first.memory_mib,
            last.memory_mib,
            first.descriptors,
            last.descriptors,
        );
        // Of a few minutes the slope says nothing.
        let says = last.at_s - first.at_s > 600.0;
        ensure!(!says || per_hour < GROWTH_MIB_PER_HOUR, "memory grows");
        ensure!((last.descriptors - first.descriptors).abs() < DESCRIPTORS, "open files grow");
        Ok(())
    }
}

/// Least squares.
fn slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let count = points.clone().count().max(1) as f64;
    let mean = |of: fn((f64, f64)) -> f64| points.clone().map(of).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let of_x: f64 = points.clone().map(|point| (point.0 - x).powi(2)).sum();
    points.map(|point| (point.0 - x) * (point.1 - y)).sum::<f64>() / of_x.max(f64::MIN_POSITIVE)
}

/// To a process and all that it started.
fn signal(name: &str, group: u32) -> Result<()> {
    let status = Command::new("sh").args(["-c", &format!("kill -s {name} -- -{group}")]).status()?;
    ensure!(status.success(), "no such process");
    Ok(())
}
