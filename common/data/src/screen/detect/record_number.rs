//! Numbers by which a hospital finds a patient: medical record, admission, outpatient, visit and card
//! numbers; numbers of examinations, images, specimens and reports; beds. All behind their labels, Chinese
//! and English. Called by `detect`.

use super::{date, label};
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

/// Adds every labelled number.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues {
        let (kind, digits_min, chars_max) = match cue.cue {
            Cue::RecordNumber if view.after(cue.start).starts_with(['n', 'N']) => {
                (Kind::MedicalRecordNumber, 10, 24)
            }
            Cue::RecordNumber => (Kind::MedicalRecordNumber, 3, 24),
            Cue::ExaminationNumber => (Kind::ExaminationNumber, 3, 32),
            Cue::Bed => (Kind::BedNumber, 1, 8),
            _ => continue,
        };
        let (skip, marked) = label::value(view.after(cue.end));
        let start = cue.end + skip;
        let rest = view.after(start);
        let Some(length) = label::number(rest, digits_min, 1, chars_max)
            .or_else(|| prefixed(rest))
            .or_else(|| bed_word(cue.cue, rest))
            .or_else(|| in_threes(rest))
        else {
            continue;
        };
        // `room 12` is no bed number, `room 512-B` is; `POD2` is a day after an operation.
        let room = cue.cue == Cue::Bed && matches!(view.after(cue.start).as_bytes(), [b'r' | b'R', ..]);
        if (room && length < 3)
            || (cue.cue == Cue::Bed && skip == 0 && view.after(cue.start).starts_with(|c: char| c.is_ascii()))
        {
            continue;
        }
        // `开放床位1200床`: how many there are.
        let counted = cue.cue == Cue::Bed && length > 3 && view.before(cue.end).ends_with("床位");
        if !marked && (counted || date::begins(rest)) {
            continue;
        }
        if is_quantity(rest.get(length..).unwrap_or_default()) && !marked {
            continue;
        }
        // `MICU-11` is one word.
        let glued = cue.cue == Cue::Bed
            && rest.len() < view.after(cue.end).len()
            && view.text.get(cue.end..start) == Some("-");
        let start = if glued { cue.start } else { start };
        let length = if glued { view.after(start).len() - rest.len() + length } else { length };
        let end = start + length + bed_suffix(cue.cue, rest.get(length..).unwrap_or_default());
        hits.push(Hit { kind, start, end });
    }
}

/// `加3`, `外15`: a bed behind its label that begins with a word.
fn bed_word(cue: Cue, text: &str) -> Option<usize> {
    let word = text.chars().next().filter(|c| cue == Cue::Bed && BED_WORDS.contains(*c))?.len_utf8();
    label::number(text.get(word..)?, 1, 1, 4).map(|length| word + length)
}

/// `943 476 5919`: as the numbers of the British health service are written.
fn in_threes(text: &str) -> Option<usize> {
    let shape = text.bytes().take(12).enumerate().all(|(at, byte)| {
        if at == 3 || at == 7 { matches!(byte, b' ' | b'-') } else { byte.is_ascii_digit() }
    });
    (text.len() >= 12 && shape && !text.as_bytes().get(12).is_some_and(u8::is_ascii_alphanumeric))
        .then_some(12)
}

/// What a bed's number can begin with.
const BED_WORDS: &str = "加产外内东南西北中甲乙丙丁抢监临";

/// `ZY 20230015`: letters, a blank, digits.
fn prefixed(text: &str) -> Option<usize> {
    let letters = text.bytes().take(5).take_while(u8::is_ascii_alphabetic).count();
    let rest = text.get(letters..)?.strip_prefix(' ')?;
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    ((1..=4).contains(&letters) && (4..=14).contains(&digits)).then_some(letters + 1 + digits)
}

/// `门诊 120 元`: a number with a unit is not an identifier.
fn is_quantity(rest: &str) -> bool {
    const UNITS: &[&str] = &[
        "元", "次", "例", "天", "个", "人", "%", "mg", "ml", "年", "月", "day", "hour", "hr", "min", "deg",
        "°", "week", "x ", "times",
    ];
    UNITS.iter().any(|unit| rest.trim_start().starts_with(unit))
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

/// `12床`, `加3床`, `18号床`, `ICU-06床`, `南楼8床`: any number of at most four digits before the word, unless beds
/// are counted (`1200床规模`) or things of a bed are spoken of (`3床被子`).
pub(super) fn find_beds(view: &View<'_>, hits: &mut Vec<Hit>) {
    const THINGS: &[&str] = &[
        "被",
        "棉",
        "以",
        "位",
        "旁",
        "单",
        "垫",
        "规模",
        "的医院",
        "医院",
        "大型",
        "综合",
        "三甲",
        "左右",
        "及以上",
    ];
    for run in view.runs.iter().filter(|run| run.len() <= 4) {
        let rest = view.after(run.end);
        let letter = usize::from(rest.starts_with(|c: char| c.is_ascii_uppercase()));
        let rest = rest.get(letter..).unwrap_or_default();
        let Some(tail) = ["号床位", "号床", "床"].iter().find(|tail| rest.starts_with(**tail)) else {
            continue;
        };
        let behind = rest.get(tail.len()..).unwrap_or_default();
        let before = view.before(run.start);
        let counted = THINGS.iter().any(|word| behind.starts_with(word))
            || [
                "有", "共", "约", "设", "余", "近", "超", "达", "放", "开放", "编制", "增加", "每", "第",
                "床位", "床", ".",
            ]
            .iter()
            .any(|word| before.ends_with(word));
        if counted {
            continue;
        }
        let part = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'-';
        let code = before.bytes().rev().take(8).take_while(part).count();
        let head = before.get(..before.len() - code).unwrap_or_default();
        let word: usize = head
            .chars()
            .rev()
            .take(2)
            .take_while(|c| BED_WORDS.contains(*c) || "楼区".contains(*c))
            .map(char::len_utf8)
            .sum();
        // `B区6号床`.
        let wing = head
            .get(..head.len() - word)
            .unwrap_or_default()
            .bytes()
            .rev()
            .take(2)
            .take_while(|byte| word > 0 && byte.is_ascii_alphanumeric())
            .count();
        // `3病区12床`: the ward is no part of the bed.
        let word = if wing == 0 && before.get(..before.len() - code).is_some_and(|head| head.ends_with('区'))
        {
            0
        } else {
            word
        };
        let end = run.end + letter + tail.len();
        hits.push(Hit { kind: Kind::BedNumber, start: run.start - code - word - wing, end });
    }
}
