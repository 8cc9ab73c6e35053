//! The fields of a record in the making, and what is left unused. Used by `convert` and by the file of each
//! format. Invariant: a part names a field of the same draft.

use std::collections::BTreeSet;

use super::row::Row;
use crate::record::{Field, Part};
use crate::refusal::Refusal;

/// What a conversion gives: the value, or why the record is refused.
pub(super) type Converted<T> = Result<T, Refusal>;

/// Whether the text is written with Chinese characters; it decides the language of the words we add.
pub(super) fn is_chinese(text: &str) -> bool {
    text.chars().any(|c| matches!(c, '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}'))
}

/// The fields of a record in the making.
#[derive(Default)]
pub(super) struct Draft {
    pub(super) fields: Vec<Field>,
    /// Fields within a column that hold text and are not trained on, by name.
    pub(super) unused: BTreeSet<String>,
}

impl Draft {
    /// Adds a text, and gives the part that stands for it.
    pub(super) fn field(&mut self, path: impl Into<String>, text: impl Into<String>) -> Part {
        self.fields.push(Field { path: path.into(), text: text.into() });
        Part::Field(self.fields.len() - 1)
    }

    /// A text that must be there.
    pub(super) fn required(&mut self, row: &Row<'_>, names: &[&str]) -> Converted<Part> {
        let (path, value) = row.get(names).ok_or(Refusal::MissingKey)?;
        let text = value.as_str().ok_or(Refusal::WrongType)?;
        Ok(self.field(path, text))
    }

    /// A text that may be absent, null or empty, which all mean the same.
    pub(super) fn optional(&mut self, row: &Row<'_>, names: &[&str]) -> Converted<Option<Part>> {
        let Some((path, value)) = row.get(names) else { return Ok(None) };
        let text = value.as_str().ok_or(Refusal::WrongType)?;
        Ok((!text.is_empty()).then(|| self.field(path, text)))
    }

    /// The first of these columns that holds a text which is not empty.
    pub(super) fn first(&mut self, row: &Row<'_>, names: &[&str]) -> Converted<Option<Part>> {
        for name in names {
            if let Some(part) = self.optional(row, &[name])? {
                return Ok(Some(part));
            }
        }
        Ok(None)
    }

    /// The text of a part.
    pub(super) fn text<'t>(&'t self, part: &'t Part) -> &'t str {
        match part {
            Part::Field(index) => self.fields.get(*index).map_or("", |field| field.text.as_str()),
            Part::Literal(text) => text,
        }
    }
}

/// Texts with a line feed between each two.
pub(super) fn joined(texts: Vec<Part>) -> Vec<Part> {
    let mut parts = Vec::with_capacity(texts.len() * 2);
    for text in texts {
        if !parts.is_empty() {
            parts.push(literal("\n"));
        }
        parts.push(text);
    }
    parts
}

/// Text that the record does not have itself.
pub(super) fn literal(text: &str) -> Part {
    Part::Literal(text.to_owned())
}
