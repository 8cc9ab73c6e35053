//! A held-out file as the evaluation takes it: records with the department that they are of, and the samples
//! that are measured. Used by the coordinator's evaluation child. Invariant: the same file and the same model
//! give the same samples in the same order; every sample knows its record.

use std::path::Path;

use data::read::{ReadOptions, read_all};
use model::chat::{ChatTokenizer, Document};
use model::{ModelError, Sample};

use crate::error::PrepareError;
use crate::fitting::cutoff_within;
use crate::records;

/// A record of a held-out file.
#[derive(Debug, Clone)]
pub struct HeldOutRecord {
    /// Its conversation or text.
    pub document: Document,
    /// The department or disease that the file gives it.
    pub department: Option<String>,
}

/// A held-out file, and what of it is measured.
#[derive(Debug, Clone, Default)]
pub struct HeldOut {
    /// What is measured, in the file's order.
    pub samples: Vec<Sample>,
    /// The department of each sample.
    pub departments: Vec<Option<String>>,
}

/// The usable records of a held-out file.
///
/// # Errors
/// The file cannot be read; `NothingUsable` where it has no record.
pub fn records_of(path: &Path) -> Result<Vec<HeldOutRecord>, PrepareError> {
    let dataset = read_all(&[path], &ReadOptions::default())?;
    dataset.require_records().map_err(|error| match error {
        data::DataError::NoRecords { reason } => nothing(path, reason),
        error => error.into(),
    })?;
    if let Some((place, reason)) = dataset.refused.first() {
        let (line, count) = (place.line, dataset.refused.len());
        tracing::warn!(file = %path.display(), count, line, %reason, "records left out");
    }
    let of_record = |record: &data::record::Record| HeldOutRecord {
        document: records::document(record),
        department: record
            .stratum
            .as_deref()
            .map(str::trim)
            .filter(|name| !name.is_empty())
            .map(str::to_owned),
    };
    Ok(dataset.records.iter().map(of_record).collect())
}

/// The records of a held-out file as samples for the model in the folder `model`; all of them are measured.
///
/// # Errors
/// The tokenizer or the file cannot be read; `NothingUsable` where the file has no record to measure.
pub fn samples_of(path: &Path, model: &Path, cutoff_tokens: usize) -> Result<HeldOut, PrepareError> {
    let tokenizer = ChatTokenizer::load(model)?;
    let cutoff_tokens = cutoff_within(model, cutoff_tokens)?;
    let (documents, departments): (Vec<Document>, Vec<Option<String>>) =
        records_of(path)?.into_iter().map(|record| (record.document, record.department)).unzip();
    let prepared = tokenizer.prepare_documents(&documents, cutoff_tokens).map_err(|error| match error {
        ModelError::NothingSupervised { reason } => nothing(path, reason),
        error => error.into(),
    })?;
    tracing::info!(file = %path.display(), report = ?prepared.report, "prepared");
    let departments =
        prepared.sources.iter().map(|source| departments.get(*source).cloned().flatten()).collect();
    Ok(HeldOut { samples: prepared.samples, departments })
}

fn nothing(path: &Path, reason: String) -> PrepareError {
    PrepareError::NothingUsable { path: path.to_path_buf(), reason }
}
