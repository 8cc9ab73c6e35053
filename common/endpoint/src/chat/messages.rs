//! The turns of a conversation. Called by `request`. Invariants: instructions stand first and once, the last
//! turn is a person's, every turn has text.

use serde_json::Value;

use super::fields::Fields;
use super::turn::{Speaker, Turn};
use crate::error::EndpointError;
use crate::limits::{MESSAGES_MAX, PARTS_MAX};

/// Reads `messages`.
pub(super) fn read(value: Option<Value>) -> Result<Vec<Turn>, EndpointError> {
    let wrong = |sentence: &str| EndpointError::field("messages", sentence);
    let Some(Value::Array(messages)) = value else {
        return Err(wrong("messages must be a list of messages"));
    };
    if messages.is_empty() || messages.len() > MESSAGES_MAX {
        let sentence = format!("messages must have 1 to {MESSAGES_MAX} messages");
        return Err(EndpointError::field("messages", sentence));
    }
    let turns: Vec<Turn> = messages
        .into_iter()
        .enumerate()
        .map(|(index, message)| turn(index, message))
        .collect::<Result<_, _>>()?;
    if turns.iter().skip(1).any(|turn| turn.speaker == Speaker::System) {
        return Err(wrong("instructions (system or developer) must be the first message, and one"));
    }
    if turns.last().is_none_or(|turn| turn.speaker != Speaker::User) {
        return Err(wrong("the last message must be the user's"));
    }
    Ok(turns)
}

fn turn(index: usize, message: Value) -> Result<Turn, EndpointError> {
    let mut fields = Fields::of(message, &format!("messages[{index}]."))?;
    let speaker = match fields.text("role")?.as_deref() {
        // The newer name of the same.
        Some("system" | "developer") => Speaker::System,
        Some("user") => Speaker::User,
        Some("assistant") => Speaker::Assistant,
        _ => return Err(fields.wrong("role", "must be system, user or assistant")),
    };
    let text = match fields.take("content") {
        Some(Value::String(text)) => text,
        Some(Value::Array(parts)) => text_of(index, parts)?,
        _ => return Err(fields.wrong("content", "must be a text, or a list of parts of type text")),
    };
    if text.trim().is_empty() {
        return Err(fields.wrong("content", "must not be empty"));
    }
    // What an answer of ours or of OpenAI's carries besides, sent back as it came.
    let nothing = |value: &Value| value.as_array().is_some_and(Vec::is_empty);
    for name in ["tool_calls", "annotations"] {
        fields.only(name, &nothing, "must be empty or absent: the model calls no tools")?;
    }
    fields.done()?;
    Ok(Turn { speaker, text })
}

/// The parts of a content, one after another.
fn text_of(index: usize, parts: Vec<Value>) -> Result<String, EndpointError> {
    if parts.len() > PARTS_MAX {
        let param = format!("messages[{index}].content");
        return Err(EndpointError::field(&param, format!("{param} must have at most {PARTS_MAX} parts")));
    }
    let mut whole = String::new();
    for (number, part) in parts.into_iter().enumerate() {
        let mut fields = Fields::of(part, &format!("messages[{index}].content[{number}]."))?;
        if fields.text("type")?.as_deref() != Some("text") {
            return Err(fields.wrong("type", "must be text: this model reads no pictures, sounds or files"));
        }
        let text = fields.text("text")?;
        whole.push_str(&text.ok_or_else(|| fields.wrong("text", "must be a text"))?);
        fields.done()?;
    }
    Ok(whole)
}
