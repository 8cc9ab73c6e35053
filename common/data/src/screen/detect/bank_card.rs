//! Payment cards: 16 to 19 digits, first digit 3 to 6 (ISO/IEC 7812), Luhn, written in one piece, in groups
//! of four, as 6 and the rest, or broken once over a line. Called by `detect`.

use crate::screen::checksum::luhn;
use crate::screen::kind::Kind;
use crate::screen::number::{Candidate, stands_alone};
use crate::screen::view::{Hit, View};

/// Adds the candidate if it is a card number.
pub(super) fn find(view: &View<'_>, candidate: &Candidate<'_>, hits: &mut Vec<Hit>) {
    let digits = candidate.digits;
    let plausible = (16..=19).contains(&digits.len())
        && matches!(digits.first(), Some(b'3'..=b'6'))
        // A row of equal digits passes Luhn for some digits and is a filler.
        && digits.windows(2).any(|pair| pair.first() != pair.last())
        && luhn(digits)
        && is_written_so(candidate);
    if plausible && stands_alone(view.text, candidate.start(), candidate.end()) {
        hits.push(Hit { kind: Kind::BankCard, start: candidate.start(), end: candidate.end() });
    }
}

fn is_written_so(candidate: &Candidate<'_>) -> bool {
    let lengths: Vec<usize> = candidate.runs.iter().map(|run| run.len()).collect();
    match lengths.as_slice() {
        [_] | [6, _] => true,
        [_, _] => candidate.is_broken_once_over_a_line(),
        [fours @ .., last] => fours.iter().all(|length| *length == 4) && (1..=4).contains(last),
        [] => false,
    }
}
