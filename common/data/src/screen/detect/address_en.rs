//! US addresses: house number, street name and street word, with what follows
//! (`Apt 4, Springfield, IL 62704`); post-office boxes; city, state and ZIP code. Called by `detect`.
//! Invariant: a street name begins with a capital; a state alone is no finding.

use crate::limits::STREET_WORDS_MAX;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

const STATES: &str = "AL AK AZ AR CA CO CT DE FL GA HI ID IL IN IA KS KY LA ME MD MA MI MN MS MO MT NE NV NH NJ NM NY NC ND OH OK OR PA RI \
    SC SD TN TX UT VT VA WA WV WI WY DC PR";

/// Adds streets, post-office boxes, and cities with state and ZIP code.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    // `Dr` is a title more often; `street_start` wants a house number.
    for cue in view.cues.iter().filter(|cue| matches!(cue.cue, Cue::Street | Cue::TitleBefore)) {
        if let Some(start) = street_start(view, cue.start, cue.end) {
            let start = flat_before(view, start);
            let end = cue.end + rest_of_address(view.after(cue.end));
            hits.push(Hit { kind: Kind::Address, start, end });
        }
    }
    for run in view.runs {
        let before = view.before(run.start);
        let box_start = ["P.O. Box ", "PO Box ", "P. O. Box ", "P.O. BOX ", "PO BOX "]
            .iter()
            .find(|word| before.ends_with(**word));
        if let Some(word) = box_start {
            let end = run.end + rest_of_address(view.after(run.end));
            hits.push(Hit { kind: Kind::Address, start: run.start - word.len(), end });
        }
        if run.len() == 5
            && let Some(start) = city_start(before)
        {
            hits.push(Hit { kind: Kind::Address, start, end: run.end + plus_four(view.after(run.end)) });
        }
    }
}

/// `Flat 2, ` before a house number belongs to the address.
fn flat_before(view: &View<'_>, start: usize) -> usize {
    let Some(head) = view.before(start).strip_suffix(", ") else { return start };
    let number = head.bytes().rev().take(4).take_while(u8::is_ascii_alphanumeric).count();
    let before = head.get(..head.len() - number).unwrap_or_default();
    let word = ["Flat ", "Apt ", "Unit ", "Room ", "Suite "]
        .iter()
        .find(|word| number > 0 && before.ends_with(**word));
    word.map_or(start, |word| before.len() - word.len())
}

/// `-1234` behind a ZIP code.
fn plus_four(text: &str) -> usize {
    let four = text.as_bytes().get(1..5).is_some_and(|digits| digits.iter().all(u8::is_ascii_digit));
    if text.starts_with('-') && four && !text.as_bytes().get(5).is_some_and(u8::is_ascii_digit) {
        5
    } else {
        0
    }
}

/// The house number before one to four capitalised words and the street word.
fn street_start(view: &View<'_>, street: usize, end: usize) -> Option<usize> {
    if !view.text.get(street..end)?.starts_with(|c: char| c.is_ascii_uppercase()) {
        return None;
    }
    let mut head = view.before(street).strip_suffix(' ')?;
    for count in 0..=STREET_WORDS_MAX {
        let word_at = head.rfind([' ', '\n', ',']).map_or(0, |at| at + 1);
        let word = head.get(word_at..)?;
        let number = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let is_number = !number.is_empty()
            && number.len() <= 6
            && number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let ordinal = ["st", "nd", "rd", "th"].iter().any(|ending| word.ends_with(ending));
        if count > 0 && is_number && !ordinal && word.len() <= number.len() + 1 {
            return Some(word_at);
        }
        let letters = word.strip_suffix('.').filter(|abbreviation| abbreviation.len() <= 3).unwrap_or(word);
        let is_word = letters.starts_with(|c: char| c.is_ascii_uppercase())
            && letters.bytes().all(|byte| byte.is_ascii_alphabetic() || matches!(byte, b'\'' | b'-'));
        if !(is_word || ordinal) {
            return None;
        }
        head = head.get(..word_at)?.strip_suffix(' ')?;
    }
    None
}

/// What follows a street in an address fits into so many bytes.
const ADDRESS_BYTES: usize = 256;

