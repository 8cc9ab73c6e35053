//! Chinese licence plates (GA 36): province character, letter, five characters, or six with D or F at an end
//! for new-energy cars; the last of five may be 挂, 学, 警, 港, 澳. A dot or blank may stand behind the letter.
//! Called by `detect`.

use super::han;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

fn is_letter(byte: u8) -> bool {
    matches!(byte, b'A'..=b'H' | b'J'..=b'N' | b'P'..=b'Z')
}

fn is_serial(byte: u8) -> bool {
    is_letter(byte) || byte.is_ascii_digit()
}

/// Adds every plate: looks at each letter behind a province character.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    let mut seen = 0;
    for run in view.runs {
        // A plate has at least one digit; its province character lies at most 8 bytes and 3 letters before a
        // run.
        let window = run.start.saturating_sub(14).max(seen);
        for (offset, c) in
            view.text.get(floor(view.text, window)..run.start).unwrap_or_default().char_indices()
        {
            let start = floor(view.text, window) + offset;
            if han::is(c, han::PROVINCE)
                && let Some(length) = tail(view.after(start + c.len_utf8()))
            {
                hits.push(Hit { kind: Kind::LicencePlate, start, end: start + c.len_utf8() + length });
                seen = start + c.len_utf8() + length;
            }
        }
    }
}

fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Length of what follows the province character.
fn tail(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    if !bytes.first().copied().is_some_and(is_letter) {
        return None;
    }
    let rest = text.get(1..)?;
    let skip =
        if rest.starts_with('·') { '·'.len_utf8() } else { usize::from(rest.starts_with([' ', '-', '.'])) };
    let serial = bytes.get(1 + skip..)?;
    let length = serial.iter().take(8).take_while(|byte| is_serial(**byte)).count();
    let digits = serial.iter().take(length).filter(|byte| byte.is_ascii_digit()).count();
    let special = ["挂", "学", "警", "港", "澳", "使", "领"]
        .iter()
        .find(|word| text.get(1 + skip + length..).is_some_and(|behind| behind.starts_with(**word)));
    let glued = serial.get(length).is_some_and(u8::is_ascii_alphanumeric);
    match (length, special) {
        (4, Some(word)) if digits >= 2 => Some(1 + skip + length + word.len()),
        (5, _) if digits >= 3 && !glued => Some(1 + skip + length),
        (6, _) if digits >= 4 && !glued => {
            let ends = [serial.first(), serial.get(5)];
            let new_energy = ends.iter().any(|byte| matches!(byte, Some(b'A'..=b'H' | b'J' | b'K')));
            new_energy.then_some(1 + skip + length)
        }
        _ => None,
    }
}
