//! English names: behind a title (`Dr. Smith`), behind a label (`Patient name: Smith, John A.`), behind a
//! relation (`his wife Mary`), and a common first name with a last name (`John Smith`). Called by `detect`.
//! Invariant: a name consists of capitalised words; words of institutions, eponyms and forms end it.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::label;
use super::name_en_words::NOT_NAMES;
use super::name_score_en_words::is_place;
use crate::screen::cue::Cue;
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View, is_han};

pub(super) fn is_not_a_name(word: &str) -> bool {
    let lower = word.trim_end_matches('.').to_ascii_lowercase();
    static KNOWN: LazyLock<HashSet<&str>> = LazyLock::new(|| NOT_NAMES.split_whitespace().collect());
    const ENDS: &[&str] =
        &["ologist", "iatrist", "ologists", "ology", "paedic", "paedics", "pedic", "iatric", "ician"];
    KNOWN.contains(lower.as_str()) || (lower.len() > 6 && ENDS.iter().any(|end| lower.ends_with(end)))
}

/// Length of one word of a name: a capital and letters, `'`, `-`; or an initial with its full stop.
pub(super) fn word(text: &str) -> Option<usize> {
    let first = text.chars().next().filter(|c| c.is_uppercase())?;
    let rest = text.get(first.len_utf8()..)?;
    let inner = |c: char| (c.is_alphabetic() && !is_han(c)) || matches!(c, '\'' | '’' | '-');
    let length = first.len_utf8()
        + rest
            .char_indices()
            .take(24)
            .take_while(|(_, c)| inner(*c))
            .last()
            .map_or(0, |(at, c)| at + c.len_utf8());
    let spelled = text.get(..length)?;
    let core = spelled
        .strip_suffix("'s")
        .or_else(|| spelled.strip_suffix("’s"))
        .unwrap_or(spelled)
        .trim_end_matches(['-', '\'']);
    if spelled.starts_with("I'") || spelled.starts_with("I’") {
        return None;
    }
    // `Forrest IIa`: a class, not a name.
    let numeral = core.trim_end_matches(['a', 'b', 'c']);
    if core.len() > 1 && !numeral.is_empty() && numeral.bytes().all(|byte| matches!(byte, b'I' | b'V')) {
        return None;
    }
    let initial = core.chars().count() == 1;
    let stop = initial && text.get(core.len()..)?.starts_with('.');
    (!is_not_a_name(core) || stop).then(|| core.len() + usize::from(stop))
}

/// Length and number of words of a name at the beginning of a text; `Last, First` where `turned` is allowed.
fn name(text: &str, words_max: usize, turned: bool) -> (usize, usize) {
    let (mut end, mut count) = (0, 0);
    while count < words_max {
        let rest = text.get(end..).unwrap_or_default();
        let particles = [
            "van der ", "van den ", "van ", "von ", "de la ", "de ", "del ", "da ", "bin ", "al-", "Al-",
            "le ", "O'",
        ];
        let (skip, comma) = match (count, rest.as_bytes()) {
            (0, _) => (0, false),
            (_, [b' ', ..]) => (1, false),
            (1, [b',', b' ', ..]) if turned => (2, true),
            _ => break,
        };
        let body = rest.get(skip..).unwrap_or_default();
        let particle = particles
            .iter()
            .find(|particle| body.starts_with(**particle))
            .filter(|_| count > 0)
            .map_or(0, |particle| particle.len());
        let Some(length) = word(body.get(particle..).unwrap_or_default()) else { break };
        // `Sex:` behind a name is the next label.
        let behind = body.get(particle + length..).unwrap_or_default();
        if behind.starts_with(':') || (comma && behind.starts_with('=')) {
            break;
        }
        end += skip + particle + length;
        count += 1;
    }
    (end, count)
}

/// Adds every English name that a cue announces, and first names with a last name that are no `is_phrase`.
pub(super) fn find(view: &View<'_>, is_phrase: fn(&str) -> bool, hits: &mut Vec<Hit>) {
    let mut seen = 0;
    for cue in view.cues {
        let text = view.text.get(cue.start..cue.end).unwrap_or_default();
        if !text.is_ascii() || cue.start < seen {
            continue;
        }
        let found = match cue.cue {
            Cue::TitleBefore => titled(view, cue.start, cue.end).or_else(|| related(view, text, cue.end)),
            Cue::NameLabel | Cue::Named => labelled(view, text, cue.end),
            Cue::Person => related(view, text, cue.end),
            Cue::Age => before_age(view, cue.start),
            Cue::FirstName => first_and_last(view, cue.start, cue.end).filter(|(start, end)| {
                // Nothing announces it: `Walter Reed` may be the hospital.
                !is_phrase(view.text.get(*start..*end).unwrap_or_default())
            }),
            _ => None,
        };
        if let Some((start, end)) = found {
            hits.push(Hit { kind: Kind::PersonName, start, end });
            seen = end;
        }
    }
}

