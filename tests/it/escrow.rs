//! Frames in escrow, with real processes: after a run every frame that left opens with the officer's key and
//! is the one of the ledger, a piece of an update shows the whole of it, and no other key and no changed file
//! does. Run by `cargo test`.

use std::fs;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::consortium::Consortium;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

#[test]
fn every_frame_of_a_run_opens_and_shows_what_left() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let path = |name: &str| small.folder.path().join(name).to_string_lossy().into_owned();
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    consortium.join(0)?;
    let (key, other) = (path("escrow.key"), path("other.key"));
    let site = &consortium.sites[0];
    let mut recipients = Vec::new();
    for file in [&key, &other] {
        let arguments = ["ledger", "escrow", "new-key", file, "--json"];
        let made = site.run_without_state(&arguments, COMMAND_WITHIN)?.success()?;
        let made: Value = serde_json::from_str(&made)?;
        recipients.push(made["recipient"].as_str().context("a recipient")?.to_owned());
    }
    let config = site.state().join("agent.toml");
    let text = fs::read_to_string(&config)?;
    let section = format!("\n[escrow]\nrecipient = \"{}\"\nkeep_days = 30\nmib_max = 64\n", recipients[0]);
    fs::write(&config, text + &section)?;
    consortium.start_site(0, &[])?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.sites[0].stop();

    let site = &consortium.sites[0];
    let ledger = site.run(&["ledger", "show", "--json"], COMMAND_WITHIN)?.success()?;
    let mut last_chunk = None;
    let mut kinds = std::collections::BTreeSet::new();
    for line in ledger.lines() {
        let record: Value = serde_json::from_str(line)?;
        let (number, kind) = (record["sequence"].to_string(), record["kind"].as_str().context("a kind")?);
        if record["length"] == 0 || kind == "join" {
            let refused = site.run(&["ledger", "open", &number, "--key", &key], COMMAND_WITHIN)?;
            ensure!(refused.code() == Some(1), "{kind}: {}", refused.stdout);
            continue;
        }
        let shown =
            site.run(&["ledger", "open", &number, "--key", &key, "--json"], COMMAND_WITHIN)?.success()?;
        let shown: Value = serde_json::from_str(&shown)?;
        assert_eq!((&shown["sha256"], &shown["length"]), (&record["sha256"], &record["length"]));
        if kind == "chunk" {
            let update = &shown["update"];
            assert_eq!(update["whole"], true, "{update}");
            let tensors = update["tensors"].as_array().context("tensors")?;
            assert!(tensors.len() > 2 && tensors.iter().any(|tensor| tensor["norm"].as_f64() > Some(0.0)));
            last_chunk = Some(number);
        }
        kinds.insert(kind.to_owned());
    }
    assert!(kinds.contains("hello") && kinds.contains("offer") && kinds.contains("commit"), "{kinds:?}");
    let chunk = last_chunk.context("a chunk left")?;
    let printed = site.run(&["ledger", "open", &chunk, "--key", &key], COMMAND_WITHIN)?.success()?;
    assert!(printed.contains("all of its pieces are kept") && printed.contains("norm"), "{printed}");

    let foreign = site.run(&["ledger", "open", &chunk, "--key", &other], COMMAND_WITHIN)?;
    ensure!(foreign.code() == Some(1) && foreign.stderr.contains("another key"), "{}", foreign.stderr);
    let folder = fs::read_dir(site.state().join("escrow"))?.collect::<Result<Vec<_>, _>>()?;
    let file = folder.first().context("a day")?.path();
    let mut bytes = fs::read(&file)?;
    ensure!(!bytes.windows(8).any(|window| window == b"lora_A.w"), "the escrow is not sealed");
    bytes.iter_mut().skip(300).step_by(1000).for_each(|byte| *byte ^= 1);
    fs::write(&file, bytes)?;
    let changed = site.run(&["ledger", "open", &chunk, "--key", &key], COMMAND_WITHIN)?;
    ensure!(changed.code() == Some(1), "{}", changed.stdout);
    consortium.stop();
    Ok(())
}
