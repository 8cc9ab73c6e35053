//! A row through a column mapping; a record that is nothing but a list of turns is the mapped column. Called
//! by `convert`. Of a list of texts in a column each is a line; a column that holds an object has no text;
//! numbers are written as the file writes them. A system turn whose columns are all absent or empty is left
//! out; any other empty turn is refused by `validate`.

use serde_json::Value;

use super::draft::{Converted, Draft, literal};
use super::loss;
use super::reasoning;
use super::row::{Row, nested, scalar};
use super::turns::{BARE, note_others};
use crate::read::mapping::{ConversationColumn, Mapping, Piece, Shape, Template};
use crate::record::{Body, Part, Role, Turn};
use crate::refusal::Refusal;

pub(super) fn convert(row: &Row<'_>, mapping: &Mapping, draft: &mut Draft) -> Converted<Body> {
    Ok(match &mapping.shape {
        Shape::Text(template) => Body::Text(fill(row, template, draft)?),
        Shape::Conversation(column) => Body::Conversation(list(row, column, draft)?),
        Shape::Turns(templates) => {
            let mut turns = Vec::new();
            for (role, template) in templates {
                let parts = fill(row, template, draft)?;
                let has_columns = template.0.iter().any(|piece| matches!(piece, Piece::Column { .. }));
                let has_text = parts
                    .iter()
                    .any(|part| matches!(part, Part::Field(_)) && !draft.text(part).trim().is_empty());
                if *role != Role::System || has_text || !has_columns {
                    turns.push(Turn::new(*role, parts));
                }
            }
            Body::Conversation(turns)
        }
    })
}

fn fill(row: &Row<'_>, template: &Template, draft: &mut Draft) -> Converted<Vec<Part>> {
    let mut parts = Vec::new();
    for piece in &template.0 {
        match piece {
            Piece::Literal(text) => parts.push(literal(text)),
            Piece::Column { name, optional } => match row.get(&[name]) {
                // An object's numbers would be lost.
                Some((_, Value::Array(list))) if list.iter().any(Value::is_object) => {
                    return Err(Refusal::WrongType);
                }
                Some((path, value)) => {
                    let lines = reasoning::lines(value, path, draft)?;
                    // A list without a text is a field without one, so that it makes no empty turn look full.
                    if lines.is_empty() { parts.push(draft.field(path, "")) } else { parts.extend(lines) }
                }
                None if *optional => {}
                None => return Err(Refusal::MissingKey),
            },
        }
    }
    Ok(parts)
}

fn list(row: &Row<'_>, column: &ConversationColumn, draft: &mut Draft) -> Converted<Vec<Turn>> {
    let (path, value) = row.get(&[&column.column, BARE]).ok_or(Refusal::MissingKey)?;
    let value = nested(value)?;
    let turns = value.as_array().ok_or(Refusal::WrongType)?;
    let text = |turn: &Value, key: &str| match turn.get(key) {
        None | Some(Value::Null) => Err(Refusal::MissingKey),
        Some(value) => scalar(value).ok_or(Refusal::WrongType),
    };
    turns
        .iter()
        .enumerate()
        .map(|(index, turn)| {
            let role = column.role_of(&text(turn, &column.role)?).ok_or(Refusal::UnknownRole)?;
            let content = text(turn, &column.content)?;
            let part = draft.field(format!("{path}[{index}].{}", column.content), content);
            note_others(turn, path, |key| key == column.role || key == column.content, draft);
            Ok(Turn { role, parts: vec![part], is_learnt: loss::is_learnt(turn, role)? })
        })
        .collect()
}
