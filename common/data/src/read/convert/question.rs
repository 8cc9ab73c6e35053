//! One question and one answer, with what it is asked about and the reasoning before the answer where the
//! record gives them. Called by `convert`. Names are those of ms-swift (`query`, `response`, `history`), TRL
//! (`prompt`, `completion`), SQuAD (`context`, `answers`), PubMedQA (`context.contexts`, `long_answer`) and
//! published medical reasoning sets (`Question`, `Complex_CoT`, `Response`).
//!
//! The user's turn, each where it is there and not empty, joined by line feeds: `context`, the question,
//! `input` (and `query` behind a `prompt`, LLaMA-Factory's two columns). The assistant's turn is the
//! reasoning, an empty line, the answer.

use serde_json::Value;

use super::draft::{Converted, Draft, joined};
use super::history;
use super::reasoning;
use super::row::{Row, nested};
use crate::record::{Body, Part, Role, Turn};
use crate::refusal::Refusal;

pub(super) const QUESTION: &[&str] = &["question", "prompt", "query"];
const ANSWER: &[&str] = &["answer", "completion", "response", "long_answer", "answers"];
const CONTEXT: &[&str] = &["context", "contexts"];

pub(super) fn fits(row: &Row<'_>) -> bool {
    row.has(QUESTION) && row.has(ANSWER)
}

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let mut turns = history::before(row, draft)?;
    let question = draft.required(row, QUESTION)?;
    let mut texts = context(row, draft)?;
    if !draft.text(&question).is_empty() {
        texts.push(question);
    }
    if row.has(&["question", "prompt"]) {
        texts.extend(draft.optional(row, &["query"])?);
    }
    texts.extend(draft.optional(row, &["input"])?);
    turns.push(Turn::new(Role::User, joined(texts)));
    let answer = vec![answer(row, draft)?];
    let reasoning = reasoning::of_row(row, draft)?;
    turns.push(Turn::new(Role::Assistant, reasoning::before(reasoning, answer, draft)?));
    Ok(Body::Conversation(turns))
}

/// The text that is asked about: a text, a list of texts, or PubMedQA's object with a list of them.
pub(super) fn context(row: &Row<'_>, draft: &mut Draft) -> Converted<Vec<Part>> {
    let Some((name, value)) = row.get(CONTEXT) else { return Ok(Vec::new()) };
    let value = nested(value)?;
    let (path, texts) = match value.as_ref() {
        Value::String(text) => {
            return Ok(Vec::from_iter((!text.is_empty()).then(|| draft.field(name, text.as_str()))));
        }
        Value::Array(texts) => (name.to_owned(), texts),
        Value::Object(inner) => {
            let texts = inner.get("contexts").and_then(Value::as_array).ok_or(Refusal::WrongType)?;
            (format!("{name}.contexts"), texts)
        }
        _ => return Err(Refusal::WrongType),
    };
    let texts = texts.iter().enumerate().map(|(index, text)| {
        Ok(draft.field(format!("{path}[{index}]"), text.as_str().ok_or(Refusal::WrongType)?))
    });
    texts.collect()
}

/// The answer: a text, or the first of SQuAD's `answers.text`.
fn answer(row: &Row<'_>, draft: &mut Draft) -> Converted<Part> {
    let (name, value) = row.get(ANSWER).ok_or(Refusal::MissingKey)?;
    if let Some(text) = value.as_str() {
        return Ok(draft.field(name, text));
    }
    let texts = value.get("text").and_then(Value::as_array).ok_or(Refusal::WrongType)?;
    let first = texts.first().ok_or(Refusal::EmptyAnswer)?.as_str().ok_or(Refusal::WrongType)?;
    Ok(draft.field(format!("{name}.text[0]"), first))
}
