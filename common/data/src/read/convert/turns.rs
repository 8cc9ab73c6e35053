//! Lists of turns: ShareGPT's `conversations` (`from`, `value`) and OpenAI's `messages` (`role`, `content`).
//! Called by `convert`. Questions come from human and observation, answers from gpt and function_call
//! (LLaMA-Factory's reading); both spellings of the roles are understood in both formats.

use serde_json::Value;

use super::draft::{Converted, Draft};
use super::row::{Row, nested};
use crate::record::{Body, Part, Role, Turn};
use crate::refusal::Refusal;

pub(super) fn share_gpt(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let mut turns = list(row, draft, "conversations", "from", "value")?;
    // LLaMA-Factory's variant keeps the system text beside the turns.
    let has_system = turns.first().is_some_and(|turn| turn.role == Role::System);
    if let (false, Some(system)) = (has_system, draft.optional(row, &["system"])?) {
        turns.insert(0, Turn { role: Role::System, parts: vec![system] });
    }
    Ok(Body::Conversation(turns))
}

pub(super) fn messages(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    Ok(Body::Conversation(list(row, draft, "messages", "role", "content")?))
}

fn list(
    row: &Row<'_>,
    draft: &mut Draft,
    column: &str,
    role_key: &str,
    content_key: &str,
) -> Converted<Vec<Turn>> {
    let (name, value) = row.get(&[column]).ok_or(Refusal::MissingKey)?;
    let value = nested(value);
    let turns = value.as_array().ok_or(Refusal::WrongType)?;
    turns
        .iter()
        .enumerate()
        .map(|(index, turn)| {
            let role = match turn.get(role_key) {
                None | Some(Value::Null) => Err(Refusal::MissingKey),
                Some(name) => role(name.as_str().ok_or(Refusal::WrongType)?),
            }?;
            let path = format!("{name}[{index}].{content_key}");
            Ok(Turn { role, parts: content(turn.get(content_key), &path, draft)? })
        })
        .collect()
}

/// A turn's text: a string, or OpenAI's list of parts as long as all of them are text.
fn content(value: Option<&Value>, path: &str, draft: &mut Draft) -> Converted<Vec<Part>> {
    match value {
        None | Some(Value::Null) => Err(Refusal::MissingKey),
        Some(Value::String(text)) => Ok(vec![draft.field(path, text.as_str())]),
        Some(Value::Array(parts)) => parts
            .iter()
            .enumerate()
            .map(|(index, part)| {
                let text = part.get("text").and_then(Value::as_str).ok_or(Refusal::WrongType)?;
                Ok(draft.field(format!("{path}[{index}].text"), text))
            })
            .collect(),
        Some(_) => Err(Refusal::WrongType),
    }
}

fn role(name: &str) -> Converted<Role> {
    match name {
        "system" => Ok(Role::System),
        "user" | "human" => Ok(Role::User),
        "assistant" | "gpt" | "function_call" => Ok(Role::Assistant),
        "tool" | "observation" => Ok(Role::Tool),
        _ => Err(Refusal::UnknownRole),
    }
}
