//! What is trained on in a run: the site's records, without those that are too close to the consortium's held-out set.
//!
//! Called by `Trainer`. Invariant: in a run that compares, nothing is trained on before the verdict is there, and no
//! record that the verdict leaves out, or that it does not know.

use std::borrow::Cow;
use std::path::PathBuf;

use common::id::RunId;
use common::run::OverlapTerms;
use common::wire::message::TrainFailure;
use data::DataError;
use model::chat::Document;

use super::TrainError;
use super::samples::{self, Documents};
use crate::local::{BlindedFacts, LeftOut};
use crate::overlap::compare::{Step, advance};
use crate::paths::StateFolder;

/// The part of the site's records that a run may use.
pub(super) enum Usable<'a> {
    /// These, and what was left out where the run compares.
    Documents(Cow<'a, [Document]>, Option<LeftOut>),
    /// None yet: these points are to be evaluated first.
    Blinded(BlindedFacts),
}

/// Reads all data files of the site.
///
/// # Errors
/// `DataUnreadable` with file and line, `NoRecords`.
pub(super) fn read(data: &[PathBuf]) -> Result<Documents, TrainError> {
    let documents = samples::read(data).map_err(|error| match error {
        DataError::NoRecords { .. } => TrainError::new(TrainFailure::NoRecords, error),
        other => TrainError::new(TrainFailure::DataUnreadable, other),
    })?;
    if documents.left_out_total > 0 {
        let left_out = documents.left_out_total;
        tracing::warn!(left_out, "records left out; `site-agent check` names them");
    }
    Ok(documents)
}

/// What a run may use of them; `terms` are the manifest's.
///
/// # Errors
/// `OverlapFailed`, `WorkerFailed`; `NoRecords` when nothing is left.
pub(super) fn usable<'a>(
    documents: &'a Documents,
    folder: &StateFolder,
    run: RunId,
    terms: Option<&OverlapTerms>,
) -> Result<Usable<'a>, TrainError> {
    let all = documents.usable.as_slice();
    let Some(terms) = terms else { return Ok(Usable::Documents(Cow::Borrowed(all), None)) };
    let verdict = match advance(folder, run, terms, &documents.features)? {
        Step::Blinded(facts) => return Ok(Usable::Blinded(facts)),
        Step::Compared(verdict) => verdict,
    };
    let excluded = verdict.exclude(&documents.features);
    let (too_close, not_compared) = (excluded.too_close, excluded.not_compared);
    let left_out = LeftOut { too_close, not_compared, records: all.len() as u64 };
    tracing::info!(too_close, not_compared, records = left_out.records, "compared with the held-out set");
    if too_close + not_compared == 0 {
        return Ok(Usable::Documents(Cow::Borrowed(all), Some(left_out)));
    }
    let kept = all.iter().zip(&excluded.exclude).filter(|(_, exclude)| !**exclude);
    let kept: Vec<Document> = kept.map(|(document, _)| document.clone()).collect();
    if kept.is_empty() {
        let words = "every record is too close to the consortium's held-out set or was not compared with it";
        return Err(TrainError::new(TrainFailure::NoRecords, words));
    }
    Ok(Usable::Documents(Cow::Owned(kept), Some(left_out)))
}
