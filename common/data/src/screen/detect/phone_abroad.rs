//! Telephone numbers of other countries behind a plus sign, British ones in their groups (`07700 900341`,
//! `0161 496 0284`), and local American ones of seven digits (`555-0119`) beside a word for a telephone, a
//! name or an extension. Called by `detect`. Invariant: three to four digits with a hyphen alone are a range.

use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::number::{Candidate, Gap, stands_alone};
use crate::screen::view::{Hit, View};

/// Adds the candidate if it is a telephone number.
pub(super) fn find(view: &View<'_>, candidate: &Candidate<'_>, hits: &mut Vec<Hit>) {
    let before = view.before(candidate.start());
    // Chinese and American ones have their own detectors.
    let elsewhere = !matches!(candidate.digits, [b'8', b'6', ..] | [b'1', ..]);
    let plus = elsewhere
        && before.ends_with('+')
        && (10..=15).contains(&candidate.digits.len())
        && candidate.runs.len() > 1;
    if !(plus || is_british(candidate) || is_local(view, candidate)) {
        return;
    }
    if stands_alone(view.text, candidate.start(), candidate.end()) {
        let start = candidate.start() - usize::from(plus);
        hits.push(Hit { kind: Kind::Telephone, start, end: candidate.end() });
    }
}

/// Ten or eleven digits that begin with 01, 02, 03 or 07, in the groups in which they are written.
fn is_british(candidate: &Candidate<'_>) -> bool {
    let groups: &[&[usize]] = &[&[5, 6], &[5, 3, 3], &[4, 3, 4], &[3, 4, 4], &[5, 5]];
    matches!(candidate.digits, [b'0', b'1' | b'2' | b'3' | b'7', ..])
        && candidate.gaps.iter().all(|gap| matches!(gap, Some(Gap::Blank | Gap::Hyphen)))
        && groups.iter().any(|lengths| candidate.has_lengths(lengths))
}

/// Seven digits with a hyphen where a telephone number is spoken of.
fn is_local(view: &View<'_>, candidate: &Candidate<'_>) -> bool {
    let shape = candidate.has_lengths(&[3, 4]) && matches!(candidate.digits.first(), Some(b'2'..=b'9'));
    if !shape || !matches!(candidate.gaps, [Some(Gap::Hyphen | Gap::Blank)]) {
        return false;
    }
    let behind = view.after(candidate.end()).trim_start();
    let extension = ["ext", "x", "or ", "option"].iter().any(|word| behind.starts_with(word));
    let near = view.has_cue_before(Cue::Phone, candidate.start(), 16);
    let hyphen = candidate.gaps == [Some(Gap::Hyphen)];
    let before = view.before(candidate.start());
    let named = [" at ", ", ", " (", " on "].iter().any(|word| before.ends_with(word));
    let ended = behind.is_empty() || behind.starts_with([',', '.', ';', ')']) && !behind.starts_with(".5");
    near || (extension && hyphen) || (hyphen && named && ended)
}
