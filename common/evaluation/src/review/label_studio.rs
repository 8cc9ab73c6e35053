//! A grader's sheet for Label Studio: tasks as it imports them, and the labelling configuration of their
//! project. Called by `coordinator review new`; `import` reads what it exports. Source of the forms:
//! labelstud.io, "Label Studio Task Format" and the tags Text, Rating, Choices and TextArea.
//!
//! Invariants: nothing in it says whose answer it is; a task is one answer, in the order of the sheet; its
//! data have the names of the table's columns, and its controls those of what is graded.

use serde::Serialize;

use super::control::Control;
use super::dimension::GRADES;
use super::error::ReviewError;
use super::grade::Letter;
use super::key::{Key, KeyGrader};
use super::sheet::shown;
use crate::csv::plain;
use crate::xlsx::escaped;

/// What the controls are about: the answer.
pub(super) const OBJECT: &str = "text";

#[derive(Serialize)]
struct Task<'a> {
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    seal: &'a str,
    grader: &'a str,
    place: usize,
    answer: Letter,
    shown: String,
    question: String,
    text: String,
}

/// What stands above an answer.
pub(super) fn title(place: usize, letter: Letter) -> String {
    format!("{place} {letter:?}: question {place}, answer {letter:?} 第 {place} 题，回答 {letter:?}")
}

/// The tasks of one grader, which are a project of their own.
///
/// # Errors
/// `Wish` where they cannot be written as JSON, which does not happen.
pub fn label_studio_tasks(key: &Key, grader: &KeyGrader, seal: &str) -> Result<String, ReviewError> {
    let task = |one: super::sheet::Shown<'_>| Task {
        data: Data {
            seal,
            grader: &grader.name,
            place: one.place,
            answer: one.letter,
            shown: title(one.place, one.letter),
            question: plain(one.question),
            text: plain(one.text),
        },
    };
    let tasks: Vec<Task<'_>> = shown(key, grader).map(task).collect();
    serde_json::to_string_pretty(&tasks).map_err(|error| ReviewError::Wish(error.to_string()))
}

/// The labelling configuration of a project, the same for all graders.
#[must_use]
pub fn label_studio_configuration() -> String {
    let mut view = format!(
        "<View>\n  <Header value=\"$shown\"/>\n  <Header value=\"Question 问题\" size=\"5\"/>\n  \
         <Text name=\"question\" value=\"$question\"/>\n  <Header value=\"Answer 回答\" size=\"5\"/>\n  \
         <Text name=\"{OBJECT}\" value=\"$text\"/>\n"
    );
    for control in Control::all() {
        let [en, zh] = control.title().map(|title| escaped(&title));
        let (name, needed) = (control.name(), control.is_needed());
        view += &format!("  <Header value=\"{en} {zh}\" size=\"5\"/>\n");
        let about = format!("name=\"{name}\" toName=\"{OBJECT}\" required=\"{needed}\"");
        view += &match control {
            Control::Scale(_) => format!("  <Rating {about} maxRating=\"{GRADES}\"/>\n"),
            Control::Check(_) | Control::Harm => {
                let choices = control.choices().into_iter();
                let choices =
                    choices.map(|(number, meaning)| format!("    <Choice value=\"{number} {meaning}\"/>\n"));
                let choices: String = choices.collect();
                format!(
                    "  <Choices {about} choice=\"single-radio\" showInLine=\"true\">\n{choices}  </Choices>\n"
                )
            }
            Control::Comment => {
                format!("  <TextArea {about} rows=\"3\" maxSubmissions=\"1\" editable=\"true\"/>\n")
            }
        };
    }
    view + "</View>\n"
}
