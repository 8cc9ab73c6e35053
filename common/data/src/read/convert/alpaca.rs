//! Alpaca: `instruction`, `input`, `output`, and LLaMA-Factory's `system` and `history` ([question, answer]
//! pairs, whose answers are trained on too). The question is `instruction` + line feed + `input`
//! (LLaMA-Factory, data/README.md). Called by `convert`.

use serde_json::Value;

use super::draft::{Converted, Draft, literal};
use super::row::{Row, nested};
use crate::record::{Body, Role, Turn};
use crate::refusal::Refusal;

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let mut turns = Vec::new();
    if let Some(system) = draft.optional(row, &["system"])? {
        turns.push(Turn { role: Role::System, parts: vec![system] });
    }
    history(row, draft, &mut turns)?;
    let mut question = vec![draft.required(row, &["instruction"])?];
    if let Some(input) = draft.optional(row, &["input"])? {
        question.extend([literal("\n"), input]);
    }
    turns.push(Turn { role: Role::User, parts: question });
    turns.push(Turn { role: Role::Assistant, parts: vec![draft.required(row, &["output"])?] });
    Ok(Body::Conversation(turns))
}

fn history(row: &Row<'_>, draft: &mut Draft, turns: &mut Vec<Turn>) -> Converted<()> {
    let Some((name, value)) = row.get(&["history"]) else { return Ok(()) };
    if value.as_str().is_some_and(|text| text.trim().is_empty()) {
        return Ok(()); // an empty CSV cell
    }
    let value = nested(value);
    let pairs = value.as_array().ok_or(Refusal::WrongType)?;
    for (index, pair) in pairs.iter().enumerate() {
        match pair.as_array().map(Vec::as_slice) {
            Some([Value::String(question), Value::String(answer)]) => {
                for (place, role, text) in [(0, Role::User, question), (1, Role::Assistant, answer)] {
                    let part = draft.field(format!("{name}[{index}][{place}]"), text.as_str());
                    turns.push(Turn { role, parts: vec![part] });
                }
            }
            _ => return Err(Refusal::WrongType),
        }
    }
    Ok(())
}
