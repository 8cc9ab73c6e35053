//! From a site's data files to samples: read, encoded, cut, and divided into what is trained on and what is held out.
//!
//! Called by the worker, behind its locks. The only place of the training that opens a data file. Invariant: the same
//! files and the same settings give the same samples in the same order.

use std::path::{Path, PathBuf};

use data::DataError;
use data::overlap::Features;
use data::read::ReadOptions;
use model::chat::{ChatTokenizer, Document, PrepareReport};
use model::{ModelError, Sample};

use crate::records;

/// Records that are named when they are left out.
const LEFT_OUT_NAMED: usize = 5;

/// The usable records of some files, and what is left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Documents {
    pub(crate) usable: Vec<Document>,
    /// Of each of them: what is compared with the consortium's held-out set.
    pub(crate) features: Vec<Option<Features>>,
    /// The first of those left out, by file, line and reason.
    pub(crate) left_out: Vec<String>,
    /// How many are left out.
    pub(crate) left_out_total: u64,
}

/// What the trainer gets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Samples {
    pub(crate) training: Vec<Sample>,
    /// Only measured.
    pub(crate) validation: Vec<Sample>,
    /// What was cut, dropped or refused on the way, of all records together.
    pub(crate) report: PrepareReport,
}

/// Reads data files; at least one record must be usable.
///
/// # Errors
/// What the data room says of a file, with the line, or that nothing is usable.
pub(crate) fn read(files: &[PathBuf]) -> Result<Documents, DataError> {
    let dataset = data::read::read_all(files, &ReadOptions::default())?;
    dataset.require_records()?;
    let named = dataset.refused.iter().take(LEFT_OUT_NAMED);
    let name = |(place, reason): &(data::record::Place, data::read::Refusal)| {
        format!("{}, line {}: {reason}", dataset.path(*place).display(), place.line)
    };
    Ok(Documents {
        left_out: named.map(name).collect(),
        left_out_total: dataset.refused.len() as u64,
        usable: records::documents(&dataset.records),
        features: Features::of_all(&dataset.records),
    })
}

/// Encodes documents for a model and holds a random share of them out.
///
/// # Errors
/// What the model crate says of the tokenizer, or that no record has an answer within the cutoff.
pub(crate) fn prepare(
    documents: &[Document],
    model: &Path,
    cutoff_tokens: usize,
    (validation_share, seed): (f64, u64),
) -> Result<Samples, ModelError> {
    let prepared = ChatTokenizer::load(model)?.prepare_documents(documents, cutoff_tokens)?;
    let (_, held_out) = model::train::hold_out(prepared.samples.len(), validation_share, seed);
    let mut samples = Samples { report: prepared.report, ..Samples::default() };
    for (index, sample) in prepared.samples.into_iter().enumerate() {
        // `held_out` is ascending.
        let is_held_out = held_out.binary_search(&index).is_ok();
        if is_held_out { &mut samples.validation } else { &mut samples.training }.push(sample);
    }
    Ok(samples)
}
