//! Conversations and plain texts to samples ready for the trainer: encoded, cut at `cutoff_tokens`, counted.
//! Called by the site worker and by the coordinator's evaluation. Invariants: samples keep the order of
//! the conversations; each returned sample has at least one supervised token; every loss is counted.

use super::message::Message;
use super::tokenizer::ChatTokenizer;
use crate::error::{ModelError, Result};
use crate::sample::Sample;

/// What one record is to the tokenizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Document {
    /// Rendered with the chat template; the answers are supervised. See [`ChatTokenizer::encode`].
    Conversation(Vec<Message>),
    /// Every token is supervised. See [`ChatTokenizer::encode_text`].
    Text(String),
}

/// What happened to a set of conversations on their way to the trainer. Counts only, never text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct PrepareReport {
    /// Conversations and texts that came in.
    pub conversations: u64,
    /// Of these, what the chat template or the tokenizer refused.
    pub refused: u64,
    /// Samples that were longer than the cutoff.
    pub cut: u64,
    /// Supervised tokens that the cutoff took away, of kept and of dropped samples.
    pub supervised_tokens_lost: u64,
    /// Samples of which the cutoff left no supervised token.
    pub dropped: u64,
    /// Tokens of the samples that are left.
    pub tokens: u64,
    /// Supervised tokens of the samples that are left.
    pub supervised_tokens: u64,
}

/// Samples for the trainer or the evaluator, and the report on them.
#[derive(Debug, Clone, Default)]
pub struct Prepared {
    /// In the order of what came in.
    pub samples: Vec<Sample>,
    /// Of which conversation or text each sample is, by its place in what came in.
    pub sources: Vec<usize>,
    /// What was cut, dropped or refused.
    pub report: PrepareReport,
}

impl ChatTokenizer {
    /// Encodes conversations and cuts each at its end after `cutoff_tokens` tokens.
    ///
    /// A conversation that the template refuses is counted and left out.
    ///
    /// # Errors
    /// [`ModelError::Setting`] for a cutoff below 2 (nothing could be predicted);
    /// [`ModelError::TemplateSpent`]; [`ModelError::NothingSupervised`] when there were conversations and
    /// none is left; the template's or the tokenizer's error when every conversation was refused, because
    /// then the files do not fit each other.
    pub fn prepare<C: AsRef<[Message]>>(
        &self,
        conversations: &[C],
        cutoff_tokens: usize,
    ) -> Result<Prepared> {
        let encoded = conversations.iter().map(|conversation| self.encode(conversation.as_ref()));
        prepare(encoded, cutoff_tokens)
    }

    /// As [`Self::prepare`], of conversations and plain texts.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    pub fn prepare_documents(&self, documents: &[Document], cutoff_tokens: usize) -> Result<Prepared> {
        prepare(documents.iter().map(|document| self.encode_document(document)), cutoff_tokens)
    }

    /// Token ids and supervision of one record, uncut.
    ///
    /// # Errors
    /// As [`Self::encode`] and [`Self::encode_text`].
    pub fn encode_document(&self, document: &Document) -> Result<Sample> {
        match document {
            Document::Conversation(messages) => self.encode(messages),
            Document::Text(text) => self.encode_text(text),
        }
    }
}

fn prepare(encoded: impl Iterator<Item = Result<Sample>>, cutoff_tokens: usize) -> Result<Prepared> {
    if cutoff_tokens < 2 {
        let reason = "at least two tokens are needed to predict one from the other".to_owned();
        return Err(ModelError::Setting { name: "cutoff_tokens", reason });
    }
    let mut prepared = Prepared::default();
    let mut first_refusal = None;
    for (source, sample) in encoded.enumerate() {
        prepared.report.conversations += 1;
        match sample {
            Ok(sample) => prepared.keep(source, sample, cutoff_tokens),
            // The fault is the template's, whatever the record: the next one would cost as much.
            Err(error @ ModelError::TemplateSpent { .. }) => return Err(error),
            Err(error) => {
                prepared.report.refused += 1;
                first_refusal.get_or_insert(error);
            }
        }
    }
    if let (Some(error), true) = (first_refusal, prepared.report.refused == prepared.report.conversations) {
        return Err(error);
    }
    if prepared.samples.is_empty() && prepared.report.conversations > 0 {
        let reason = format!(
            "of {} conversations {} were refused by the template and {} have no answer within {cutoff_tokens} tokens",
            prepared.report.conversations, prepared.report.refused, prepared.report.dropped
        );
        return Err(ModelError::NothingSupervised { reason });
    }
    Ok(prepared)
}

impl Prepared {
    fn keep(&mut self, source: usize, mut sample: Sample, cutoff_tokens: usize) {
        if sample.tokens.len() > cutoff_tokens {
            self.report.cut += 1;
            self.report.supervised_tokens_lost += sample.truncate(cutoff_tokens) as u64;
        }
        let supervised = sample.supervised_tokens() as u64;
        if supervised == 0 {
            self.report.dropped += 1;
            return;
        }
        self.report.tokens += sample.tokens.len() as u64;
        self.report.supervised_tokens += supervised;
        self.samples.push(sample);
        self.sources.push(source);
    }
}
