//! From a job's records to samples: encoded, cut, held out by share, by file or by fold. Called by `training`
//! and `folds`. Invariant: the same job gives the same samples in the same order.

use model::Sample;
use model::chat::{ChatTokenizer, Document};
use prepare::PrepareError;
use prepare::fitting::{Fitting, cutoff_within};
use prepare::samples::{SampleSettings, Samples, of_documents};

use super::job::{Prepared, TrainJob};
use super::records::{self, LocalDocuments};
use crate::error::SiteError;

/// The samples of one training.
///
/// # Errors
/// What is wrong with the records, the tokenizer or the chat template.
pub(super) fn of_training(job: &TrainJob) -> Result<(Samples, Prepared), SiteError> {
    let (read, cutoff_tokens) = read(job)?;
    let training = &job.settings.training;
    // Files to measure on replace the share that would be held out.
    let share = if job.validation.is_empty() { training.validation_share } else { 0.0 };
    let prepare = |documents: &[Document], share: f64| {
        let settings = SampleSettings { cutoff_tokens, validation_share: share, seed: training.seed };
        of_documents(documents, &job.model, settings)
    };
    let mut samples = prepare(&read.training, share)?;
    let mut validation_report = None;
    if !job.validation.is_empty() {
        let prepared = prepare(&read.validation, 0.0)?;
        samples.validation = prepared.training;
        validation_report = Some(prepared.report);
    }
    let prepared = Prepared {
        report: samples.report,
        validation_report,
        training: samples.training.len() as u64,
        validation: samples.validation.len() as u64,
        cutoff_tokens: cutoff_tokens as u64,
        left_out: read.left_out,
        left_out_total: read.left_out_total,
        outdated: read.outdated,
    };
    Ok((samples, prepared))
}

/// The samples of a cross-validation.
#[derive(Debug)]
pub(super) struct Folded {
    /// Those of each fold that has some.
    pub(super) folds: Vec<Fold>,
    /// Folds of which the cutoff or the template left nothing.
    pub(super) without_answer: u64,
}

/// The records that are held out together.
#[derive(Debug, Clone, Default)]
pub(super) struct Fold {
    /// Encoded.
    pub(super) samples: Vec<Sample>,
    /// Of each, its patient's or its cluster's number.
    pub(super) groups: Vec<u32>,
}

/// The samples of a cross-validation, fold by fold.
///
/// # Errors
/// As [`of_training`]; that so many records are not divided into folds.
pub(super) fn of_folds(job: &TrainJob) -> Result<(Folded, Prepared), SiteError> {
    let (read, cutoff_tokens) = read(job)?;
    let prepared = ChatTokenizer::load(&job.model)
        .and_then(|tokenizer| tokenizer.prepare_documents(&read.training, cutoff_tokens))
        .map_err(PrepareError::from)?;
    let count = prepared.samples.len() as u64;
    let planned = read.folds.iter().map(|of| of.fold as usize + 1).max().unwrap_or_default();
    let mut folds = vec![Fold::default(); planned];
    for (sample, source) in prepared.samples.into_iter().zip(prepared.sources) {
        let Some(of) = read.folds.get(source) else { continue };
        if let Some(fold) = folds.get_mut(of.fold as usize) {
            fold.samples.push(sample);
            fold.groups.push(of.group);
        }
    }
    folds.retain(|fold| !fold.samples.is_empty());
    let told = Prepared {
        report: prepared.report,
        validation_report: None,
        training: count,
        validation: 0,
        cutoff_tokens: cutoff_tokens as u64,
        left_out: read.left_out,
        left_out_total: read.left_out_total,
        outdated: read.outdated,
    };
    let without_answer = (planned - folds.len()) as u64;
    Ok((Folded { folds, without_answer }, told))
}

/// The records, and where they are cut.
fn read(job: &TrainJob) -> Result<(LocalDocuments, usize), SiteError> {
    let cutoff_tokens =
        cutoff_within(&job.model, job.settings.training.cutoff_tokens).map_err(PrepareError::from)?;
    let fitting = Fitting::of(&job.model, Some(cutoff_tokens)).map_err(PrepareError::from)?;
    let read = records::read(job, fitting.fit());
    if let Some(fault) = fitting.fault() {
        return Err(PrepareError::from(fault).into());
    }
    Ok((read.map_err(PrepareError::from)?, cutoff_tokens))
}
