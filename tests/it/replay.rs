//! A past round computed again, with real processes: the same bytes where all was honest; a worker that put
//! something into its update, other records, another kind of processor and missing files are told apart. Run
//! by `cargo test`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use common::id::Digest;
use serde_json::Value;
use tests::consortium::Consortium;
use tests::wait;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

/// The replay's own words, whether it succeeded, and what it said to a person.
struct Replayed {
    document: Value,
    is_success: bool,
    stderr: String,
}

fn replay(consortium: &Consortium, index: usize, run: &str, round: &str) -> Result<Replayed> {
    let arguments = ["replay", run, "--round", round, "--json"];
    let finished = consortium.sites[index].run(&arguments, COMMAND_WITHIN)?;
    let document = serde_json::from_str(&finished.stdout).unwrap_or(Value::Null);
    Ok(Replayed { document, is_success: finished.status.success(), stderr: finished.stderr })
}

fn wish() -> Wish {
    Wish { sites: 2, ..Wish::default() }
}

#[test]
fn every_round_of_an_honest_site_gives_the_same_bytes_again() -> Result<()> {
    let small = Small::new(&wish())?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    for round in ["1", "2"] {
        let again = replay(&consortium, 0, &run, round)?;
        ensure!(again.is_success, "{}", again.stderr);
        let document = &again.document;
        assert_eq!(document["verdict"], "same-bytes");
        assert_eq!(document["sent_sha256"], document["computed"]["sha256"]);
        assert_eq!(document["data_root"], document["data_root_in_ledger"]);
        for kind in ["offers", "chunks"] {
            let frames = &document["computed"][kind];
            assert!(frames["in_ledger"].as_u64() >= Some(1), "{document}");
            assert_eq!(frames["in_ledger"], frames["same"], "{document}");
        }
    }
    let unknown = replay(&consortium, 0, &run, "3")?;
    assert!(!unknown.is_success && unknown.stderr.contains("no update in round 3"), "{}", unknown.stderr);

    // A tighter policy today does not hinder the proof of what left before it.
    let agent_toml = consortium.sites[0].state().join("agent.toml");
    let settings = std::fs::read_to_string(&agent_toml)?;
    let tighter = settings.replace("records_min = ", "records_min = 9");
    assert_ne!(settings, tighter);
    std::fs::write(&agent_toml, &tighter)?;
    assert!(replay(&consortium, 0, &run, "1")?.is_success);
    std::fs::write(&agent_toml, &settings)?;

    // Other records: nothing is trained, and the roots say so.
    let data = &small.setup.sites[0].data[0];
    let records = std::fs::read(data)?;
    let second_half = records.len() / 2;
    let cut = records[..second_half].iter().rposition(|byte| *byte == b'\n').context("lines")? + 1;
    std::fs::write(data, &records[..cut])?;
    let other = replay(&consortium, 0, &run, "2")?;
    assert!(!other.is_success && other.stderr.contains("not those of the round"), "{}", other.stderr);
    assert_eq!(
        (&other.document["verdict"], &other.document["computed"]),
        (&"other-records".into(), &Value::Null)
    );
    std::fs::write(data, &records)?;
    assert!(replay(&consortium, 0, &run, "2")?.is_success);

    // What [retention] does not keep cannot be computed again.
    let adapter =
        replay(&consortium, 0, &run, "2")?.document["adapter"].as_str().context("a digest")?.to_owned();
    std::fs::remove_file(consortium.sites[0].state().join("inbox").join(adapter))?;
    let gone = replay(&consortium, 0, &run, "2")?;
    assert!(!gone.is_success && gone.stderr.contains("not kept any more"), "{}", gone.stderr);
    // Nothing of the replays stays but the worker's words.
    let left: Vec<_> = names(&consortium.sites[0].state().join("replay"))?;
    assert_eq!(left, ["lock", "worker.log"]);
    Ok(())
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

#[test]
fn on_another_kind_of_processor_the_values_are_close_and_it_is_said_why() -> Result<()> {
    let small = Small::new(&Wish { rounds: 1, ..wish() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let here = replay(&consortium, 0, &run, "1")?;
    ensure!(here.is_success, "{}", here.stderr);
    if here.document["computed"]["computed_on"] == "portable" {
        eprintln!("SKIPPED: this processor has no better instructions than any other");
        return Ok(());
    }
    consortium.sites[0].set_environment("CONSILIUM_CPU", "portable");
    let there = replay(&consortium, 0, &run, "1")?;
    ensure!(there.is_success, "{}", there.stderr);
    let computed = &there.document["computed"];
    assert_eq!(there.document["verdict"], "within-tolerance", "{}", there.document);
    assert_eq!(computed["differences"].as_array().map(Vec::len), Some(1));
    let distance = computed["distance"].as_f64().context("the sent file is kept")?;
    println!("distance {distance}");
    assert!(distance > 0.0 && distance < 0.02, "{distance}");
    Ok(())
}

/// A worker that was replaced: it trains, and then writes a message into the last bits that may leave.
#[test]
fn an_update_that_holds_a_message_is_not_what_the_round_gives() -> Result<()> {
    let small = Small::new(&Wish { rounds: 1, ..wish() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.share_processors();
    consortium.start_coordinator(&[])?;
    for index in 0..2 {
        consortium.join(index)?;
    }
    consortium.start_site(0, &[("CONSILIUM_CRASH_AT", "site-before-protect")])?;
    consortium.start_site(1, &[])?;
    let run = consortium.launch(&small.run_file)?;
    let state = consortium.sites[0].state().to_path_buf();
    let facts = state.join("raw").join(format!("{run}-00001.json"));
    let (interrupt, logs) = (small.setup.interrupt.clone(), state.join("logs"));
    let gateway_log = logs.join("gateway.log");
    wait::until("the trained update", RUN_WITHIN, Duration::from_millis(20), &logs, &interrupt, || {
        let said = std::fs::read_to_string(&gateway_log).unwrap_or_default();
        Ok((facts.exists() && said.contains("crash point site-before-protect")).then_some(()))
    })?;
    consortium.sites[0].kill();
    smuggle(&facts)?;
    consortium.start_site(0, &[])?;
    consortium.wait_published(&run, RUN_WITHIN)?;

    let found = replay(&consortium, 0, &run, "1")?;
    assert_eq!(found.document["verdict"], "different", "{}", found.document);
    assert!(!found.is_success && found.stderr.contains("is not what these records"), "{}", found.stderr);
    let computed = &found.document["computed"];
    assert_eq!(computed["offers"]["same"], 0);
    assert_eq!(computed["differences"], Value::Array(Vec::new()));
    let honest = replay(&consortium, 1, &run, "1")?;
    assert!(honest.is_success, "{}", honest.stderr);
    Ok(())
}

/// Changes the last bit that may leave in the last value of a raw update, and what the worker says of it.
fn smuggle(facts: &Path) -> Result<()> {
    let raw: PathBuf = facts.with_extension("safetensors");
    let mut bytes = std::fs::read(&raw)?;
    // Values keep 12 of their 23 mantissa bits on the way out.
    let last = bytes.len() - 4;
    let value = u32::from_le_bytes(bytes[last..].try_into()?);
    bytes[last..].copy_from_slice(&(value ^ (1 << 11)).to_le_bytes());
    let before = std::fs::read_to_string(facts)?;
    let mut said: Value = serde_json::from_str(&before)?;
    said["digest"] = Digest::of(&bytes).to_string().into();
    std::fs::write(&raw, &bytes)?;
    std::fs::write(facts, said.to_string())?;
    Ok(())
}
