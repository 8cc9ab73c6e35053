//! How hard some records of each part of a split are for the base model. Called by `check`, behind its locks.
//! Invariants: at most [`BASE_LOSS_RECORDS_MAX`] records of a part, spread evenly over the files, so that the
//! same files give the same ones; numbers come out, no text.

use std::cell::Cell;
use std::path::Path;

use common::run::BaseSettings;
use data::room::{InspectedRecord, Inspection, RoomFile, RoomOptions};
use data::split::{Assignment, Side};
use model::{BaseModel, ChatTokenizer, ModelError, evaluate_each};
use prepare::PrepareError;
use prepare::records::documents;
use prepare::settings::load_options;

use crate::error::SiteError;
use crate::limits::{BASE_LOSS_RECORDS_MAX, EVALUATION_BATCH_MAX};

/// What is measured with which model.
pub(super) struct Measured<'a> {
    pub(super) files: &'a [RoomFile],
    pub(super) room: &'a RoomOptions,
    pub(super) model: &'a Path,
    pub(super) cutoff_tokens: usize,
}

impl Measured<'_> {
    /// The loss of each record that was chosen, in nats per token of its answers. `show` is told how many are
    /// done.
    ///
    /// # Errors
    /// `Data` where the split has no held-out part; what reading records or the model says.
    pub(super) fn losses(
        &self,
        inspection: &Inspection,
        show: &mut dyn FnMut(u64),
    ) -> Result<Vec<(Side, f64)>, SiteError> {
        let parts = [Side::Train, Side::Validation, Side::Test];
        let of = |part: Side| {
            let is_in = |assignment: Option<Assignment>| assignment == Some(Assignment::Side(part));
            inspection.records.iter().filter(|record| is_in(record.assignment)).count()
        };
        if parts[1..].iter().all(|part| of(*part) == 0) {
            let hint = "divide them, for instance with --split 80-10-10, or leave out --base-loss";
            return Err(SiteError::data(
                "no part of these records is held out, so there is nothing to compare",
                hint,
            ));
        }
        let options = &load_options(&BaseSettings::default());
        let load = || Ok((ChatTokenizer::load(self.model)?, BaseModel::load(self.model, options)?));
        let with = load().map_err(|error: ModelError| PrepareError::from(error))?;
        let mut losses = Vec::new();
        for part in parts {
            let done = losses.len() as u64;
            let each = self.of_part(inspection, part, &with, &mut |now| show(done + now))?;
            losses.extend(each.into_iter().map(|loss| (part, loss)));
        }
        Ok(losses)
    }

    fn of_part(
        &self,
        inspection: &Inspection,
        part: Side,
        with: &(ChatTokenizer, BaseModel),
        show: &mut dyn FnMut(u64),
    ) -> Result<Vec<f64>, SiteError> {
        let is_in = |record: &InspectedRecord| record.assignment == Some(Assignment::Side(part));
        let count = inspection.records.iter().filter(|record| is_in(record)).count();
        // The inspection is gone through in the order of the files: each is chosen by its number in its part.
        let number = Cell::new(0);
        let chosen = |record: &InspectedRecord| {
            if !is_in(record) {
                return false;
            }
            let here = number.replace(number.get() + 1);
            is_chosen(here, count, BASE_LOSS_RECORDS_MAX)
        };
        let mut records = Vec::new();
        let taken = inspection.each_used(self.files, self.room, chosen, |record| records.push(record));
        taken.map_err(PrepareError::from)?;
        let (tokenizer, base) = with;
        let prepared = match tokenizer.prepare_documents(&documents(&records), self.cutoff_tokens) {
            Err(ModelError::NothingSupervised { .. }) => return Ok(Vec::new()),
            prepared => prepared.map_err(PrepareError::from)?,
        };
        let mut tell = |done: usize, _| show(done as u64);
        let (_, each) = evaluate_each(base, None, &prepared.samples, EVALUATION_BATCH_MAX, &mut tell)
            .map_err(PrepareError::from)?;
        Ok(each.iter().filter(|one| one.tokens > 0).map(|one| one.loss / one.tokens as f64).collect())
    }
}

/// Whether the record with this number, of so many, is one of at most `most` that are spread evenly.
fn is_chosen(number: usize, count: usize, most: usize) -> bool {
    count <= most || (number + 1) * most / count > number * most / count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_are_chosen_and_evenly() {
        for (count, most) in [(0, 3), (2, 3), (3, 3), (4, 3), (1_000, 300), (301, 300), (999_999, 300)] {
            let chosen: Vec<usize> = (0..count).filter(|number| is_chosen(*number, count, most)).collect();
            assert_eq!(chosen.len(), count.min(most), "{count}");
            let widest = chosen.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap_or(0);
            assert!(widest <= count / most + 1, "{count}: {widest}");
        }
    }
}
