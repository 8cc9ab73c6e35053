//! What is wrong with a TOML file, in one sentence for people: the line, the key, what stands there, what was
//! expected, and the word that was probably meant.
//!
//! Used by the readers of `agent.toml` and the settings of `site-agent train`, and of `coordinator.toml` and
//! run files. Pure: it gets the parser's message and place. Invariant: of the messages that are known here no
//! word of the parser's own (`f64`, `untagged enum`, `struct`) reaches a person; any other passes as it is.

use std::ops::Range;

/// What stands for the parser's names of types, the longer ones first.
const TYPES: [(&str, &str); 20] = [
    ("a nonzero u", "a whole number above 0"),
    ("a nonzero i", "a whole number other than 0"),
    ("a boolean", "true or false"),
    ("a sequence", "a list in [brackets]"),
    ("a string", "a text in \"quotes\""),
    ("a map", "a section"),
    ("an array of length", "a list of that many values: an array of length"),
    ("struct ", "a section"),
    ("path string", "a path in \"quotes\""),
    ("string or map", "a text in \"quotes\" or a section"),
    ("bool", "true or false"),
    ("usize", "a whole number, not negative"),
    ("u8", "a whole number, not negative and below 256"),
    ("u16", "a whole number, not negative and below 65536"),
    ("u32", "a whole number, not negative and below 4294967296"),
    ("u64", "a whole number, not negative"),
    ("i32", "a whole number from -2147483648 to 2147483647"),
    ("i64", "a whole number"),
    ("f32", "a number"),
    ("f64", "a number"),
];

/// The sentence for what the TOML parser says of `text`, about the bytes in `span`.
pub fn reason(text: &str, message: &str, span: Option<Range<usize>>) -> String {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let place = span.and_then(|span| Some((text.get(..span.start)?, text.get(span)?)));
    let Some((before, found)) = place else { return explained(&message, None) };
    let number = before.matches('\n').count();
    let line = text.lines().nth(number).unwrap_or_default();
    let key = line.split_once('=').map(|(key, _)| key.trim()).filter(|key| !key.is_empty());
    let explained = explained(&message, key.filter(|key| *key != found.trim()));
    let shown: String = line.trim().chars().take(SHOWN_CHARACTERS).collect();
    format!("line {}, `{shown}`: {explained}", number + 1)
}

/// Characters of a line that are shown.
const SHOWN_CHARACTERS: usize = 80;

fn explained(message: &str, key: Option<&str>) -> String {
    if let Some((word, known)) = split(message, "unknown field `") {
        return meant(&format!("there is no key `{word}` here"), word, &known);
    }
    if let Some((word, known)) = split(message, "unknown variant `") {
        let subject =
            key.map_or_else(|| format!("`{word}` is not known"), |key| format!("`{key}` cannot be `{word}`"));
        return meant(&subject, word, &known);
    }
    if let Some(word) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
        return format!("the key `{word}` is missing");
    }
    if let Some(word) = message.strip_prefix("duplicate field `").and_then(|rest| rest.split('`').next()) {
        return format!("the key `{word}` is given twice");
    }
    if message.contains("untagged enum") {
        return key.map_or_else(
            || "this value is of no kind that is understood here".to_owned(),
            |key| format!("the value of `{key}` is of no kind that is understood here"),
        );
    }
    for wrong in ["invalid type: ", "invalid value: "] {
        if let Some((found, expected)) =
            message.strip_prefix(wrong).and_then(|rest| rest.split_once(", expected "))
        {
            let subject = key.map_or_else(String::new, |key| format!("`{key}` "));
            return format!("{subject}is {}, but must be {}", plain(found), expected_in_words(expected));
        }
    }
    message.to_owned()
}

/// The unknown word of a message and the words that are known.
fn split<'a>(message: &'a str, start: &str) -> Option<(&'a str, Vec<&'a str>)> {
    let (word, rest) = message.strip_prefix(start)?.split_once('`')?;
    Some((word, rest.split('`').skip(1).step_by(2).collect()))
}

/// The sentence with what was probably meant, else with everything that is known.
fn meant(subject: &str, word: &str, known: &[&str]) -> String {
    let like = |known: &&&str| distance(word, known) <= (word.chars().count() / 3).max(1);
    if let Some(near) = known.iter().filter(like).min_by_key(|known| distance(word, known)) {
        return format!("{subject}; did you mean `{near}`?");
    }
    if known.is_empty() {
        return subject.to_owned();
    }
    format!(
        "{subject}; known are {}",
        known.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ")
    )
}

/// A value without the parser's word for its type.
fn plain(found: &str) -> String {
    let value = found.trim_start_matches("string ").trim_start_matches("integer ");
    let value = value.trim_start_matches("floating point ").trim_start_matches("boolean ");
    match value {
        "map" => "a section".to_owned(),
        "sequence" => "a list".to_owned(),
        other => other.to_owned(),
    }
}

fn expected_in_words(expected: &str) -> String {
    let known = TYPES.iter().find(|(word, _)| {
        if word.ends_with(' ') || word.starts_with("a ") || word.starts_with("an ") {
            expected.starts_with(word)
        } else {
            expected == *word
        }
    });
    known.map_or_else(|| expected.to_owned(), |(_, words)| (*words).to_owned())
}

/// How many characters are added, left out, changed or exchanged with their neighbour.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows = vec![(0..=other.len()).collect::<Vec<usize>>()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let changed = usize::from(one[i - 1] != other[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_of_the_parser_becomes_a_sentence() {
        for (text, message, at, sentence) in [
            (
                "[policy]\nupdate_norm_mx = 1\n",
                "unknown field `update_norm_mx`, expected one of `update_norm_max`, `overlap`",
                9..23,
                "line 2, `update_norm_mx = 1`: there is no key `update_norm_mx` here; did you mean `update_norm_max`?",
            ),
            (
                "x = 1",
                "unknown field `x`, expected `model` or `data`",
                0..1,
                "line 1, `x = 1`: there is no key `x` here; known are `model`, `data`",
            ),
            (
                "screen = 'blcok'",
                "unknown variant `blcok`, expected one of `report`, `mask`, `block`",
                9..16,
                "line 1, `screen = 'blcok'`: `screen` cannot be `blcok`; did you mean `block`?",
            ),
            (
                "rate = 'fast'",
                "invalid type: string \"fast\", expected f64",
                7..13,
                "line 1, `rate = 'fast'`: `rate` is \"fast\", but must be a number",
            ),
            (
                "rounds = -1",
                "invalid value: integer `-1`, expected u32",
                9..11,
                "line 1, `rounds = -1`: `rounds` is `-1`, but must be a whole number, not negative and below 4294967296",
            ),
            (
                "data = 'd'",
                "invalid type: string \"d\", expected a sequence",
                7..10,
                "line 1, `data = 'd'`: `data` is \"d\", but must be a list in [brackets]",
            ),
            (
                "w = {}",
                "data did not match any variant of untagged enum Weight",
                4..6,
                "line 1, `w = {}`: the value of `w` is of no kind that is understood here",
            ),
        ] {
            assert_eq!(reason(text, message, Some(at)), sentence);
        }
        assert_eq!(reason("", "missing field `model`", None), "the key `model` is missing");
        assert_eq!(reason("", "something\n new", None), "something new");
    }

    #[test]
    fn neighbours_that_changed_places_are_one_mistake() {
        assert_eq!(distance("blcok", "block"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("epoch", "epochs"), 1);
        assert_eq!(distance("患者", "患"), 1);
    }
}
