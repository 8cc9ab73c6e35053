//! Normalised text with a way back: detectors read one spelling, findings are byte ranges of the original.
//! Used by the screen for every field. Invariants: every normalised range maps to a range on character
//! borders of the original; memory is at most a small multiple of the field.
//!
//! Normalisation is NFKC by clusters, with three differences: circled and superscript digits stay as they are
//! (`①138...` is a list mark before a number, not a longer number), invisible characters go, and all dashes
//! and all middle dots become one each.

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use crate::limits::CLUSTER_BYTES_MAX;

/// A stretch of normalised text and where it came from.
#[derive(Debug, Clone, Copy)]
struct Piece {
    /// First byte in the normalised text.
    normal: usize,
    /// First byte in the original.
    original: usize,
    /// Bytes in the original; a verbatim piece has as many in the normalised text.
    original_len: usize,
    verbatim: bool,
}

/// A field's text as detectors see it.
#[derive(Debug)]
pub(super) struct Normal {
    pub(super) text: String,
    pieces: Vec<Piece>,
}

impl Normal {
    pub(super) fn new(original: &str) -> Self {
        let mut normal = Self { text: String::with_capacity(original.len()), pieces: Vec::new() };
        let mut chars = original.char_indices().peekable();
        let spaced = is_spaced(original);
        let mut before = ' ';
        while let Some((at, c)) = chars.next() {
            let gap =
                c == ' ' && spaced && is_han(before) && chars.peek().is_some_and(|(_, next)| is_han(*next));
            if gap {
                continue;
            }
            before = c;
            let combines = chars.peek().is_some_and(|(_, next)| is_mark(*next));
            if !combines && is_plain(c) {
                normal.copy(at, c);
                continue;
            }
            if !combines && is_invisible(c) {
                continue;
            }
            // Full-width marks stand in every clause of Chinese text, so they must not cost an allocation.
            if let Some(same) = unify(c).filter(|_| !combines) {
                normal.push(at, c.len_utf8(), |text| text.push(same));
                continue;
            }
            let mut cluster = String::from(c);
            while let Some((_, mark)) = chars.next_if(|(_, next)| is_mark(*next)) {
                // Text has few marks on a character; the bound keeps one cluster from growing without end.
                if cluster.len() < CLUSTER_BYTES_MAX {
                    cluster.push(mark);
                }
            }
            let end = chars.peek().map_or(original.len(), |(next, _)| *next);
            normal.push(at, end - at, |text| text.extend(cluster.nfkc()));
        }
        normal
    }

    fn copy(&mut self, at: usize, c: char) {
        let here = self.text.len();
        self.text.push(c);
        match self.pieces.last_mut() {
            Some(piece) if piece.verbatim && piece.original + piece.original_len == at => {
                piece.original_len += c.len_utf8();
            }
            _ => self.pieces.push(Piece {
                normal: here,
                original: at,
                original_len: c.len_utf8(),
                verbatim: true,
            }),
        }
    }

    /// Appends what stands for `original_len` bytes of the original.
    fn push(&mut self, at: usize, original_len: usize, write: impl FnOnce(&mut String)) {
        let here = self.text.len();
        write(&mut self.text);
        if self.text.len() > here {
            self.pieces.push(Piece { normal: here, original: at, original_len, verbatim: false });
        }
    }

    fn piece(&self, at: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.normal <= at);
        self.pieces.get(after.checked_sub(1)?)
    }

    /// The original range of a non-empty normalised range.
    pub(super) fn original(&self, start: usize, end: usize) -> Option<(usize, usize)> {
        let first = self.piece(start)?;
        let last = self.piece(end.checked_sub(1)?)?;
        let from = if first.verbatim { first.original + (start - first.normal) } else { first.original };
        let to = if last.verbatim {
            last.original + (end - last.normal)
        } else {
            last.original + last.original_len
        };
        (from < to).then_some((from, to))
    }
}

fn is_han(c: char) -> bool {
    matches!(c, '\u{4e00}'..='\u{9fff}')
}

