//! The site's half of the comparison with the consortium's held-out set, once in a run before its first training.
//!
//! ```text
//! worker   compare   records -> query (work/, 0600) -> blinded points (raw/)
//! gateway  points    each one checked, copied to the outbox: from here on the bytes are fixed
//! gateway  agent     declares the number, sends batch by batch, stores the answers (inbox/)
//! worker   compare   proofs verified -> verdict (work/) -> records that are too close are not trained on
//! ```
//!
//! Files are named by the run. Whoever finds a file complete goes on from there, so either process may be killed
//! anywhere. What the coordinator learns is the number of points, a power of two.

pub mod answers;
pub mod compare;
pub mod points;

use std::path::PathBuf;

use common::id::RunId;

use crate::paths::StateFolder;

/// Blinded points as the worker made them.
#[must_use]
pub fn raw_points(folder: &StateFolder, run: RunId) -> PathBuf {
    folder.raw().join(format!("overlap-{run}.points"))
}

/// The coordinator's answers, batch after batch, all of them.
#[must_use]
pub fn answers(folder: &StateFolder, run: RunId) -> PathBuf {
    folder.inbox().join(format!("overlap-{run}.answers"))
}

/// What is asked, with the secret seed of its blinding; gone once there is a verdict.
#[must_use]
pub fn query(folder: &StateFolder, run: RunId) -> PathBuf {
    folder.work().join(format!("overlap-{run}.query"))
}

/// What came of it.
#[must_use]
pub fn verdict(folder: &StateFolder, run: RunId) -> PathBuf {
    folder.work().join(format!("overlap-{run}.verdict"))
}

#[cfg(test)]
mod tests;
