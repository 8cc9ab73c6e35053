//! The worker's half of the comparison with the held-out set: from records to blinded points, and from
//! answers to what is left out. Called by `train::material`.
//!
//! Invariants: a seed is made once in a run and never leaves `work/`; no answer is believed before its proof
//! holds under the public key of the manifest; a verdict is durable before anything is trained, and is the
//! run's only one.

use std::fs::{self, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use common::crash_point;
use common::durable;
use common::id::{Digest, RunId};
use common::run::OverlapTerms;
use common::wire::message::TrainFailure;
use data::overlap::{
    Features, OverlapError, OverlapResult, POINT_BYTES, PublicKey, PublishedSet, Query, answer_bytes,
};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::inbox::Inbox;
use super::train_error::TrainError;
use crate::overlap::{answers_path, answers_total, batches, query_path, raw_points_path, result_path};
use crate::paths::StateFolder;
use crate::pipe::BlindedFacts;
use crate::pipe::files;

/// How far the comparison is.
#[derive(Debug, PartialEq)]
pub enum Step {
    /// These points are to be evaluated by the coordinator.
    Blinded(BlindedFacts),
    /// It is done.
    Compared(OverlapResult),
}

/// Goes as far as the files that are there allow. `records` are those of now; the verdict may be about those
/// of an earlier start.
///
/// # Errors
/// `OverlapFailed` when the coordinator's files or answers do not hold; `WorkerFailed` for our own disk.
pub fn advance(
    folder: &StateFolder,
    run: RunId,
    terms: &OverlapTerms,
    records: &[Option<Features>],
) -> Result<Step, TrainError> {
    if let Some(bytes) = read_if_there(&result_path(folder, run))? {
        forget_question(folder, run);
        return OverlapResult::from_bytes(&bytes).map(Step::Compared).map_err(failed);
    }
    let asked = load_or_create(folder, run, records)?;
    let complete = answers_total(asked.points());
    match fs::metadata(answers_path(folder, run)) {
        Ok(metadata) if metadata.len() == complete => conclude(folder, run, terms, asked).map(Step::Compared),
        _ => blind(folder, run, &asked).map(Step::Blinded),
    }
}

/// The query of this run: the stored one, or a new one with a fresh seed.
fn load_or_create(
    folder: &StateFolder,
    run: RunId,
    records: &[Option<Features>],
) -> Result<Query, TrainError> {
    let path = query_path(folder, run);
    if let Some(bytes) = read_if_there(&path)? {
        return Query::from_bytes(&Zeroizing::new(bytes)).map_err(failed);
    }
    forget_others(folder, run);
    let mut seed = Zeroizing::new([0; 32]);
    getrandom::fill(seed.as_mut_slice())
        .map_err(|error| TrainError::new(TrainFailure::WorkerFailed, error))?;
    let made = Query::new(records, seed).map_err(failed)?;
    durable::write(&path, &made.to_bytes(), durable::PRIVATE).map_err(|error| disk(&path, &error))?;
    tracing::info!(features = made.features(), points = made.points(), "comparing with the held-out set");
    Ok(made)
}

/// Writes the file of blinded points. A query decides all of them, so after a crash it is the same file.
fn blind(folder: &StateFolder, run: RunId, query: &Query) -> Result<BlindedFacts, TrainError> {
    let path = raw_points_path(folder, run);
    let part = path.with_extension("part");
    let at = |error: io::Error| disk(&part, &error);
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(durable::ORDINARY);
    let mut file = options.open(&part).map_err(at)?;
    let mut hasher = Sha256::new();
    for (first, _) in batches(query.points()) {
        let bytes = query.blinded(first).map_err(failed)?;
        hasher.update(&bytes);
        file.write_all(&bytes).map_err(at)?;
    }
    file.sync_all().map_err(at)?;
    durable::publish(&part, &path).map_err(at)?;
    crash_point!("site-overlap-blinded");
    Ok(BlindedFacts { digest: Digest(hasher.finalize().into()), points: query.points() })
}

/// Verifies every proof, finds the hits, and keeps the verdict. The seed and the points are then of no use.
fn conclude(
    folder: &StateFolder,
    run: RunId,
    terms: &OverlapTerms,
    asked: Query,
) -> Result<OverlapResult, TrainError> {
    let public_key = PublicKey::from_bytes(terms.public_key.0).map_err(failed)?;
    let set = Inbox::new(folder).adapter(terms.set).map_err(|error| overlap_failed(error.words))?;
    let set = PublishedSet::from_bytes(&set).map_err(failed)?;
    let open = |path: &Path, bytes: u64| {
        files::open(path, bytes).map(|(file, _)| file).map_err(|unfit| disk(path, &unfit.into_io()))
    };
    let (points_path, replies_path) = (raw_points_path(folder, run), answers_path(folder, run));
    let mut points = open(&points_path, u64::from(asked.points()) * POINT_BYTES as u64)?;
    let mut replies = open(&replies_path, answers_total(asked.points()))?;
    let mut hits = Vec::with_capacity(asked.features());
    for (first, count) in batches(asked.points()) {
        let (mut blinded, mut answer) = (vec![0; count * POINT_BYTES], vec![0; answer_bytes(count)]);
        points.read_exact(&mut blinded).map_err(|error| disk(&points_path, &error))?;
        replies.read_exact(&mut answer).map_err(|error| disk(&replies_path, &error))?;
        hits.extend(asked.hits(first, &blinded, &answer, &public_key, &set).map_err(failed)?);
    }
    let found = asked.result(hits).map_err(failed)?;
    let path = result_path(folder, run);
    durable::write(&path, &found.to_bytes(), durable::PRIVATE).map_err(|error| disk(&path, &error))?;
    crash_point!("site-overlap-compared");
    forget_question(folder, run);
    Ok(found)
}

/// Removes the seed and the points: with the verdict they are of no use.
fn forget_question(folder: &StateFolder, run: RunId) {
    for path in [query_path(folder, run), raw_points_path(folder, run)] {
        // What cannot be removed now is tried again each time the verdict is read.
        let _ = fs::remove_file(path);
    }
}

/// Removes what earlier runs left in the worker's folders.
fn forget_others(folder: &StateFolder, run: RunId) {
    let ours = format!("overlap-{run}.");
    for entry in
        [folder.work(), folder.raw()].iter().filter_map(|path| fs::read_dir(path).ok()).flatten().flatten()
    {
        let name = entry.file_name();
        if name.to_str().is_some_and(|name| name.starts_with("overlap-") && !name.starts_with(&ours)) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, TrainError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(disk(path, &error)),
    }
}

fn disk(path: &Path, error: &io::Error) -> TrainError {
    TrainError::new(TrainFailure::WorkerFailed, format!("{}: {error}", path.display()))
}

fn failed(error: OverlapError) -> TrainError {
    overlap_failed(error)
}

fn overlap_failed(words: impl std::fmt::Display) -> TrainError {
    TrainError::new(TrainFailure::OverlapFailed, format!("the comparison with the held-out set: {words}"))
}
