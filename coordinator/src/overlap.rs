//! The coordinator's key for the comparison of sites' records with the held-out set: made at launch, one
//! for each run, read for each batch, deleted when the run is over. Called by `execution::launch`, its
//! child process (`evaluate::child`), `requests::overlap`, `execution::performer` and `server`. Invariants:
//! a key is a file in `ca/` that only the owner can read, durable before the run is journalled; it is never
//! in the database, in a log or on a command line.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use certs::random;
use common::durable;
use common::id::{Point, RunId};
use data::overlap::{Batch, EvaluationKey, Features, OverlapError};
use data::read::{ReadOptions, read_all};
use zeroize::Zeroizing;

use crate::error::{Error, Result};
use crate::state_folder::{StateFolder, blobs};

// The data room does not know the wire, and the wire does not know the data room.
const _: () = assert!(common::limits::OVERLAP_BATCH_POINTS_MAX == data::overlap::BATCH_POINTS);
const _: () = assert!(common::wire::message::OVERLAP_PROOF_POINTS == data::overlap::PROOF_POINTS);
const _: () = assert!(common::limits::OVERLAP_POINTS_MIN == data::limits::OVERLAP_POINTS_MIN);
const _: () = assert!(common::limits::OVERLAP_POINTS_MAX == data::limits::OVERLAP_POINTS_MAX);
const _: () = assert!(common::limits::OVERLAP_SET_BYTES_MAX == data::limits::OVERLAP_SET_BYTES_MAX);

/// Makes the secret of a new run; returns its file.
///
/// # Errors
/// The operating system gives no random bytes, or the file cannot be written.
pub fn create_key(folder: &StateFolder, run: RunId) -> Result<PathBuf> {
    let path = folder.overlap_key(run);
    let seed = Zeroizing::new(random::bytes::<32>()?);
    durable::write(&path, seed.as_slice(), durable::PRIVATE).map_err(Error::io("write", &path))?;
    Ok(path)
}

/// Deletes the secret of a run: from here on nobody can evaluate anything for it.
///
/// # Errors
/// The file is there and cannot be removed.
pub fn delete_key(folder: &StateFolder, run: RunId) -> Result<()> {
    blobs::remove(&folder.overlap_key(run))
}

/// Deletes the secrets of all runs but these, which have not ended: those that ended or never were when we
/// were killed.
///
/// # Errors
/// The folder cannot be read, or a file cannot be removed.
pub fn delete_stray_keys(folder: &StateFolder, unended: &BTreeSet<RunId>) -> Result<()> {
    let keys = folder.ca();
    for entry in std::fs::read_dir(&keys).map_err(Error::io("read", &keys))? {
        let path = entry.map_err(Error::io("read", &keys))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let run =
            name.strip_prefix("overlap-").and_then(|name| name.strip_suffix(".key")?.parse::<RunId>().ok());
        if run.is_some_and(|run| !unended.contains(&run)) {
            blobs::remove(&path)?;
        }
    }
    Ok(())
}

/// The key in a file that [`create_key`] made.
///
/// # Errors
/// The file cannot be read, or does not hold a key.
pub fn read_key(path: &Path, run: RunId) -> Result<EvaluationKey> {
    let bytes = Zeroizing::new(std::fs::read(path).map_err(Error::io("read", path))?);
    let damaged = |reason: String| Error::Config { path: path.to_path_buf(), reason };
    let seed = <[u8; 32]>::try_from(bytes.as_slice()).map(Zeroizing::new);
    let seed = seed.map_err(|_| damaged("it does not have 32 bytes; it cannot be made again".into()))?;
    EvaluationKey::from_seed(&seed, &run.0).map_err(|error| damaged(error.to_string()))
}

/// Writes the published set for the records of the held-out files to `out`; returns the run's public key.
///
/// # Errors
/// The key or a held-out file cannot be read, or the set cannot be made or written.
pub fn publish(held_out: &[PathBuf], key: &Path, run: RunId, out: &Path) -> Result<Point> {
    let key = read_key(key, run)?;
    let dataset = read_all(held_out, &ReadOptions::default()).map_err(|error| Error::Model {
        message: error.to_string(),
        hint: error.hint(),
        user: error.is_user_error(),
    })?;
    let internal = |error: OverlapError| Error::Internal(error.to_string());
    let set = key.publish(&Features::of_all(&dataset.records)).map_err(internal)?;
    durable::write(out, &set.to_bytes(), durable::ORDINARY).map_err(Error::io("write", out))?;
    Ok(Point(key.public_key().to_bytes()))
}

/// Evaluates a batch with the run's key, which must be the one that the sites were told.
///
/// # Errors
/// The key cannot be read, is not the one that the manifest names, or the batch cannot be evaluated.
pub fn evaluate(folder: &StateFolder, run: RunId, public_key: Point, batch: &Batch) -> Result<Vec<u8>> {
    let path = folder.overlap_key(run);
    let key = read_key(&path, run)?;
    if key.public_key().to_bytes() != public_key.0 {
        let reason = "it is not the key that the run's manifest names".to_owned();
        return Err(Error::Config { path, reason });
    }
    let random = Zeroizing::new(random::bytes::<32>()?);
    key.evaluate(batch, &random).map_err(|error| Error::Internal(error.to_string()))
}

#[cfg(test)]
mod tests;
