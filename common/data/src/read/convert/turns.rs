//! Lists of turns: ShareGPT's `conversations` (`from`, `value`), OpenAI's `messages` (`role`, `content`),
//! TRL's `prompt` and `completion` as lists of them, and a line that is nothing but such a list. Called by
//! `convert`. Questions come from human and observation, answers from gpt and function_call (LLaMA-Factory's
//! reading); both spellings of the roles are understood in all of them.

use serde_json::Value;

use super::draft::{Converted, Draft};
use super::loss::{self, SWITCHES};
use super::reasoning;
use super::row::{Row, has_text, nested};
use crate::read::mapping::{Mapping, Shape};
use crate::record::{Body, Part, Role, Turn};
use crate::refusal::Refusal;

/// The column under which a record that is nothing but a list of turns is kept.
pub(in crate::read) const BARE: &str = "";
const LOSS_MASK: &[&str] = &["loss_mask"];

/// What a turn calls its speaker and its text.
#[derive(Clone, Copy)]
struct Keys {
    role: &'static str,
    content: &'static str,
}

const OPENAI: Keys = Keys { role: "role", content: "content" };
const SHARE_GPT: Keys = Keys { role: "from", content: "value" };

pub(super) fn share_gpt(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    with_system(row, draft, "conversations", SHARE_GPT)
}

pub(super) fn messages(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    with_system(row, draft, "messages", OPENAI)
}

/// A record that is nothing but a list of turns.
pub(super) fn bare(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let first = row.peek(&[BARE]).and_then(|(_, value)| value.get(0));
    let keys = if first.is_some_and(|turn| turn.get(SHARE_GPT.role).is_some()) { SHARE_GPT } else { OPENAI };
    Ok(Body::Conversation(list(row, draft, BARE, keys)?))
}

/// Whether `prompt` and `completion` are lists of turns.
pub(super) fn are_prompt_and_completion(row: &Row<'_>) -> Converted<bool> {
    let is_list = |name| match row.peek(&[name]) {
        // A text that begins as an object is no list of turns, whatever its keys are.
        Some((_, value)) if !is_text_of_an_object(value) => {
            nested(value).map(|value| is_list_of_turns(&value))
        }
        _ => Ok(false),
    };
    Ok(is_list("prompt")? && is_list("completion")?)
}

fn is_text_of_an_object(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.trim_start().starts_with('{'))
}

/// TRL's conversational prompt and completion: what is in the prompt is not learnt.
pub(super) fn prompt_and_completion(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let mut turns = list(row, draft, "prompt", OPENAI)?;
    turns.iter_mut().for_each(|turn| turn.is_learnt = false);
    turns.extend(list(row, draft, "completion", OPENAI)?);
    Ok(Body::Conversation(turns))
}

/// Whether a value is a list of objects that name a speaker and a text.
pub(in crate::read) fn is_list_of_turns(value: &Value) -> bool {
    is_list_of(value, &[OPENAI, SHARE_GPT].map(|keys| (keys.role, keys.content)))
}

/// Whether a record may be nothing but this list: with a mapping, if it has the keys of the mapping's turns.
pub(in crate::read) fn is_bare_record(value: &Value, mapping: Option<&Mapping>) -> bool {
    match mapping.map(|mapping| &mapping.shape) {
        None => is_list_of_turns(value),
        Some(Shape::Conversation(column)) => is_list_of(value, &[(&column.role, &column.content)]),
        // It makes records of columns, and a list has none.
        Some(Shape::Text(_) | Shape::Turns(_)) => false,
    }
}

fn is_list_of(value: &Value, keys: &[(&str, &str)]) -> bool {
    let is_turn = |turn: &Value| {
        keys.iter().any(|(role, content)| turn.get(role).is_some() && turn.get(content).is_some())
    };
    value.as_array().is_some_and(|turns| !turns.is_empty() && turns.iter().all(is_turn))
}

/// The turns of a column, behind the `system` text that some tools keep beside them, and under the record's
/// own loss mask.
fn with_system(row: &Row<'_>, draft: &mut Draft, column: &str, keys: Keys) -> Converted<Body> {
    let mut turns = list(row, draft, column, keys)?;
    if let Some((_, mask)) = row.get(LOSS_MASK) {
        loss::apply(&*nested(mask)?, &mut turns)?;
    }
    let has_system = turns.first().is_some_and(|turn| turn.role == Role::System);
    if !has_system && let Some(system) = draft.optional(row, &["system"])? {
        turns.insert(0, Turn::new(Role::System, vec![system]));
    }
    Ok(Body::Conversation(turns))
}

fn list(row: &Row<'_>, draft: &mut Draft, column: &str, keys: Keys) -> Converted<Vec<Turn>> {
    let (name, value) = row.get(&[column]).ok_or(Refusal::MissingKey)?;
    let value = nested(value)?;
    let turns = value.as_array().ok_or(Refusal::WrongType)?;
    turns
        .iter()
        .enumerate()
        .map(|(index, turn)| {
            let role = match turn.get(keys.role) {
                None | Some(Value::Null) => Err(Refusal::MissingKey),
                Some(name) => role(name.as_str().ok_or(Refusal::WrongType)?),
            }?;
            let path = format!("{name}[{index}].{}", keys.content);
            let parts = content(turn.get(keys.content), &path, draft)?;
            let reasoning = match role {
                Role::Assistant => reasoning::of_turn(turn, &format!("{name}[{index}]"), draft)?,
                _ => Vec::new(),
            };
            let parts = reasoning::before(reasoning, parts, draft)?;
            note_unused(turn, name, &[keys.role, keys.content], role, draft);
            Ok(Turn { role, parts, is_learnt: loss::is_learnt(turn, role)? })
        })
        .collect()
}

/// Notes what else a turn says, where its speaker's reasoning is taken or not.
fn note_unused(turn: &Value, column: &str, used: &[&str], role: Role, draft: &mut Draft) {
    let is_taken = |key: &str| role == Role::Assistant && reasoning::is_name(key);
    note_others(turn, column, |key| used.contains(&key) || is_taken(key), draft);
}

/// Notes the texts of a turn under other keys than those that are used.
pub(super) fn note_others(turn: &Value, column: &str, is_used: impl Fn(&str) -> bool, draft: &mut Draft) {
    for (key, value) in turn.as_object().into_iter().flatten() {
        if !is_used(key) && !SWITCHES.contains(&key.as_str()) && has_text(value) {
            draft.unused.insert(format!("{column}[].{key}"));
        }
    }
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