/// `, Apt 4B, Springfield, IL 62704-1234` behind a street: length of what belongs to the address.
fn rest_of_address(text: &str) -> usize {
    // An address is short: the rest of a long line is not looked through for each street.
    let text = &text[..text.floor_char_boundary(ADDRESS_BYTES)];
    let mut end = 0;
    for (index, piece) in text.split_inclusive([',', '\n']).take(4).enumerate() {
        let body = piece.trim_end_matches([',', '\n']);
        if index == 0 && body.trim_matches(['.', ' ']).is_empty() {
            end += piece.len();
            continue;
        }
        match piece_length(body, index) {
            Some(length) => {
                let consumed = end + length;
                if length < body.trim_end().len() || piece == body {
                    return consumed;
                }
                end += piece.len();
            }
            None => break,
        }
    }
    // A trailing comma or full stop belongs to the sentence.
    text.get(..end).unwrap_or_default().trim_end_matches([',', ' ', '\n', '.']).len()
}

/// A unit (`Apt 4B`), a city (capitalised words) or a state with ZIP code: its length.
fn piece_length(body: &str, index: usize) -> Option<usize> {
    let lead = body.len() - body.trim_start().len();
    let trimmed = body.trim();
    let unit = ["Apt", "Fl ", "Flat", "Lot", "Unit", "Suite", "Ste", "#", "Floor", "Room", "Rm", "Bldg"]
        .iter()
        .any(|word| trimmed.starts_with(word));
    if unit {
        let words: usize = trimmed.split(' ').take(2).map(|word| word.len() + 1).sum();
        return Some(lead + (words - 1).min(trimmed.len()));
    }
    if let Some(state) =
        trimmed.get(..2).filter(|state| STATES.split_whitespace().any(|known| known == *state))
    {
        let behind = trimmed.get(state.len()..)?;
        let zip = behind
            .strip_prefix(' ')
            .filter(|zip| zip.get(..5).is_some_and(|five| five.bytes().all(|byte| byte.is_ascii_digit())));
        let plain = behind.is_empty() || !behind.starts_with(|c: char| c.is_ascii_alphanumeric());
        return match zip {
            Some(zip) => Some(lead + 8 + plus_four(zip.get(5..)?)),
            None if plain => Some(lead + 2),
            None => None,
        };
    }
    // The words of the city, and a British post code behind them.
    let mut end = 0;
    for (index, word) in trimmed.split(' ').take(5).enumerate() {
        if !(is_capitalised(word) || is_post_code(word) && index > 0) {
            break;
        }
        end += word.trim_end_matches('.').len() + usize::from(index > 0);
        if word.ends_with('.') {
            break;
        }
    }
    let city = index > 0
        && lead == 1
        && end > 0
        && trimmed.get(..end).is_some_and(|words| words.split(' ').count() <= 5);
    city.then_some(lead + end)
}

/// The beginning of `Springfield, IL ` before a ZIP code.
fn city_start(before: &str) -> Option<usize> {
    let head = before.strip_suffix(' ')?;
    let state_at = head.len().checked_sub(2)?;
    let state = head.get(state_at..)?;
    if !STATES.split_whitespace().any(|known| known == state) {
        return None;
    }
    let head = head.get(..state_at)?;
    let Some(city) = head.strip_suffix(", ").or_else(|| head.strip_suffix(' ')) else {
        return Some(state_at);
    };
    let mut start = city.len();
    for _ in 0..3 {
        let head = city.get(..start)?.trim_end_matches(' ');
        let word_at = head.rfind([' ', '\n', ',', ':', '.', '(']).map_or(0, |at| at + 1);
        if !is_capitalised(head.get(word_at..)?) {
            break;
        }
        start = word_at;
        if !city.get(..start)?.ends_with(' ') {
            break;
        }
    }
    Some(if start == city.len() { state_at } else { start })
}

/// Half of a British post code: `LS6`, `2AB`, `DN31`.
fn is_post_code(word: &str) -> bool {
    let word = word.trim_end_matches('.');
    let digits = word.bytes().filter(u8::is_ascii_digit).count();
    (3..=4).contains(&word.len())
        && (1..=2).contains(&digits)
        && word.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

/// A word of letters that begins with a capital.
fn is_capitalised(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_uppercase()) && word.bytes().all(|byte| byte.is_ascii_alphabetic())
}
