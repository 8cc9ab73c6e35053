//! A name that was found once stands for a person: the same name elsewhere in the record is the same person,
//! whatever stands around it (`王建国` as a whole; of `John Fisher` also `Fisher` and `fisher`). Called by the
//! screen after all detectors. Invariants: linear in the text, for the number of names is bounded;
//! words of a name that are also everyday words or eponyms count only with a capital and not before a word of
//! diseases or devices.

use std::collections::HashMap;

use super::name_en_near::sentence_begins;
use super::name_score_en_words::{
    COMMON, DEED, EPONYM, FIRST, FIRST_WORD, LAST, LAST_WORD, LEFT, ROLE, WEAK_DEED, flags, spans, token,
    tokens,
};
use super::name_score_zh_words::{self as words, Before, Behind};
use crate::limits::NAMES_AGAIN_MAX;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// How sure a word is a name in a record that has it in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sure {
    /// A name of the lists that is nothing else: in any case.
    AnyCase,
    /// In no list, or an everyday word, too: with a capital.
    Capital,
    /// A frequent word: with a capital, inside a sentence or before what people do.
    Inside,
}

/// The names of a record.
#[derive(Debug, Default)]
pub(in crate::screen) struct Names {
    /// Chinese names, and those with a point, by their first character.
    han: HashMap<char, Vec<String>>,
    han_count: usize,
    /// Words of other names, in lower case, and how sure one is a name.
    words: HashMap<String, Sure>,
    /// Their first letters, a bit each.
    beginnings: u32,
}

impl Names {
    /// Whether there are none.
    pub(in crate::screen) fn is_empty(&self) -> bool {
        self.han.is_empty() && self.words.is_empty()
    }

    /// Adds the names among the hits of a text, as far as there is room.
    pub(in crate::screen) fn add(&mut self, view: &View<'_>, hits: &[Hit]) {
        for hit in hits.iter().filter(|hit| hit.kind == Kind::PersonName) {
            let Some(name) = view.text.get(hit.start..hit.end) else { continue };
            if name.chars().all(is_han) {
                self.add_han(name);
            } else if name.contains('·') {
                self.add_dotted(name);
            } else if !name.chars().any(is_han) {
                self.add_words(name);
            }
        }
    }

    fn add_han(&mut self, name: &str) {
        let chars = name.chars().count();
        let Some(first) = name.chars().next().filter(|_| (2..=4).contains(&chars)) else { return };
        // `小李`, `老王`: what many are called, and `李哥`.
        let nickname = chars == 2 && !words::begins_name(first);
        if nickname || self.han_count >= NAMES_AGAIN_MAX {
            return;
        }
        self.remember(first, name);
    }

    /// `阿依古丽·买买提`: whole, and by parts that are too long to be much else.
    fn add_dotted(&mut self, name: &str) {
        let parts = name.split('·').filter(|part| part.chars().all(is_han) && part.chars().count() >= 3);
        for name in std::iter::once(name).chain(parts) {
            if let Some(first) = name.chars().next().filter(|_| self.han_count < NAMES_AGAIN_MAX) {
                self.remember(first, name);
            }
        }
    }

    fn remember(&mut self, first: char, name: &str) {
        let known = self.han.entry(first).or_default();
        if !known.iter().any(|other| other == name) {
            known.push(name.to_owned());
            self.han_count += 1;
        }
    }

    fn add_words(&mut self, name: &str) {
        for (at, token) in tokens(name).iter().enumerate() {
            let Some(word) = name.get(token.start..token.end) else { continue };
            let long = word.chars().count() >= 3 && !token.particle;
            // A frequent word may be a last name; as a first word of a hit it begins a sentence too often.
            let frequent = token.flags & (COMMON | ROLE | LEFT | DEED | WEAK_DEED | EPONYM) != 0;
            let last = at > 0 && token.flags & (LAST | LAST_WORD) != 0 && token.flags & (ROLE | LEFT) == 0;
            if !long || (frequent && !last) || self.words.len() >= NAMES_AGAIN_MAX {
                continue;
            }
            let sure = if frequent {
                Sure::Inside
            } else if token.flags & (FIRST | LAST) != 0 && token.flags & (FIRST_WORD | LAST_WORD) == 0 {
                Sure::AnyCase
            } else {
                Sure::Capital
            };
            let lower = word.to_lowercase();
            self.beginnings |= lower.bytes().next().map_or(0, |byte| 1 << (byte & 31));
            self.words.insert(lower, sure);
        }
    }

