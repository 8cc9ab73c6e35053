//! Runs that train one factor of the adapter at a time (FFA-LoRA, RoLoRA): real sites send half of it, what
//! is published is all of it, what no site trained has the bytes that it had, and a site computes its half
//! again. Run by `cargo test`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use common::run::{AggregationMethod, Factors, SignedManifest};
use safetensors::SafeTensors;
use tests::consortium::Consortium;
use tests::run_file::RunFile;
use tests::status::RunStatus;
use toml::Value;

use crate::support::{COMMAND_WITHIN, RUN_WITHIN, Small, Wish};

const ROUNDS: u32 = 3;

fn launch(consortium: &mut Consortium, small: &Small, method: AggregationMethod) -> Result<RunStatus> {
    let mut file = RunFile::read(&small.run_file)?;
    file.set("aggregation", "method", Value::String(method.word().to_owned()));
    let path = small.folder.path().join("halves.toml");
    file.write(&path)?;
    let run = consortium.launch(&path)?;
    Ok(consortium.wait_published(&run, RUN_WITHIN)?)
}

/// Names of the tensors in which two adapters differ.
fn changed(one: &[u8], other: &[u8]) -> Result<Vec<String>> {
    let (one, other) = (SafeTensors::deserialize(one)?, SafeTensors::deserialize(other)?);
    let mut names = Vec::new();
    for (name, tensor) in one.tensors() {
        if other.tensor(&name)?.data() != tensor.data() {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn manifest(consortium: &Consortium, run: &str) -> Result<SignedManifest> {
    let blobs = fs::read_dir(consortium.coordinator.state().join("blobs"))?;
    blobs
        .flatten()
        .filter_map(|file| SignedManifest::from_bytes(&fs::read(file.path()).ok()?).ok())
        .find(|signed| signed.manifest.run.to_string() == run)
        .context("the run's terms")
}

fn largest(folder: &Path) -> Result<u64> {
    let sizes = fs::read_dir(folder)?.flatten().filter_map(|file| Some(file.metadata().ok()?.len()));
    sizes.max().context("a file")
}

#[test]
fn sites_send_the_half_that_a_round_trains_and_the_other_half_stays() -> Result<()> {
    let small = Small::new(&Wish { sites: 2, records: 8, rounds: ROUNDS, ..Wish::default() })?;
    let mut consortium = small.start()?;
    for method in [AggregationMethod::Ffa, AggregationMethod::RoLora] {
        let status = launch(&mut consortium, &small, method)?;
        let manifest = manifest(&consortium, &status.run)?.manifest;
        let blob = |digest: &str| fs::read(consortium.coordinator.state().join("blobs").join(digest));
        let published: Vec<&str> = status
            .history
            .iter()
            .map(|round| round.adapter.as_deref().context("published"))
            .collect::<Result<_>>()?;
        for (index, pair) in published.windows(2).enumerate() {
            let round = common::id::Round(index as u32 + 2);
            let trained: Vec<String> =
                manifest.update_tensors(round).into_iter().map(|tensor| tensor.name).collect();
            let changed = changed(&blob(pair[0])?, &blob(pair[1])?)?;
            ensure!(changed == trained, "{method:?}, round {round}: {changed:?}");
            ensure!(trained.len() * 2 == manifest.tensors.len());
        }
        let of: Vec<Factors> = (1..=ROUNDS).map(|round| manifest.factors(common::id::Round(round))).collect();
        let turns = if method == AggregationMethod::Ffa {
            [Factors::B; 3]
        } else {
            [Factors::B, Factors::A, Factors::B]
        };
        ensure!(of == turns, "{of:?}");
        let whole = blob(published[0])?.len() as u64;
        ensure!(largest(&consortium.sites[0].state().join("outbox"))? < whole * 3 / 4, "an update is a half");
        // Their mean is the mean of the products.
        ensure!(status.history.iter().all(|round| round.aggregation_error == Some(0.0)), "{status:?}");
        let replay = ["replay", &status.run, "--round", "2"];
        let said = consortium.sites[0].run(&replay, COMMAND_WITHIN)?.success()?;
        ensure!(said.contains("same"), "{said}");
    }
    consortium.stop();
    Ok(())
}
