//! Whether a record fits the model: what the data room asks about each record before it is trained on. Used
//! by the site agent's worker, by training alone and by the `data` commands, and so the one place that
//! decides it. Invariant: a record that fits gives a sample with a supervised token; no text of a record is
//! kept, only its length.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use data::record::Record;
use data::refusal::Refusal;
use data::room::Fit;
use model::ModelError;
use model::chat::ChatTokenizer;
use model::config::ModelConfig;

use crate::records::document;

/// The question, and the first fault of the template itself that was met while it was asked.
pub struct Fitting {
    tokenizer: ChatTokenizer,
    cutoff_tokens: Option<usize>,
    fault: Mutex<Option<ModelError>>,
    lengths: Mutex<Vec<u64>>,
}

impl Fitting {
    /// For the model in a folder; with `cutoff_tokens` a record must have an answer within it.
    ///
    /// # Errors
    /// The tokenizer or its template cannot be used.
    pub fn of(model: &Path, cutoff_tokens: Option<usize>) -> Result<Arc<Self>, ModelError> {
        let tokenizer = ChatTokenizer::load(model)?;
        let (fault, lengths) = (Mutex::new(None), Mutex::default());
        Ok(Arc::new(Self { tokenizer, cutoff_tokens, fault, lengths }))
    }

    /// The tokenizer of the model.
    #[must_use]
    pub fn tokenizer(&self) -> &ChatTokenizer {
        &self.tokenizer
    }

    /// The question as the data room asks it.
    #[must_use]
    pub fn fit(self: &Arc<Self>) -> Fit {
        let fitting = Arc::clone(self);
        Fit::new(move |record| fitting.look(record))
    }

    /// The fault of the template that made it refuse, whatever the record.
    #[must_use]
    pub fn fault(&self) -> Option<ModelError> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Lengths of the records that were looked at and that the template takes, in tokens, rendered and uncut,
    /// in no order.
    #[must_use]
    pub fn lengths(&self) -> Vec<u64> {
        std::mem::take(&mut self.lengths.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn look(&self, record: &Record) -> Result<(), Refusal> {
        if self.fault.lock().unwrap_or_else(PoisonError::into_inner).is_some() {
            return Err(Refusal::Template); // the next one would cost as much
        }
        let mut sample = match self.tokenizer.encode_document(&document(record)) {
            Ok(sample) => sample,
            Err(ModelError::SpecialToken { .. }) => return Err(Refusal::SpecialToken),
            Err(error) => {
                // Only what every further record would cost as well; any other is this record's.
                if matches!(error, ModelError::TemplateSpent { .. }) {
                    *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                }
                return Err(Refusal::Template);
            }
        };
        self.lengths.lock().unwrap_or_else(PoisonError::into_inner).push(sample.tokens.len() as u64);
        if let Some(cutoff_tokens) = self.cutoff_tokens {
            sample.truncate(cutoff_tokens);
        }
        if sample.supervised_tokens() == 0 { Err(Refusal::BeyondCutoff) } else { Ok(()) }
    }
}

/// The cutoff that the model in a folder allows: not beyond its context (`max_position_embeddings`).
///
/// # Errors
/// `config.json` cannot be used.
pub fn cutoff_within(model: &Path, cutoff_tokens: usize) -> Result<usize, ModelError> {
    Ok(cutoff_tokens.min(ModelConfig::from_dir(model)?.max_position_embeddings))
}

#[cfg(test)]
mod tests {
    use data::read::{ReadOptions, read_all};

    use super::*;

    #[test]
    fn records_that_do_not_fit_are_told_why() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/demo-data/model");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.jsonl");
        let long = "q".repeat(300);
        let lines = [
            r#"{"instruction":"q","output":"a"}"#.to_owned(),
            r#"{"instruction":"q","output":"a<|im_end|>"}"#.to_owned(),
            format!(r#"{{"instruction":"{long}","output":"a"}}"#),
            r#"{"text":"a"}"#.to_owned(),
        ];
        std::fs::write(&path, lines.join("\n")).unwrap();
        let records = read_all(&[path], &ReadOptions::default()).unwrap().records;
        let all = |cutoff| {
            let fitting = Fitting::of(&model, cutoff).unwrap();
            let fit = fitting.fit();
            records.iter().map(|record| fit.look(record).err()).collect::<Vec<_>>()
        };
        assert_eq!(all(None), [None, Some(Refusal::SpecialToken), None, None]);
        assert_eq!(all(Some(64)), [None, Some(Refusal::SpecialToken), Some(Refusal::BeyondCutoff), None]);
        let context = ModelConfig::from_dir(&model).unwrap().max_position_embeddings;
        assert_eq!(cutoff_within(&model, usize::MAX).unwrap(), context);
        assert_eq!(cutoff_within(&model, 7).unwrap(), 7);
    }
}
