//! A text in sentences, each as phrases are looked for in it. Used by the other files of `safety`.
//! Invariants: the sentences are the whole text, in order; no phrase is found across two of them.

use std::ops::Range;

use super::denial::{Clauses, ends_denied};
use super::number;
use crate::judge::pattern::plain;

/// One sentence.
pub(super) struct Sentence<'a> {
    /// As it was written.
    pub(super) written: &'a str,
    /// Its first byte in the text.
    pub(super) start: usize,
    /// In the [`spelling`] of phrases, without marks of emphasis.
    pub(super) plain: String,
    /// The numbers in `plain`, in order.
    pub(super) numbers: Vec<Range<usize>>,
    /// Its clauses.
    pub(super) clauses: Clauses,
}

impl Sentence<'_> {
    /// Whether it says something: a number of a list and its full stop do not.
    pub(super) fn has_words(&self) -> bool {
        self.plain.chars().any(char::is_alphabetic)
    }
}

/// The sentences of a text: a line ends one, and so do 。！？!? and a full stop that white space follows, so
/// that `0.5 mg` stays whole.
pub(super) fn sentences(text: &str) -> Vec<Sentence<'_>> {
    let (mut found, mut start) = (Vec::<Sentence<'_>>::new(), 0);
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let is_end = match c {
            '\n' | '。' | '！' | '？' | '!' | '?' => true,
            '.' | '．' => next.is_none_or(char::is_whitespace),
            _ => next.is_none(),
        };
        if is_end {
            let end = at + c.len_utf8();
            // A line that ends in a denial denies the next.
            let lines = found.last().filter(|last| last.written.ends_with('\n'));
            let is_denied = lines.is_some_and(|last| ends_denied(&last.plain));
            found.push(sentence(&text[start..end], start, is_denied));
            start = end;
        }
    }
    found
}

fn sentence(written: &str, start: usize, is_denied: bool) -> Sentence<'_> {
    // Do **not** take.
    let plain = spelling(written).replace(['*', '_', '`'], "");
    let numbers = number::spans(&plain);
    let clauses = Clauses::new(&plain, is_denied);
    Sentence { written, start, plain, numbers, clauses }
}

/// Characters that nobody sees: those of the data room's screen.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

/// How texts and phrases are compared: after NFKC, in lower case, without what nobody sees, white space as
/// one blank.
pub(super) fn spelling(text: &str) -> String {
    let visible: String = text.chars().filter(|c| !is_invisible(*c)).collect();
    let mut spelt = String::with_capacity(visible.len());
    for c in plain(&visible).chars() {
        let c = if c.is_whitespace() { ' ' } else { c };
        if c != ' ' || !spelt.ends_with(' ') {
            spelt.push(c);
        }
    }
    spelt
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_full_stop_within_a_number_ends_nothing() {
        let of = |text| sentences(text).iter().map(|one| one.written.to_owned()).collect::<Vec<_>>();
        assert_eq!(of("Take 0.5 mg. Then wait!"), ["Take 0.5 mg.", " Then wait!"]);
        assert_eq!(of("先观察。再就医"), ["先观察。", "再就医"]);
        assert_eq!(of("1. Rest\n2. Water"), ["1.", " Rest\n", "2.", " Water"]);
        assert!(of("").is_empty() && !sentences("1. ")[0].has_words());
    }

    #[test]
    fn emphasis_and_what_nobody_sees_hide_no_word() {
        let of = |text| sentences(text)[0].plain.clone();
        assert_eq!(of("Do **not**\u{a0} take it"), "do not take it");
        assert_eq!(of("拨\u{200b}打＊＊１２０＊＊"), "拨打120");
        assert_eq!(of("as\u{200e}pi\u{202e}r\u{61c}i\u{180e}n"), "aspirin");
    }

    proptest! {
        #[test]
        fn the_sentences_are_the_text(text in "(\\PC|[.。!?\n 0-9]){0,200}") {
            let all = sentences(&text);
            prop_assert_eq!(all.iter().map(|one| one.written).collect::<String>(), &text[..]);
            prop_assert!(all.iter().all(|one| text[one.start..].starts_with(one.written)));
        }
    }
}
