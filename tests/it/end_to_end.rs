//! One whole run of three real sites: the loss falls, the books balance, the report is complete.

use anyhow::{Context as _, Result};
use tests::status::LedgerStatus;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

#[test]
fn three_sites_learn_together() -> Result<()> {
    let small = Small::new(&Wish { records: 48, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let run = consortium.launch(&small.run_file)?;
    let status = consortium.wait_published(&run, RUN_WITHIN)?;

    let base = status.base.context("the base model was measured")?.loss;
    assert_eq!(status.history.len(), 2);
    let mut before = base;
    for round in &status.history {
        let after = round.validation.context("every round is measured")?.loss;
        assert!(after < before, "round {}: validation loss {before} -> {after}", round.round);
        assert_eq!(round.updates.len(), 3, "every site counts in round {}", round.round);
        let error = round.aggregation_error.context("the aggregation error is reported")?;
        assert!((0.0..1.0).contains(&error), "aggregation error {error}");
        let found = round.aggregation_error_found.as_ref().context("it is said how it was found")?;
        assert_eq!(found.status, "exact", "three sites are few");
        before = after;
    }
    let test = |score: Option<tests::status::Score>| {
        score.map(|score| score.loss).context("the test set was measured")
    };
    let (test_base, test_final) = (test(status.test.base)?, test(status.test.federated)?);
    assert!(test_final < test_base, "test loss {test_base} -> {test_final}");
    assert_eq!(status.test.openings.len(), 1, "the test set is opened once");

    for site in &consortium.sites {
        let verified = site.run(&["ledger", "verify", "--json"], COMMAND_WITHIN)?.success()?;
        let ledger = LedgerStatus::parse(&verified)?;
        // Two updates must have passed the gate, each of them at least as large as the adapter.
        assert!(ledger.bytes > 2 * std::fs::metadata(adapter_blob(&consortium, &status.adapter))?.len());
    }
    Ok(())
}

fn adapter_blob(consortium: &tests::consortium::Consortium, digest: &str) -> std::path::PathBuf {
    consortium.coordinator.state().join("blobs").join(digest)
}

#[test]
fn two_runs_of_the_same_file_publish_the_same_bytes() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, rounds: 1, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let mut digests = Vec::new();
    for _ in 0..2 {
        let run = consortium.launch(&small.run_file)?;
        digests.push(consortium.wait_published(&run, RUN_WITHIN)?.adapter);
    }
    assert_eq!(digests[0], digests[1]);
    Ok(())
}

/// Two sites of unequal size: what the larger one weighs is seen in the published bytes.
#[test]
fn the_weighting_of_the_run_file_is_obeyed() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, rounds: 1, records: 48, ..Wish::default() })?;
    let whole = &small.setup.sites[1].data[0];
    let first_third = whole.with_file_name("first-third");
    tests::dataset::take(whole, &first_third, 16)?;
    std::fs::rename(first_third, whole)?;
    let mut consortium = small.start()?;
    let mut digests = Vec::new();
    for weighting in ["records", "uniform"] {
        let mut run = tests::run_file::RunFile::read(&small.run_file)?;
        run.set("aggregation", "weighting", weighting.into());
        let file = small.folder.path().join(weighting).with_extension("toml");
        run.write(&file)?;
        let run = consortium.launch(&file)?;
        digests.push(consortium.wait_published(&run, RUN_WITHIN)?.adapter);
    }
    assert_ne!(digests[0], digests[1]);
    Ok(())
}
