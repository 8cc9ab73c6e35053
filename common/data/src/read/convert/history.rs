//! What stands before the last question besides it: `system`, and `history` as pairs of question and answer
//! (LLaMA-Factory's Alpaca, ms-swift's `query` and `response`). The answers of the history are learnt, as
//! both tools do. Called by `alpaca` and `question`.

use serde_json::Value;

use super::draft::{Converted, Draft};
use super::row::{Row, nested};
use crate::record::{Role, Turn};
use crate::refusal::Refusal;

/// The turns before the last question.
pub(super) fn before(row: &Row<'_>, draft: &mut Draft) -> Converted<Vec<Turn>> {
    let mut turns = Vec::new();
    if let Some(system) = draft.optional(row, &["system"])? {
        turns.push(Turn::new(Role::System, vec![system]));
    }
    let Some((name, value)) = row.get(&["history"]) else { return Ok(turns) };
    if value.as_str().is_some_and(|text| text.trim().is_empty()) {
        return Ok(turns); // an empty CSV cell
    }
    let value = nested(value)?;
    let pairs = value.as_array().ok_or(Refusal::WrongType)?;
    for (index, pair) in pairs.iter().enumerate() {
        match pair.as_array().map(Vec::as_slice) {
            Some([Value::String(question), Value::String(answer)]) => {
                for (place, role, text) in [(0, Role::User, question), (1, Role::Assistant, answer)] {
                    let part = draft.field(format!("{name}[{index}][{place}]"), text.as_str());
                    turns.push(Turn::new(role, vec![part]));
                }
            }
            _ => return Err(Refusal::WrongType),
        }
    }
    Ok(turns)
}
