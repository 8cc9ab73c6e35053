//! The whole way from files to records that may be trained on: read -> validate -> screen -> duplicates ->
//! split -> manifest. Called by the worker before training and by `site-agent data check`.
//!
//! [`inspect`] streams the files and keeps some hundred bytes a record, no text; [`Inspection::each_trained`]
//! streams them once more and hands out the records to be trained on. Invariants: what is handed out is
//! exactly what the manifest's root was computed over (each record's hash is compared); files that changed in
//! between are an error; the same files and settings give the same inspection on any machine and with any
//! number of threads.

mod divide;
mod fit;
mod gather;
mod options;
mod outcome;
mod step;
mod trained;

#[cfg(test)]
mod tests;

pub use self::fit::Fit;
pub use self::options::{RoomFile, RoomOptions};
pub use self::outcome::{FoundAt, InspectedRecord, Inspection, LikeRecord, RecordOutcome};
pub use self::step::Step;
pub use crate::dedup::{DuplicatePolicy, UnknownPolicy};

use crate::error::Result;
use crate::read::Item;
use crate::record::Record;
use crate::screen::{self, Finding};

/// Looks at all records of some files and decides about each.
///
/// # Errors
/// The errors of [`crate::read::open`] when a file cannot be read;
/// [`DataError::Changed`](crate::DataError::Changed) when one changed between two passes; `Setting` for an
/// impossible split or mixture, or a waiver for other records.
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

/// Hands out every usable record as it stands in the files, in the order in which the room reads them (mixed
/// where the options say so): what a waiver's digest is over.
///
/// # Errors
/// The errors of [`crate::read::open`] when a file cannot be read; `Setting` for an impossible mixture.
pub fn each_readable(files: &[RoomFile], options: &RoomOptions, mut take: impl FnMut(Record)) -> Result<()> {
    gather::each_batch(files, options, |batch| {
        for item in batch {
            if let Item::Record(record) = item {
                take(record);
            }
        }
        Ok(())
    })
    .map(drop)
}

/// The record as it is trained on: in `mask` mode with placeholders for the findings that stand.
#[must_use]
pub fn as_trained(record: Record, standing: &[Finding], mode: screen::Mode) -> Record {
    gather::as_trained(record, standing, mode)
}
