//! Networks as they are between hospitals: losses alone and in bursts, long and narrow lines, a NAT that
//! gives another address in the middle of an upload, a path that lets only small packets through. Real
//! processes and real QUIC, through a relay that misbehaves from a seed. Run by `cargo test`, at length by
//! `deploy/long-tests`.
//!
//! Whatever the network does, a run publishes what it publishes on a calm one. Every run has a seed of its
//! own, for what the coordinator has already is not sent again.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use tests::consortium::Consortium;
use tests::relay::Faults;
use tests::run_file::RunFile;
use toml::Value;

use crate::support::{RUN_WITHIN, Small, Wish};

/// Large for the demo's model, 1.2 MB: an upload takes a while.
const RANK: i64 = 32;
const LOOK_EVERY: Duration = Duration::from_millis(100);

fn wish() -> Wish {
    Wish { sites: 2, records: 8, relayed: true, ..Wish::default() }
}

fn run_file(small: &Small, seed: i64) -> Result<PathBuf> {
    let mut run = RunFile::read(&small.run_file)?;
    run.set_integer("adapter", "rank", RANK);
    run.set_integer("training", "seed", seed);
    run.set_integer("quorum", "deadline_s", 1800);
    run.set("overlap", "enabled", Value::Boolean(false));
    let path = small.folder.path().join(format!("seed-{seed}.toml"));
    run.write(&path)?;
    Ok(path)
}

/// Runs one under each of these faults; `meanwhile` is called until it is over. Returns the adapters.
fn disturbed(
    consortium: &mut Consortium,
    small: &Small,
    all: &[(&str, Faults)],
    mut meanwhile: impl FnMut(&Consortium, &str, Duration),
) -> Result<Vec<String>> {
    let mut adapters = Vec::new();
    for (seed, (what, faults)) in all.iter().enumerate() {
        consortium.relay().context("a relay")?.set_faults(*faults);
        let began = Instant::now();
        let run = consortium.launch(&run_file(small, seed as i64)?)?;
        let status = loop {
            ensure!(began.elapsed() < 5 * RUN_WITHIN, "{what}: run {run} did not end");
            consortium.all_must_be_running()?;
            meanwhile(consortium, what, began.elapsed());
            match consortium.published(&run).with_context(|| (*what).to_owned())? {
                Some(status) => break status,
                None => std::thread::sleep(LOOK_EVERY),
            }
        };
        println!("{what}: {:.1} s", began.elapsed().as_secs_f64());
        ensure!(status.history.iter().all(|round| round.updates.len() == 2), "{what}: {status:?}");
        adapters.push(status.adapter);
    }
    Ok(adapters)
}

/// The same runs where nothing disturbs them give the same bytes.
fn as_on_a_calm_network(all: &[(&str, Faults)], adapters: &[String]) -> Result<()> {
    let calm = Small::new(&Wish { relayed: false, ..wish() })?;
    let mut consortium = calm.start()?;
    for (seed, ((what, _), adapter)) in all.iter().zip(adapters).enumerate() {
        let run = consortium.launch(&run_file(&calm, seed as i64)?)?;
        let status = consortium.wait_published(&run, RUN_WITHIN)?;
        ensure!(&status.adapter == adapter, "{what}: another adapter than on a calm network");
    }
    consortium.stop();
    Ok(())
}

#[test]
fn addresses_and_packets_that_change_during_an_upload_change_nothing_but_the_time() -> Result<()> {
    let small = Small::new(&wish())?;
    let mut consortium = small.start()?;
    // Four updates of 1.2 MB take some ten seconds on such a line, so that each change comes while some are
    // sent.
    let narrow = Faults { kbit_per_s: 4_000, delay_ms: 20, ..Faults::default() };
    let all = [("another address every 700 ms", narrow), ("packets of 1,250 bytes at most", narrow)];
    let mut rebound = Duration::ZERO;
    let adapters = disturbed(&mut consortium, &small, &all, |consortium, what, elapsed| {
        let Some(relay) = consortium.relay() else { return };
        if what.starts_with("packets") {
            // Path MTU discovery has found larger ones by then.
            let datagram_bytes_max = if elapsed > Duration::from_secs(2) { 1_250 } else { 0 };
            relay.set_faults(Faults { datagram_bytes_max, ..narrow });
        } else if elapsed > rebound + Duration::from_millis(700) {
            rebound = elapsed;
            relay.rebind();
        }
    })?;
    ensure!(rebound > Duration::from_secs(3), "the first run was over before the address had changed often");
    let dropped = consortium.relay().context("a relay")?.up().dropped_packets;
    ensure!(dropped > 0, "no packet was too large");
    consortium.stop();
    as_on_a_calm_network(&all, &adapters)
}

#[test]
#[ignore = "minutes: run by deploy/long-tests"]
fn a_lossy_network_changes_nothing_but_the_time() -> Result<()> {
    let seed = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1);
    println!("SEED={seed}");
    let small = Small::new(&wish())?;
    let mut consortium = small.start()?;
    let lossy = |drop_per_mille, burst, round_trip_ms: u64, kbit_per_s| Faults {
        seed,
        drop_per_mille,
        burst,
        delay_ms: round_trip_ms / 2,
        kbit_per_s,
        ..Faults::default()
    };
    let all = [
        ("1 % lost, one by one", lossy(10, 1, 0, 0)),
        ("5 % lost, 8 at a time, 20 ms", lossy(50, 8, 20, 0)),
        ("25 % lost, one by one", lossy(250, 1, 0, 0)),
        ("25 % lost, 4 at a time, 20 ms", lossy(250, 4, 20, 0)),
        ("round trips of 200 ms, 20 Mbit/s", lossy(0, 1, 200, 20_000)),
        ("round trips of 800 ms, 1 % lost", lossy(10, 1, 800, 0)),
        ("2 Mbit/s, 100 ms, 1 % lost, 4 at a time", lossy(10, 4, 100, 2_000)),
    ];
    let adapters = disturbed(&mut consortium, &small, &all, |_, _, _| ())?;
    consortium.stop();
    as_on_a_calm_network(&all, &adapters)
}
