//! HuatuoGPT's `data`: a list of texts that ask and answer in turn, with or without `问：` and `答：` before
//! them, which are not trained on. Called by `convert`.

use serde_json::Value;

use super::draft::{Converted, Draft};
use super::row::{Row, nested};
use crate::record::{Body, Role, Turn};
use crate::refusal::Refusal;

/// The marks of a question and of an answer.
const MARKS: [&str; 2] = ["问", "答"];

/// Whether `data` is a list of texts.
pub(super) fn fits(row: &Row<'_>) -> bool {
    row.peek(&["data"]).is_some_and(|(_, value)| match nested(value).as_deref() {
        Ok(Value::Array(texts)) => !texts.is_empty() && texts.iter().all(Value::is_string),
        _ => false,
    })
}

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let (name, value) = row.get(&["data"]).ok_or(Refusal::MissingKey)?;
    let value = nested(value)?;
    let texts: Vec<&str> =
        value.as_array().map(|texts| texts.iter().filter_map(Value::as_str).collect()).unwrap_or_default();
    let is_marked = texts.iter().all(|text| MARKS.iter().any(|mark| behind(text, mark).is_some()));
    let mut turns = Vec::with_capacity(texts.len());
    for (index, text) in texts.iter().enumerate() {
        let (role, mark) = if index % 2 == 0 { (Role::User, MARKS[0]) } else { (Role::Assistant, MARKS[1]) };
        // Marked texts that do not take turns are another conversation than their places say.
        let text = if is_marked { behind(text, mark).ok_or(Refusal::NotAlternating)? } else { text };
        turns.push(Turn::new(role, vec![draft.field(format!("{name}[{index}]"), text)]));
    }
    Ok(Body::Conversation(turns))
}

/// What stands behind a mark and its colon.
fn behind<'t>(text: &'t str, mark: &str) -> Option<&'t str> {
    text.strip_prefix(mark)?.strip_prefix(['：', ':'])
}