    /// Adds the places where the names stand in a text.
    pub(in crate::screen) fn find(&self, view: &View<'_>, hits: &mut Vec<Hit>) {
        if !self.han.is_empty() {
            self.find_han(view, hits);
        }
        if !self.words.is_empty() {
            self.find_words(view, hits);
        }
    }

    fn find_han(&self, view: &View<'_>, hits: &mut Vec<Hit>) {
        let mut until = 0;
        for (start, c) in view.text.char_indices() {
            let Some(known) = self.han.get(&c).filter(|_| start >= until) else { continue };
            let text = view.after(start);
            let found = known.iter().filter(|name| text.starts_with(name.as_str())).map(String::len).max();
            let Some(length) = found else { continue };
            // Two characters may be part of a longer word; three are hardly.
            let short = length <= 6;
            if !short
                || stands(
                    view.before(start),
                    text.get(..length).unwrap_or_default(),
                    view.after(start + length),
                )
            {
                hits.push(Hit { kind: Kind::PersonName, start, end: start + length });
                until = start + length;
            }
        }
    }

    fn find_words(&self, view: &View<'_>, hits: &mut Vec<Hit>) {
        let mut spans = spans(view.text).peekable();
        while let Some((start, end)) = spans.next() {
            // Most words do not begin like one of the names.
            let begins = view.text.as_bytes().get(start).is_some_and(|byte| self.begins(*byte));
            let Some(word) = view.text.get(start..end).filter(|word| begins && word.len() >= 3) else {
                continue;
            };
            let Some(sure) = self.words.get(word.to_lowercase().as_str()) else { continue };
            let token = token(view.text, start, end);
            let next = spans.peek().filter(|(next, _)| *next <= end + 3);
            let next = next.and_then(|(from, to)| view.text.get(*from..*to)).unwrap_or_default();
            let part = next.split('-').next().unwrap_or_default();
            let eponym = flags(part) & EPONYM != 0;
            let shouted = word.chars().count() < 5 && word.chars().all(char::is_uppercase);
            let deed = flags(next) & (DEED | WEAK_DEED) != 0;
            let right = match sure {
                Sure::AnyCase => true,
                Sure::Capital => token.capital,
                Sure::Inside => token.capital && (deed || !sentence_begins(view, start)),
            };
            if right && !eponym && !shouted {
                hits.push(Hit { kind: Kind::PersonName, start, end });
            }
        }
    }

    /// Whether a name may begin with this byte, in any case.
    fn begins(&self, byte: u8) -> bool {
        let bit = 1_u32 << (byte.to_ascii_lowercase() & 31);
        !byte.is_ascii() || self.beginnings & bit != 0
    }
}

/// Whether a name of two characters can stand between these texts: on one side there is a border or a word
/// beside which names stand, and neither side runs on into a longer word.
fn stands(before: &str, name: &str, behind: &str) -> bool {
    let (mut chars, previous, next) = (name.chars(), before.chars().next_back(), behind.chars().next());
    let (Some(first), Some(last)) = (chars.next(), chars.next()) else { return false };
    let word = previous.is_some_and(|previous| words::is_word(&[previous, first]))
        || next.is_some_and(|next| words::is_word(&[last, next]));
    let left = !before.ends_with(is_han) || words::role_or_left(before) != Before::Nothing;
    let right = !behind.starts_with(is_han) || words::deed_or_right(behind) != Behind::Nothing;
    !word && (left || right)
}

#[cfg(test)]
mod tests {
    use crate::screen::tests::names;

    #[test]
    fn a_name_is_found_again() {
        assert_eq!(names("患者姓名：郗淼。复诊郗淼一般可，按时服药。"), ["郗淼", "郗淼"]);
        assert_eq!(
            names("Patient: Ngozi Zylstra. Zylstra did well. zylstra's wound is dry."),
            ["Ngozi Zylstra", "Zylstra", "zylstra"]
        );
        assert_eq!(
            names("患者阿依古丽·买买提，女。阿依古丽诉头痛，阿依古丽·买买提同意手术。"),
            ["阿依古丽·买买提", "阿依古丽", "阿依古丽·买买提"]
        );
        // The disease keeps its name.
        assert_eq!(names("Patient: John Graves. Graves disease."), ["John Graves"]);
    }
}
