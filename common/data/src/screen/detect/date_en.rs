//! English dates with a month's name: `May 3, 2023`, `3rd of May 2023`, `03-MAY-2023`, `May 2023`. Called by
//! `detect`. Invariant: `may` in lower case is a verb, and a month without day or year is no date.

use super::date::number;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

/// Adds every date around a month's name.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for cue in view.cues(Cue::Month) {
        let name = view.text.get(cue.start..cue.end).unwrap_or_default();
        if !name.starts_with(|c: char| c.is_ascii_uppercase()) {
            continue;
        }
        let before = day_before(view.before(cue.start));
        let after = view.after(cue.end);
        let (start, end) = match (before, day_after(after), year_after(after)) {
            (Some(start), _, year) => (start, cue.end + year.unwrap_or(0)),
            (None, Some(day), _) => {
                let rest = after.get(day..).unwrap_or_default();
                (cue.start, cue.end + day + year_after(rest).unwrap_or(0))
            }
            (None, None, Some(year)) => (cue.start, cue.end + year),
            (None, None, None) => continue,
        };
        hits.push(Hit { kind: Kind::Date, start, end });
    }
}

fn separators(text: &str) -> usize {
    text.bytes().take(3).take_while(|byte| matches!(byte, b' ' | b'-' | b',' | b'/' | b'.')).count()
}

/// ` 3`, ` 3rd`, `-03`: the length up to the end of the day; not the beginning of a year or a dose.
fn day_after(text: &str) -> Option<usize> {
    let skip = separators(text);
    let rest = text.get(skip..)?;
    let (day, length) = number(rest, 2)?;
    let tail = rest.get(length..)?;
    let ordinal = ["st", "nd", "rd", "th"].iter().any(|ending| tail.starts_with(ending));
    let end = skip + length + if ordinal { 2 } else { 0 };
    let unit = ["mg", "ml", "%", " mg", " ml", " days", " weeks", " months", " years", " patients", " cases"];
    let decimal = tail.starts_with('.') && tail.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
    (skip > 0 && (1..=31).contains(&day) && !decimal && !unit.iter().any(|unit| tail.starts_with(unit)))
        .then_some(end)
}

/// `, 2023`, ` 2023`, `-2023`, ` of 2023`.
fn year_after(text: &str) -> Option<usize> {
    let skip = separators(text);
    let of = if text.get(skip..)?.starts_with("of ") { 3 } else { 0 };
    let (year, length) = number(text.get(skip + of..)?, 4)?;
    (length == 4 && (1900..2100).contains(&year)).then_some(skip + of + length)
}

/// `3 `, `3rd of `, `the 3rd `, `03-`: where the day begins.
fn day_before(text: &str) -> Option<usize> {
    // `14MAR2023`: grown together.
    let glued = text.ends_with(|c: char| c.is_ascii_digit()).then_some(text);
    let head = text.strip_suffix(" of ").or_else(|| text.strip_suffix([' ', '-', '/'])).or(glued)?;
    let head = ["st", "nd", "rd", "th"].iter().find_map(|ending| head.strip_suffix(ending)).unwrap_or(head);
    let digits = head.bytes().rev().take_while(u8::is_ascii_digit).count();
    let start = head.len() - digits;
    let (day, _) = number(head.get(start..)?, 2)?;
    let glued =
        head.get(..start)?.ends_with(|c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-' || c == '/');
    if !(1..=31).contains(&day) || glued {
        return None;
    }
    // `2 to 16 August`: the first day of a stretch belongs to it.
    let stretch =
        head.get(..start)?.strip_suffix(" to ").or_else(|| head.get(..start)?.strip_suffix(" and "));
    let first = stretch.map_or(0, |rest| rest.bytes().rev().take(2).take_while(u8::is_ascii_digit).count());
    Some(stretch.filter(|_| first > 0).map_or(start, |rest| rest.len() - first))
}
