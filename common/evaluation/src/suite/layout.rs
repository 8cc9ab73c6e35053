//! Files of records as their owners publish them, to items. Called by `suite`. Invariants: fields that a
//! publisher adds are passed over; a field that decides (question, options, answer) is taken in one meaning or
//! refused by line; no reason quotes a record.

mod cmexam;
mod ours;
mod owners;

use std::path::Path;

use serde::de::DeserializeOwned;

use super::item::Item;
use super::settings::{Layout, Settings};
use crate::error::SuiteError;
use crate::limits::ITEMS_MAX;

/// One record to an item; the error is the reason.
trait Record: DeserializeOwned {
    fn item(self, settings: &Settings) -> Result<Item, String>;
}

/// All items of the text.
pub(super) fn items(path: &Path, text: &str, settings: &Settings) -> Result<Vec<Item>, SuiteError> {
    match settings.layout {
        Layout::Items => lines::<ours::Ours>(path, text, settings),
        Layout::Medqa => lines::<owners::Medqa>(path, text, settings),
        Layout::Medmcqa => lines::<owners::Medmcqa>(path, text, settings),
        Layout::Cmb => list::<owners::Cmb>(path, text, settings),
        Layout::Pubmedqa => owners::pubmedqa(path, text, settings),
        Layout::Cmexam => cmexam::items(path, text),
    }
}

fn lines<R: Record>(path: &Path, text: &str, settings: &Settings) -> Result<Vec<Item>, SuiteError> {
    let mut items = Vec::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        let record: R =
            serde_json::from_str(text).map_err(|error| SuiteError::at(path, line, json_reason(&error)))?;
        let item = record.item(settings).map_err(|reason| SuiteError::at(path, line, reason))?;
        items.push(Item { line, ..item });
        if items.len() > ITEMS_MAX {
            break;
        }
    }
    Ok(items)
}

fn list<R: Record>(path: &Path, text: &str, settings: &Settings) -> Result<Vec<Item>, SuiteError> {
    let records: Vec<R> = serde_json::from_str(text)
        .map_err(|error| SuiteError::at(path, error.line() as u64, json_reason(&error)))?;
    let numbered = (1..).zip(records.into_iter().take(ITEMS_MAX + 1));
    numbered
        .map(|(line, record)| {
            let item = record.item(settings).map_err(|reason| SuiteError::at(path, line, reason))?;
            Ok(Item { line, ..item })
        })
        .collect()
}

/// What is wrong with a JSON text, without its words: serde names the field that is missing and the type that
/// was wanted, but quotes a string that it did not want.
fn json_reason(error: &serde_json::Error) -> String {
    let words = error.to_string();
    let words = words.split(" at line ").next().unwrap_or_default();
    if words.contains("missing field") || words.contains("stands twice") || words.contains("unknown field") {
        return words.to_owned();
    }
    match error.classify() {
        serde_json::error::Category::Data => {
            "a field has a value of another kind than its layout has".to_owned()
        }
        _ => "it is not JSON".to_owned(),
    }
}

/// The places of the letters in `text` among `names`, ascending; an error where one is none of them.
fn letters(text: &str, names: &[String]) -> Result<Vec<usize>, String> {
    let mut found = Vec::new();
    for letter in text.chars().filter(|c| !c.is_whitespace() && !matches!(c, ',' | '、' | '，')) {
        let place = names.iter().position(|name| name.chars().eq([letter]));
        found.push(place.ok_or("its answer names an option that it has not")?);
    }
    found.sort_unstable();
    found.dedup();
    if found.is_empty() { Err("it has no answer".to_owned()) } else { Ok(found) }
}
