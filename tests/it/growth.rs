//! Nothing grows with the rounds: both sides keep what the rule in `[retention]` says, `prune` does it by
//! hand, and a full disk is waited out.
//!
//! Run by `cargo test`.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::Result;
use tests::consortium::Consortium;
use tests::failure::Failure;
use tests::wait::{self, Interrupt};

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, TinyDisk, Wish};

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).into_iter().flatten().count()
}

#[test]
fn after_many_rounds_both_sides_keep_what_the_rule_says() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, rounds: 5, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let site = consortium.sites[0].state().to_owned();
    // What was acknowledged goes; of the last round it may not have gone yet.
    assert!(site.join("raw").is_dir());
    let raw = files(&site.join("raw"));
    assert!(raw <= 2, "{raw} files in raw/ after five rounds");
    // Manifest, adapter, the held-out set, answers.
    let inbox = files(&site.join("inbox"));
    // Terms, held-out set, answers, and the adapter that each round began with, for its replay.
    assert!((6..=8).contains(&inbox), "{inbox} files in inbox/ after five rounds");
    consortium.stop();

    let coordinator = &consortium.coordinator;
    let config = coordinator.state().join("coordinator.toml");
    let text = fs::read_to_string(&config)?;
    let text = text
        .replace("update_rounds = 2", "update_rounds = 1")
        .replace("adapter_rounds = 50", "adapter_rounds = 1");
    fs::write(&config, text)?;
    let blobs = coordinator.state().join("blobs");
    let before = files(&blobs);
    let shown = coordinator.run(&["prune", "--dry-run", "--json"], COMMAND_WITHIN)?.success()?;
    let shown: serde_json::Value = serde_json::from_str(&shown)?;
    let named = shown["files"].as_array().map_or(0, Vec::len);
    assert_eq!(files(&blobs), before, "a dry run removes nothing");
    // Two updates of each of four rounds, and the adapters that are neither first, newest nor best.
    assert!((8..=8 + 4).contains(&named), "{named} of {before} files would go");
    coordinator.run(&["prune"], COMMAND_WITHIN)?.success()?;
    assert_eq!(files(&blobs), before - named);
    coordinator.run(&["check"], COMMAND_WITHIN)?.success()?;
    let out = small.folder.path().join("adapter");
    let out = out.to_str().unwrap_or_default();
    coordinator.run(&["export", &run, "--format", "peft", out], COMMAND_WITHIN)?.success()?;
    consortium.sites[0].run(&["prune", "--dry-run"], COMMAND_WITHIN)?.success()?;

    // With a database that knows nothing, every file would look as if nobody needed it.
    let left = files(&blobs);
    for name in ["coordinator.db", "coordinator.db-wal", "coordinator.db-shm"] {
        let _ = fs::remove_file(coordinator.state().join(name));
    }
    let refused = coordinator.run(&["prune"], COMMAND_WITHIN)?;
    assert_eq!(refused.code(), Some(1), "{}", refused.stderr);
    assert!(refused.stderr.contains("lost its database"), "{}", refused.stderr);
    assert_eq!(files(&blobs), left);
    Ok(())
}

#[test]
fn a_site_waits_for_room_on_its_disk_and_goes_on() -> Result<()> {
    let small = Small::new(&Wish { sites: 1, rounds: 1, ..Wish::default() })?;
    let mut consortium = Consortium::create(small.setup.clone())?;
    consortium.start_coordinator(&[])?;
    let state = consortium.sites[0].state().to_owned();
    fs::create_dir_all(&state)?;
    // Less than [retention] wants to be left, and enough to join.
    let parent = state.parent().unwrap_or(&state).to_owned();
    let Some(_disk) = TinyDisk::mount(&parent, "200m") else {
        println!("SKIPPED: this machine lets nobody mount a file system");
        return Ok(());
    };
    consortium.join(0)?;
    consortium.start_site(0, &[])?;
    let run = consortium.launch(&small.run_file)?;
    let interrupt = Interrupt::default();
    let logs = consortium.logs().to_owned();
    let waits = || {
        let said = fs::read_to_string(state.join("logs").join("gateway.log")).unwrap_or_default();
        Ok::<_, Failure>(said.contains("NoRoom").then_some(()))
    };
    wait::until(
        "the site's word",
        Duration::from_secs(60),
        Duration::from_millis(150),
        &logs,
        &interrupt,
        waits,
    )?;
    consortium.all_must_be_running()?;
    let grown = Command::new("mount").args(["-o", "remount,size=2g"]).arg(&parent).status()?;
    assert!(grown.success());
    consortium.wait_published(&run, RUN_WITHIN)?;
    consortium.stop();
    Ok(())
}
