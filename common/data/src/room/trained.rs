//! Hands out the records that are trained on, and no others. Called by the worker. Invariant: each is, byte
//! for byte, the one whose hash is under the manifest's root.

use super::gather::{as_trained, each_batch, unchanged};
use super::options::{RoomFile, RoomOptions};
use super::outcome::{InspectedRecord, Inspection};
use crate::error::{DataError, Result};
use crate::hash::content_hash;
use crate::read::Item;
use crate::record::Record;
use crate::screen::Screen;

impl Inspection {
    /// Reads the files again and hands out every record that a federated run trains on, in the order of
    /// reading, masked where the settings say so.
    ///
    /// # Errors
    /// The errors of [`crate::read::open`] when a file cannot be read; `Changed` when it is not what was
    /// inspected.
    pub fn each_trained(
        &self,
        files: &[RoomFile],
        options: &RoomOptions,
        take: impl FnMut(Record),
    ) -> Result<()> {
        self.each_used(files, options, InspectedRecord::is_trained, take)
    }

    /// As [`Self::each_trained`], of the records that `wanted` picks among those that the room lets through:
    /// one side, or all folds but one.
    ///
    /// # Errors
    /// The same as of [`Self::each_trained`].
    pub fn each_used(
        &self,
        files: &[RoomFile],
        options: &RoomOptions,
        wanted: impl Fn(&InspectedRecord) -> bool,
        mut take: impl FnMut(Record),
    ) -> Result<()> {
        let screen = Screen::new(options.screen.clone());
        let mut outcomes = self.records.iter();
        let again = each_batch(files, options, |batch| {
            for item in batch {
                let inspected = outcomes.next();
                let (Some(inspected), Item::Record(record)) = (inspected, item) else { continue };
                if inspected.assignment.is_none() || !wanted(inspected) {
                    continue;
                }
                let findings =
                    if inspected.findings.is_empty() { Vec::new() } else { screen.record(&record) };
                let findings = screen.standing(&record, &findings);
                let record = as_trained(record, &findings, screen.mode());
                if content_hash(&record) != inspected.content {
                    return Err(DataError::Changed { path: self.path(inspected.place).to_path_buf() });
                }
                take(record);
            }
            Ok(())
        })?;
        unchanged(&self.files, &again)
    }
}