/// `Dr. Smith`, `Mrs Jane Doe`: the title is capitalised.
fn titled(view: &View<'_>, start: usize, end: usize) -> Option<(usize, usize)> {
    view.after(start).starts_with(|c: char| c.is_ascii_uppercase()).then_some(())?;
    let rest = view.after(end);
    let skip = rest.len() - rest.trim_start_matches(['.', ' ']).len();
    let (length, count) = name(view.after(end + skip), 3, false);
    ((1..=3).contains(&skip) && count > 0 && length > 2).then_some((end + skip, end + skip + length))
}

/// `Name: John Smith`, `seen by John Smith`, `my name is John`.
fn labelled(view: &View<'_>, text: &str, end: usize) -> Option<(usize, usize)> {
    let (skip, marked) = label::value(view.after(end));
    let start = end + skip;
    let lower = text.to_ascii_lowercase();
    let spoken = lower.ends_with(" by")
        || lower.ends_with(" is")
        || lower.ends_with("with")
        || matches!(lower.as_str(), "named" | "the name of" | "next of kin" | "dear");
    let salutation = matches!(lower.as_str(), "to" | "from" | "cc" | "attn" | "re");
    // `by Dr. Smith`: the title takes over.
    let (length, count) = name(view.after(start), 4, true);
    let enough = if salutation { count >= 2 } else { count >= 1 };
    let label = marked || (spoken && skip == 1) || lower.ends_with(" is");
    (label && enough && length > 2).then_some((start, start + length))
}

/// `his wife Mary`, `Patient: John Smith`, `son, Peter Smith`.
fn related(view: &View<'_>, text: &str, end: usize) -> Option<(usize, usize)> {
    let rest = view.after(end);
    let skip = rest.len() - rest.trim_start_matches([' ', ':', ',', '(', '"', '*']).len();
    let start = end + skip;
    let between = rest.get(..skip)?;
    let first = view.cues_at(start).any(|cue| cue.cue == Cue::FirstName);
    let (length, count) = name(view.after(start), 3, between.contains(':'));
    let lower_case = text.bytes().all(|byte| byte.is_ascii_lowercase());
    // `Patient Health Questionnaire` is not a name: a capitalised word before needs a colon or a known first
    // name.
    let clear = match (between.contains(':'), between.contains(',')) {
        (true, _) => count >= 2 || first,
        (false, true) => first || (lower_case && count >= 2),
        (false, false) => {
            lower_case
                && (first || count >= 2 || !matches!(text, "patient" | "pt" | "child" | "friend" | "partner"))
        }
    };
    ((1..=3).contains(&skip) && clear && length > 2).then_some((start, start + length))
}

/// `Priya Patel is a 45-year-old`, `Priya Patel, a 45-year-old`: the name before an age.
fn before_age(view: &View<'_>, age: usize) -> Option<(usize, usize)> {
    let head = view.before(age).trim_end_matches(['-', ' ']).trim_end_matches(|c: char| c.is_ascii_digit());
    let head = [" is a ", " is an ", " was a ", " was an ", ", a ", ", an ", ", ", " is ", " ("]
        .iter()
        .find_map(|between| head.strip_suffix(between))?;
    // At most three words back; the whole of them must read as a name.
    let start = head.rmatch_indices([' ', '\n']).map(|(at, _)| at + 1).chain([0]).take(3).filter(|start| {
        let words = head.get(*start..).unwrap_or_default();
        name(words, 3, false).0 == words.len() && words.contains(' ')
    });
    start.last().map(|start| (start, head.len()))
}

/// A common first name, perhaps an initial, and a last name; not an institution named after a person.
fn first_and_last(view: &View<'_>, start: usize, end: usize) -> Option<(usize, usize)> {
    let text = view.after(start);
    text.starts_with(|c: char| c.is_ascii_uppercase()).then_some(())?;
    let shouted = text.get(..end - start)?.bytes().all(|byte| byte.is_ascii_uppercase());
    let (length, count) = name(text, 3, false);
    if count < 2 || length <= end - start {
        return None;
    }
    let last = text.get(end - start..length)?;
    let last_shouted = last.bytes().filter(u8::is_ascii_alphabetic).all(|byte| byte.is_ascii_uppercase());
    let behind = text.get(length..)?.trim_start();
    let next: String = behind.chars().take_while(char::is_ascii_alphabetic).collect();
    let institution = next.starts_with(|c: char| c.is_ascii_uppercase())
        && is_not_a_name(&next)
        && text.get(length..)?.starts_with(' ');
    let named_after = view.before(start).ends_with("St. ") || view.before(start).ends_with("Saint ");
    let named_after = named_after || is_place(text.get(..length)?);
    (!institution && !named_after && (!last_shouted || shouted)).then_some((start, start + length))
}
