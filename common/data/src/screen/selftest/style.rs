//! How a text is written, so that what the self-test plants looks like the site's own: language, capitals
//! only, blanks between all characters, full-width digits. Called by `selftest`. Invariant: rewriting keeps
//! track of where the identifiers stand.

use crate::screen::quality::Labelled;
use crate::screen::words::Language;

/// A way of writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Style {
    pub(super) language: Language,
    capitals: bool,
    spaced: bool,
    full_width: bool,
}

impl Style {
    pub(super) fn of(text: &str) -> Self {
        let count = |accept: fn(char) -> bool| text.chars().filter(|c| accept(*c)).count();
        let (upper, lower) = (count(|c| c.is_ascii_uppercase()), count(|c| c.is_ascii_lowercase()));
        let han = count(is_han);
        Self {
            language: if han > 0 { Language::Chinese } else { Language::English },
            capitals: upper > 20 && upper > 9 * lower,
            spaced: crate::screen::normal::is_spaced(text),
            full_width: count(|c| ('０'..='９').contains(&c)) > count(|c| c.is_ascii_digit()),
        }
    }

    /// A clause in this style.
    pub(super) fn apply(self, clause: Labelled) -> Labelled {
        let mut text = String::new();
        let mut places = Vec::new();
        let mut before = ' ';
        for (at, c) in clause.text.char_indices() {
            if self.spaced && is_han(c) && is_han(before) {
                text.push(' ');
            }
            places.push((at, text.len()));
            before = c;
            text.push(match c {
                c if self.full_width && c.is_ascii_digit() => {
                    char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c)
                }
                // E-mail and web addresses are not written in capitals.
                c if self.capitals && !clause.text.contains('@') => c.to_ascii_uppercase(),
                c => c,
            });
        }
        places.push((clause.text.len(), text.len()));
        let place = |at: usize| {
            places
                .binary_search_by_key(&at, |(old, _)| *old)
                .ok()
                .and_then(|index| places.get(index))
                .map_or(0, |(_, new)| *new)
        };
        let labels =
            clause.labels.iter().map(|(kind, start, end)| (*kind, place(*start), place(*end))).collect();
        Labelled { text, labels }
    }

    /// The marks between the text before the clause, the clause, and the text behind it.
    pub(super) fn marks(self, before: &str) -> (&'static str, &'static str) {
        let open = before.is_empty() || before.ends_with('\n');
        match (self.language, open) {
            (Language::Chinese, true) => ("", "。"),
            (Language::Chinese, false) if before.ends_with(['，', '。', '；', '！', '？', ',', ';']) => {
                ("", "，")
            }
            (Language::Chinese, false) => ("，", "。"),
            (Language::English, true) => ("", ". "),
            (Language::English, false) if before.ends_with(['.', '!', '?', ',', ';']) => (" ", "."),
            (Language::English, false) => ("; ", "."),
        }
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// Places where a clause ends: the beginning, the end, line breaks, and behind marks that stand between no
/// digits.
pub(super) fn clause_ends(text: &str) -> Vec<usize> {
    let mut ends = vec![0, text.len()];
    let mut chars = text.char_indices().peekable();
    while let Some((at, c)) = chars.next() {
        let next = chars.peek().map(|(_, next)| *next);
        let mark = matches!(c, '。' | '，' | '；' | '！' | '？' | '\n')
            || (matches!(c, '.' | ',' | ';' | '!' | '?')
                && next.is_some_and(|next| next == ' ' || next == '\n'));
        if mark {
            ends.push(at + c.len_utf8());
        }
    }
    ends
}
