//! `coordinator simulate` beside a real run: real processes on this machine, their bytes counted between
//! them, their disk and memory measured, and what was predicted of the same run file. Run by `cargo test`
//! with a few sites, by `deploy/long-tests` with 20.
//!
//! Bytes and disk have to be predicted within 5 %, time and memory within a factor of two: a machine that
//! trains for all sites at once is none that a plan is made for. How long a training takes is no prediction:
//! the run's rounds say it, on average, as the first one is slower where nothing is warm yet. With a few
//! sites on a busy machine time says nothing: it is printed, and only the long test holds it to its factor.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use model::bench::peak_rss_bytes;
use serde_json::Value;
use tests::consortium::Consortium;
use tests::dataset;
use tests::process;
use tests::run_file::RunFile;
use tests::status::RunStatus;
use tests::wait::Interrupt;
use toml::Value as Setting;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish, demo_settings};

/// What bytes and disk may differ by.
const BYTES: f64 = 0.05;
/// What the time may differ by, as a factor.
const TIME: f64 = 2.0;
/// What memory may differ by, as a factor: an allocator keeps what it has.
const MEMORY: f64 = 2.0;
/// Small sites, so that a round takes seconds; large updates for their size, so that they outweigh the rest.
const RECORDS: usize = 16;
const RANK: i64 = 32;
const ROUNDS: u32 = 3;

/// What was found of a real run.
#[derive(Debug)]
struct Measured {
    wall_s: f64,
    training_s: f64,
    up: u64,
    down: u64,
    files: u64,
    memory: u64,
}

fn bytes_in(folder: &Path) -> u64 {
    let files = fs::read_dir(folder).into_iter().flatten().flatten();
    files.filter_map(|file| file.metadata().ok()).map(|facts| facts.len()).sum()
}

/// Seconds of the day, with their fraction.
fn seconds(moment: &str) -> Option<f64> {
    let time = moment.split_once('T')?.1.trim_end_matches('Z');
    let parts: Vec<f64> = time.split(':').map(|part| part.parse().ok()).collect::<Option<_>>()?;
    Some(parts.iter().fold(0.0, |sum, part| sum * 60.0 + part))
}

fn wall_s(status: &RunStatus) -> Option<f64> {
    let first = seconds(&status.history.first()?.announced)?;
    let last = seconds(status.history.last()?.published.as_ref()?)?;
    // Midnight may have been between them.
    Some((last - first).rem_euclid(86_400.0))
}

/// Records of its own for each site: equal updates would be one file.
fn own_records(small: &Small) -> Result<()> {
    let demo = demo_settings()?;
    for (index, site) in small.setup.sites.iter().enumerate() {
        let source = &demo.sites[index % demo.sites.len()].data[0];
        dataset::take(source, &site.data[0], RECORDS + index / demo.sites.len())?;
    }
    Ok(())
}

/// A run without held-out sets, whose measurement is another matter.
fn run_file(small: &Small) -> Result<()> {
    let text = fs::read_to_string(&small.run_file)?;
    let of_held_out_sets = ["validation = ", "test = ", "loss_increase_max = "];
    let is_held_out = |line: &&str| of_held_out_sets.iter().any(|key| line.starts_with(key));
    let lines: Vec<&str> = text.lines().filter(|line| !is_held_out(line)).collect();
    fs::write(&small.run_file, lines.join("\n"))?;
    let mut file = RunFile::read(&small.run_file)?;
    file.set_integer("adapter", "rank", RANK);
    file.set_integer("quorum", "deadline_s", 600);
    file.set("overlap", "enabled", Setting::Boolean(false));
    file.set("evaluation", "sample_questions", Setting::Integer(0));
    Ok(file.write(&small.run_file)?)
}

