//! Chinese telephone numbers: mobile (11 digits, 13 to 19 first, +86 allowed), landline with its area code,
//! 400 and 800 numbers; local numbers behind a label. Called by `detect`.

use super::label;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::number::{Candidate, Gap, Run, gap, stands_alone};
use crate::screen::view::{Hit, View};

/// Adds the candidate if it is a telephone number.
pub(super) fn find(view: &View<'_>, candidate: &Candidate<'_>, hits: &mut Vec<Hit>) {
    let kind = if is_mobile(candidate) {
        Kind::MobilePhone
    } else if is_landline(view, candidate) {
        Kind::Telephone
    } else {
        return;
    };
    if stands_alone(view.text, candidate.start(), candidate.end()) && !is_part_of_a_code(view, candidate) {
        hits.push(Hit { kind, start: candidate.start(), end: candidate.end() });
    }
}

fn is_mobile(candidate: &Candidate<'_>) -> bool {
    let (national, country) = match candidate.digits {
        [b'8', b'6', rest @ ..] if rest.len() == 11 => (rest, 2),
        [b'0', b'0', b'8', b'6', rest @ ..] if rest.len() == 11 => (rest, 4),
        rest if rest.len() == 11 => (rest, 0),
        _ => return false,
    };
    if !matches!(national, [b'1', b'3'..=b'9', ..]) {
        return false;
    }
    let mut lengths: Vec<usize> = candidate.runs.iter().map(|run| run.len()).collect();
    // The country code is a piece of its own or glued to the first piece.
    match lengths.first_mut() {
        Some(first) if *first == country => {
            lengths.remove(0);
        }
        Some(first) => *first = first.saturating_sub(country),
        None => return false,
    }
    match lengths.as_slice() {
        [11] | [3, 8] | [7, 4] | [3, 4, 4] | [4, 4, 3] | [4, 3, 4] | [3, 3, 5] => {
            candidate.is_regular() || country > 0
        }
        [_, _] => candidate.gaps.contains(&Some(Gap::Line)),
        [3, _, _] | [_, _, 4] => candidate.gaps.contains(&Some(Gap::Line)),
        _ => false,
    }
}

/// Area codes are 010, 02x and 03xx to 09xx; a landline number has seven or eight digits, not beginning with
/// 0 or 1.
fn is_landline(view: &View<'_>, candidate: &Candidate<'_>) -> bool {
    let digits = match candidate.digits {
        [b'0', b'0', b'8', b'6', rest @ ..] | [b'8', b'6', rest @ ..] => rest,
        digits => digits,
    };
    if let [b'4' | b'8', b'0', b'0', rest @ ..] = digits {
        let grouped = candidate.has_lengths(&[3, 3, 4])
            || candidate.has_lengths(&[3, 4, 3])
            || candidate.has_lengths(&[3, 7]);
        let labelled = candidate.has_lengths(&[10]) && near_phone_word(view, candidate.start());
        return rest.len() == 7 && (grouped || labelled);
    }
    let prefixed = digits.len() < candidate.digits.len();
    let (area, number) = match digits {
        [b'0', rest @ ..] if matches!(rest, [b'1', b'0', ..] | [b'2', b'0'..=b'9', ..]) => {
            (3, rest.len() - 2)
        }
        [b'0', b'3'..=b'9', rest @ ..] => (4, rest.len().saturating_sub(2)),
        [b'1', b'0', rest @ ..] | [b'2', b'0'..=b'9', rest @ ..] if prefixed => (2, rest.len()),
        [b'3'..=b'9', b'0'..=b'9', _, rest @ ..] if prefixed => (3, rest.len()),
        _ => return false,
    };
    let first = digits.get(area);
    if !(7..=8).contains(&number) || !matches!(first, Some(b'2'..=b'9')) {
        return false;
    }
    let split = candidate.runs.len() > 1 && candidate.runs.iter().any(|run| run.len() == area);
    let broken = candidate.is_broken_once_over_a_line() && near_phone_word(view, candidate.start());
    (split && candidate.runs.len() <= 4) || broken || near_phone_word(view, candidate.start())
}

fn near_phone_word(view: &View<'_>, at: usize) -> bool {
    view.has_cue_before(Cue::Phone, at, 40)
}

/// Whether the number is a middle piece of a longer code such as `2023-13812345678-01`: a short piece is tied
/// to it by a hyphen. An extension behind a landline number is part of a telephone number, not of a code.
fn is_part_of_a_code(view: &View<'_>, candidate: &Candidate<'_>) -> bool {
    let tied = |left: Option<&Run>, right: Option<&Run>| {
        left.zip(right).is_some_and(|(left, right)| {
            gap(view.text, *left, *right) == Some(Gap::Hyphen) && right.start - left.end == 1
        })
    };
    let first = view.runs.partition_point(|run| run.start < candidate.start());
    let last = view.runs.partition_point(|run| run.end < candidate.end());
    let before = first.checked_sub(1).and_then(|at| view.runs.get(at));
    let after = view.runs.get(last + 1);
    let country =
        before.is_some_and(|run| matches!(view.text.get(run.start..run.end), Some("86" | "0086" | "1")));
    let short = |run: Option<&Run>| run.is_some_and(|run| run.len() < 7);
    let tied_left = short(before) && !country && tied(before, view.runs.get(first));
    let tied_right = short(after) && tied(view.runs.get(last), after);
    let landline = candidate.digits.first() == Some(&b'0');
    (tied_left || (tied_right && !landline)) && !near_phone_word(view, candidate.start())
}

/// Length of an extension behind a number: `转8012`, ` ext. 4`, ` x 2207`.
pub(super) fn extension(behind: &str) -> usize {
    let rest = behind.trim_start_matches([' ', ',']);
    let skip = behind.len() - rest.len();
    let word = ["转", "分机", "extension ", "ext. ", "ext.", "ext ", "x "]
        .iter()
        .find(|word| rest.starts_with(**word));
    let Some(word) = word.filter(|_| skip <= 2) else { return 0 };
    let digits =
        rest.get(word.len()..).unwrap_or_default().bytes().take(6).take_while(u8::is_ascii_digit).count();
    if digits == 0 { 0 } else { skip + word.len() + digits }
}

/// Local numbers of seven or eight digits, and ten or eleven digits in one piece, behind `电话` and the like.
pub(super) fn find_labelled(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues(Cue::Phone) {
        let (skip, marked) = label::value(view.after(cue.end));
        let start = cue.end + skip;
        let first = view.runs.partition_point(|run| run.start < start);
        let Some(run) = view.runs.get(first).filter(|run| run.start == start) else { continue };
        let next = view.runs.get(first + 1);
        let joined = next.filter(|next| {
            run.len() + next.len() == 8
                && matches!(gap(view.text, *run, **next), Some(Gap::Hyphen | Gap::Blank))
                && run.len() == 4
        });
        let end = joined.map_or(run.end, |next| next.end);
        let length = joined.map_or(run.len(), |next| run.len() + next.len());
        if (marked || skip <= 1) && (7..=12).contains(&length) && stands_alone(view.text, start, end) {
            hits.push(Hit { kind: Kind::Telephone, start, end });
        }
    }
}
