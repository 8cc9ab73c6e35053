//! Look-ups in one row, and its values as text or as nested JSON. Used by `convert`, by the file of each
//! format, and by `draft`. Invariants: a value is taken as it stands or not at all; a column that holds text
//! and was not taken is named by [`Row::unused`].

use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::read::raw::Columns;
use crate::read::strict;
use crate::refusal::Refusal;

/// Look-ups in a row. Names are matched exactly, else without regard to the case of ASCII letters; null is
/// absent.
pub(super) struct Row<'a> {
    columns: &'a Columns,
    /// Each column by its name without the white space around it: a row is asked for some ninety names.
    trimmed: Vec<(&'a str, (&'a String, &'a Value))>,
    /// Names of the columns that were taken, as the file spells them.
    taken: RefCell<BTreeSet<&'a str>>,
}

impl<'a> Row<'a> {
    /// Look-ups in these columns.
    pub(super) fn new(columns: &'a Columns) -> Self {
        let trimmed = columns.iter().map(|(name, value)| (name.trim(), (name, value))).collect();
        Self { columns, trimmed, taken: RefCell::default() }
    }

    /// Takes the first of these columns that is there: its name as the file spells it, and its value.
    pub(super) fn get(&self, names: &[&str]) -> Option<(&'a str, &'a Value)> {
        let found = self.peek(names)?;
        self.taken.borrow_mut().insert(found.0);
        Some(found)
    }

    /// Looks at it without taking it.
    pub(super) fn peek(&self, names: &[&str]) -> Option<(&'a str, &'a Value)> {
        names.iter().find_map(|name| {
            let (name, value) = self.columns.get_key_value(*name).or_else(|| {
                let same = self.trimmed.iter().find(|(column, _)| column.eq_ignore_ascii_case(name));
                same.map(|(_, found)| *found)
            })?;
            (!value.is_null()).then_some((name.as_str(), value))
        })
    }

    /// Whether a column of this name is there and was not taken.
    pub(super) fn is_left(&self, name: &str) -> bool {
        self.peek(&[name]).is_some_and(|(name, _)| !self.taken.borrow().contains(name))
    }

    /// Whether one of these columns is there.
    pub(super) fn has(&self, names: &[&str]) -> bool {
        self.peek(names).is_some()
    }

    /// The columns that hold text and were not taken.
    pub(super) fn unused(&self) -> impl Iterator<Item = &'a str> {
        let taken = self.taken.borrow().clone();
        let others = self.columns.iter().filter(move |(name, _)| !taken.contains(name.as_str()));
        others.filter(|(_, value)| has_text(value)).map(|(name, _)| name.as_str())
    }
}

/// A list or object, which a CSV cell can only hold as JSON text.
///
/// # Errors
/// `DuplicateKey` where an object in the cell has one key twice.
pub(super) fn nested(value: &Value) -> Result<Cow<'_, Value>, Refusal> {
    match value {
        Value::String(text) if text.trim_start().starts_with(['[', '{']) => {
            match strict::parse(text.as_bytes()) {
                Ok((_, true)) => Err(Refusal::DuplicateKey),
                Ok((inner, _)) => Ok(Cow::Owned(inner)),
                Err(_) => Ok(Cow::Borrowed(value)),
            }
        }
        other => Ok(Cow::Borrowed(other)),
    }
}

/// Whether there is a text with a letter anywhere in it; numbers and dates are none.
pub(super) fn has_text(value: &Value) -> bool {
    match value {
        Value::String(text) => text.chars().any(char::is_alphabetic),
        Value::Array(values) => values.iter().any(has_text),
        Value::Object(values) => values.values().any(has_text),
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// A text, number or boolean as text; a list or object has none.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(boolean) => Some(boolean.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
