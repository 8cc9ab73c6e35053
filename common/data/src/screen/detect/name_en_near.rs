//! What stands beside an English name: roles and relations before it, credentials, ages and deeds behind it,
//! the borders of sentences and lines. Used by `name_en_role`. Invariant: looks at a bounded stretch on
//! either side.

use super::name_en::is_not_a_name;
use super::name_en_free::is_eponym_word;
use super::name_en_tables::TABLES;
use crate::screen::view::{View, is_han};

/// The word before a place with what stands between: (word, between).
pub(super) fn word_before<'a>(view: &View<'a>, at: usize) -> Option<(&'a str, &'a str)> {
    let before = view.before(at);
    let head = before.trim_end_matches([' ', '(', '"', ':', ',', '-', '\n', '“', '/']);
    let between = before.get(head.len()..).filter(|between| between.len() <= 4)?;
    let length: usize = head
        .chars()
        .rev()
        .take(16)
        .take_while(|c| c.is_alphabetic() && !is_han(*c) || *c == '.')
        .map(char::len_utf8)
        .sum();
    head.get(head.len() - length..).filter(|word| !word.is_empty()).map(|word| (word, between))
}

/// Two or more words of a name between borders, or behind a small word and before one.
pub(super) fn stands_alone(view: &View<'_>, start: usize, behind: &str) -> bool {
    const SMALL: &[&str] = &[
        "with", "from", "by", "for", "of", "as", "to", "and", "re", "see", "than", "contact", "meet", "met",
        "saw", "is", "was", "on", "pt", "per", "via", "w/", "that", "because", "asked", "told",
    ];
    let before = view.before(start);
    let head = before.trim_end_matches([' ', '(', '"', '-']);
    let border = head.is_empty()
        || head.ends_with(['\n', ',', '.', ':', ';', '!', '?'])
        || before.ends_with(['(', '"']);
    let word = head.rsplit([' ', '\n', ',', '(']).next().unwrap_or_default();
    (border || SMALL.contains(&word)) && stands(behind)
}

/// Whether a name can end here: a mark, or a word in lower case.
pub(super) fn stands(behind: &str) -> bool {
    let mark = behind.is_empty()
        || behind.starts_with([',', '.', ';', ')', '(', '\n', '?', '!', '"'])
        || behind.starts_with("'s");
    mark || behind
        .strip_prefix(' ')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_lowercase() || c == '('))
}

/// Whether an initial can begin a name here and does not end a sentence (`vitamin B. Rocky`).
pub(super) fn initial_before(view: &View<'_>, start: usize) -> bool {
    const SMALL: &[&str] =
        &["by", "with", "and", "from", "per", "to", "dr", "see", "rn", "re", "w/", "for", "cc"];
    let before = view.before(start);
    // `3301-B. Counts`: the end of a code.
    if before.ends_with(['-', '/']) {
        return false;
    }
    let head = before.trim_end_matches([' ', '(']);
    let word = head.rsplit([' ', '\n', ',', '(']).next().unwrap_or_default().to_ascii_lowercase();
    head.is_empty()
        || before.ends_with('\n')
        || head.ends_with([',', '.', ':', ';', '-', '/', '&'])
        || SMALL.contains(&word.as_str())
}

/// Whether a role stands before: `Some(true)` directly or over a bracket.
pub(super) fn role_before(view: &View<'_>, start: usize, count: usize, known: bool) -> Option<bool> {
    const GREETINGS: &[&str] =
        &["thanks", "thx", "ta", "cheers", "regards", "sincerely", "bless", "hi", "hello", "hey", "dear"];
    let before = view.before(start);
    if [
        "d/w ",
        "s/w ",
        "disc w/ ",
        "discussed w/ ",
        "spoke w/ ",
        "R1 ",
        "R2 ",
        "R3 ",
        "R4 ",
        "PGY1 ",
        "PGY-1 ",
        "PGY2 ",
        "PGY-2 ",
        "PGY3 ",
        "PGY-3 ",
        "D/N ",
        "me (",
    ]
    .iter()
    .any(|word| before.ends_with(word))
    {
        return Some(true);
    }
    let (word, between) = word_before(view, start)?;
    let titles = ["mr.", "mrs.", "ms.", "dr.", "sra.", "sr.", "sgt.", "ofc.", "dra.", "prof."];
    let lower = word.to_lowercase();
    if lower.ends_with('.') && !titles.contains(&lower.as_str()) {
        return None;
    }
    let lower = lower.trim_end_matches('.');
    // `438 ms`: a unit.
    let number = before
        .trim_end()
        .strip_suffix(word)
        .is_some_and(|head| head.trim_end().ends_with(|c: char| c.is_ascii_digit()));
    if number && lower == "ms" {
        return None;
    }
    let lower_case = word.starts_with(char::is_lowercase);
    let greeting = GREETINGS.contains(&lower);
    let direct = matches!(between, " " | " (" | " \"" | ": " | " “" | ":" | ", (" | " - " | "/");
    let comma = between == ", ";
    if lower == "of" && between == " " {
        let head = before.trim_end_matches("of ").trim_end();
        let whom = [
            "baby", "twin", "boy", "girl", " B", " A", "mother", "father", "son", "daughter", "wife",
            "husband", "parents", "care",
        ];
        return whom.iter().any(|word| head.ends_with(word)).then_some(true);
    }
    if matches!(lower, "pt" | "patient" | "resident" | "client") {
        return (direct && (count >= 2 || known || (lower_case && between == " ")) && between != ":")
            .then_some(true);
    }
    // `Mother, Father both healthy`: a comma counts behind a word in lower case or a closing.
    let counts = (direct && (!greeting || between == " "))
        || (comma && (lower_case || greeting))
        || (greeting && matches!(between, ",\n" | "\n" | ", \n" | ",\n\n"));
    ((TABLES.roles.contains(lower) || greeting) && counts).then_some(direct)
}

