//! What every detector sees of a field, and the hit it adds. Used by the screen and by all detectors.
//! Invariant: places are bytes of the normalised text.

use std::ops::Range;

use super::cue::{Cue, CueHit};
use super::kind::Kind;
use super::number::Run;

/// What a detector sees of one field.
pub(super) struct View<'a> {
    /// Normalised text.
    pub(super) text: &'a str,
    /// Its digit runs.
    pub(super) runs: &'a [Run],
    /// Its cues.
    pub(super) cues: &'a [CueHit],
}

/// A range of the normalised text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hit {
    pub(super) kind: Kind,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl<'a> View<'a> {
    /// The text before a place.
    pub(super) fn before(&self, at: usize) -> &'a str {
        self.text.get(..at).unwrap_or_default()
    }

    /// The text from a place on.
    pub(super) fn after(&self, at: usize) -> &'a str {
        self.text.get(at..).unwrap_or_default()
    }

    /// The places of cues of this sort.
    pub(super) fn cues(&self, wanted: Cue) -> impl Iterator<Item = &CueHit> {
        self.cues.iter().filter(move |hit| hit.cue == wanted)
    }

    /// Whether a cue of this sort ends within `reach` bytes before a place, on the same line.
    /// The cues that start at a place.
    pub(super) fn cues_at(&self, at: usize) -> impl Iterator<Item = &CueHit> {
        let from = self.cues.partition_point(|hit| hit.start < at);
        self.cues.get(from..).unwrap_or_default().iter().take_while(move |hit| hit.start == at)
    }

    pub(super) fn has_cue_before(&self, wanted: Cue, at: usize, reach: usize) -> bool {
        let until = self.cues.partition_point(|hit| hit.end <= at);
        let near = self.cues.get(..until).unwrap_or_default().iter().rev();
        near.take_while(|hit| hit.end + reach >= at).any(|hit| {
            hit.cue == wanted
                && !self.text.get(hit.end..at).unwrap_or_default().contains(['\n', '。', ';', '；'])
        })
    }
}

/// Whether a character is a Han character of names and words.
pub(super) fn is_han(c: char) -> bool {
    matches!(c, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{323af}' | '〇')
}

/// The range of the leading characters that satisfy a test, as bytes from 0.
pub(super) fn leading(text: &str, chars_max: usize, accept: impl Fn(char) -> bool) -> Range<usize> {
    let end = text.char_indices().take(chars_max).take_while(|(_, c)| accept(*c)).last();
    0..end.map_or(0, |(at, c)| at + c.len_utf8())
}
