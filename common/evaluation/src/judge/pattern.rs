//! Whether an answer has a phrase. Called by `judge` for phrases and rules; `safety` looks for its phrases
//! after the same normalisation. `*` in a phrase stands for up to [`GAP_CHARACTERS`] characters of
//! the same sentence. Invariants: both are compared after NFKC and in lower case; an end of a phrase, or of a
//! part of it, that is an ASCII letter or digit has no other beside it; the time is bounded by the text's
//! length and the few gaps that a phrase may have.

use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;

/// Characters that `*` stands for at most: an address or a few words between a verb and its number.
pub(crate) const GAP_CHARACTERS: usize = 20;
/// What ends a sentence.
const ENDS: [char; 7] = ['。', '！', '？', '!', '?', '.', '\n'];

/// The text as phrases are looked for in it.
pub(crate) fn plain(text: &str) -> String {
    // Both apostrophes are in use.
    text.nfkc().collect::<String>().to_lowercase().replace('’', "'")
}

/// Whether the plain `text` has one of the phrases, written in any way.
pub(super) fn has(text: &str, phrases: &[String]) -> bool {
    phrases.iter().any(|phrase| holds(text, &plain(phrase)))
}

/// Whether `phrase` stands in `text`; both plain.
fn holds(text: &str, phrase: &str) -> bool {
    let mut parts = phrase.split('*').filter(|part| !part.is_empty());
    let Some(first) = parts.next() else { return false };
    let begun = text.match_indices(first).filter(|(at, _)| is_whole(text, *at, first));
    let mut ends: BTreeSet<usize> = begun.map(|(at, _)| at + first.len()).collect();
    for part in parts {
        let mut next = BTreeSet::new();
        for end in &ends {
            let gap = text[*end..].char_indices().take(GAP_CHARACTERS + 1);
            for (offset, c) in gap {
                let at = end + offset;
                if text[at..].starts_with(part) && is_whole(text, at, part) {
                    next.insert(at + part.len());
                }
                if ENDS.contains(&c) {
                    break;
                }
            }
        }
        ends = next;
    }
    !ends.is_empty()
}

/// Whether the part at `at` is no part of a longer word or number.
fn is_whole(text: &str, at: usize, part: &str) -> bool {
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let (before, behind) = (&text[..at], &text[at + part.len()..]);
    let goes_on_before = is_word(part.chars().next()) && is_word(before.chars().next_back());
    let goes_on_behind = is_word(part.chars().next_back()) && is_word(behind.chars().next());
    !goes_on_before && !goes_on_behind
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_phrase_is_no_part_of_a_longer_word_or_number() {
        for (text, phrase, expected) in [
            ("服1200 mg", "120", false),
            ("拨打120。", "120", true),
            ("x120 120", "120", true),
            ("emergency", "emergency", true),
            ("emergencyx", "emergency", false),
            ("含硝酸甘油片", "硝酸甘油", true),
        ] {
            assert_eq!(holds(text, phrase), expected, "{text}");
        }
    }

    #[test]
    fn a_star_stands_for_a_few_characters_of_a_sentence() {
        for (text, phrase, expected) in [
            ("call the number 911 now", "call*911", true),
            ("call 911", "call*911", true),
            ("recall it is 911", "call*911", false),
            ("call. it is 911", "call*911", false),
            ("call 9110", "call*911", false),
            ("请您马上拨打急救电话120", "拨打*120", true),
            ("拨打电话咨询您的家庭医生或者社区卫生服务中心的护士站，而非120", "拨打*120", false),
            ("a x b x c", "a*b*c", true),
            ("a x c x b", "a*b*c", false),
            ("anything", "*", false),
        ] {
            assert_eq!(holds(text, phrase), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_looked_through(text in "(\\PC|[ab*.]){0,200}", phrase in "(\\PC|[ab*]){0,12}") {
            let _ = holds(&plain(&text), &plain(&phrase));
        }
    }
}
