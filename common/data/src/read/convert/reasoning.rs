//! The reasoning before an answer, in whichever record it stands: it is learnt with the answer, behind it an
//! empty line. Called by `convert` for every format without a mapping, by `question` and `choice`, which say
//! more about its place, and by `turns` for what a turn has of its own. A mapping names its columns itself.
//!
//! A text, or a list of texts, of which each is a line; a step may also be an object with one text in it
//! (`{"step": 1, "thought": "..."}`). Of several columns all that are not empty are taken, once where they
//! say the same. Invariant: reasoning is in the answer or the record is refused, never dropped.

use std::collections::BTreeSet;

use serde_json::Value;

use super::draft::{Converted, Draft, literal};
use super::row::{Row, nested, scalar};
use crate::record::{Body, Part, Role};
use crate::refusal::Refusal;

/// What reasoning is called: the seed corpora's name first, then those of published medical sets, of
/// DeepSeek's and Qwen's answers, and of Chinese exports.
pub(super) const NAMES: [&str; 7] =
    ["chain_of_thought", "cot", "complex_cot", "reasoning", "reasoning_content", "思维链", "推理过程"];

/// What counts the steps in an object beside its text.
const COUNTS: [&str; 8] = ["step", "n", "no", "id", "index", "order", "序号", "步骤"];

/// The reasoning that a row has of its own, without the empty line behind it; nothing where it has none.
pub(super) fn of_row(row: &Row<'_>, draft: &mut Draft) -> Converted<Vec<Part>> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    for name in NAMES.iter().filter(|name| row.is_left(name)) {
        if let Some((path, value)) = row.get(&[name]) {
            // Of JSON in a text only a list is a list of steps; anything else is the text that it is.
            let inner = nested(value)?;
            add(&mut all, &mut seen, if inner.is_array() { &inner } else { value }, path, draft)?;
        }
    }
    Ok(all)
}

/// The reasoning that a turn of a conversation has, which stands under `path`.
pub(super) fn of_turn(turn: &Value, path: &str, draft: &mut Draft) -> Converted<Vec<Part>> {
    let (mut all, mut seen) = (Vec::new(), BTreeSet::new());
    for (name, value) in turn.as_object().into_iter().flatten() {
        if is_name(name) && !value.is_null() {
            add(&mut all, &mut seen, value, &format!("{path}.{name}"), draft)?;
        }
    }
    Ok(all)
}

/// Whether a key of a turn holds reasoning.
pub(super) fn is_name(key: &str) -> bool {
    NAMES.iter().any(|name| key.trim().eq_ignore_ascii_case(name))
}

/// An answer behind its reasoning, whose fields were read last; one that begins with the reasoning stays as
/// it is. Reasoning does not make an empty answer one.
pub(super) fn before(mut reasoning: Vec<Part>, answer: Vec<Part>, draft: &mut Draft) -> Converted<Vec<Part>> {
    if reasoning.is_empty() {
        return Ok(answer);
    }
    if text(&answer, draft).trim().is_empty() {
        return Err(Refusal::EmptyAnswer);
    }
    if let Some(rest) = behind(&answer, &reasoning, draft) {
        if rest.trim().is_empty() {
            return Err(Refusal::EmptyAnswer);
        }
        let said = reasoning.iter().filter(|part| matches!(part, Part::Field(_))).count();
        draft.fields.truncate(draft.fields.len() - said);
        return Ok(answer);
    }
    reasoning.push(literal("\n\n"));
    reasoning.extend(answer);
    Ok(reasoning)
}

/// Puts what the row has of reasoning, and no format took, before the last answer.
pub(super) fn attach(row: &Row<'_>, draft: &mut Draft, mut body: Body) -> Converted<Body> {
    let reasoning = of_row(row, draft)?;
    if reasoning.is_empty() {
        return Ok(body);
    }
    let last = match &mut body {
        Body::Conversation(turns) => turns.last_mut().filter(|turn| turn.role == Role::Assistant),
        Body::Text(_) => None,
    };
    let turn = last.ok_or(Refusal::ReasoningWithoutAnswer)?;
    turn.parts = before(reasoning, std::mem::take(&mut turn.parts), draft)?;
    Ok(body)
}

/// What stands behind this reasoning in an answer that begins with it, as that of a model which thinks aloud
/// does.
fn behind(answer: &[Part], reasoning: &[Part], draft: &Draft) -> Option<String> {
    let (answer, reasoning) = (text(answer, draft), text(reasoning, draft));
    let answer = answer.trim_start();
    let answer = answer.strip_prefix("<think>").unwrap_or(answer).trim_start();
    let rest = answer.strip_prefix(reasoning.trim())?;
    match rest.trim_start().strip_prefix("</think>") {
        Some(rest) => Some(rest.to_owned()),
        None => rest.starts_with(['\n', '\r']).then(|| rest.to_owned()),
    }
}

fn text(parts: &[Part], draft: &Draft) -> String {
    parts.iter().map(|part| draft.text(part)).collect()
}

/// The lines of one value: of a text its own, of a list each text on one of its own.
pub(super) fn lines(value: &Value, path: &str, draft: &mut Draft) -> Converted<Vec<Part>> {
    let Value::Array(steps) = value else {
        let text = scalar(value).ok_or(Refusal::WrongType)?;
        return Ok(vec![draft.field(path, text)]);
    };
    let mut parts = Vec::with_capacity(2 * steps.len());
    for (index, step) in steps.iter().enumerate() {
        let (key, text) = step_text(step).ok_or(Refusal::WrongType)?;
        if text.trim().is_empty() {
            continue;
        }
        if !parts.is_empty() {
            parts.push(literal("\n"));
        }
        parts.push(draft.field(format!("{path}[{index}]{key}"), text));
    }
    Ok(parts)
}

/// The text of a step, and behind a dot its key where it stands in an object.
fn step_text(step: &Value) -> Option<(String, String)> {
    let Value::Object(named) = step else {
        return if step.is_null() { Some(Default::default()) } else { Some((String::new(), scalar(step)?)) };
    };
    let mut texts = named.iter().filter_map(|(key, value)| Some((key, value.as_str()?)));
    let (key, text) = texts.next()?;
    // Two texts have no order in an object, and a list, an object or a number that counts no step would be
    // dropped.
    let is_lost = |(key, value): (&String, &Value)| {
        let counts = COUNTS.iter().any(|name| key.trim().eq_ignore_ascii_case(name));
        value.is_array() || value.is_object() || (value.is_number() && !counts)
    };
    let is_alone = texts.next().is_none() && !named.iter().any(is_lost);
    is_alone.then(|| (format!(".{key}"), text.to_owned()))
}

/// Adds a value's lines unless they are empty or there already.
fn add(
    all: &mut Vec<Part>,
    seen: &mut BTreeSet<String>,
    value: &Value,
    path: &str,
    draft: &mut Draft,
) -> Converted<()> {
    // A number or a switch is no reasoning.
    if !matches!(value, Value::String(_) | Value::Array(_)) {
        return Err(Refusal::WrongType);
    }
    let fields = draft.fields.len();
    let found = lines(value, path, draft)?;
    let said = text(&found, draft);
    if said.trim().is_empty() || !seen.insert(said) {
        draft.fields.truncate(fields); // nothing, or a copy under another name
        return Ok(());
    }
    if !all.is_empty() {
        all.push(literal("\n"));
    }
    all.extend(found);
    Ok(())
}
