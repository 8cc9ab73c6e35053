//! One row: a run of a few rounds, by real processes, and what of it was neither training nor evaluation.
//! Called by `main`. Invariants: only what the programs' files and answers say is measured, nothing inside
//! them; a round counts from the moment when the last site's update was ready until the last site had the
//! next global adapter, verified and on its disk.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tests::consortium::{Consortium, Setup};
use tests::limits::{BENCH_RUN_S_MAX, COMMAND_S_MAX};
use tests::run_file::RunFile;

use crate::outcome::Outcome;

/// Runs so many rounds; the row as JSON, with every round's overhead beside their median.
pub(crate) fn measure(setup: Setup, run_file: &RunFile, rounds: u32) -> Outcome<Value> {
    let root = setup.root.clone();
    let within = Duration::from_secs(COMMAND_S_MAX);
    let mut consortium = Consortium::start(setup)?;
    let path = root.join("run.toml");
    run_file.write(&path)?;
    let run = consortium.launch(&path)?;
    let status = consortium.wait_published(&run, Duration::from_secs(BENCH_RUN_S_MAX))?;
    let adapters: Vec<&str> = status.history.iter().filter_map(|round| round.adapter.as_deref()).collect();
    let mut overheads = Vec::new();
    for (round, adapter) in (0..rounds as usize - 1).zip(&adapters) {
        let (mut ready, mut there) = (SystemTime::UNIX_EPOCH, SystemTime::UNIX_EPOCH);
        for site in &consortium.sites {
            let update = in_order(&site.state().join("outbox"))?.get(round).copied();
            ready = ready.max(update.ok_or("an update has left the outbox too early")?);
            there = there.max(written(&site.state().join("inbox").join(adapter))?);
        }
        overheads.push(there.duration_since(ready)?.as_secs_f64());
    }
    let told = consortium.coordinator.run(&["status", &run, "--json"], within)?.success()?;
    let told: Value = serde_json::from_str(&told)?;
    let history = told["history"].as_array().ok_or("a list of rounds")?;
    let aggregates: Vec<f64> =
        history.iter().filter_map(|round| Some(round["aggregation_ms"].as_f64()? / 1e3)).collect();
    let blob = consortium.coordinator.state().join("blobs").join(&status.adapter);
    let update_bytes = std::fs::metadata(&blob)?.len();
    let pid = consortium.coordinator.process().ok_or("the coordinator runs")?.id();
    let peak = peak_rss_bytes(pid)?;
    let (mut sent, mut payload) = (0_u64, 0_u64);
    for site in &consortium.sites {
        let counted = site.run(&["ledger", "reconcile", "--wire", "--json"], within)?.success()?;
        let counted: Value = serde_json::from_str(&counted)?;
        let wire = &counted["wire"];
        sent += wire["bytes"].as_u64().ok_or("the transport's count")?;
        payload += wire["ledger"]["bytes"].as_u64().ok_or("the ledger's count")?;
    }
    consortium.stop();
    Ok(json!({
        "sites": consortium.sites.len(),
        "update_bytes": update_bytes,
        "overhead_s": median(&overheads),
        "overheads_s": overheads,
        "aggregate_s": median(&aggregates),
        "error_s": null,
        "coordinator_peak_rss_bytes": peak,
        "wire_ratio": sent as f64 / payload as f64,
    }))
}

/// When a file got the bytes and the name that it has.
fn written(path: &Path) -> Outcome<SystemTime> {
    use std::os::unix::fs::MetadataExt as _;
    let facts = std::fs::metadata(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let nanos = u64::try_from(facts.ctime_nsec())?;
    Ok(SystemTime::UNIX_EPOCH
        + Duration::from_secs(u64::try_from(facts.ctime())?)
        + Duration::from_nanos(nanos))
}

/// The same of all files of a folder, in order.
fn in_order(folder: &Path) -> Outcome<Vec<SystemTime>> {
    let mut times = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        times.push(written(&entry?.path())?);
    }
    times.sort();
    Ok(times)
}

fn median(values: &[f64]) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied()
}

/// The largest resident set of a process so far.
fn peak_rss_bytes(pid: u32) -> Outcome<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<u64>().ok());
    Ok(kib.ok_or("the kernel says how large a process was")? * 1024)
}
