//! The comparison of sites' records with the consortium's held-out set, through real processes: what is too
//! close is found and left out, nothing else is; what reaches the coordinator is points that nobody can tell
//! apart, the same ones after a crash, and no more of them than the site declared.

mod hostile;
mod planted;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use common::id::{Digest, RunId};
use common::ledger::{Kind, Record};
use common::run::{OverlapTerms, SignedManifest};
use common::wire::frame;
use common::wire::message::{Envelope, Request};
use data::overlap::{Batch, POINT_BYTES};
use tests::consortium::Consortium;
use tests::run_file::RunFile;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};
use planted::Planted;

/// A small consortium whose runs compare.
fn small(sites: usize) -> Result<Small> {
    let small = Small::new(&Wish { sites, rounds: 2, ..Wish::default() })?;
    let mut run = RunFile::read(&small.run_file)?;
    run.set("overlap", "enabled", toml::Value::Boolean(true));
    // Room for a question of sixty rare characters, of which each is several tokens to the demo's tokenizer.
    run.set_integer("training", "cutoff_tokens", 512);
    run.write(&small.run_file)?;
    Ok(small)
}

#[test]
fn planted_duplicates_are_left_out_and_only_uniform_points_leave() -> Result<()> {
    let small = small(2)?;
    let planted = Planted::write(&small)?;
    let mut consortium = small.start()?;
    // The first site dies after its first points left, and again after its worker made the verdict.
    consortium.sites[0].kill();
    consortium.start_site(0, &[("CONSILIUM_CRASH_AT", "site-overlap-sent")])?;
    let first = consortium.launch(&small.run_file)?;
    let mut sent = points_of(&mut consortium)?;
    consortium.wait_published(&first, RUN_WITHIN)?;
    every_frame_is_these_points(&consortium, &first, &sent)?;

    // Exactly what a comparison in the clear would find, at each site.
    for (site, expected) in planted.expected.iter().enumerate() {
        let text = consortium.sites[site].run(&["status", "--json"], COMMAND_WITHIN)?.success()?;
        let status: serde_json::Value = serde_json::from_str(&text)?;
        assert_eq!(status["records_too_close_to_held_out"], *expected, "site {}", site + 1);
        assert_eq!(status["rounds"][0]["records"], planted.records[site] - expected, "site {}", site + 1);
    }
    assert_eq!(planted.expected[1], 0, "nothing was planted there");

    let second = consortium.launch(&small.run_file)?;
    sent.extend(points_of(&mut consortium)?);
    consortium.wait_published(&second, RUN_WITHIN)?;
    let terms = all_terms(&consortium.sites[0].state().join("inbox"))?;
    let keys: HashSet<[u8; 32]> = terms.iter().map(|terms| terms.public_key.0).collect();
    assert_eq!((terms.len(), keys.len()), (2, 2), "each run has a key of its own");
    let left: Vec<PathBuf> = files(&consortium.coordinator.state().join("ca"), "overlap-")?;
    assert!(left.is_empty(), "keys outlived their runs: {left:?}");
    consortium.stop();

    // The transcript, of both sites and both runs: valid points, none of them twice.
    let mut seen = HashSet::new();
    for bytes in &sent {
        for batch in bytes.chunks(4096 * POINT_BYTES) {
            Batch::parse(batch)?;
        }
        seen.extend(bytes.chunks(POINT_BYTES));
    }
    let all: usize = sent.iter().map(|bytes| bytes.len() / POINT_BYTES).sum();
    assert_eq!((sent.len(), seen.len()), (4, all), "no point ever repeats");
    println!("{all} points in 4 files, all different");
    Ok(())
}

#[test]
fn who_does_not_want_to_compare_does_not() -> Result<()> {
    let small = small(2)?;
    let mut run = RunFile::read(&small.run_file)?;
    run.set_integer("", "rounds", 1);
    run.set_integer("quorum", "sites", 1);
    run.write(&small.run_file)?;
    let mut consortium = small.start()?;
    // A site whose policy says no sits out a run that asks for it.
    consortium.sites[1].kill();
    let policy = consortium.sites[1].state().join("agent.toml");
    let text = std::fs::read_to_string(&policy)?;
    assert!(text.contains("\noverlap = true\n"), "{text}");
    std::fs::write(&policy, text.replace("\noverlap = true\n", "\noverlap = false\n"))?;
    consortium.sign_policy(1)?;
    consortium.start_site(1, &[])?;
    let asked = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&asked, RUN_WITHIN)?;
    assert_eq!(status.history[0].updates, ["site-1"]);
    assert_eq!(overlap_frames(&consortium, 1)?, 0, "nothing left");
    let before = overlap_frames(&consortium, 0)?;
    assert!(before >= 2, "the other site declared and asked");

    // A run that does not ask for it has both, and nobody sends a point.
    run.set("overlap", "enabled", toml::Value::Boolean(false));
    run.set_integer("quorum", "sites", 2);
    run.write(&small.run_file)?;
    let plain = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&plain, RUN_WITHIN)?;
    assert_eq!(status.history[0].updates, ["site-1", "site-2"]);
    assert_eq!((overlap_frames(&consortium, 0)?, overlap_frames(&consortium, 1)?), (before, 0));
    consortium.stop();
    Ok(())
}

