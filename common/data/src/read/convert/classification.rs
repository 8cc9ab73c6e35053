//! Classification: `text` and `label` as a question and its answer. Called by `convert`. The question is the
//! text, a line feed, and `类别：` (Chinese text) or `Category:`; the answer is the label as the file writes
//! it (a number stays a number).
//!
//! Several labels are a list; in the answer `；` (Chinese text) or `; ` stands between them, in the order of
//! the file. A label with a label below it (`main_label`, `sub_label`) is written `main > sub`. What has no
//! one reading is refused: a list of main labels with labels below, a label that is a list or an object.

use serde_json::Value;

use super::draft::{Converted, Draft, is_chinese, literal};
use super::row::{Row, nested, scalar};
use crate::record::{Body, Part, Role, Turn};
use crate::refusal::Refusal;

const LABEL: &[&str] = &["label", "main_label", "主标签"];
const SUB_LABEL: &[&str] = &["sub_label", "sublabel", "子标签"];

pub(super) fn fits(row: &Row<'_>) -> bool {
    row.has(&["text"]) && row.has(LABEL)
}

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let text = draft.required(row, &["text"])?;
    let is_chinese = is_chinese(draft.text(&text));
    let ask = if is_chinese { "\n类别：" } else { "\nCategory:" };
    let between = if is_chinese { "；" } else { "; " };
    let mut answer = labels(row, LABEL, between, draft)?;
    if answer.iter().all(|part| draft.text(part).trim().is_empty()) {
        return Err(Refusal::EmptyAnswer);
    }
    if row.has(SUB_LABEL) {
        let below = labels(row, SUB_LABEL, between, draft)?;
        let is_empty = below.iter().all(|part| draft.text(part).trim().is_empty());
        if answer.len() > 1 && !is_empty {
            return Err(Refusal::WrongType); // below which of them?
        }
        if !is_empty {
            answer.push(literal(" > "));
            answer.extend(below);
        }
    }
    Ok(Body::Conversation(vec![
        Turn::new(Role::User, vec![text, literal(ask)]),
        Turn::new(Role::Assistant, answer),
    ]))
}

/// One label, or the labels of a list; each of a list has a text.
fn labels(row: &Row<'_>, names: &[&str], between: &str, draft: &mut Draft) -> Converted<Vec<Part>> {
    let (path, value) = row.get(names).ok_or(Refusal::MissingKey)?;
    let inner = nested(value)?;
    // Of JSON in a text only a list of labels is one; anything else is the label that it is.
    let is_list = inner.as_array().is_some_and(|list| list.iter().all(|label| scalar(label).is_some()));
    let value = if is_list { inner.as_ref() } else { value };
    let Value::Array(list) = value else {
        return Ok(vec![draft.field(path, scalar(value).ok_or(Refusal::WrongType)?)]);
    };
    let mut parts = Vec::with_capacity(2 * list.len());
    for (index, label) in list.iter().enumerate() {
        let label = scalar(label).ok_or(Refusal::WrongType)?;
        if label.trim().is_empty() {
            return Err(Refusal::EmptyAnswer);
        }
        if !parts.is_empty() {
            parts.push(literal(between));
        }
        parts.push(draft.field(format!("{path}[{index}]"), label));
    }
    Ok(parts)
}
