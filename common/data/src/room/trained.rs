//! Hands out the records that are trained on, and no others. Called by the worker. Invariant: each is, byte for byte, the
//! one whose hash is under the manifest's root.

use super::gather::{as_trained, each_batch, unchanged};
use super::outcome::{Inspection, Outcome};
use super::{RoomFile, RoomOptions};
use crate::error::{DataError, Result};
use crate::manifest::content_hash;
use crate::read::Item;
use crate::record::Record;
use crate::screen::Screen;

impl Inspection {
    /// Reads the files again and hands out every record that a federated run trains on, in the order of reading, masked
    /// where the settings say so.
    ///
    /// # Errors
    /// What reading says of a file; `Changed` when it is not what was inspected.
    pub fn each_trained(
        &self,
        files: &[RoomFile],
        options: &RoomOptions,
        take: impl FnMut(Record),
    ) -> Result<()> {
        self.each_used(files, options, Outcome::is_trained, take)
    }

    /// As [`Self::each_trained`], of the records that `wanted` picks among those that the room lets through: one side,
    /// or all folds but one.
    ///
    /// # Errors
    /// As [`Self::each_trained`].
    pub fn each_used(
        &self,
        files: &[RoomFile],
        options: &RoomOptions,
        wanted: impl Fn(&Outcome) -> bool,
        mut take: impl FnMut(Record),
    ) -> Result<()> {
        let screen = Screen::new(options.screen.clone());
        let mut outcomes = self.records.iter();
        let again = each_batch(files, options, |batch| {
            for item in batch {
                let outcome = outcomes.next();
                let (Some(outcome), Item::Record(record)) = (outcome, item) else { continue };
                if outcome.assignment.is_none() || !wanted(outcome) {
                    continue;
                }
                let findings = if outcome.findings.is_empty() { Vec::new() } else { screen.record(&record) };
                let findings = screen.standing(&record, &findings);
                let record = as_trained(record, &findings, screen.mode());
                if content_hash(&record) != outcome.content {
                    return Err(DataError::Changed { path: self.path(outcome.place).to_path_buf() });
                }
                take(record);
            }
            Ok(())
        })?;
        unchanged(&self.files, &again)
    }
}