/// Frames about the comparison in a site's ledger.
fn overlap_frames(consortium: &Consortium, site: usize) -> Result<usize> {
    let records = ledger(consortium.sites[site].state())?;
    let is_overlap = |record: &&Record| matches!(record.kind, Kind::OverlapDeclare | Kind::OverlapBlinded);
    Ok(records.iter().filter(is_overlap).count())
}

fn ledger(state: &Path) -> Result<Vec<Record>> {
    let text = std::fs::read_to_string(state.join("ledger/ledger.log"))?;
    Ok(text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?)
}

/// The points in every site's outbox, as soon as they are there.
fn points_of(consortium: &mut Consortium) -> Result<Vec<Vec<u8>>> {
    let outboxes: Vec<PathBuf> = consortium.sites.iter().map(|site| site.state().join("outbox")).collect();
    let deadline = Instant::now() + RUN_WITHIN;
    let mut found = vec![None; outboxes.len()];
    while found.iter().any(Option::is_none) {
        ensure!(Instant::now() < deadline, "no points came into the outbox");
        for (found, outbox) in found.iter_mut().zip(&outboxes) {
            for path in files(outbox, "")? {
                let bytes = std::fs::read(&path).unwrap_or_default();
                // An adapter is no power of two of 32 bytes; a file that is not renamed yet has no digest for
                // a name.
                let named = path.file_name().is_some_and(|name| name.len() == 64);
                if named && bytes.len() % POINT_BYTES == 0 && (bytes.len() / POINT_BYTES).is_power_of_two() {
                    *found = Some(bytes);
                }
            }
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(found.into_iter().flatten().collect())
}

/// Rebuilds each frame of the ledger from the points in the outbox: the digests must agree, so these bytes
/// left and no others, at every attempt.
fn every_frame_is_these_points(consortium: &Consortium, run: &str, sent: &[Vec<u8>]) -> Result<()> {
    let id: RunId = run.parse()?;
    for (site, points) in consortium.sites.iter().zip(sent) {
        let records = ledger(site.state())?;
        let of = |kind: Kind| records.iter().filter(move |record| record.kind == kind);
        let count = u32::try_from(points.len() / POINT_BYTES)?;
        let mut frames = 0;
        for record in of(Kind::OverlapBlinded) {
            assert_eq!((record.run.as_deref(), record.round), (Some(run), None));
            let request = Request::OverlapBlinded { run: id, offset: 0, count };
            let mut bytes = frame::to_bytes(&Envelope { sequence: record.sequence, request })?;
            bytes.extend_from_slice(points);
            assert_eq!(Digest::of(&bytes).to_string(), record.sha256, "{}", site.name());
            frames += 1;
        }
        assert_eq!(of(Kind::OverlapDeclare).count() >= 1, frames >= 1);
        println!("{}: {count} points, sent {frames} times, the same bytes each time", site.name());
        if site.name() == "site-1" {
            assert!(frames >= 2, "it was to die after the first");
        }
    }
    Ok(())
}

/// The comparisons that the manifests in an inbox describe.
fn all_terms(inbox: &Path) -> Result<Vec<OverlapTerms>> {
    let manifests = files(inbox, "")?.into_iter().filter_map(|path| std::fs::read(path).ok());
    Ok(manifests.filter_map(|bytes| SignedManifest::from_bytes(&bytes).ok()?.manifest.overlap).collect())
}

fn files(folder: &Path, prefix: &str) -> Result<Vec<PathBuf>> {
    let entries = std::fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    let paths = entries.filter_map(|entry| Some(entry.ok()?.path()));
    let named =
        |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(prefix));
    Ok(paths.filter(|path| path.is_file()).filter(named).collect())
}
