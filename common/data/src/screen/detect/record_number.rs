//! Numbers by which a hospital finds a patient: medical record, admission, outpatient, visit and card
//! numbers; numbers of examinations, images, specimens and reports; beds. All behind their labels, Chinese
//! and English. Called by `detect`.

use super::label;
use super::surname::surname;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

/// Adds every labelled number.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues {
        let (kind, digits_min, chars_max) = match cue.cue {
            Cue::RecordNumber => (Kind::MedicalRecordNumber, 3, 24),
            Cue::ExaminationNumber => (Kind::ExaminationNumber, 3, 32),
            Cue::Bed => (Kind::BedNumber, 1, 8),
            _ => continue,
        };
        let (skip, marked) = label::value(view.after(cue.end));
        let start = cue.end + skip;
        let rest = view.after(start);
        let Some(length) = label::number(rest, digits_min, 1, chars_max).or_else(|| prefixed(rest)) else {
            continue;
        };
        if is_quantity(rest.get(length..).unwrap_or_default()) && !marked {
            continue;
        }
        let end = start + length + bed_suffix(cue.cue, rest.get(length..).unwrap_or_default());
        hits.push(Hit { kind, start, end });
    }
}

/// `ZY 20230015`: letters, a blank, digits.
fn prefixed(text: &str) -> Option<usize> {
    let letters = text.bytes().take(5).take_while(u8::is_ascii_alphabetic).count();
    let rest = text.get(letters..)?.strip_prefix(' ')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    ((1..=4).contains(&letters) && (4..=14).contains(&digits)).then_some(letters + 1 + digits)
}

/// `门诊 120 元`: a number with a unit is not an identifier.
fn is_quantity(rest: &str) -> bool {
    ["元", "次", "例", "天", "个", "人", "%", "mg", "ml", "年", "月"]
        .iter()
        .any(|unit| rest.trim_start().starts_with(unit))
}

fn bed_suffix(cue: Cue, rest: &str) -> usize {
    if cue == Cue::Bed && rest.starts_with('床') { '床'.len_utf8() } else { 0 }
}

/// Accession numbers by their shape alone: one or two capitals, the year in two digits, four to six digits
/// (`S-19-12345`, `CT-21-00417`).
pub(super) fn find_shapes(view: &View<'_>, hits: &mut Vec<Hit>) {
    for pair in view.runs.windows(2) {
        let [year, serial] = pair else { continue };
        let tied = year.len() == 2 && (4..=6).contains(&serial.len());
        if !tied || view.text.get(year.end..serial.start) != Some("-") {
            continue;
        }
        let Some(head) = view.before(year.start).strip_suffix('-') else { continue };
        let letters = head.bytes().rev().take(3).take_while(u8::is_ascii_uppercase).count();
        let start = head.len() - letters;
        let left = view.before(start).ends_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        let right = view.after(serial.end).starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-');
        if matches!(letters, 1 | 2) && !left && !right {
            hits.push(Hit { kind: Kind::ExaminationNumber, start, end: serial.end });
        }
    }
}

/// `12床`, `加3床`, `18号床` with a ward word or a person word near: `3床被子` is not a bed.
pub(super) fn find_beds(view: &View<'_>, hits: &mut Vec<Hit>) {
    for run in view.runs.iter().filter(|run| run.len() <= 3) {
        let rest = view.after(run.end);
        let Some(tail) = ["号床位", "号床", "床"].iter().find(|tail| rest.starts_with(**tail)) else {
            continue;
        };
        let behind = rest.get(tail.len()..).unwrap_or_default();
        let counted =
            ["被", "棉", "以", "位", "的床", "旁", "单"].iter().any(|word| behind.starts_with(word));
        let before = view.before(run.start);
        let ward =
            ["病区", "病房", "病室", "住院", "床号", "入住", "住", "转至", "加", "患者", "科", "内", "外"];
        // Of the same line; no more than this is looked at for each number.
        let near =
            before.chars().rev().take(12).take_while(|c| !matches!(c, '\n' | '。')).collect::<Vec<_>>();
        let near: String = near.into_iter().rev().collect();
        // `3床王建国`, `7床，神志清`: a clause that begins with the bed speaks of who lies in it.
        let head = before.trim_end_matches(' ');
        let opens = head.is_empty() || head.ends_with(['\n', '。', ',', ';', ':', '、', '(']);
        let lies = surname(behind).is_some() || behind.starts_with([',', ' ', ':', '、', ';']);
        let opens = opens && lies && !counted;
        if opens || !counted && ward.iter().any(|word| near.contains(word)) {
            hits.push(Hit { kind: Kind::BedNumber, start: run.start, end: run.end + tail.len() });
        }
    }
}
