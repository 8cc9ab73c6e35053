//! One question and one answer, with the reasoning before the answer where the record gives one
//! (`chain_of_thought`). Called by `convert`. The assistant's turn is the reasoning, an empty line, the
//! answer. Also TRL's `prompt` and `completion`, and `Question`, `Complex_CoT`, `Response` of published
//! medical reasoning sets.

use super::draft::{Converted, Draft, literal};
use super::row::Row;
use crate::record::{Body, Part, Role, Turn};

pub(super) const QUESTION: &[&str] = &["question", "prompt", "query"];
const ANSWER: &[&str] = &["answer", "completion", "response"];
const REASONING: &[&str] = &["chain_of_thought", "cot", "complex_cot", "reasoning"];

pub(super) fn fits(row: &Row<'_>) -> bool {
    row.has(QUESTION) && row.has(ANSWER)
}

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let mut turns = Vec::new();
    if let Some(system) = draft.optional(row, &["system"])? {
        turns.push(Turn { role: Role::System, parts: vec![system] });
    }
    turns.push(Turn { role: Role::User, parts: vec![draft.required(row, QUESTION)?] });
    let mut answer = reasoning(row, draft)?;
    answer.push(draft.required(row, ANSWER)?);
    turns.push(Turn { role: Role::Assistant, parts: answer });
    Ok(Body::Conversation(turns))
}

/// The reasoning and the empty line behind it; nothing where the record has none.
pub(super) fn reasoning(row: &Row<'_>, draft: &mut Draft) -> Converted<Vec<Part>> {
    Ok(draft.optional(row, REASONING)?.map_or_else(Vec::new, |part| vec![part, literal("\n\n")]))
}
