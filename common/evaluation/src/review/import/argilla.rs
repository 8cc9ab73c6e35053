//! Records as `rg.Dataset.to_disk` of Argilla 2 writes them (`records.json`). Called by `import`. Invariants:
//! only what was submitted counts; where a response does not say so (version 2.8.0 leaves it out there), its
//! record has to be completed, which it is where one person submitted; a record with two persons' responses,
//! or another person's than the records before, is refused.

use std::path::Path;

use serde::Deserialize;

use super::bounded::{Entries, List, list};
use super::row::{Line, read};
use super::word::Word;
use crate::limits::{REVIEW_ROWS_MAX, TOOL_ENTRIES_MAX};
use crate::review::control::Control;
use crate::review::error::{ReviewError, Spot};

#[derive(Deserialize)]
struct Record {
    fields: Fields,
    metadata: Metadata,
    responses: Entries<List<Response, TOOL_ENTRIES_MAX>, TOOL_ENTRIES_MAX>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Fields {
    question: String,
    text: String,
}

#[derive(Deserialize)]
struct Metadata {
    seal: String,
    grader: String,
    place: Word,
    answer: String,
}

#[derive(Deserialize)]
struct Response {
    value: Option<Word>,
    user_id: String,
    status: Option<String>,
}

/// The lines of a dataset's records.
pub(super) fn of_argilla(path: &Path, text: &str) -> Result<Vec<Line>, ReviewError> {
    let records = list::<Record, REVIEW_ROWS_MAX>(text, Spot::Record)
        .map_err(|spot| ReviewError::spot(path, spot, "it is no record of a review as Argilla writes one"))?;
    let (mut lines, mut person) = (Vec::new(), None);
    for (number, record) in (1..).zip(records) {
        let refused = |reason: String| ReviewError::spot(path, Spot::Record(number), reason);
        let Record { fields: shown, metadata, responses, status } = record;
        let place = metadata.place.0;
        let whose = format!("(place {place}, answer {})", metadata.answer);
        let is_complete = status.as_deref() == Some("completed");
        let answers = answers(responses, is_complete, &mut person)
            .map_err(|reason| refused(format!("{reason} {whose}")))?;
        let field = |name: &str| {
            Ok(match name {
                "seal" => metadata.seal.as_str(),
                "grader" => &metadata.grader,
                "place" => &place,
                "answer" => &metadata.answer,
                _ => answers.iter().find(|(it, _)| *it == name).map_or("", |(_, text)| text.as_str()),
            })
        };
        let (head, grade) = read(&field).map_err(|wrong| refused(format!("{} {whose}", wrong.reason)))?;
        let shown = Some([shown.question, shown.text]);
        lines.push(Line { spot: Spot::Record(number), head, grade, shown });
    }
    Ok(lines)
}

/// What was submitted, by question.
fn answers(
    responses: Entries<List<Response, TOOL_ENTRIES_MAX>, TOOL_ENTRIES_MAX>,
    is_complete: bool,
    person: &mut Option<String>,
) -> Result<Vec<(&'static str, String)>, String> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for (question, responses) in responses.0 {
        let Some(control) = Control::all().find(|control| control.name() == question) else {
            return Err("it has a response to a question that its dataset has not".to_owned());
        };
        let counts =
            |one: &Response| one.status.as_deref().map_or(is_complete, |status| status == "submitted");
        for response in responses.0.into_iter().filter(counts) {
            if person.get_or_insert_with(|| response.user_id.clone()) != &response.user_id {
                return Err("another person than before responded to it".to_owned());
            }
            let name = control.name();
            if found.iter().any(|(it, _)| *it == name) {
                return Err(format!("{name} is there twice"));
            }
            found.push((name, response.value.map(|word| word.0).unwrap_or_default()));
        }
    }
    Ok(found)
}
