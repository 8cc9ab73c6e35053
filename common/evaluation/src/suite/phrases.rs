//! What may be looked for in an answer. Used by `settings`, `rule` and `item`. Invariant: a phrase that is
//! accepted can be found, and in bounded time.

use crate::limits::{PHRASE_CHARACTERS_MAX, PHRASES_MAX};

/// Whether these can be looked for; the error is the reason.
pub(super) fn are_phrases(phrases: &[String]) -> Result<(), String> {
    let has_parts = |text: &String| text.split('*').all(|part| !part.trim().is_empty());
    let is_right = phrases.len() <= PHRASES_MAX
        && phrases.iter().all(|text| has_parts(text) && text.chars().count() <= PHRASE_CHARACTERS_MAX);
    if is_right {
        Ok(())
    } else {
        Err(format!(
            "has up to {PHRASES_MAX} texts of 1 to {PHRASE_CHARACTERS_MAX} characters, with words around each *"
        ))
    }
}
