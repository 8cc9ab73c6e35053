//! English names that a role (`RN Tamika`), a relation (`Dad (Terrell)`), a greeting, a signature, a
//! credential behind (`Thistle, RN`), an initial (`T. Abiodun`), a speaker's mark (`omar: yep`) or a deed
//! announces, without the name being in a list. Called by `detect`. Invariant: words that clinical English
//! begins sentences with are no names; each capitalised word is looked at once with a bounded stretch on
//! either side.

use super::name_en::{is_not_a_name, word};
use super::name_en_near::{
    credential_behind, deed_behind, eponym, initial_before, institution, person_behind, place_before,
    role_before, sentence_begins, signature, stands, stands_alone, word_before,
};
use super::name_en_tables::{TABLES, is_drug};
use super::name_score_en_words::{
    COMMON, EPONYM_NAME, FIRST, FIRST_WORD, LAST, LAST_WORD, ROLE, flags, is_phrase, is_place,
};
use crate::limits::SPEAKERS_MAX;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

/// Length of one word of a name that is no word of clinical English, and whether it is an initial.
fn name_word(text: &str) -> Option<(usize, bool)> {
    let length = word(text)?;
    let spelled = text.get(..length)?;
    if spelled.chars().filter(|c| c.is_alphabetic()).count() == 1 {
        return spelled.ends_with('.').then_some((length, true));
    }
    let shouted = spelled.chars().all(|c| !c.is_lowercase());
    let glued =
        text.get(length..)?.starts_with(|c: char| c.is_ascii_digit() || c == '_' || c == '/' && shouted);
    let contraction = spelled.starts_with("I'") || spelled.ends_with("n't") || spelled.contains("'ll");
    let lower = spelled.to_lowercase();
    let found = flags(&lower);
    let other = found & (COMMON | ROLE | EPONYM_NAME) != 0 && found & (FIRST | FIRST_WORD | LAST_WORD) == 0;
    let brand = found & EPONYM_NAME != 0 && found & (FIRST | LAST | LAST_WORD) == 0;
    let known = TABLES.common.contains(lower.as_str()) || other || brand || is_drug(&lower);
    let short = shouted && length < 5;
    let other = known || glued || contraction || short;
    (!other).then_some((length, false))
}

/// Length of up to `words_max` words of a name at the beginning, and how many they are.
fn name(text: &str, words_max: usize) -> (usize, usize) {
    const PARTICLES: &[&str] = &[
        "van der ", "van den ", "van ", "von ", "de la ", "de ", "del ", "da ", "dos ", "bin ", "al-", "y ",
        "el-", "St. ",
    ];
    let (mut end, mut count) = (0, 0);
    while count < words_max {
        let rest = text.get(end..).unwrap_or_default();
        let body = if count == 0 {
            rest
        } else if let Some(body) = rest.strip_prefix(' ') {
            body
        } else {
            break;
        };
        // A nickname between the names: `John "Skip" Doe`.
        let quoted = body
            .strip_prefix('"')
            .and_then(|body| body.get(..24.min(body.len())).and_then(|head| head.find('"')))
            .filter(|_| count > 0);
        if let Some(length) = quoted {
            end += 1 + 2 + length;
            count += 1;
            continue;
        }
        let particle = PARTICLES
            .iter()
            .find(|particle| body.starts_with(**particle))
            .map_or(0, |particle| particle.len());
        let Some((length, _)) = name_word(body.get(particle..).unwrap_or_default()) else { break };
        let credential =
            TABLES.credentials.contains(body.get(particle..particle + length).unwrap_or_default());
        if credential {
            break;
        }
        end += rest.len() - body.len() + particle + length;
        count += 1;
    }
    // `Keisha W.`, `Deb K`: the initial of a last name.
    let behind = text.get(end..).unwrap_or_default();
    if count > 0
        && let Some([b' ', initial, rest @ ..]) = behind.as_bytes().get(..behind.len().min(3))
        && initial.is_ascii_uppercase()
        && rest.first().is_none_or(|byte| matches!(byte, b'.' | b',' | b';' | b')' | b'\n'))
        && *initial != b'I'
    {
        end += 2 + usize::from(rest.first() == Some(&b'.'));
    }
    let behind = text.get(end..).unwrap_or_default();
    let younger =
        [" Jr.", " Sr.", " Jr", " III", ", Jr."].iter().find(|word| count > 0 && behind.starts_with(**word));
    (end + younger.map_or(0, |word| word.len()), count)
}

