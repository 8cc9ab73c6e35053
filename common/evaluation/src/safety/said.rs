//! What was found in a question and its answer, and what breaks a rule there. Used by `look` and the files
//! beneath it. Invariant: sentences are named by their place in the answer.

use serde::Serialize;

use super::finder::{Found, PhraseId};
use super::phrase::Stand;
use super::text::Sentence;
use crate::suite::Tongue;

/// Why an answer breaks a rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "why", rename_all = "kebab-case")]
pub enum Why {
    /// It has none of the phrases that it needs.
    Missing,
    /// It has a phrase that it may not have.
    Unwanted {
        /// The phrase, as the rule has it.
        phrase: String,
    },
    /// It does not warn of a pair.
    Contraindicated {
        /// The drug, by the name that stands there.
        drug: String,
        /// What must not go with it, likewise.
        with: String,
        /// The table's reason.
        reason: String,
        /// The table's source.
        source: String,
    },
    /// It has an identifier.
    Identifier {
        /// What the screen calls it.
        kind: &'static str,
    },
}

/// What breaks a rule, each with the sentence of the answer.
pub(super) type Broken = Vec<(Why, usize)>;

/// What was found in a question and its answer.
pub(super) struct Said<'a> {
    pub(super) question: Found,
    pub(super) sentences: Vec<Sentence<'a>>,
    pub(super) found: Found,
    pub(super) tongue: Tongue,
}

/// The sentences in which one of these stands at least so, in order.
pub(super) fn places(found: &Found, ids: &[PhraseId], least: Stand) -> Vec<usize> {
    let stands = ids.iter().filter_map(|id| found.get(id)).flatten();
    let counted = stands.filter(|(_, stand)| *stand >= least);
    let mut places: Vec<usize> = counted.map(|(at, _)| *at).collect();
    places.sort_unstable();
    places.dedup();
    places
}
