//! One JSON record to one conversation, in whichever of the three formats it is written. Called by `records`.
//! Invariants: the conversation is complete (optional system, then question and answer in turn, an answer last) or
//! the record is refused with a code; contents are taken as they stand, nothing is trimmed.

use serde_json::Value;

use crate::chat::{Message, Role};

/// Why a record is not used. The names are codes: they may be counted and shown, they hold no text of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, thiserror::Error)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// Neither Alpaca nor ShareGPT nor messages.
    #[error("it has none of the keys instruction, conversations, messages")]
    UnknownFormat,
    /// A key that the format requires is absent.
    #[error("a required key is missing")]
    MissingKey,
    /// A value is not of the type that the format requires.
    #[error("a value has the wrong type")]
    WrongType,
    /// A turn's role is not known.
    #[error("a turn has an unknown role")]
    UnknownRole,
    /// Two questions or two answers follow each other, or a system turn is not the first.
    #[error("user and assistant do not take turns")]
    NotAlternating,
    /// A question has no text.
    #[error("a question is empty")]
    EmptyQuestion,
    /// An answer has no text: there would be nothing to learn.
    #[error("an answer is empty")]
    EmptyAnswer,
    /// The conversation does not end with an answer, or has none.
    #[error("the conversation does not end with an answer")]
    NoAnswer,
    /// The record is longer than 1 MiB.
    #[error("the record is longer than 1 MiB")]
    TooLong,
}

type Converted<T> = Result<T, Refusal>;

/// The conversation a record means.
pub(super) fn conversation(record: &Value) -> Converted<Vec<Message>> {
    let messages = if let Some(turns) = record.get("messages") {
        turns_of(turns, "role", "content")?
    } else if let Some(turns) = record.get("conversations") {
        let mut messages = turns_of(turns, "from", "value")?;
        // LLaMA-Factory's variant keeps the system text beside the turns.
        let has_system = messages.first().is_some_and(|message| message.role == Role::System);
        match optional_text(record, "system")? {
            Some(system) if !has_system => messages.insert(0, message(Role::System, system)),
            _ => {}
        }
        messages
    } else if record.get("instruction").is_some() {
        alpaca(record)?
    } else {
        return Err(Refusal::UnknownFormat);
    };
    check_turns(&messages)?;
    Ok(messages)
}

fn message(role: Role, content: &str) -> Message {
    Message { role, content: content.to_owned() }
}

/// Alpaca: `instruction`, `input`, `output`, and LLaMA-Factory's `system` and `history` ([question, answer] pairs).
fn alpaca(record: &Value) -> Converted<Vec<Message>> {
    let mut messages = Vec::new();
    if let Some(system) = optional_text(record, "system")? {
        messages.push(message(Role::System, system));
    }
    match record.get("history") {
        None | Some(Value::Null) => {}
        Some(Value::Array(pairs)) => {
            for pair in pairs {
                match pair.as_array().map(Vec::as_slice) {
                    Some([Value::String(question), Value::String(answer)]) => {
                        messages.push(message(Role::User, question));
                        messages.push(message(Role::Assistant, answer));
                    }
                    _ => return Err(Refusal::WrongType),
                }
            }
        }
        Some(_) => return Err(Refusal::WrongType),
    }
    let instruction = required_text(record, "instruction")?;
    let question = match optional_text(record, "input")? {
        Some(input) => format!("{instruction}\n{input}"),
        None => instruction.to_owned(),
    };
    messages.push(Message { role: Role::User, content: question });
    messages.push(message(Role::Assistant, required_text(record, "output")?));
    Ok(messages)
}

fn turns_of(turns: &Value, role_key: &str, content_key: &str) -> Converted<Vec<Message>> {
    let turns = turns.as_array().ok_or(Refusal::WrongType)?;
    turns
        .iter()
        .map(|turn| {
            let role = role(required_text(turn, role_key)?)?;
            Ok(Message { role, content: content(turn, content_key)? })
        })
        .collect()
}

/// A turn's text: a string, or OpenAI's list of parts as long as all of them are text.
fn content(turn: &Value, key: &str) -> Converted<String> {
    match turn.get(key) {
        None | Some(Value::Null) => Err(Refusal::MissingKey),
        Some(Value::String(text)) => Ok(text.clone()),
        Some(Value::Array(parts)) => parts
            .iter()
            .map(|part| part.get("text").and_then(Value::as_str).ok_or(Refusal::WrongType))
            .collect(),
        Some(_) => Err(Refusal::WrongType),
    }
}

fn role(name: &str) -> Converted<Role> {
    match name {
        "system" => Ok(Role::System),
        "user" | "human" => Ok(Role::User),
        "assistant" | "gpt" => Ok(Role::Assistant),
        "tool" | "observation" => Ok(Role::Tool),
        _ => Err(Refusal::UnknownRole),
    }
}

fn required_text<'a>(record: &'a Value, key: &str) -> Converted<&'a str> {
    match record.get(key) {
        None | Some(Value::Null) => Err(Refusal::MissingKey),
        Some(value) => value.as_str().ok_or(Refusal::WrongType),
    }
}

/// A text that may be absent, null or empty, which all mean the same.
fn optional_text<'a>(record: &'a Value, key: &str) -> Converted<Option<&'a str>> {
    match record.get(key) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => Ok(Some(value.as_str().ok_or(Refusal::WrongType)?).filter(|text| !text.is_empty())),
    }
}

fn check_turns(messages: &[Message]) -> Converted<()> {
    let turns = match messages {
        [first, rest @ ..] if first.role == Role::System => rest,
        all => all,
    };
    for (index, turn) in turns.iter().enumerate() {
        let asks = matches!(turn.role, Role::User | Role::Tool);
        let answers = turn.role == Role::Assistant;
        if asks != (index % 2 == 0) || !(asks || answers) {
            return Err(Refusal::NotAlternating);
        }
        if turn.content.trim().is_empty() {
            return Err(if answers { Refusal::EmptyAnswer } else { Refusal::EmptyQuestion });
        }
    }
    match turns.last() {
        Some(last) if last.role == Role::Assistant => Ok(()),
        _ => Err(Refusal::NoAnswer),
    }
}
