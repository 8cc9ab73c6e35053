//! What changes at a site between two runs is what the next run trains on: the agent keeps no records in
//! memory from run to run, and holds no lock on a file that is not there any more.
//!
//! Run by `cargo test`.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result};
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, copy_folder};

#[test]
fn a_run_trains_on_the_records_that_are_on_the_disk_when_it_begins() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let data = small.setup.sites[0].data[0].clone();
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let first = roots(consortium.sites[0].state())?;
    assert_eq!(first.len(), 1);

    // Replaced by rename, as every careful exporter does.
    let lines = fs::read_to_string(&data)?;
    let changed: Vec<String> = lines.lines().skip(2).map(str::to_owned).collect();
    let new = data.with_extension("new");
    fs::write(&new, changed.join("\n") + "\n")?;
    fs::rename(&new, &data)?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let second = roots(consortium.sites[0].state())?;
    assert_eq!(second.len(), 2, "the new records have a root of their own in the ledger");

    // Gone: the site says so once and is not asked to train on what it remembers.
    fs::remove_file(&data)?;
    let run = consortium.launch(&small.run_file)?;
    failed(&consortium, &run)?;
    std::thread::sleep(Duration::from_secs(8));
    assert_eq!(kinds(consortium.sites[0].state(), "failed")?, 1, "one report, then patience");
    let shown = consortium.coordinator.run(&["status", &run], COMMAND_WITHIN)?.success()?;
    assert!(shown.contains("its records cannot be read (data_unreadable)"), "{shown}");
    consortium.coordinator.run(&["stop", &run], COMMAND_WITHIN)?.success()?;
    consortium.stop();
    Ok(())
}

#[test]
fn a_site_with_another_base_model_learns_so_before_it_sends_points() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    // The same model but for one weight.
    let other = small.folder.path().join("other-model");
    copy_folder(&small.setup.model, &other)?;
    let weights = other.join("model.safetensors");
    let mut bytes = fs::read(&weights)?;
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&weights, bytes)?;
    let agent = consortium.sites[0].state().join("agent.toml");
    let lines = fs::read_to_string(&agent)?;
    let named = format!("model = {:?}", other.display().to_string());
    let changed = lines.lines().map(|line| if line.starts_with("model = ") { &named } else { line });
    fs::write(&agent, changed.collect::<Vec<_>>().join("\n") + "\n")?;
    consortium.start_site(0, &[])?;
    let run = consortium.launch(&small.run_file)?;
    failed(&consortium, &run)?;
    let shown = consortium.coordinator.run(&["status", &run], COMMAND_WITHIN)?.success()?;
    assert!(shown.contains("its base model is another one than the run's (base_mismatch)"), "{shown}");
    let sent = records(consortium.sites[0].state())?;
    let points =
        sent.iter().filter(|record| record["kind"].as_str().is_some_and(|kind| kind.contains("overlap")));
    assert_eq!(points.count(), 0, "points of its records have left");
    consortium.stop();
    Ok(())
}

/// Waits until the coordinator knows that the site takes no part.
fn failed(consortium: &Consortium, run: &str) -> Result<()> {
    let interrupt = Interrupt::default();
    let is_failed = || {
        let status = consortium.run_status(run)?;
        Ok::<_, Failure>((status.sites[0].state.starts_with("failed")).then_some(()))
    };
    let wait = Duration::from_millis(150);
    wait::until("the site's word", Duration::from_secs(60), wait, consortium.logs(), &interrupt, is_failed)?;
    Ok(())
}

/// The roots over the records of each run, as the ledger says, without repetitions.
fn roots(state: &Path) -> Result<Vec<String>> {
    let mut roots = Vec::new();
    for record in records(state)? {
        if record["kind"] == "data" {
            let root = record["sha256"].as_str().context("a root is a text")?.to_owned();
            if !roots.contains(&root) {
                roots.push(root);
            }
        }
    }
    Ok(roots)
}

fn kinds(state: &Path, kind: &str) -> Result<usize> {
    Ok(records(state)?.iter().filter(|record| record["kind"] == kind).count())
}

fn records(state: &Path) -> Result<Vec<serde_json::Value>> {
    let text = fs::read_to_string(state.join("ledger").join("ledger.log"))?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}
