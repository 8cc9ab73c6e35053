//! What both processes of a site know of the comparison with the consortium's held-out set, which is made
//! once in a run before its first training: the names of the files that they exchange, and how points are cut
//! into batches. Used by `worker::overlap` and `gateway::overlap`.
//!
//! ```text
//! worker   overlap   records -> query (work/, 0600) -> blinded points (raw/)
//! gateway  points    each one checked, copied to the outbox: from here on the bytes are fixed
//! gateway  exchange  declares the number, sends batch by batch, stores the answers (inbox/)
//! worker   overlap   proofs verified -> result (work/)  -> records that are too close are not trained on
//! ```
//!
//! Files are named by the run. Whoever finds a file complete goes on from there, so either process may be
//! killed anywhere. What the coordinator learns is the number of points, a power of two.

use std::path::PathBuf;

use common::id::RunId;
use data::overlap::{BATCH_POINTS, answer_bytes, batch_points};

use crate::paths::StateFolder;

/// Blinded points as the worker made them.
#[must_use]
pub fn raw_points_path(folder: &StateFolder, run: RunId) -> PathBuf {
    folder.raw().join(format!("overlap-{run}.points"))
}

/// The coordinator's answers, batch after batch, all of them.
#[must_use]
pub fn answers_path(folder: &StateFolder, run: RunId) -> PathBuf {
    folder.inbox().join(format!("overlap-{run}.answers"))
}

/// What is asked, with the secret seed of its blinding; gone once there is a verdict.
#[must_use]
pub fn query_path(folder: &StateFolder, run: RunId) -> PathBuf {
    folder.work().join(format!("overlap-{run}.query"))
}

/// Which records are left out: the result of the comparison, the only one of its run.
#[must_use]
pub fn result_path(folder: &StateFolder, run: RunId) -> PathBuf {
    folder.work().join(format!("overlap-{run}.verdict"))
}

/// Bytes of all answers to so many points.
#[must_use]
pub fn answers_total(points: u32) -> u64 {
    batches(points).map(|(_, count)| answer_bytes(count) as u64).sum()
}

/// First point and number of points of each batch.
pub fn batches(points: u32) -> impl Iterator<Item = (u32, usize)> {
    (0..points)
        .step_by(BATCH_POINTS)
        .filter_map(move |first| batch_points(points, first).map(|count| (first, count)))
}

#[cfg(test)]
mod tests;
