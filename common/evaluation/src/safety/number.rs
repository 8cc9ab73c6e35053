//! Numbers in a sentence, for doses: `#` of a phrase stands for one. Used by `text`. Invariants: linear; the
//! spans are in order and apart; digits within a word (B12) are none.

use std::ops::Range;

/// Characters of Chinese numbers; 半 and 几 stand before units, too.
const CHINESE: &str = "零〇一二两三四五六七八九十百千半几";
/// English numbers as words, as doses have them.
const ENGLISH: [&str; 12] =
    ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "half", "several"];
/// What stands within a number or a range: 0.5, 1,000, 1-2, 1/2.
const JOINTS: [char; 8] = ['.', ',', '-', '–', '~', '/', '⁄', '至'];

/// The numbers of a plain text.
pub(super) fn spans(plain: &str) -> Vec<Range<usize>> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut before = None;
    let mut characters = plain.char_indices().peekable();
    while let Some((start, c)) = characters.next() {
        let is_inside = before.is_some_and(is_latin);
        let end = if CHINESE.contains(c) {
            run(plain, start, |c| CHINESE.contains(c))
        } else if c.is_ascii_digit() && !is_inside {
            digits(plain, start)
        } else if c.is_ascii_lowercase() && !is_inside {
            word(plain, start).unwrap_or(start)
        } else {
            start
        };
        before = Some(c);
        if end > start {
            found.push(start..end);
            while let Some((_, c)) = characters.next_if(|(at, _)| *at < end) {
                before = Some(c);
            }
        }
    }
    found
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

/// The end of the characters at `start` that are so.
fn run(plain: &str, start: usize, is_so: impl Fn(char) -> bool) -> usize {
    plain[start..].find(|c| !is_so(c)).map_or(plain.len(), |length| start + length)
}

/// The end of digits, with what stands within a number where digits follow it.
fn digits(plain: &str, start: usize) -> usize {
    let mut end = run(plain, start, |c| c.is_ascii_digit());
    loop {
        let mut rest = plain[end..].chars();
        match rest.next() {
            Some(c) if JOINTS.contains(&c) && rest.next().is_some_and(|c| c.is_ascii_digit()) => {
                end = run(plain, end + c.len_utf8(), |c| c.is_ascii_digit());
            }
            _ => return end,
        }
    }
}

/// The end of an English number that begins here.
fn word(plain: &str, start: usize) -> Option<usize> {
    let is = |word: &&&str| {
        let behind = plain[start..].strip_prefix(**word);
        behind.is_some_and(|rest| !rest.starts_with(is_latin))
    };
    ENGLISH.iter().find(is).map(|word| start + word.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn numbers_are_found_and_letters_with_digits_are_none() {
        let of = |text: &str| spans(text).into_iter().map(|span| text[span].to_owned()).collect::<Vec<_>>();
        assert_eq!(of("take 0.5-1 mg or two tablets, 1,000 iu"), ["0.5-1", "two", "1,000"]);
        assert_eq!(of("每次两片，一日3次，b12 和 covid-19"), ["两", "一", "3", "19"]);
        assert_eq!(of("someone tends 12."), ["12"]);
        assert_eq!(of("5至10毫克"), ["5至10"]);
    }

    proptest! {
        #[test]
        fn any_text_has_spans_in_order(text in "(\\PC|[0-9.,一二]){0,200}") {
            let spans = spans(&text);
            prop_assert!(spans.windows(2).all(|two| two[0].end <= two[1].start));
            prop_assert!(spans.iter().all(|span| text.get(span.clone()).is_some_and(|it| !it.is_empty())));
        }
    }
}
