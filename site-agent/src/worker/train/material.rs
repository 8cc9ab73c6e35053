//! What is trained on in a run: the site's records, without those that are too close to the consortium's
//! held-out set.
//!
//! Called by `RoundTrainer`. Invariant: in a run that compares, nothing is trained on before the verdict is
//! there, and no record that the verdict leaves out, or that it does not know.

use std::borrow::Cow;

use common::id::{Digest, RunId};
use common::run::OverlapTerms;
use common::wire::message::TrainFailure;
use data::overlap::Features;
use data::{DataError, Record};
use model::chat::Document;
use prepare::records;

use crate::config::AgentConfig;
use crate::paths::StateFolder;
use crate::pipe::{BlindedFacts, LeftOut};
use crate::waiver;
use crate::worker::overlap::{Step, advance};
use crate::worker::room;
use crate::worker::train_error::TrainError;

/// The site's records, and of each what is compared with the consortium's held-out set.
#[derive(Debug, Clone, Default)]
pub(super) struct Documents {
    pub(super) usable: Vec<Document>,
    pub(super) features: Vec<Option<Features>>,
}

impl Documents {
    fn of(records: &[Record]) -> Self {
        Self { usable: records::documents(records), features: Features::of_all(records) }
    }
}

/// The part of the site's records that a run may use.
pub(super) enum Usable<'a> {
    /// These, and what was left out where the run compares.
    Documents(Cow<'a, [Document]>, Option<LeftOut>),
    /// None yet: these points are to be evaluated first.
    Blinded(BlindedFacts),
}

/// The site's records as the data room lets them through, in memory for all rounds of a run.
pub(super) struct SiteData {
    pub(super) documents: Documents,
    /// Of the manifest over them.
    pub(super) root: Digest,
}

/// Takes all data files of the site through the data room and writes its manifest.
///
/// # Errors
/// `DataUnreadable` with file and line, `NoRecords`; `NotAllowed` when the screen cannot be relied upon, or
/// the waiver in force does not hold.
pub(super) fn read(config: &AgentConfig, folder: &StateFolder) -> Result<SiteData, TrainError> {
    let failed = |error: DataError| match error {
        DataError::NoRecords { .. } => TrainError::new(TrainFailure::NoRecords, error),
        DataError::ScreenUnfit { .. } => TrainError::new(TrainFailure::NotAllowed, error),
        other => TrainError::new(TrainFailure::DataUnreadable, other),
    };
    let accepted =
        waiver::in_force(folder).map_err(|error| TrainError::new(TrainFailure::NotAllowed, error))?;
    let admitted = room::admit(config, accepted).map_err(failed)?;
    let counts = &admitted.inspection.manifest.counts;
    let left_out_total = counts.read - admitted.records.len() as u64;
    if left_out_total > 0 {
        let blocked = counts.blocked;
        tracing::warn!(left_out_total, blocked, "records left out; `site-agent data check` names them");
    }
    if let Some(line) = admitted.outdated(config.data_room.years_max, waiver::today().year) {
        tracing::warn!("{line}");
    }
    let root = admitted.root().map_err(failed)?;
    let path = admitted.write_manifest(folder).map_err(failed)?;
    tracing::info!(manifest = %path.display(), records = admitted.records.len(), "data manifest written");
    Ok(SiteData { documents: Documents::of(&admitted.records), root })
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
