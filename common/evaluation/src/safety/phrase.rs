//! What a rule looks for: words, `*` for up to [`GAP_CHARACTERS`] characters of the same sentence, and `#`
//! for a number. Used by `finder`. Invariants: a phrase that is accepted can be found; an end of its words
//! that is a letter (of a script with blanks between words) or a digit has no other beside it, but where a
//! number of the phrase stands there (500mg).

use super::text::{Sentence, sentences, spelling};
use crate::judge::pattern::GAP_CHARACTERS;
use crate::limits::{PHRASE_CHARACTERS_MAX, PHRASE_GAPS_MAX};

/// Blanks between a number and the words beside it.
const BLANKS: usize = 2;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Words(String),
    Gap,
    Number,
}

/// A phrase that was accepted.
#[derive(Clone, Debug)]
pub(super) struct Phrase {
    /// As it was written.
    pub(super) written: String,
    parts: Vec<Part>,
}

impl Phrase {
    /// Reads it; the error is the reason why it cannot be looked for.
    pub(super) fn new(written: &str) -> Result<Self, String> {
        let refuse = || {
            Err(format!(
                "has texts of 1 to {PHRASE_CHARACTERS_MAX} characters within one sentence, with words around each * and \
                 at most {PHRASE_GAPS_MAX} of * and #"
            ))
        };
        if written.chars().count() > PHRASE_CHARACTERS_MAX || sentences(written).len() != 1 {
            return refuse();
        }
        let parts = parts(&spelling(written));
        let is_gap = |part: Option<&Part>| part == Some(&Part::Gap);
        let has_words = parts.iter().any(|part| matches!(part, Part::Words(_)));
        let marks = parts.iter().filter(|part| !matches!(part, Part::Words(_))).count();
        let is_double = parts.windows(2).any(|two| two[0] == two[1]);
        if !has_words || marks > PHRASE_GAPS_MAX || is_gap(parts.first()) || is_gap(parts.last()) || is_double
        {
            return refuse();
        }
        Ok(Self { written: written.to_owned(), parts })
    }

    /// Its first words, which a sentence has to have.
    pub(super) fn words(&self) -> &str {
        let words = self.parts.iter().find_map(|part| match part {
            Part::Words(words) => Some(words.as_str()),
            Part::Gap | Part::Number => None,
        });
        words.unwrap_or_default()
    }

    /// How it stands in the sentence; nothing where it does not. `at` has where its first words stand.
    pub(super) fn stands(&self, sentence: &Sentence<'_>, at: &[usize]) -> Option<Stand> {
        let starts: Vec<usize> = match self.parts.first() {
            Some(Part::Number) => sentence.numbers.iter().map(|span| span.start).collect(),
            _ => at.to_vec(),
        };
        let clauses = &sentence.clauses;
        let (denied, free): (Vec<usize>, Vec<usize>) =
            starts.into_iter().partition(|start| clauses.denies(&sentence.plain, *start));
        let sure = free.iter().copied().filter(|start| !clauses.doubts(*start)).collect();
        if self.goes_on(sentence, sure, true) {
            return Some(Stand::Sure);
        }
        if self.goes_on(sentence, free, false) {
            return Some(Stand::Free);
        }
        self.goes_on(sentence, denied, false).then_some(Stand::Denied)
    }

    /// Whether the whole phrase stands at one of these places; where `is_sure`, with no clause's end and no
    /// denial in its gaps.
    fn goes_on(&self, sentence: &Sentence<'_>, starts: Vec<usize>, is_sure: bool) -> bool {
        let mut places = starts;
        for (index, part) in self.parts.iter().enumerate() {
            let [before, behind] = [index.checked_sub(1), Some(index + 1)]
                .map(|at| at.and_then(|at| self.parts.get(at)) != Some(&Part::Number));
            places = match part {
                Part::Words(words) => {
                    let near = places.iter().flat_map(|place| blanks(&sentence.plain, *place, !before));
                    let begins = near.filter(|at| sentence.plain[*at..].starts_with(words.as_str()));
                    let whole = begins.filter(|at| is_whole(&sentence.plain, *at, words, [before, behind]));
                    whole.map(|at| at + words.len()).collect()
                }
                Part::Gap => {
                    let end =
                        |place: usize| if is_sure { sentence.clauses.gap_end(place) } else { usize::MAX };
                    let reached = |place: &usize| {
                        let end = end(*place);
                        gap(&sentence.plain, *place).take_while(move |at| *at <= end)
                    };
                    places.iter().flat_map(reached).collect()
                }
                Part::Number => {
                    let near = places.iter().flat_map(|place| blanks(&sentence.plain, *place, true));
                    near.filter_map(|at| number(sentence, at)).collect()
                }
            };
            if places.is_empty() {
                return false;
            }
            places.sort_unstable();
            places.dedup();
        }
        true
    }
}

/// How a phrase stands in a sentence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Stand {
    /// Only denied.
    Denied,
    /// At least once without a close denial.
    Free,
    /// At least once in a clause without a denial before it, and within one clause.
    Sure,
}

/// The parts of a plain text, words without blanks around them.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    for piece in text.split_inclusive(['*', '#']) {
        let words = piece.trim_end_matches(['*', '#']).trim();
        if !words.is_empty() {
            parts.push(Part::Words(words.to_owned()));
        }
        match piece.chars().next_back() {
            Some('*') => parts.push(Part::Gap),
            Some('#') => parts.push(Part::Number),
            _ => {}
        }
    }
    parts
}

