//! From documents to samples: encoded for a model, cut, and divided into what is trained on and what is only
//! measured. Used by the site agent's worker; held-out files are `held_out`'s. Invariant: the same documents
//! and the same settings give the same samples in the same order.

use std::path::Path;

use model::Sample;
use model::chat::{ChatTokenizer, Document, PrepareReport};

use crate::error::PrepareError;
use crate::fitting::cutoff_within;

/// How documents become samples.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SampleSettings {
    /// Documents are cut after this many tokens, or at the model's context where that is shorter.
    pub cutoff_tokens: usize,
    /// Share of the samples that is held out, 0 to below 1.
    pub validation_share: f64,
    /// Start of the random choice of those held out.
    pub seed: u64,
}

/// What is trained on and what is measured.
#[derive(Debug, Clone, Default)]
pub struct Samples {
    /// Trained on.
    pub training: Vec<Sample>,
    /// Only measured.
    pub validation: Vec<Sample>,
    /// What was cut, dropped or refused on the way, of all documents together.
    pub report: PrepareReport,
}

/// Encodes documents for the model in the folder `model` and holds a random share of them out.
///
/// # Errors
/// The tokenizer or the chat template cannot be used, or no document has an answer within the cutoff.
pub fn of_documents(
    documents: &[Document],
    model: &Path,
    settings: SampleSettings,
) -> Result<Samples, PrepareError> {
    let cutoff_tokens = cutoff_within(model, settings.cutoff_tokens)?;
    let prepared = ChatTokenizer::load(model)?.prepare_documents(documents, cutoff_tokens)?;
    let (_, held_out) =
        model::train::hold_out(prepared.samples.len(), settings.validation_share, settings.seed);
    let mut samples = Samples { report: prepared.report, ..Samples::default() };
    for (index, sample) in prepared.samples.into_iter().enumerate() {
        // `held_out` is ascending.
        let is_held_out = held_out.binary_search(&index).is_ok();
        if is_held_out { &mut samples.validation } else { &mut samples.training }.push(sample);
    }
    Ok(samples)
}
