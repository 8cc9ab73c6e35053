//! What the layouts share: a record of any of them, its letters, and what is wrong with it. Used by the other
//! files of `layout`. Invariant: no reason quotes a record.

use serde::de::DeserializeOwned;

use super::super::item::{Item, letter};
use super::super::settings::Settings;

/// One record to an item; the error is the reason.
pub(super) trait Record: DeserializeOwned {
    fn item(self, settings: &Settings) -> Result<Item, String>;
}

/// The prompt writes A, B, C; other names would not be those that the answer means.
pub(super) fn in_order(names: &[String]) -> Result<(), String> {
    let is_order = names.iter().enumerate().all(|(index, name)| name.chars().eq([letter(index)]));
    if is_order { Ok(()) } else { Err("its options are not named A, B, C and so on".to_owned()) }
}

/// What is wrong with a JSON text, without its words: serde names the field that is missing and the type that
/// was wanted, but quotes a string that it did not want, and the name of a field, which may be anything.
pub(super) fn json_reason(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    let is_of_ours = ["missing field", "duplicate field", "a key stands twice"];
    if is_of_ours.iter().any(|beginning| words.starts_with(beginning)) {
        return words.to_owned();
    }
    if words.starts_with("unknown field") {
        let name = words.split('`').nth(1).unwrap_or_default();
        let is_plain = name.len() <= 32 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        return if is_plain { format!("unknown field `{name}`") } else { "unknown field".to_owned() };
    }
    match error.classify() {
        serde_json::error::Category::Data => {
            "a field has a value of another kind than its layout has".to_owned()
        }
        _ => "it is not JSON".to_owned(),
    }
}

/// The places of the letters in `text` among `names`, ascending; an error where one is none of them.
pub(super) fn letters(text: &str, names: &[String]) -> Result<Vec<usize>, String> {
    let mut found = Vec::new();
    for letter in text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ',' | '、' | '，')) {
        let place = names.iter().position(|name| name.chars().eq([letter]));
        found.push(place.ok_or("its answer names an option that it has not")?);
    }
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err("it has no answer".to_owned()) } else { Ok(found) }
}