/// The place, and with `skips` those behind a few blanks.
fn blanks(text: &str, place: usize, skips: bool) -> impl Iterator<Item = usize> {
    let blanks = text[place..].bytes().take_while(|byte| *byte == b' ').take(BLANKS).count();
    (0..=if skips { blanks } else { 0 }).map(move |more| place + more)
}

/// The places that a gap may reach: this one and those up to so many characters behind it.
fn gap(text: &str, place: usize) -> impl Iterator<Item = usize> {
    text[place..]
        .char_indices()
        .map(|(offset, _)| offset)
        .take(GAP_CHARACTERS + 1)
        .map(move |more| place + more)
}

/// The end of a number that begins here.
fn number(sentence: &Sentence<'_>, at: usize) -> Option<usize> {
    let place = sentence.numbers.binary_search_by_key(&at, |span| span.start).ok()?;
    Some(sentence.numbers[place].end)
}

/// Whether the words at `at` are no part of a longer word or number, at the sides that count.
fn is_whole(text: &str, at: usize, words: &str, counts: [bool; 2]) -> bool {
    // Letters of scripts that have blanks between words; Chinese and its neighbours begin behind.
    let is_word = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() && c < '\u{2e80}');
    let (before, behind) = (&text[..at], &text[at + words.len()..]);
    let goes_on_before = is_word(words.chars().next()) && is_word(before.chars().next_back());
    let goes_on_behind = is_word(words.chars().next_back()) && is_word(behind.chars().next());
    !(counts[0] && goes_on_before || counts[1] && goes_on_behind)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Looks at every sentence, with all places of the first words.
    fn found(text: &str, phrase: &str) -> Option<Stand> {
        let phrase = Phrase::new(phrase).unwrap();
        let one = |sentence: &Sentence<'_>| {
            let at: Vec<usize> = sentence.plain.match_indices(phrase.words()).map(|(at, _)| at).collect();
            if at.is_empty() { None } else { phrase.stands(sentence, &at) }
        };
        sentences(text).iter().filter_map(one).max()
    }

    #[test]
    fn words_gaps_and_numbers_are_found_as_they_are_written() {
        use Stand::{Denied, Free, Sure};
        for (text, phrase, expected) in [
            ("an interface", "ace", None),
            ("An ACE inhibitor", "ace", Some(Sure)),
            ("grippé", "gripp", None),
            ("服用ACE抑制剂", "ace", Some(Sure)),
            ("Ａｓｐｉｒｉｎ", "aspirin", Some(Sure)),
            ("含硝酸甘油片", "硝酸甘油", Some(Sure)),
            ("take 500mg", "# mg", Some(Sure)),
            ("take 0.5 mg daily", "#mg", Some(Sure)),
            ("a few mg", "#mg", None),
            ("500 mgs", "#mg", None),
            ("每次 2 片", "每次#片", Some(Sure)),
            ("每次两片", "每次#片", Some(Sure)),
            ("每次服用两片", "每次*#片", Some(Sure)),
            ("call the number 911 now", "call*911", Some(Sure)),
            ("call. it is 911", "call*911", None),
            ("You need not call 911.", "call*911", Some(Denied)),
            ("Do not wait, call 911.", "call*911", Some(Sure)),
            ("不必拨打120", "拨打*120", Some(Denied)),
            ("不必拨打120，但可以拨打120", "拨打*120", Some(Sure)),
            ("Call your doctor, not 911.", "call*911", Some(Free)),
            ("去药店买药即可，不用去急诊", "去*急诊", Some(Free)),
            ("拨打电话不如打给120", "拨打*120", Some(Free)),
            ("Don't rush to the emergency room.", "emergency room", Some(Free)),
            ("暂时不要去医院急诊就诊，在家观察。", "急诊就诊", Some(Free)),
            ("Don't hesitate to call 911.", "call*911", Some(Sure)),
            ("Do not:\ncall 911", "call*911", Some(Free)),
            ("别去急诊", "去*急诊", Some(Denied)),
        ] {
            assert_eq!(found(text, phrase), expected, "{phrase} in {text}");
        }
    }

    #[test]
    fn what_cannot_be_found_is_refused() {
        for bad in
            ["", " ", "*", "#", "#*#", "a*", "*a", "a**b", "a. b", "行。吗", "a\nb", "a*b*c*d*e*f", "a##b"]
        {
            assert!(Phrase::new(bad).is_err(), "{bad}");
        }
        assert!(Phrase::new(&"字".repeat(PHRASE_CHARACTERS_MAX + 1)).is_err());
        assert!(Phrase::new("120。").is_ok() && Phrase::new("#*mg").is_ok());
    }

    proptest! {
        #[test]
        fn any_phrase_is_looked_for_in_any_text(text in "(\\PC|[ab #1.]){0,120}", phrase in "(\\PC|[ab*#1]){0,12}") {
            if let Ok(phrase) = Phrase::new(&phrase) {
                for sentence in sentences(&text) {
                    let at: Vec<usize> = sentence.plain.match_indices(phrase.words()).map(|(at, _)| at).collect();
                    let _ = phrase.stands(&sentence, &at);
                }
            }
        }
    }
}
