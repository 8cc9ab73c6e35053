//! US identifiers: social security numbers as `ddd-dd-dddd` anywhere and in any writing behind a label;
//! national provider identifiers and DEA numbers behind their labels, check digit right. Called by `detect`.

use super::label;
use crate::screen::checksum::{dea, npi};
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::number::{Candidate, Gap, stands_alone};
use crate::screen::view::{Hit, View};

/// Never issued: area 000, 666 and 900 to 999, group 00, serial 0000 (SSA, randomised since 2011).
fn is_issued(digits: &[u8]) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).unwrap_or_default();
    digits.len() == 9
        && part(0, 3) != b"000"
        && part(0, 3) != b"666"
        && digits.first() != Some(&b'9')
        && part(3, 5) != b"00"
        && part(5, 9) != b"0000"
}

/// Adds the candidate if it is a social security number or a labelled provider number.
pub(super) fn find(view: &View<'_>, candidate: &Candidate<'_>, hits: &mut Vec<Hit>) {
    let (start, end) = (candidate.start(), candidate.end());
    let near = |cue| view.has_cue_before(cue, start, 24);
    let kind = match candidate.digits.len() {
        9 if is_issued(candidate.digits) => {
            let hyphens = candidate.has_lengths(&[3, 2, 4])
                && candidate.gaps.iter().all(|gap| matches!(gap, Some(Gap::Hyphen | Gap::Line)));
            if !hyphens && !near(Cue::Ssn) {
                return;
            }
            Kind::UsSsn
        }
        10 if npi(candidate.digits) && near(Cue::Npi) => Kind::UsNpi,
        _ => return,
    };
    if stands_alone(view.text, start, end) && !is_tied(view.text, start, end) {
        hits.push(Hit { kind, start, end });
    }
}

/// Whether a hyphen ties the number to further digits: `1-123-45-6789-0` is another sort of code.
fn is_tied(text: &str, start: usize, end: usize) -> bool {
    let bytes = text.as_bytes();
    let left = matches!(bytes.get(..start), Some([.., digit, b'-']) if digit.is_ascii_digit());
    let right = matches!(bytes.get(end..), Some([b'-', digit, ..]) if digit.is_ascii_digit());
    left || right
}

/// DEA numbers begin with letters, so they are looked for behind their label.
pub(super) fn find_labelled(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues(Cue::Dea) {
        let (skip, _) = label::value(view.after(cue.end));
        let start = cue.end + skip;
        let rest = view.after(start);
        let letters = rest.get(..2).unwrap_or_default();
        let gap = usize::from(rest.get(2..3).is_some_and(|next| next == "-" || next == " "));
        let Some(digits) = rest.get(2 + gap..9 + gap) else { continue };
        let alone = !rest.as_bytes().get(9 + gap).is_some_and(u8::is_ascii_alphanumeric);
        if alone && dea(format!("{letters}{digits}").as_bytes()) {
            hits.push(Hit { kind: Kind::UsDea, start, end: start + 9 + gap });
        }
    }
}
