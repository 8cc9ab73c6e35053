//! US telephone and fax numbers (North American Numbering Plan): area and exchange begin with 2 to 9; three
//! groups with separators stand anywhere, ten digits in one piece behind a label; +1 and an extension
//! allowed. Called by `detect`.

use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::number::{Candidate, Gap, stands_alone};
use crate::screen::view::{Hit, View};

/// Adds the candidate if it is a telephone number.
pub(super) fn find(view: &View<'_>, candidate: &Candidate<'_>, hits: &mut Vec<Hit>) {
    let (national, country) = match candidate.digits {
        [b'1', rest @ ..] if rest.len() == 10 => (rest, true),
        rest if rest.len() == 10 => (rest, false),
        _ => return,
    };
    // Area and exchange codes begin with 2 to 9 and no area code has the form N11.
    let [a, area_b, area_c, x, ..] = national else { return };
    if !matches!(a, b'2'..=b'9') || !matches!(x, b'2'..=b'9') || (*area_b == b'1' && *area_c == b'1') {
        return;
    }
    let grouped = if country {
        candidate.has_lengths(&[1, 3, 3, 4])
            || (candidate.has_lengths(&[11]) && preceded_by_plus(view, candidate))
    } else {
        candidate.has_lengths(&[3, 3, 4])
    };
    let plus = country && preceded_by_plus(view, candidate);
    let written = grouped && (plus || is_written(candidate) || near_label(view, candidate));
    let labelled = near_label(view, candidate)
        && (candidate.runs.len() == 1
            || candidate.has_lengths(&[3, 7])
            || candidate.is_broken_once_over_a_line());
    let start = start(view, candidate);
    if (written || labelled)
        && stands_alone(view.text, candidate.start(), candidate.end())
        && !is_tied(view, candidate)
    {
        hits.push(Hit { kind: Kind::Telephone, start, end: candidate.end() });
    }
}

/// Blanks alone do not make three numbers of a table a telephone number; hyphens, stops and brackets do.
fn is_written(candidate: &Candidate<'_>) -> bool {
    candidate.runs.len() == 1
        || candidate.gaps.iter().any(|gap| matches!(gap, Some(Gap::Hyphen | Gap::Stop | Gap::Bracket)))
}

fn near_label(view: &View<'_>, candidate: &Candidate<'_>) -> bool {
    view.has_cue_before(Cue::Phone, candidate.start(), 24)
}

fn preceded_by_plus(view: &View<'_>, candidate: &Candidate<'_>) -> bool {
    view.before(candidate.start()).ends_with('+')
}

/// With an opening bracket before the area code and a plus before the country code.
fn start(view: &View<'_>, candidate: &Candidate<'_>) -> usize {
    let before = view.before(candidate.start());
    let bracketed = candidate.gaps.contains(&Some(Gap::Bracket)) && before.ends_with('(');
    candidate.start() - usize::from(bracketed || before.ends_with('+'))
}

fn is_tied(view: &View<'_>, candidate: &Candidate<'_>) -> bool {
    let bytes = view.text.as_bytes();
    let left = matches!(bytes.get(..candidate.start()), Some([.., digit, b'-']) if digit.is_ascii_digit() && *digit != b'1');
    let right = matches!(bytes.get(candidate.end()..), Some([b'-', digit, ..]) if digit.is_ascii_digit());
    left || right
}
