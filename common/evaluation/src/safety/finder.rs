//! All phrases of a rule file, looked for in one pass over a text. Used by `compiled` and `look`. Invariants:
//! a phrase that stands in several lists is one; the time grows with the text and with what is found in it,
//! not with the number of phrases.

use std::collections::{BTreeMap, HashMap};

use aho_corasick::AhoCorasick;

use super::phrase::{Phrase, Stand};
use super::text::{Sentence, spelling};

/// A phrase by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct PhraseId(usize);

/// Collects phrases.
#[derive(Default)]
pub(super) struct Builder {
    known: HashMap<String, PhraseId>,
    phrases: Vec<Phrase>,
}

impl Builder {
    /// Adds one; the error is why it cannot be looked for.
    pub(super) fn add(&mut self, written: &str) -> Result<PhraseId, String> {
        let spelling = spelling(written);
        if let Some(id) = self.known.get(&spelling) {
            return Ok(*id);
        }
        let id = PhraseId(self.phrases.len());
        self.phrases.push(Phrase::new(written)?);
        self.known.insert(spelling, id);
        Ok(id)
    }

    /// As [`Self::add`], of several.
    pub(super) fn all(&mut self, written: &[String]) -> Result<Vec<PhraseId>, String> {
        written.iter().map(|one| self.add(one)).collect()
    }

    /// Compiles them. The error is the library's, where they are too large for it.
    pub(super) fn finish(self) -> Result<Finder, String> {
        let mut of_words: BTreeMap<String, Vec<PhraseId>> = BTreeMap::new();
        for (number, phrase) in self.phrases.iter().enumerate() {
            of_words.entry(phrase.words().to_owned()).or_default().push(PhraseId(number));
        }
        let automaton = AhoCorasick::new(of_words.keys()).map_err(|error| error.to_string())?;
        Ok(Finder { automaton, of_words: of_words.into_values().collect(), phrases: self.phrases })
    }
}

/// Looks for all of them.
#[derive(Clone, Debug)]
pub(super) struct Finder {
    automaton: AhoCorasick,
    /// The phrases of each words of the automaton.
    of_words: Vec<Vec<PhraseId>>,
    phrases: Vec<Phrase>,
}

/// What stands in a text: of each phrase the sentences, in order, and how it stands there.
pub(super) type Found = BTreeMap<PhraseId, Vec<(usize, Stand)>>;

impl Finder {
    /// As it was written.
    pub(super) fn written(&self, id: PhraseId) -> &str {
        &self.phrases[id.0].written
    }

    /// Every phrase that stands in these sentences.
    pub(super) fn look(&self, sentences: &[Sentence<'_>]) -> Found {
        let mut found = Found::new();
        for (index, sentence) in sentences.iter().enumerate() {
            let mut places: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
            for hit in self.automaton.find_overlapping_iter(&sentence.plain) {
                places.entry(hit.pattern().as_usize()).or_default().push(hit.start());
            }
            for (words, at) in places {
                for id in &self.of_words[words] {
                    if let Some(stand) = self.phrases[id.0].stands(sentence, &at) {
                        found.entry(*id).or_default().push((index, stand));
                    }
                }
            }
        }
        found
    }
}
