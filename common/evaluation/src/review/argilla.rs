//! A grader's sheet for Argilla 2: a dataset as `rg.Dataset.to_disk` writes one and `rg.Dataset.from_disk`
//! takes it. Called by `coordinator review new`; `import` reads the records that come back. Source of the
//! form: the package `argilla` 2.8.0.
//!
//! Invariants: nothing in it says whose answer it is; a record is one answer, in the order of the sheet;
//! metadata have the names of the table's columns, and questions those of what is graded.

use serde::Serialize;
use serde_json::{Map, Value, json};

use super::control::Control;
use super::error::ReviewError;
use super::grade::Letter;
use super::key::{Key, KeyGrader};
use super::label_studio::title;
use super::sheet::{FIXED, instructions, shown};
use crate::csv::plain;

/// Characters of the seal that stand in a dataset's name.
const SEAL_SHOWN: usize = 8;

#[derive(Serialize)]
struct Record<'a> {
    id: String,
    fields: Fields,
    metadata: Metadata<'a>,
    suggestions: Map<String, Value>,
    responses: Map<String, Value>,
    vectors: Map<String, Value>,
    status: &'static str,
    _server_id: Option<String>,
}

#[derive(Serialize)]
struct Fields {
    shown: String,
    question: String,
    text: String,
}

#[derive(Serialize)]
struct Metadata<'a> {
    seal: &'a str,
    grader: &'a str,
    place: usize,
    answer: Letter,
}

/// The files of one grader's dataset, by their names in its folder.
///
/// # Errors
/// `Wish` where they cannot be written as JSON, which does not happen.
pub fn argilla_dataset(
    key: &Key,
    grader: &KeyGrader,
    seal: &str,
) -> Result<[(&'static str, String); 3], ReviewError> {
    let record = |one: super::sheet::Shown<'_>| Record {
        id: format!("{}-{:?}", one.place, one.letter),
        fields: Fields {
            shown: title(one.place, one.letter),
            question: plain(one.question),
            text: plain(one.text),
        },
        metadata: Metadata { seal, grader: &grader.name, place: one.place, answer: one.letter },
        suggestions: Map::new(),
        responses: Map::new(),
        vectors: Map::new(),
        status: "pending",
        _server_id: None,
    };
    let records: Vec<Record<'_>> = shown(key, grader).map(record).collect();
    let guidelines = instructions(seal);
    let name = format!("review {} {}", seal.get(..SEAL_SHOWN).unwrap_or(seal), grader.name);
    // One person grades it, so that what was submitted once is complete.
    let distribution = json!({ "strategy": "overlap", "min_submitted": 1 });
    let dataset = json!({
        "id": null, "inserted_at": null, "updated_at": null, "name": name, "status": "draft",
        "guidelines": guidelines, "allow_extra_metadata": false, "distribution": distribution,
        "workspace_id": null, "last_activity_at": null,
    });
    let settings = json!({
        "guidelines": guidelines,
        "questions": Control::all().map(question).collect::<Vec<_>>(),
        "fields": [field("shown", "Place 位置"), field("question", "Question 问题"), field("text", "Answer 回答")],
        "vectors": [],
        "metadata": FIXED[..4].iter().copied().map(metadata).collect::<Vec<_>>(),
        "allow_extra_metadata": false,
        "distribution": distribution,
        "mapping": null,
    });
    let text =
        |value: serde_json::Result<String>| value.map_err(|error| ReviewError::Wish(error.to_string()));
    Ok([
        (".argilla/settings.json", text(serde_json::to_string_pretty(&settings))?),
        (".argilla/dataset.json", text(serde_json::to_string_pretty(&dataset))?),
        ("records.json", text(serde_json::to_string_pretty(&records))?),
    ])
}

fn question(control: Control) -> Value {
    let choices = control.choices();
    let (kind, settings) = match control {
        Control::Scale(_) => {
            let options: Vec<Value> = choices.iter().map(|(number, _)| json!({ "value": number })).collect();
            ("rating", json!({ "type": "rating", "options": options }))
        }
        Control::Check(_) | Control::Harm => {
            let option = |(number, meaning): &(u8, &str)| json!({ "value": number.to_string(), "text": format!("{number} {meaning}") });
            let options: Vec<Value> = choices.iter().map(option).collect();
            (
                "label_selection",
                json!({ "type": "label_selection", "options": options, "visible_options": null }),
            )
        }
        Control::Comment => ("text", json!({ "type": "text", "use_markdown": false })),
    };
    let [en, zh] = control.title();
    json!({
        "id": null, "inserted_at": null, "updated_at": null, "name": control.name(), "settings": settings,
        "title": format!("{en} {zh}"), "description": null, "required": control.is_needed(),
        "dataset_id": null, "type": kind,
    })
}

fn field(name: &str, title: &str) -> Value {
    json!({
        "id": null, "inserted_at": null, "updated_at": null, "name": name,
        "settings": { "type": "text", "use_markdown": false }, "title": title, "required": true,
        "description": null, "dataset_id": null, "type": "text",
    })
}

fn metadata(name: &str) -> Value {
    let settings = if name == "place" {
        json!({ "visible_for_annotators": true, "min": null, "max": null, "type": "integer" })
    } else {
        json!({ "visible_for_annotators": true, "type": "terms", "values": null })
    };
    json!({
        "id": null, "inserted_at": null, "updated_at": null, "name": name, "settings": settings,
        "title": name, "visible_for_annotators": true, "dataset_id": null,
    })
}