/// Whether a blank follows most Han characters, as in tokenised corpora: such blanks part nothing and are
/// dropped.
pub(super) fn is_spaced(text: &str) -> bool {
    // A blank behind a Han character, in bytes: the third byte of a character is 0x80 to 0xbf.
    let bytes = text.as_bytes();
    let blanks = bytes.windows(2).filter(|pair| matches!(pair, [0x80..=0xbf, b' '])).count();
    blanks > 3 && blanks * 5 > text.chars().filter(|c| is_han(*c)).count() * 3
}

/// Characters that NFKC leaves alone and that we do not unify: nearly all text, decided without a table
/// look-up.
fn is_plain(c: char) -> bool {
    c.is_ascii()
        || matches!(c, '\u{4e00}'..='\u{9fff}' | '\u{3001}'..='\u{3029}' | '\u{2018}'..='\u{201f}')
        || is_kept_digit(c)
}

/// Digits in circles, brackets or above the line are marks, not part of a number.
fn is_kept_digit(c: char) -> bool {
    matches!(c, '\u{2460}'..='\u{249b}' | '\u{24ea}'..='\u{24ff}' | '\u{2776}'..='\u{2793}'
        | '\u{b2}' | '\u{b3}' | '\u{b9}' | '\u{2070}'..='\u{2094}' | '\u{3220}'..='\u{3229}' | '\u{3280}'..='\u{3289}')
}

/// Whether a character combines with the one before it. The blocks are named first, because nearly all text
/// lies outside of them and the exact answer costs a table look-up.
fn is_mark(c: char) -> bool {
    let block = matches!(c, '\u{300}'..='\u{2dff}' | '\u{302a}'..='\u{302f}' | '\u{3099}' | '\u{309a}'
        | '\u{a66f}'..='\u{abff}' | '\u{fb1e}' | '\u{fe20}'..='\u{fe2f}' | '\u{10000}'..);
    block && is_combining_mark(c)
}

fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}' | '\u{fe00}'..='\u{fe0f}')
}

fn unify(c: char) -> Option<char> {
    match c {
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '\u{ff0d}' => Some('-'),
        '\u{b7}' | '\u{2022}' | '\u{2027}' | '\u{2219}' | '\u{22c5}' | '\u{30fb}' | '\u{ff65}' => Some('·'),
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0),
        // U+3000 and the typographic spaces.
        _ if c.is_whitespace() => {
            Some(if c == '\u{2028}' || c == '\u{2029}' || c == '\u{85}' { '\n' } else { ' ' })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn found<'a>(original: &'a str, needle: &str) -> &'a str {
        let normal = Normal::new(original);
        let at = normal.text.find(needle).unwrap();
        let (start, end) = normal.original(at, at + needle.len()).unwrap();
        &original[start..end]
    }

    #[test]
    fn spellings_are_one_and_lead_back() {
        assert_eq!(found("电话：１３８１２３４５６７８。", "13812345678"), "１３８１２３４５６７８");
        assert_eq!(
            found("a\u{200b}138\u{200b}1234\u{feff}5678b", "13812345678"),
            "138\u{200b}1234\u{feff}5678"
        );
        assert_eq!(found("姓名：José", "Jos\u{e9}"), "José");
        assert_eq!(found("姓名：Jose\u{301} R", "Jos\u{e9}"), "Jose\u{301}");
        assert_eq!(found("阿布都\u{2022}买买提", "阿布都·买买提"), "阿布都\u{2022}买买提");
        assert_eq!(found("0571\u{2014}8765", "0571-8765"), "0571\u{2014}8765");
        assert_eq!(Normal::new("①138②").text, "①138②");
        assert_eq!(Normal::new("10⁹/L").text, "10⁹/L");
    }

    proptest! {
        #[test]
        fn every_range_maps_onto_character_borders(text in "\\PC{0,40}", cut in any::<(usize, usize)>()) {
            let normal = Normal::new(&text);
            let borders: Vec<usize> = normal.text.char_indices().map(|(at, _)| at).chain([normal.text.len()]).collect();
            let (mut a, mut b) = (borders[cut.0 % borders.len()], borders[cut.1 % borders.len()]);
            if a > b { std::mem::swap(&mut a, &mut b); }
            if let Some((start, end)) = normal.original(a, b) {
                prop_assert!(text.get(start..end).is_some());
            } else {
                prop_assert_eq!(a, b);
            }
        }
    }
}
