//! One row (JSON object, CSV row, Parquet row) to one record, in whichever format it is written; a file for each format.
//! Called by `read`. Invariants: a record is converted as a whole or refused with a code; texts are taken as they stand,
//! nothing is trimmed; whether they are fit to train on is `check`'s business.

mod alpaca;
mod choice;
mod classification;
mod mapped;
mod metadata;
mod question;
mod turns;

use std::borrow::Cow;

use serde_json::{Map, Value};

use super::mapping::Mapping;
use super::refusal::Refusal;
use crate::record::{Body, Field, Format, Part, Place, Record};

/// The columns of a row, by name.
pub(super) type Columns = Map<String, Value>;

type Converted<T> = Result<T, Refusal>;

/// A record, and whether it names a day that is none.
pub(super) struct Conversion {
    pub(super) record: Record,
    pub(super) has_unreadable_date: bool,
}

/// What a row means.
pub(super) fn record(columns: &Columns, place: Place, mapping: Option<&Mapping>) -> Converted<Conversion> {
    let row = Row { columns };
    let mut draft = Draft::default();
    let (format, body) = match mapping {
        Some(mapping) => (Format::Mapped, mapped::convert(&row, mapping, &mut draft)?),
        None => known_format(&row, &mut draft)?,
    };
    let metadata = metadata::of(&row, mapping);
    let stratum = metadata.stratum.map(|(path, text)| {
        draft.field(path, text.clone());
        text
    });
    let record = Record {
        place,
        format,
        fields: draft.fields,
        body,
        patient: metadata.patient,
        date: metadata.date,
        stratum,
    };
    Ok(Conversion { record, has_unreadable_date: metadata.has_unreadable_date })
}

/// The format whose keys the row has, and what it means in it.
fn known_format(row: &Row<'_>, draft: &mut Draft) -> Converted<(Format, Body)> {
    Ok(if row.has(&["messages"]) {
        (Format::Messages, turns::messages(row, draft)?)
    } else if row.has(&["conversations"]) {
        (Format::ShareGpt, turns::share_gpt(row, draft)?)
    } else if row.has(&["instruction"]) {
        (Format::Alpaca, alpaca::convert(row, draft)?)
    } else if choice::fits(row) {
        (Format::MultipleChoice, choice::convert(row, draft)?)
    } else if question::fits(row) {
        (Format::QuestionAnswer, question::convert(row, draft)?)
    } else if row.has(&["text"]) && row.has(&["label"]) {
        (Format::Classification, classification::convert(row, draft)?)
    } else if row.has(&["text"]) {
        (Format::Text, Body::Text(vec![draft.required(row, &["text"])?]))
    } else {
        return Err(Refusal::UnknownFormat);
    })
}

/// Look-ups in a row. Names are matched exactly, else without regard to the case of ASCII letters; null is absent.
struct Row<'a> {
    columns: &'a Columns,
}

impl<'a> Row<'a> {
    /// The first of these columns that is there: its name as the file spells it, and its value.
    fn get(&self, names: &[&str]) -> Option<(&'a str, &'a Value)> {
        names.iter().find_map(|name| {
            let (name, value) = self.columns.get_key_value(*name).or_else(|| {
                self.columns.iter().find(|(column, _)| column.trim().eq_ignore_ascii_case(name))
            })?;
            (!value.is_null()).then_some((name.as_str(), value))
        })
    }

    fn has(&self, names: &[&str]) -> bool {
        self.get(names).is_some()
    }
}

/// A list or object, which a CSV cell can only hold as JSON text.
fn nested(value: &Value) -> Cow<'_, Value> {
    match value {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            serde_json::from_str(text).map_or(Cow::Borrowed(value), Cow::Owned)
        }
        other => Cow::Borrowed(other),
    }
}

/// A text, number or truth value as text; a list or object has none.
fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// Whether the text is written with Chinese characters; it decides the language of the words we add.
fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}'))
}

/// The fields of a record in the making.
#[derive(Default)]
struct Draft {
    fields: Vec<Field>,
}

impl Draft {
    fn field(&mut self, path: impl Into<String>, text: impl Into<String>) -> Part {
        self.fields.push(Field { path: path.into(), text: text.into() });
        Part::Field(self.fields.len() - 1)
    }

    /// A text that must be there.
    fn required(&mut self, row: &Row<'_>, names: &[&str]) -> Converted<Part> {
        let (path, value) = row.get(names).ok_or(Refusal::MissingKey)?;
        let text = value.as_str().ok_or(Refusal::WrongType)?;
        Ok(self.field(path, text))
    }

    /// A text that may be absent, null or empty, which all mean the same.
    fn optional(&mut self, row: &Row<'_>, names: &[&str]) -> Converted<Option<Part>> {
        let Some((path, value)) = row.get(names) else { return Ok(None) };
        let text = value.as_str().ok_or(Refusal::WrongType)?;
        Ok((!text.is_empty()).then(|| self.field(path, text)))
    }

    fn text<'t>(&'t self, part: &'t Part) -> &'t str {
        match part {
            Part::Field(index) => self.fields.get(*index).map_or("", |field| field.text.as_str()),
            Part::Literal(text) => text,
        }
    }
}

fn literal(text: &str) -> Part {
    Part::Literal(text.to_owned())
}
