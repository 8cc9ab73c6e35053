//! The whole way from files to records that may be trained on: read -> check -> screen -> duplicates -> split -> manifest.
//! Called by the worker before training and by `site-agent data check`.
//!
//! [`inspect`] streams the files and keeps some hundred bytes a record, no text; [`Inspection::each_trained`] streams them
//! once more and hands out the records to be trained on. Invariants: what is handed out is exactly what the manifest's root
//! was computed over (each record's hash is compared); files that changed in between are an error; the same files and
//! settings give the same inspection on any machine and with any number of threads.

mod divide;
mod gather;
mod options;
mod outcome;
mod trained;

pub use options::{RoomFile, RoomOptions};

pub use crate::dedup::{DuplicatePolicy, UnknownPolicy};
pub use outcome::{FoundAt, Inspection, LikeRecord, Outcome, Verdict};

use crate::error::Result;

/// What the room is doing; for a progress bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Reading and screening; so many records so far.
    Reading {
        /// Records read.
        records: u64,
    },
    /// Reading again to compare texts that look alike; of all records, so many so far.
    Comparing {
        /// Records read again.
        records: u64,
        /// All records.
        total: u64,
    },
    /// Dividing records and computing the manifest.
    Dividing,
}

/// Looks at all records of some files and decides about each.
///
/// # Errors
/// What reading says of a file; [`DataError::Changed`](crate::DataError::Changed) when one changed between two passes;
/// `Setting` for an impossible split.
pub fn inspect(
    files: &[RoomFile],
    options: &RoomOptions,
    progress: &mut dyn FnMut(Step),
) -> Result<Inspection> {
    let mut gathered = gather::gather(files, options, progress)?;
    let duplicates = gather::duplicates(files, options, &mut gathered, progress)?;
    progress(Step::Dividing);
    divide::divide(files, options, gathered, &duplicates)
}

#[cfg(test)]
mod tests;
