//! What may be looked for in an answer. Used by `settings`, `rule` and `item`. Invariant: a phrase that is
//! accepted can be found, and in bounded time.

use unicode_normalization::UnicodeNormalization as _;

use crate::limits::{PHRASE_CHARACTERS_MAX, PHRASE_GAPS_MAX, PHRASES_MAX};

/// Whether these can be looked for; the error is the reason.
pub(super) fn are_phrases(phrases: &[String]) -> Result<(), String> {
    // As it is looked for: a full-width star is one, too.
    let has_parts = |text: &String| {
        let plain: String = text.nfkc().collect();
        plain.split('*').all(|part| !part.trim().is_empty()) && plain.matches('*').count() <= PHRASE_GAPS_MAX
    };
    let is_right = phrases.len() <= PHRASES_MAX
        && phrases.iter().all(|text| has_parts(text) && text.chars().count() <= PHRASE_CHARACTERS_MAX);
    if is_right {
        Ok(())
    } else {
        Err(format!(
            "has up to {PHRASES_MAX} texts of 1 to {PHRASE_CHARACTERS_MAX} characters, with words around each * and at \
             most {PHRASE_GAPS_MAX} of them"
        ))
    }
}
