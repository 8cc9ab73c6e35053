//! Classification: `text` and `label` as a question and its answer. Called by `convert`. The question is the text, a line
//! feed, and `类别：` (Chinese text) or `Category:`; the answer is the label as the file writes it (a number stays a number).

use super::{Converted, Draft, Row, is_chinese, literal, scalar};
use crate::read::refusal::Refusal;
use crate::record::{Body, Role, Turn};

pub(super) fn convert(row: &Row<'_>, draft: &mut Draft) -> Converted<Body> {
    let text = draft.required(row, &["text"])?;
    let ask = if is_chinese(draft.text(&text)) { "\n类别：" } else { "\nCategory:" };
    let (path, label) = row.get(&["label"]).ok_or(Refusal::MissingKey)?;
    let label = draft.field(path, scalar(label).ok_or(Refusal::WrongType)?);
    Ok(Body::Conversation(vec![
        Turn { role: Role::User, parts: vec![text, literal(ask)] },
        Turn { role: Role::Assistant, parts: vec![label] },
    ]))
}