/// The beginning of a text up to one of these marks, and no further than the longest word that any list has:
/// what stands behind may be a megabyte without a mark.
fn head<'a>(text: &'a str, marks: &[char]) -> &'a str {
    let within = text.char_indices().take_while(|(at, c)| *at < WORD_BYTES && !marks.contains(c));
    let end = within.last().map_or(0, |(at, c)| at + c.len_utf8());
    text.get(..end).unwrap_or_default()
}

/// Longer words are in no list.
const WORD_BYTES: usize = 32;

/// `, RN`, ` MD`, ` (daughter`.
pub(super) fn credential_behind(behind: &str) -> bool {
    let rest =
        behind.strip_prefix(", ").or_else(|| behind.strip_prefix(' ')).or_else(|| behind.strip_prefix('/'));
    let word = rest.map(|rest| head(rest, &[',', ' ', '.', ';', '\n', ')'])).unwrap_or_default();
    let bracket = behind.strip_prefix(" (").map(|rest| head(rest, &[',', ' ', ')', ';']).to_lowercase());
    TABLES.credentials.contains(word) || bracket.is_some_and(|word| TABLES.relations.contains(word.as_str()))
}

/// `, 4 y M`, ` 64M`, ` (DOB`, ` MRN`, ` is a 45-year-old`: what stands behind a patient.
pub(super) fn person_behind(behind: &str) -> bool {
    let rest = behind.trim_start_matches([',', ' ', '(', '|', '\t', ';']);
    if rest.len() == behind.len() {
        return false;
    }
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    let tail = rest.get(digits..).unwrap_or_default().trim_start_matches([' ', '-']);
    let age = (1..=3).contains(&digits)
        && ["y", "yo", "y/o", "yr", "year", "F", "M", "f", "m", "mo", "month", "wk", "week", "d.o"]
            .iter()
            .any(|unit| {
                tail.strip_prefix(unit).is_some_and(|rest| {
                    !rest.starts_with(|c: char| c.is_ascii_alphabetic())
                        || rest.starts_with(['-', 's', 'o'])
                        || unit.len() > 3
                })
            });
    age || [
        "DOB", "MRN", "NHS", "SSN", "dob", "born", "d.o.b", "PHN", "ID#", "MR#", "G1", "G2", "G3", "G4",
        "G5", "is a ", "was a ", "is an ", "a ",
    ]
    .iter()
    .any(|word| rest.starts_with(word))
        && !rest.starts_with("a s")
}

/// ` wants`, ` (the` no; a deed in lower case directly behind.
pub(super) fn deed_behind(behind: &str, known: bool) -> bool {
    let Some(rest) = behind.strip_prefix(' ').or_else(|| behind.strip_prefix(", ")) else { return false };
    let length = rest.bytes().take(16).take_while(u8::is_ascii_lowercase).count();
    let deed = rest.get(..length).unwrap_or_default();
    TABLES.deeds.contains(deed) && (known || !TABLES.common_deeds.contains(deed))
}

pub(super) fn sentence_begins(view: &View<'_>, start: usize) -> bool {
    let head = view.before(start).trim_end_matches(' ');
    head.is_empty() || head.ends_with(['.', '\n', ';', '!', '?', ':', '"'])
}

/// A line or the end of the text that is nothing but a name.
pub(super) fn signature(view: &View<'_>, start: usize, behind: &str, sure: bool) -> bool {
    let head = view.before(start).trim_end_matches(' ');
    let rest = behind.trim_start_matches([',', '.', ' ']);
    let line = head.ends_with('\n')
        || head.ends_with("--")
        || head.ends_with("\n-")
        || head.ends_with(". -")
        || head.ends_with(".-")
        || head.ends_with("- ");
    let ended = rest.is_empty() || (rest.starts_with('\n') && line);
    let sentence = head.ends_with(['.', '!', ')', ';']) && sure;
    ended && (line && (sure || rest.is_empty()) || sentence)
}

/// Words behind that make it a disease, a sign, a device, an institution or a street.
pub(super) fn eponym(behind: &str) -> bool {
    let rest = behind.strip_prefix("'s").unwrap_or(behind);
    let Some(rest) = rest.strip_prefix([' ', '-']) else { return false };
    let first = head(rest, &[' ', ',', '.', ')', ';', ':', '\n']);
    let class = !first.is_empty()
        && first.trim_end_matches(['a', 'b', 'c']).bytes().all(|byte| matches!(byte, b'I' | b'V'));
    class && first.starts_with(['I', 'V']) || is_eponym_word(rest)
}

pub(super) fn institution(behind: &str) -> bool {
    let rest = behind.strip_prefix(' ').unwrap_or_default();
    let length = rest.bytes().take(20).take_while(u8::is_ascii_alphabetic).count();
    rest.starts_with(|c: char| c.is_ascii_uppercase())
        && is_not_a_name(rest.get(..length).unwrap_or_default())
}

pub(super) fn place_before(view: &View<'_>, start: usize) -> bool {
    let before = view.before(start);
    ["St. ", "Saint ", "San ", "Santa ", "Mount ", "Lake ", "Fort ", "Port ", "Hotel ", "University of "]
        .iter()
        .any(|word| before.ends_with(word))
}
