//! Cross-validation that is really trained: for each fold an adapter on all the others, measured on the fold
//! and thrown away. Called by `child`.
//!
//! Invariants: the fold that is measured decides nothing of its training, neither when it stops nor which
//! adapter is measured; every record is held out once; a fold that is done is not trained again after a
//! crash, and the result is that of a cross-validation which was never interrupted.

mod journal;
pub mod result;

use std::sync::atomic::{AtomicBool, Ordering};

use data::limits::FOLDS_MAX;
use data::split::SchemeChoice;
use model::evaluate::evaluate_each;
use model::{Adapter, BaseModel, ModelError, Sample, TrainData};
use prepare::{PrepareError, settings};

use self::journal::{Journal, key_of};
use self::result::{FoldResult, FoldsTogether, Measured, RecordChange};
use super::course::{Course, Say};
use super::job::{TrainJob, TrainingReport};
use super::out::OutFolder;
use super::samples::{Fold, Folded, of_folds};
use crate::error::SiteError;
use crate::limits::EVALUATION_BATCH_MAX;

/// Trains and measures every fold that is not done, and says what they say together.
///
/// # Errors
/// As of a training; fewer than two folds, or more than anybody waits for; that the folder holds another
/// cross-validation.
pub(super) fn work(
    job: &TrainJob,
    scheme: SchemeChoice,
    stop: &AtomicBool,
    say: &mut Say<'_>,
) -> Result<(), SiteError> {
    let (folded, prepared) = of_folds(job)?;
    bounded(&folded)?;
    say(&TrainingReport::Prepared(Box::new(prepared)))?;
    let options = settings::load_options(&job.settings.base);
    let base = BaseModel::load_on(&job.model, &options, job.device).map_err(PrepareError::from)?;
    let training = settings::training(&job.settings.training);
    let course = Course { job, base: &base, settings: &training, stop };
    let adapter = course.start().map_err(PrepareError::from)?;
    let folder = OutFolder::begin(job)?;
    let key = key_of(job, &folded.folds, &base.fingerprint(), &adapter)?;
    let mut journal = Journal::open(&folder, key, scheme)?;
    let (folds, done) = (folded.folds.len() as u64, journal.results().len() as u64);
    say(&TrainingReport::Folded { folds, done, without_answer: folded.without_answer })?;
    for (index, held_out) in folded.folds.iter().enumerate().skip(journal.results().len()) {
        let number = index as u64 + 1;
        let others = folded.folds.iter().enumerate().filter(|(other, _)| *other != index);
        let samples: Vec<Sample> = others.flat_map(|(_, fold)| fold.samples.iter().cloned()).collect();
        say(&TrainingReport::Fold {
            number,
            training: samples.len() as u64,
            held_out: held_out.samples.len() as u64,
        })?;
        let Some(result) = fold(&course, &folder, &adapter, Parts { number, samples, held_out }, say)? else {
            return Ok(());
        };
        journal.add(&folder, result.clone())?;
        folder.fold_done(number);
        // The records stay here: the pipe takes no message as long as a large fold.
        say(&TrainingReport::FoldMeasured(Box::new(FoldResult { records: Vec::new(), ..result })))?;
    }
    let together = FoldsTogether::of(journal.results());
    journal.finish(&folder, together)?;
    say(&TrainingReport::CrossValidated(Box::new(together)))
}

/// Each fold is a training: nobody waits for thousands.
fn bounded(folded: &Folded) -> Result<(), SiteError> {
    let (sentence, hint) = match folded.folds.len() {
        ..2 => {
            ("there are records for fewer than two folds".to_owned(), "add records, or raise --cutoff-tokens")
        }
        count if count > FOLDS_MAX as usize => (
            format!("{count} folds are {count} trainings, and at most {FOLDS_MAX} are made"),
            "ask for fewer, such as --folds 5",
        ),
        _ => return Ok(()),
    };
    Err(SiteError::Data { sentence, hint: Some(hint.into()) })
}

/// One fold's records.
struct Parts<'a> {
    number: u64,
    samples: Vec<Sample>,
    held_out: &'a Fold,
}

/// One fold; `None` when it was stopped, which is said.
fn fold(
    course: &Course<'_>,
    folder: &OutFolder,
    adapter: &Adapter,
    parts: Parts<'_>,
    say: &mut Say<'_>,
) -> Result<Option<FoldResult>, SiteError> {
    let Parts { number, samples, held_out } = parts;
    let (checkpoint, metrics) = folder.fold(number)?;
    let begun = course.begin(adapter, &samples, checkpoint, &metrics, say)?;
    let (resumed_from, total_steps) = (begun.resumed_from, begun.total_steps);
    if course.stop.load(Ordering::SeqCst) {
        say(&TrainingReport::Stopped { step: resumed_from, total_steps })?;
        return Ok(None);
    }
    let measure = |adapter: &Adapter| {
        evaluate_each(course.base, Some(adapter), &held_out.samples, EVALUATION_BATCH_MAX, &mut |_, _| {})
            .map_err(PrepareError::from)
    };
    let (before, each_before) = measure(adapter)?;
    say(&TrainingReport::Baseline(before))?;
    let (outcome, elapsed_s) = course.train(adapter.clone(), TrainData::new(&samples), begun, say)?;
    if !outcome.finished {
        say(&TrainingReport::Stopped { step: outcome.steps, total_steps })?;
        return Ok(None);
    }
    let (after, each_after) = measure(&outcome.adapter)?;
    if !after.loss.is_finite() {
        // The trainer looks at a step's numbers before it, and nobody at those after the last one.
        let diverged = ModelError::Diverged { step: outcome.steps, what: "the loss" };
        return Err(PrepareError::from(diverged).into());
    }
    Ok(Some(FoldResult {
        fold: number,
        trained_on: samples.len() as u64,
        held_out: held_out.samples.len() as u64,
        tokens: after.supervised_tokens,
        before: Measured::of(&before),
        after: Measured::of(&after),
        steps: outcome.steps,
        elapsed_s,
        records: each_before
            .iter()
            .zip(&each_after)
            .zip(&held_out.groups)
            .map(|((before, after), group)| RecordChange::of(before, after, *group))
            .collect(),
    }))
}
