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

/// Half a pass a round: each round has half of the steps, the loss falls, and what the server remembers is a
/// file of the coordinator beside each published adapter.
#[test]
fn rounds_of_half_a_pass_go_on_and_the_server_goes_further_than_the_mean() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, records: 32, rounds: 3, ..Wish::default() })?;
    let mut consortium = small.start()?;
    let mut adapters = Vec::new();
    for optimizer in ["none", "momentum"] {
        let mut run = tests::run_file::RunFile::read(&small.run_file)?;
        run.set("training", "epochs", 0.5.into());
        run.set("aggregation", "server_optimizer", optimizer.into());
        let file = small.folder.path().join(optimizer).with_extension("toml");
        run.write(&file)?;
        let run = consortium.launch(&file)?;
        let status = consortium.wait_published(&run, RUN_WITHIN)?;
        let losses: Vec<f64> =
            status.history.iter().filter_map(|round| Some(round.validation?.loss)).collect();
        assert!(losses.len() == 3 && losses.is_sorted_by(|a, b| a > b), "{optimizer}: {losses:?}");
        let report = consortium.coordinator.run(&["report", &run, "--json"], COMMAND_WITHIN)?.success()?;
        let report: serde_json::Value = serde_json::from_str(&report)?;
        let rule = if optimizer == "none" { None } else { Some("momentum 0.5, rate 1") };
        assert_eq!(report["run"]["local_work"], "0.5 epochs");
        assert_eq!(report["run"]["server_optimizer"].as_str(), rule);
        adapters.push(status.history.iter().map(|round| round.adapter.clone()).collect::<Vec<_>>());
        // 32 records in steps of 8 are 4 steps a pass.
        let metrics = consortium.sites[0].state().join("logs/metrics");
        for round in 1..=3 {
            let rows = std::fs::read_to_string(metrics.join(format!("{run}-{round:05}.jsonl")))?;
            assert_eq!(
                rows.lines().filter(|row| row.contains("total_steps\":2")).count(),
                2,
                "round {round}: {rows}"
            );
        }
    }
    // What is remembered is nothing in the first round, and then moves every adapter.
    assert_eq!(adapters[0][0], adapters[1][0]);
    assert_ne!(adapters[0][1], adapters[1][1]);
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
