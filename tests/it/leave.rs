//! A site that ends its membership while a run goes on, with real processes: the coordinator hears of it in
//! one frame, the run goes on without it, its keys go and its proofs stay. Run by `cargo test`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tests::consortium::Consortium;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

fn site(consortium: &Consortium, arguments: &[&str]) -> Result<(Option<i32>, String, String)> {
    let finished = consortium.sites[0].run(arguments, COMMAND_WITHIN)?;
    Ok((finished.code(), finished.stdout, finished.stderr))
}

fn files(folder: &Path) -> usize {
    fs::read_dir(folder).map_or(0, |entries| entries.flatten().filter(|entry| entry.path().is_file()).count())
}

/// The key for the heads of the ledger stays, and the ledger still verifies.
fn its_last_head_can_be_taken_away(consortium: &Consortium, small: &Small) -> Result<()> {
    let head = small.folder.path().join("last.checkpoint").to_string_lossy().into_owned();
    for arguments in [["checkpoint", "--out", &head], ["verify", "--checkpoint", &head]] {
        let (code, _, words) = site(consortium, &[&["ledger"], &arguments[..]].concat())?;
        ensure!(code == Some(0), "{words}");
    }
    Ok(())
}

#[test]
fn a_site_leaves_for_good_and_its_proofs_stay() -> Result<()> {
    let small = Small::new(&Wish { rounds: 2, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    consortium.wait_published(&run, RUN_WITHIN)?;
    let state = consortium.sites[0].state().to_path_buf();

    // Not beside a running agent, and not without being asked.
    let (code, _, words) = site(&consortium, &["leave", "--yes"])?;
    ensure!(code == Some(1) && words.contains("is running"), "{words}");
    consortium.sites[0].stop();
    let (code, _, words) = site(&consortium, &["leave"])?;
    ensure!(code == Some(1) && words.contains("nobody can be asked"), "{words}");
    let (code, planned, _) = site(&consortium, &["leave", "--dry-run"])?;
    ensure!(
        code == Some(0) && planned.contains("2 updates") && planned.contains("nothing was done"),
        "{planned}"
    );
    ensure!(state.join("identity/key.pem").exists(), "a dry run removes nothing");

    let mut settings = tests::run_file::RunFile::read(&small.run_file)?;
    settings.set_integer("quorum", "sites", 2);
    settings.write(&small.run_file)?;
    let second = consortium.launch(&small.run_file)?;
    let (code, said, words) = site(&consortium, &["leave", "--yes", "--json"])?;
    ensure!(code == Some(0), "{words}");
    let said: Value = serde_json::from_str(&said)?;
    assert_eq!((&said["left"], &said["coordinator_told"]), (&true.into(), &true.into()));
    ensure!(!state.join("identity/key.pem").exists(), "the key is still there");
    for (folder, left) in [("raw", 0), ("outbox", 0), ("work", 1), ("identity/renewed", 0)] {
        assert_eq!(files(&state.join(folder)), left, "{folder}");
    }
    // The signed terms of both runs it heard of, at most.
    ensure!((1..=2).contains(&files(&state.join("inbox"))), "the terms stay, and no adapter");

    // The others go on, and the coordinator says what became of it.
    consortium.wait_published(&second, RUN_WITHIN)?;
    let listed = consortium.coordinator.run(&["sites", "--json"], COMMAND_WITHIN)?.success()?;
    let listed: Value = serde_json::from_str(&listed)?;
    let ours = listed.as_array().context("a list")?.iter().find(|site| site["site"] == "site-1");
    assert_eq!(ours.context("site-1")?["status"], "left");
    let invited = consortium.coordinator.run(&["invite", "site-1", "--readmit"], COMMAND_WITHIN)?;
    ensure!(invited.code() == Some(1), "its name is not given out again");

    // What only a member does is refused; what proves is not.
    let receipts = small.folder.path().join("receipts.json").to_string_lossy().into_owned();
    let (code, _, words) = site(&consortium, &["ledger", "receipts", "--out", &receipts])?;
    ensure!(code == Some(0), "{words}");
    for member in [&["run"][..], &["check"], &["rejoin"], &["status"], &["approve", &second, "--yes"]] {
        let (code, _, words) = site(&consortium, member)?;
        ensure!(code == Some(1) && words.contains("has left the consortium"), "{member:?}: {words}");
    }
    its_last_head_can_be_taken_away(&consortium, &small)?;
    let page = small.folder.path().join("report.html").to_string_lossy().into_owned();
    let (code, _, words) = site(&consortium, &["ledger", "report", "--out", &page])?;
    ensure!(code == Some(0) && fs::read_to_string(&page)?.contains("end of membership"), "{words}");
    let list = small.folder.path().join("list").to_string_lossy().into_owned();
    consortium.coordinator.run(&["ledger", "site-1", "--out", &list], COMMAND_WITHIN)?.success()?;
    let (code, _, words) = site(&consortium, &["ledger", "reconcile", &list])?;
    ensure!(code == Some(0), "{words}");
    let shown = consortium.sites[0].run(&["ledger", "show", "--last", "1"], COMMAND_WITHIN)?.success()?;
    ensure!(shown.contains("leave"), "{shown}");
    let (code, again, words) = site(&consortium, &["leave", "--yes"])?;
    ensure!(code == Some(0) && again.contains("0 files") && again.contains("has noted it"), "{again}{words}");
    // Who does not tell the coordinator is told what that means, and no later command says otherwise.
    consortium.sites[1].stop();
    for arguments in [&["leave", "--yes", "--without-coordinator"][..], &["leave", "--yes"]] {
        let said = consortium.sites[1].run(arguments, COMMAND_WITHIN)?.success()?;
        ensure!(said.contains("coordinator revoke site-2") && !said.contains("has noted"), "{said}");
    }
    consortium.stop();
    Ok(())
}
