//! Chinese citizen identity numbers (GB 11643): province, date of birth, check character. The 15-digit
//! numbers of before 2000 and numbers that fail the check count behind a label only, as contextual findings.
//! Called by `detect`.

use super::label;
use crate::screen::checksum::{citizen_check, is_date};
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::number::{Candidate, gap, stands_alone};
use crate::screen::view::{Hit, View};

/// First two digits: provinces of the mainland, Taiwan, Hong Kong, Macau, and 83 (residents of Taiwan).
const PROVINCES: [u32; 35] = [
    11, 12, 13, 14, 15, 21, 22, 23, 31, 32, 33, 34, 35, 36, 37, 41, 42, 43, 44, 45, 46, 50, 51, 52, 53, 54,
    61, 62, 63, 64, 65, 71, 81, 82, 83,
];

fn decimal(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |value, byte| value * 10 + u32::from(byte.wrapping_sub(b'0')))
}

fn is_province(digits: &[u8]) -> bool {
    digits.get(..2).is_some_and(|two| PROVINCES.contains(&decimal(two)))
}

/// Seventeen digits with a possible province and date of birth.
fn is_body(digits: &[u8]) -> bool {
    let part = |from: usize, to: usize| digits.get(from..to).map_or(0, decimal);
    is_province(digits)
        && (1850..2100).contains(&part(6, 10))
        && is_date(part(6, 10), part(10, 12), part(12, 14))
}

/// Adds the candidate if it is an identity number.
pub(super) fn find(view: &View<'_>, candidate: &Candidate<'_>, hits: &mut Vec<Hit>) {
    let end = match candidate.digits {
        [body @ .., last] if body.len() == 17 && is_body(body) && citizen_check(body) == Some(*last) => {
            candidate.end()
        }
        body if body.len() == 17 && is_body(body) && citizen_check(body) == Some(b'X') => {
            let Some(end) = check_letter(view, candidate) else { return };
            end
        }
        _ => return,
    };
    // Seven pieces are more than any way of writing it; a column of small numbers is not one identity number.
    if candidate.runs.len() <= 7 && stands_alone(view.text, candidate.start(), end) {
        hits.push(Hit { kind: Kind::CitizenId, start: candidate.start(), end });
    }
}

/// The end of the `X` behind seventeen digits, separators allowed.
fn check_letter(view: &View<'_>, candidate: &Candidate<'_>) -> Option<usize> {
    let rest = view.after(candidate.end());
    let at = rest.bytes().take(4).position(|byte| !matches!(byte, b' ' | b'-' | b'\n' | b'\r' | b'.'))?;
    matches!(rest.as_bytes().get(at), Some(b'x' | b'X')).then_some(candidate.end() + at + 1)
}

/// Numbers behind a label that are not valid identity numbers: 15 digits, a wrong check character, letters
/// for digits.
pub(super) fn find_labelled(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues(Cue::CitizenId) {
        let (skip, _) = label::value(view.after(cue.end));
        let start = cue.end + skip;
        let first = view.runs.partition_point(|run| run.start < start);
        let Some(run) = view.runs.get(first).filter(|run| run.start == start) else { continue };
        let (mut end, mut digits) = (run.end, run.len());
        let mut last = *run;
        for next in view.runs.get(first + 1..).unwrap_or_default() {
            if digits >= 15 || gap(view.text, last, *next).is_none() || digits + next.len() > 18 {
                break;
            }
            (end, digits, last) = (next.end, digits + next.len(), *next);
        }
        if digits == 17 && view.after(end).starts_with(['x', 'X']) {
            end += 1;
        }
        if (15..=18).contains(&digits) {
            hits.push(Hit { kind: Kind::CitizenIdUnverified, start, end });
        }
    }
}
