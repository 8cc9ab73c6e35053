//! Files of records as their owners publish them, to items. Called by `suite`. Invariants: fields that a
//! publisher adds are passed over; a field that decides (question, options, answer) is taken in one meaning
//! or refused by line; no reason quotes a record.

mod cmexam;
mod healthbench;
mod ours;
mod owners;
mod record;

use std::path::Path;

use self::record::{Record, json_reason};
use super::item::Item;
use super::settings::{Layout, Settings};
use crate::error::SuiteError;
use crate::limits::{ITEMS_MAX, LINE_BYTES_MAX};

/// All items of the text.
pub(super) fn items(path: &Path, text: &str, settings: &Settings) -> Result<Vec<Item>, SuiteError> {
    match settings.layout {
        Layout::Items => lines::<ours::Ours>(path, text, settings),
        Layout::Medqa => lines::<owners::Medqa>(path, text, settings),
        Layout::Medmcqa => lines::<owners::Medmcqa>(path, text, settings),
        Layout::Cmb => list::<owners::Cmb>(path, text, settings),
        Layout::Pubmedqa => owners::pubmedqa(path, text, settings),
        Layout::Cmexam => cmexam::items(path, text),
        Layout::Healthbench => lines::<healthbench::Healthbench>(path, text, settings),
    }
}

fn lines<R: Record>(path: &Path, text: &str, settings: &Settings) -> Result<Vec<Item>, SuiteError> {
    let mut items = Vec::new();
    for (line, text) in (1..).zip(text.lines()).filter(|(_, text)| !text.trim().is_empty()) {
        if text.len() > LINE_BYTES_MAX {
            return Err(SuiteError::at(path, line, format!("it is longer than {LINE_BYTES_MAX} bytes")));
        }
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
            let item = record.item(settings).map_err(|reason| settings.layout.fault(path, line, reason))?;
            Ok(Item { line, ..item })
        })
        .collect()
}
