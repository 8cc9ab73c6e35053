//! The body of a request as JSON: bounded in bytes, time, depth and values, and without two fields of one
//! name, of which readers would disagree which one counts. Called by `server`.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize as _, Deserializer};
use serde_json::Value;
use tokio::time::timeout;

use crate::error::EndpointError;
use crate::limits::{BODY_BYTES_MAX, BODY_MS_MAX, DEPTH_MAX, VALUES_MAX};

/// Reads a body to its end.
pub(crate) async fn body(incoming: Incoming) -> Result<Value, EndpointError> {
    // What is announced too long is refused before it is sent.
    if incoming.size_hint().lower() > BODY_BYTES_MAX as u64 {
        return Err(EndpointError::TooLarge);
    }
    let collected = Limited::new(incoming, BODY_BYTES_MAX).collect();
    let collected = timeout(Duration::from_millis(BODY_MS_MAX), collected).await;
    let collected = collected.map_err(|_| EndpointError::TooSlow)?;
    let collected = collected.map_err(|error| {
        let sentence = "the body of the request is not whole, or not as its head says".to_owned();
        let broken = EndpointError::Invalid { param: None, sentence };
        if error.is::<LengthLimitError>() { EndpointError::TooLarge } else { broken }
    })?;
    json(&collected.to_bytes())
}

/// Parses a body.
pub(crate) fn json(bytes: &[u8]) -> Result<Value, EndpointError> {
    // Where, not what: the library's own words may quote the text.
    let bad = |error: &serde_json::Error| {
        let what =
            if error.is_data() { "a field twice, too many values, or values too deep" } else { "no JSON" };
        let (line, column) = (error.line(), error.column());
        let sentence = format!("the body has {what}, at line {line}, column {column}");
        EndpointError::Invalid { param: None, sentence }
    };
    let mut checked = serde_json::Deserializer::from_slice(bytes);
    let left = Cell::new(VALUES_MAX);
    Checked { depth: 0, left: &left }
        .deserialize(&mut checked)
        .and_then(|()| checked.end())
        .map_err(|error| bad(&error))?;
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    Value::deserialize(&mut reader).map_err(|error| bad(&error))
}

/// Looks at a value without keeping it.
struct Checked<'a> {
    depth: usize,
    /// So many more values and fields may come.
    left: &'a Cell<usize>,
}

impl Checked<'_> {
    /// One further down, if there is room for it.
    fn next<E: serde::de::Error>(&self) -> Result<Self, E> {
        let (Some(left), true) = (self.left.get().checked_sub(1), self.depth < DEPTH_MAX) else {
            return Err(E::custom("too many or too deep"));
        };
        self.left.set(left);
        Ok(Checked { depth: self.depth + 1, left: self.left })
    }
}

impl<'de> DeserializeSeed<'de> for Checked<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Checked<'_> {
    type Value = ();

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.next()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut names = BTreeSet::new();
        while let Some(name) = map.next_key::<String>()? {
            if !names.insert(name) {
                return Err(A::Error::custom("a field twice"));
            }
            map.next_value_seed(self.next()?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_read_and_what_is_none_is_refused_without_quoting_it() {
        assert_eq!(json(br#" {"a": [1, 2.5, null, true, {"a": "x"}]} "#).unwrap()["a"][4]["a"], "x");
        for (bad, what) in [
            (r#"{"a": 1, "a": 2}"#, "a field twice"),
            (r#"{"a": {"b": 1, "b": 2}}"#, "a field twice"),
            (r#"{"secret""#, "no JSON"),
            (r#"{"a": secret}"#, "no JSON"),
            (r#"{} secret"#, "no JSON"),
            ("", "no JSON"),
        ] {
            let said = json(bad.as_bytes()).unwrap_err().to_string();
            assert!(said.contains(what) && !said.contains("secret"), "{bad}: {said}");
        }
        let deep = |depth: usize| format!("{}1{}", "[".repeat(depth), "]".repeat(depth));
        assert!(json(deep(DEPTH_MAX).as_bytes()).is_ok());
        assert!(json(deep(DEPTH_MAX + 1).as_bytes()).is_err());
        assert!(json(deep(100_000).as_bytes()).is_err());
        assert!(json(b"\"\xff\"").is_err());
        let many = |count: usize| format!("[{}1]", "1,".repeat(count));
        assert!(json(many(VALUES_MAX - 2).as_bytes()).is_ok());
        assert!(json(many(VALUES_MAX).as_bytes()).is_err());
    }
}
