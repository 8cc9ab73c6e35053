//! Classification: `text` and `label` as a question and its answer. Called by `convert`. The question is the
//! text, a line feed, and `类别：` (Chinese text) or `Category:`; the answer is the label as the file writes it
//! (a number stays a number).

use super::draft::{Converted, Draft, is_chinese, literal};
use super::row::{Row, scalar};
use crate::record::{Body, Role, Turn};
use crate::refusal::Refusal;

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let text = draft.required(row, &["text"])?;
    let ask = if is_chinese(draft.text(&text)) { "\n类别：" } else { "\nCategory:" };
    let (path, label) = row.get(&["label"]).ok_or(Refusal::MissingKey)?;
    let label = draft.field(path, scalar(label).ok_or(Refusal::WrongType)?);
    Ok(Body::Conversation(vec![
        Turn::new(Role::User, vec![text, literal(ask)]),
        Turn::new(Role::Assistant, vec![label]),
    ]))
}