/// Adds every name that its neighbours announce.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    if !view.text.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return;
    }
    let speakers = speakers(view);
    let mut until = 0;
    let mut before = ' ';
    for (start, c) in view.text.char_indices() {
        let glued = before.is_alphanumeric() || matches!(before, '\'' | '’' | '@' | '_');
        let begins = !glued && (c.is_uppercase() || !matches!(before, '.' | '-' | '/'));
        before = c;
        if start < until || !begins || is_han(c) || !c.is_alphabetic() {
            continue;
        }
        let found = if c.is_uppercase() {
            let listed = until > 0 && is_list(view.text.get(until..start).unwrap_or("-"));
            capital(view, start, listed)
        } else {
            None
        };
        let found = found.or_else(|| spoken(view, start, &speakers)).or_else(|| lower(view, start, c));
        if let Some(end) = found {
            hits.push(Hit { kind: Kind::PersonName, start, end });
            until = end;
        }
    }
}

/// What stands between two names of a list.
fn is_list(between: &str) -> bool {
    matches!(between, ", " | " and " | ", and " | "/" | " & " | " or " | " / ")
}

/// The end of a name that begins with this capital.
fn capital(view: &View<'_>, start: usize, listed: bool) -> Option<usize> {
    let text = view.after(start);
    let (first, initial) = name_word(text)?;
    if TABLES.roles.contains(text.get(..first)?.to_lowercase().as_str()) {
        return None;
    }
    let (length, count) = name(text, 3);
    // An initial counts with a last name behind it.
    if count == 0 || (initial && (count < 2 || length <= first + 2)) {
        return None;
    }
    let behind = text.get(length..)?;
    if let Some(turned) = turned(view, start, text, length, count) {
        return Some(start + turned);
    }
    let known = is_known(view, start, start + length);
    let role = role_before(view, start, count, known);
    let next = behind.starts_with([':', '-']);
    if (next && role.is_none()) || behind.starts_with('=') || eponym(behind) || place_before(view, start) {
        return None;
    }
    let announced = role.is_some()
        || credential_behind(behind)
        || (count >= 2 && person_behind(behind))
        || (initial && initial_before(view, start));
    let hyphen = text.get(..length).is_some_and(|name| name.contains('-'));
    let deed =
        !(hyphen && count == 1) && deed_behind(behind, known || count >= 2 && sentence_begins(view, start));
    let signed = signature(view, start, behind, known || initial || count >= 2);
    let in_list = listed
        && (behind.is_empty()
            || behind.starts_with([',', '.', ';', ')', '\n', '/'])
            || behind.starts_with(" and "));
    let whole = text.get(..length)?;
    let alone = count >= 2
        && !institution(behind)
        && (!is_phrase(whole) || ["igned ", "by "].iter().any(|word| view.before(start).ends_with(word)))
        && !is_place(whole)
        && (stands_alone(view, start, behind) || (known && stands(behind)));
    let bracket = known
        && view.before(start).ends_with(" (")
        && (behind.starts_with([')', ',']) || behind.starts_with(" and "));
    (announced || deed || signed || in_list || alone || bracket).then_some(start + length)
}

/// Length of `Petrova, Lyudmila` at the beginning of a line, before an age, a sex, or the next column.
fn turned(view: &View<'_>, start: usize, text: &str, length: usize, count: usize) -> Option<usize> {
    let line = start == 0 || view.before(start).ends_with('\n');
    let rest = text.get(length..)?.strip_prefix(", ").filter(|_| line && count == 1)?;
    let (first, words) = name(rest, 2);
    let end = length + 2 + first;
    let behind = text.get(end..)?;
    (words > 0 && (behind.starts_with("  ") || person_behind(behind))).then_some(end)
}

/// Whether a first or last name of the lists stands in a range.
fn is_known(view: &View<'_>, start: usize, end: usize) -> bool {
    let from = view.cues.partition_point(|cue| cue.start < start);
    let inside = view.cues.get(from..).unwrap_or_default().iter().take_while(|cue| cue.start < end);
    inside.into_iter().any(|cue| matches!(cue.cue, Cue::FirstName | Cue::LastName))
}

