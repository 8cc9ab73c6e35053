//! Alpaca: `instruction`, `input`, `output`, with `system` and `history`. The question is `instruction`, a
//! line feed and `input`; of the two, one that is absent, null or empty is passed over (LLaMA-Factory,
//! src/llamafactory/data/converter.py). Dolly's names (`context` and `response`) and those of ms-swift are
//! understood in the same places. Called by `convert`.

use super::draft::{Converted, Draft, joined};
use super::history;
use super::row::Row;
use crate::record::{Body, Role, Turn};

/// What may stand where Alpaca has `input`, in this order; the first that is not empty counts.
const INPUT: &[&str] = &["input", "query", "question", "context"];
const OUTPUT: &[&str] = &["output", "response", "completion", "answer"];

/// An `instruction`, or an `input` and `output` of which the instruction is null.
pub(super) fn fits(row: &Row<'_>) -> bool {
    let has_other_question = row.has(&["question", "prompt", "query"]);
    row.has(&["instruction"]) || (row.has(&["input"]) && row.has(&["output"]) && !has_other_question)
}

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let mut turns = history::before(row, draft)?;
    let mut texts = Vec::from_iter(draft.optional(row, &["instruction"])?);
    texts.extend(draft.first(row, INPUT)?);
    turns.push(Turn::new(Role::User, joined(texts)));
    turns.push(Turn::new(Role::Assistant, vec![draft.required(row, OUTPUT)?]));
    Ok(Body::Conversation(turns))
}
