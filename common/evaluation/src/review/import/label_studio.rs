//! What Label Studio exports as JSON. Called by `import`. Invariants: only annotations that a person
//! submitted count, no drafts and no predictions; a task with two of them, or with another person's than the
//! tasks before, is refused, for nobody here can say which one counts; what was skipped is not graded.

use std::path::Path;

use serde::Deserialize;

use super::bounded::{List, list};
use super::row::{Line, read};
use super::word::{Person, Word};
use crate::limits::{REVIEW_ROWS_MAX, TOOL_ENTRIES_MAX};
use crate::review::control::Control;
use crate::review::error::{ReviewError, Spot};
use crate::review::label_studio::OBJECT;

/// What it writes of a task, as much as is read; drafts and predictions are not.
#[derive(Deserialize)]
struct Task {
    data: Data,
    annotations: Option<List<Annotation, TOOL_ENTRIES_MAX>>,
}

#[derive(Deserialize)]
struct Data {
    seal: String,
    grader: String,
    place: Word,
    answer: String,
    question: String,
    text: String,
}

#[derive(Deserialize)]
struct Annotation {
    #[serde(default)]
    was_cancelled: bool,
    #[serde(default)]
    completed_by: Person,
    result: List<Region, TOOL_ENTRIES_MAX>,
}

#[derive(Deserialize)]
struct Region {
    from_name: String,
    to_name: String,
    #[serde(rename = "type")]
    kind: String,
    value: Given,
}

#[derive(Deserialize)]
struct Given {
    rating: Option<Word>,
    #[serde(default)]
    choices: List<String, TOOL_ENTRIES_MAX>,
    #[serde(default)]
    text: List<String, TOOL_ENTRIES_MAX>,
}

/// The lines of an export.
pub(super) fn of_label_studio(path: &Path, text: &str) -> Result<Vec<Line>, ReviewError> {
    let tasks = list::<Task, REVIEW_ROWS_MAX>(text, Spot::Task).map_err(|spot| {
        ReviewError::spot(path, spot, "it is no task of a review as Label Studio exports one")
    })?;
    let (mut lines, mut person) = (Vec::new(), None);
    for (number, task) in (1..).zip(tasks) {
        let refused = |reason: String| ReviewError::spot(path, Spot::Task(number), reason);
        let Some(annotations) = task.annotations else {
            return Err(refused(
                "it has no annotations: export as JSON, which is neither JSON-MIN nor the tasks".to_owned(),
            ));
        };
        let mut counted = annotations.0.into_iter().filter(|one| !one.was_cancelled);
        let (annotation, more) = (counted.next(), counted.next());
        let Data { seal, grader, place, answer, question, text } = task.data;
        let place = place.0;
        let whose = format!("(place {place}, answer {answer})");
        if more.is_some() {
            return Err(refused(format!("two annotations of it were submitted {whose}")));
        }
        let mut fields = Vec::new();
        if let Some(annotation) = annotation {
            let by = annotation.completed_by;
            if person.get_or_insert_with(|| by.clone()) != &by {
                return Err(refused(format!("another person than before annotated it {whose}")));
            }
            fields = answers(annotation.result.0).map_err(|reason| refused(format!("{reason} {whose}")))?;
        }
        let field = |name: &str| {
            Ok(match name {
                "seal" => seal.as_str(),
                "grader" => &grader,
                "place" => &place,
                "answer" => &answer,
                _ => fields.iter().find(|(it, _)| *it == name).map_or("", |(_, text)| text.as_str()),
            })
        };
        let (head, grade) = read(&field).map_err(|wrong| refused(format!("{} {whose}", wrong.reason)))?;
        lines.push(Line { spot: Spot::Task(number), head, grade, shown: Some([question, text]) });
    }
    Ok(lines)
}

/// What was filled in, by name.
fn answers(regions: Vec<Region>) -> Result<Vec<(&'static str, String)>, String> {
    let mut found: Vec<(&'static str, String)> = Vec::new();
    for region in regions {
        let control = Control::all().find(|control| control.name() == region.from_name);
        let Some(control) = control.filter(|_| region.to_name == OBJECT) else {
            return Err("it has a result of a control that its configuration has not".to_owned());
        };
        let name = control.name();
        if found.iter().any(|(it, _)| *it == name) {
            return Err(format!("{name} is there twice"));
        }
        let value = match (control, region.kind.as_str()) {
            (Control::Scale(_), "rating") => region.value.rating.map(|word| word.0),
            (Control::Check(_) | Control::Harm, "choices") => match region.value.choices.0.as_slice() {
                // What a choice means stands behind it.
                [one] => one.split_whitespace().next().map(str::to_owned),
                _ => None,
            },
            (Control::Comment, "textarea") => Some(region.value.text.0.join("\n")),
            _ => None,
        };
        found.push((name, value.ok_or_else(|| format!("{name} is not what its control gives"))?));
    }
    Ok(found)
}