fn measure(small: &Small) -> Result<(Consortium, Measured)> {
    let mut consortium = small.start()?;
    let state = consortium.coordinator.state().to_owned();
    let run = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&run, 4 * RUN_WITHIN)?;
    let relay = consortium.relay().context("a relay")?;
    let (up, down) = (relay.up().bytes, relay.down().bytes);
    let trainings = status.history.iter().map(|round| round.training_ms.context("a training"));
    let training_ms: u64 = trainings.sum::<Result<u64>>()?;
    let process = consortium.coordinator.process().context("a coordinator")?.id();
    let measured = Measured {
        wall_s: wall_s(&status).context("times of rounds")?,
        training_s: training_ms as f64 / 1000.0 / f64::from(ROUNDS),
        up,
        down,
        files: bytes_in(&state.join("blobs")),
        memory: peak_rss_bytes(&process.to_string()),
    };
    Ok((consortium, measured))
}

fn predict(small: &Small, consortium: &Consortium, train_s: f64) -> Result<Value> {
    let (sites, train_s) = (consortium.sites.len().to_string(), train_s.max(0.001).to_string());
    let run = small.run_file.to_string_lossy().into_owned();
    let line = ["--uplink-mbit", "1000", "--downlink-mbit", "1000", "--round-trip-ms", "1"];
    let told =
        ["simulate", "--run", &run, "--sites", &sites, "--train-s", &train_s, "--spread", "0", "--json"];
    let printed = consortium.coordinator.run_without_state(&[&told[..], &line].concat(), COMMAND_WITHIN)?;
    Ok(serde_json::from_str(&printed.success()?)?)
}

fn number(document: &Value, path: &str) -> Result<f64> {
    document.pointer(path).and_then(Value::as_f64).with_context(|| format!("{path} in {document}"))
}

fn beside_a_real_run(sites: usize, time: f64) -> Result<()> {
    let wish = Wish { sites, records: RECORDS, rounds: ROUNDS, relayed: true };
    let small = Small::new(&wish)?;
    own_records(&small)?;
    run_file(&small)?;
    let (mut consortium, measured) = measure(&small)?;
    let predicted = predict(&small, &consortium, measured.training_s)?;
    let mut faults = Vec::new();
    let mut compare = |what: &str, predicted: f64, measured: f64, factor: f64| {
        let ratio = predicted / measured;
        println!("{what:<24} predicted {predicted:>12.1} measured {measured:>12.1} ratio {ratio:.3}");
        if !(1.0 / factor..=factor).contains(&ratio) {
            faults.push(format!("{what}: {predicted} was predicted, {measured} measured"));
        }
    };
    println!("{sites} sites, {ROUNDS} rounds");
    compare("seconds", number(&predicted, "/wall_ms/median")? / 1000.0, measured.wall_s, time);
    compare("bytes from sites", number(&predicted, "/wire/up_bytes")?, measured.up as f64, 1.0 + BYTES);
    compare("bytes to sites", number(&predicted, "/wire/down_bytes")?, measured.down as f64, 1.0 + BYTES);
    compare("bytes of files", number(&predicted, "/disk/end_bytes")?, measured.files as f64, 1.0 + BYTES);
    compare("bytes of memory", number(&predicted, "/memory/expected_bytes")?, measured.memory as f64, MEMORY);
    ensure!(measured.memory as f64 <= number(&predicted, "/memory/most_bytes")?, "{measured:?}");
    consortium.stop();
    consortium.coordinator.run(&["prune"], COMMAND_WITHIN)?.success()?;
    let kept = bytes_in(&consortium.coordinator.state().join("blobs")) as f64;
    compare("bytes that stay", number(&predicted, "/disk/kept_bytes")?, kept, 1.0 + BYTES);
    ensure!(faults.is_empty(), "{}", faults.join("\n"));
    Ok(())
}

#[test]
fn what_was_predicted_of_four_sites_is_what_they_took() -> Result<()> {
    beside_a_real_run(4, f64::INFINITY)
}

