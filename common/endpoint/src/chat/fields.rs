//! The fields of a JSON object, taken one by one by name and type. Used by `request`, `messages` and
//! `feedback`. Invariant: `null` is as if the field were absent; what nobody took is refused by its name.

use serde_json::{Map, Value};

use crate::error::EndpointError;
use crate::limits::FIELD_NAME_BYTES_MAX;

/// An object whose fields are taken out.
pub(crate) struct Fields {
    /// What the object is called in a sentence: `messages[2].`, or nothing for the whole.
    place: String,
    left: Map<String, Value>,
}

impl Fields {
    /// The fields of `value`, which is an object.
    pub(crate) fn of(value: Value, place: &str) -> Result<Self, EndpointError> {
        match value {
            Value::Object(mut left) => {
                left.retain(|_, value| !value.is_null());
                Ok(Self { place: place.to_owned(), left })
            }
            _ => {
                let what = place.trim_end_matches('.');
                let name = if what.is_empty() { "the body" } else { what };
                let param = (!what.is_empty()).then(|| what.to_owned());
                Err(EndpointError::Invalid { param, sentence: format!("{name} must be a JSON object") })
            }
        }
    }

    /// What is wrong with a field.
    pub(crate) fn wrong(&self, name: &str, must: &str) -> EndpointError {
        let param = format!("{}{name}", self.place);
        let sentence = format!("{param} {must}");
        EndpointError::field(&param, sentence)
    }

    pub(crate) fn take(&mut self, name: &str) -> Option<Value> {
        self.left.remove(name)
    }

    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, EndpointError> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(self.wrong(name, "must be a text")),
        }
    }

    pub(crate) fn switch(&mut self, name: &str) -> Result<bool, EndpointError> {
        match self.take(name) {
            None => Ok(false),
            Some(Value::Bool(is_on)) => Ok(is_on),
            Some(_) => Err(self.wrong(name, "must be true or false")),
        }
    }

    pub(crate) fn number(&mut self, name: &str) -> Result<Option<f64>, EndpointError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_f64() {
                Some(number) if number.is_finite() => Ok(Some(number)),
                _ => Err(self.wrong(name, "must be a number")),
            },
        }
    }

    pub(crate) fn count(&mut self, name: &str, max: usize) -> Result<Option<usize>, EndpointError> {
        match self.take(name) {
            None => Ok(None),
            Some(value) => match value.as_u64().and_then(|count| usize::try_from(count).ok()) {
                Some(count) if (1..=max).contains(&count) => Ok(Some(count)),
                _ => Err(self.wrong(name, &format!("must be a whole number from 1 to {max}"))),
            },
        }
    }

    /// Takes a field that means nothing here with these values, and refuses it with any other.
    pub(crate) fn only(
        &mut self,
        name: &str,
        harmless: &dyn Fn(&Value) -> bool,
        must: &str,
    ) -> Result<(), EndpointError> {
        match self.take(name) {
            Some(value) if !harmless(&value) => Err(self.wrong(name, must)),
            _ => Ok(()),
        }
    }

    /// The end: nothing is left.
    pub(crate) fn done(self) -> Result<(), EndpointError> {
        match self.left.keys().next() {
            None => Ok(()),
            // So long a name is text that stands in the wrong place.
            Some(name) if name.len() > FIELD_NAME_BYTES_MAX => {
                let sentence = "the request has a field whose name is too long to be one".to_owned();
                Err(EndpointError::Invalid { param: None, sentence })
            }
            Some(name) => Err(self.wrong(name, "is not supported by this server")),
        }
    }
}
