//! How a JSON file is laid out, told from its beginning: records on lines, one list of them, or an object
//! that holds nothing but such a list. Called by `json`. Invariant: looks at [`JSON_LAYOUT_BYTES_MAX`] at
//! most; what cannot be told is read as lines or as a list, whose readers say what is wrong with it.

use serde_json::{Deserializer, Value};

use crate::read::convert::{self, is_bare_record};
use crate::read::mapping::Mapping;
use crate::record::Place;

/// A layout.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Layout {
    /// A record on each line: an object, or a list of turns.
    Lines,
    /// One list of records.
    Array,
    /// An object with one key that holds the list, which begins behind so many bytes.
    Wrapped { before: usize },
    /// A record over several lines, which no reader takes.
    Spread,
}

/// Tells the layout of a file that begins with these bytes.
pub(super) fn of(head: &[u8], mapping: Option<&Mapping>) -> Layout {
    let start = head.iter().position(|byte| !byte.is_ascii_whitespace()).unwrap_or(head.len());
    match head.get(start) {
        Some(b'[') => list(&head[start..], mapping),
        Some(b'{') => object(head, start, mapping),
        _ => Layout::Lines,
    }
}

/// Lists of turns on lines, or one list of records?
fn list(text: &[u8], mapping: Option<&Mapping>) -> Layout {
    let Some((first, length)) = first_value(text) else { return Layout::Array };
    let next = text[length..].iter().find(|byte| !byte.is_ascii_whitespace());
    let is_first_of_lines = next == Some(&b'[') && text[length..].contains(&b'\n');
    if is_bare_record(&first, mapping) || is_first_of_lines { Layout::Lines } else { Layout::Array }
}

fn object(head: &[u8], start: usize, mapping: Option<&Mapping>) -> Layout {
    let text = &head[start..];
    if let Some(before) = list_behind_key(text)
        && holds_records(&text[before..], mapping)
    {
        return Layout::Wrapped { before: start + before };
    }
    match first_value(text) {
        Some((_, length)) if text[..length].contains(&b'\n') => Layout::Spread,
        _ => Layout::Lines,
    }
}

/// The value at the beginning, and its length in bytes.
fn first_value(text: &[u8]) -> Option<(Value, usize)> {
    let mut values = Deserializer::from_slice(text).into_iter::<Value>();
    let value = values.next()?.ok()?;
    Some((value, values.byte_offset()))
}

/// Where the elements of the list begin in `{ "key": [`.
fn list_behind_key(text: &[u8]) -> Option<usize> {
    let blank = |at: usize| text[at..].iter().take_while(|byte| byte.is_ascii_whitespace()).count();
    let key = 1 + blank(1);
    let mut keys = Deserializer::from_slice(text.get(key..)?).into_iter::<String>();
    keys.next()?.ok()?;
    let colon = key + keys.byte_offset();
    let colon = colon + blank(colon);
    let open = colon + 1 + blank((colon + 1).min(text.len()));
    (text.get(colon) == Some(&b':') && text.get(open) == Some(&b'[')).then_some(open + 1)
}

/// Whether a list's first element is a record, and no other key follows the list as far as can be seen.
fn holds_records(elements: &[u8], mapping: Option<&Mapping>) -> bool {
    let Some((first, length)) = first_value(elements) else { return false };
    let is_record = match &first {
        Value::Object(columns) => convert::is_known(columns, Place { file: 0, line: 1 }, mapping),
        other => is_bare_record(other, mapping),
    };
    if !is_record {
        return false;
    }
    let mut at = length;
    loop {
        let rest = elements.get(at..).unwrap_or_default();
        let blank = rest.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match rest.get(blank) {
            Some(b',') => match first_value(&rest[blank + 1..]) {
                Some((_, length)) => at += blank + 1 + length,
                None => return true, // longer than what is looked at, or damaged
            },
            Some(b']') => {
                let behind = rest[blank + 1..].iter().find(|byte| !byte.is_ascii_whitespace());
                return matches!(behind, None | Some(b'}'));
            }
            _ => return true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_told_by_what_is_in_them() {
        let turn = r#"{"role":"user","content":"a"}"#;
        let record = r#"{"text":"a"}"#;
        for (text, expected) in [
            (format!("{record}\n{record}"), Layout::Lines),
            (format!("[{record},{record}]"), Layout::Array),
            (format!("[{record},\n"), Layout::Array),
            (format!("[{turn},{turn}]\n[{turn}]"), Layout::Lines),
            (format!("[{turn},{turn}]"), Layout::Lines),
            (format!("[[{turn}],[{turn}]]"), Layout::Array),
            (format!("{{\"data\": [{record}]}}"), Layout::Wrapped { before: 10 }),
            (format!(" {{\n\"data\" : [\n{record},"), Layout::Wrapped { before: 13 }),
            (format!("{{\"messages\":[{turn}]}}"), Layout::Lines),
            (format!("{{\"train\":[{record}],\"test\":[{record}]}}"), Layout::Lines),
            (r#"{"tools":[{"name":"x"}],"messages":[]}"#.to_owned(), Layout::Lines),
            (r#"{"data":["a","b"]}"#.to_owned(), Layout::Lines),
            ("{\n\"text\": \"a\"\n}\n".to_owned(), Layout::Spread),
            ("{".to_owned(), Layout::Lines),
            ("{\"a\":".to_owned(), Layout::Lines),
            ("{\"a\"".to_owned(), Layout::Lines),
            (String::new(), Layout::Lines),
        ] {
            assert_eq!(of(text.as_bytes(), None), expected, "{text}");
        }
    }
}