#[test]
#[ignore = "60 processes; run by deploy/long-tests"]
fn what_was_predicted_of_twenty_sites_is_what_they_took() -> Result<()> {
    beside_a_real_run(20, TIME)
}

#[test]
fn a_simulated_site_has_the_pace_of_a_real_one() {
    use coordinator::limits as here;
    use site_agent::limits as there;

    assert_eq!(here::SITE_BACKOFF_MS_MAX, there::BACKOFF_MS_MAX);
    assert_eq!(here::SITE_PAUSE_MS_MIN, there::PAUSE_MS_MIN);
    assert_eq!(here::SITE_PROGRESS_MESSAGES_MAX, u64::from(there::PROGRESS_MESSAGES_MAX));
}

#[test]
fn a_thousand_sites_fit_a_terminal_and_what_is_no_plan_is_refused_by_name() -> Result<()> {
    let program = tests::binaries::Binaries::find()?.coordinator;
    let folder = tempfile::tempdir()?;
    let simulate = |words: &str| {
        let mut command = std::process::Command::new(&program);
        command.arg("simulate").args(words.split(' ')).env("NO_COLOR", "1").current_dir(folder.path());
        process::run(command, "simulate", folder.path(), COMMAND_WITHIN, &Interrupt::default())
    };
    let told = "--sites 1000 --update-mb 161 --rounds 5 --drop 5% --aggregate-mb-s 500 --runs 1";
    let shown = simulate(told)?.success()?;
    assert!(shown.lines().all(|line| line.chars().count() <= 80), "{shown}");
    for word in ["wall time", "on the wire", "disk", "memory", "quorum", "missing", "Assumed:", "ddd", "ttt"]
    {
        assert!(shown.contains(word), "{word} is not in\n{shown}");
    }
    assert!(shown.contains("this version takes") && !shown.contains('\u{1b}'), "{shown}");
    assert_eq!(shown, simulate(told)?.success()?, "the same seed, the same words");
    for bad in [
        "--update-mb 1",
        "--sites 0 --update-mb 1",
        "--sites 99999999999999999999 --update-mb 1",
        "--sites 20000 --update-mb 1",
        "--sites 3",
        "--sites 3 --update-mb NaN",
        "--sites 3 --update-mb -1",
        "--sites 3 --update-mb 1e300",
        "--sites 3 --update-mb 1 --uplink-mbit 0",
        "--sites 3 --update-mb 1 --drop 5",
        "--sites 3 --update-mb 1 --rounds 0",
        "--sites 3 --update-mb 1 --rounds 4294967295",
        "--sites 3 --update-mb 1 --quorum 4",
        "--sites 3 --update-mb 1 --quorum 0",
        "--sites 3 --update-mb 1 --deadline 0s",
        "--sites 3 --update-mb 1 --deadline 9999999d",
        "--sites 3 --update-mb 1 --deadline 10s --grace 11s",
        "--sites 3 --update-mb 1 --train-s inf",
        "--sites 3 --update-mb 1 --runs 0",
        "--sites 3 --update-mb 1 --runs 18446744073709551615",
        "--sites 10000 --update-mb 1 --rounds 10000",
        "--run gone.toml",
    ] {
        let refused = simulate(bad)?;
        assert_eq!(refused.code(), Some(1), "{bad}: {}{}", refused.stdout, refused.stderr);
    }
    let edge = "--sites 1 --update-mb 0.001 --rounds 2 --drop 100% --away 999999999d --spread 3 --train-s 604800 \
                --uplink-mbit 0.001 --coordinator-mbit 0.001 --round-trip-ms 60000 --evaluate-s 604800 \
                --aggregate-mb-s 0.001 --deadline 7d --grace 0s --seed 18446744073709551615 --runs 3";
    let edge: Vec<&str> = edge.split_whitespace().collect();
    assert_eq!(simulate(&edge.join(" "))?.code(), Some(0));
    Ok(())
}