/// The words that stand before a colon at the beginning of two lines or more: who speaks in a chat.
fn speakers<'a>(view: &View<'a>) -> Vec<&'a str> {
    let mut seen: Vec<(&str, usize)> = Vec::new();
    for line in view.text.split('\n') {
        let line = line.get(time_mark(line)..).unwrap_or_default();
        let length: usize =
            line.chars().take(16).take_while(|c| c.is_alphabetic() && !is_han(*c)).map(char::len_utf8).sum();
        let name = line.get(..length).unwrap_or_default();
        if length < 2 || !line.get(length..).is_some_and(|rest| rest.starts_with(": ")) {
            continue;
        }
        let lower = name.to_lowercase();
        let common = TABLES.common.contains(lower.as_str())
            || TABLES.roles.contains(lower.as_str())
            || is_not_a_name(name);
        if let Some((_, count)) = seen.iter_mut().find(|(known, _)| *known == name) {
            *count += 1;
        } else if !common && seen.len() < SPEAKERS_MAX {
            seen.push((name, 1));
        }
    }
    seen.into_iter().filter(|(_, count)| *count > 1).map(|(name, _)| name).collect()
}

/// The time at the beginning of a line fits into so many bytes.
const TIME_BYTES: usize = 24;

/// Length of the time that a line of a chat begins with: `[08:41] `, `08:41 - `.
fn time_mark(line: &str) -> usize {
    let length: usize = line
        .bytes()
        .take(TIME_BYTES)
        .take_while(|byte| byte.is_ascii_digit() || b" :[]/.,-".contains(byte))
        .count();
    let head = line.get(..length).unwrap_or_default();
    if head.contains(':') && head.ends_with(' ') { length } else { 0 }
}

fn spoken(view: &View<'_>, start: usize, speakers: &[&str]) -> Option<usize> {
    let text = view.after(start);
    if speakers.is_empty() {
        return None;
    }
    let before = view.before(start);
    let near = before.floor_char_boundary(before.len().saturating_sub(TIME_BYTES));
    let from = match before.get(near..)?.rfind('\n') {
        Some(at) => near + at + 1,
        None if near == 0 => 0,
        None => return None,
    };
    let line = time_mark(view.after(from)) == start - from;
    speakers
        .iter()
        .find(|name| line && text.strip_prefix(**name).is_some_and(|rest| rest.starts_with(':')))
        .map(|name| start + name.len())
}

/// Names in lower case, as chats have them: behind `mr`, `mrs`, `dr`, a relation, or `this is`.
fn lower(view: &View<'_>, start: usize, c: char) -> Option<usize> {
    if !c.is_lowercase() {
        return None;
    }
    let head = view.before(start).strip_suffix(' ')?;
    let text = view.after(start);
    let length: usize = text
        .chars()
        .take(16)
        .take_while(|c| c.is_alphabetic() && !is_han(*c) || *c == '\'')
        .map(char::len_utf8)
        .sum();
    let spelled = text.get(..length)?;
    // Nearly every word ends here, so the cheap question comes first.
    let titled = head.ends_with(['r', 's', '.'])
        && ["mr", "mrs", "ms", "mr.", "mrs.", "ms.", "dr", "dr."]
            .iter()
            .any(|title| ends_with_word(head, title));
    let known = length > 2
        && view
            .cues_at(start)
            .any(|cue| cue.end == start + length && matches!(cue.cue, Cue::FirstName | Cue::LastName));
    if length < 3 || !(titled || known) {
        return None;
    }
    let common = TABLES.common.contains(spelled)
        || TABLES.deeds.contains(spelled)
        || is_not_a_name(spelled)
        || TABLES.roles.contains(spelled);
    let related = || {
        word_before(view, start).is_some_and(|(word, between)| {
            between == " "
                && (TABLES.roles.contains(word)
                    || matches!(word, "pt" | "patient" | "did")
                    || ["this is", "my name is", "i am", "i'm"].iter().any(|word| head.ends_with(word)))
        })
    };
    if common || !(titled || related()) {
        return None;
    }
    // A last name behind a first one.
    let last = text.get(length..).and_then(|rest| rest.strip_prefix(' ')).map_or("", |rest| {
        let length = rest.bytes().take(16).take_while(u8::is_ascii_lowercase).count();
        rest.get(..length).unwrap_or_default()
    });
    let listed = start + length + 1;
    let follows = known && !last.is_empty() && is_known(view, listed, listed + last.len());
    Some(
        start
            + length
            + if follows || (known && head.ends_with("this is") && last.len() > 1) {
                1 + last.len()
            } else {
                0
            },
    )
}

fn ends_with_word(head: &str, word: &str) -> bool {
    head.strip_suffix(word).is_some_and(|rest| !rest.ends_with(|c: char| c.is_alphanumeric()))
}
