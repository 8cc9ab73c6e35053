//! JSON whose objects name each key once. Used by `json` for records and by `convert` for JSON in a cell.
//! The usual parser lets the last of two equal keys win without a word, so a conversation with several
//! `from` and `value` in one object would lose all turns but one. Invariant: the value is the one that the
//! usual parser gives; the whole text is read, so what is no JSON is an error even behind a key said twice.

use std::cell::Cell;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// A value, and whether one of its objects has a key twice.
///
/// # Errors
/// The parser's, where the bytes are not one JSON value or nest too deep.
pub(super) fn parse(bytes: &[u8]) -> serde_json::Result<(Value, bool)> {
    let repeats = Cell::new(false);
    let mut parser = serde_json::Deserializer::from_slice(bytes);
    let value = Once(&repeats).deserialize(&mut parser)?;
    parser.end()?;
    Ok((value, repeats.get()))
}

/// Reads a value and notes a key that stands twice.
#[derive(Clone, Copy)]
struct Once<'a>(&'a Cell<bool>);

impl<'de> DeserializeSeed<'de> for Once<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, parser: D) -> Result<Value, D::Error> {
        parser.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Once<'_> {
    type Value = Value;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("any JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        Ok(Value::from(text))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Value, E> {
        Ok(Value::String(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = elements.next_element_seed(self)? {
            values.push(value);
        }
        Ok(Value::Array(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(self)?;
            if object.insert(key, value).is_some() {
                self.0.set(true);
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_key_said_twice_is_seen_at_any_depth_and_two_objects_may_share_one() {
        for (text, expected) in [
            (r#"{"a":1,"b":1}"#, false),
            (r#"{"a":1,"a":1}"#, true),
            (r#"[{"a":1},{"a":2}]"#, false),
            (r#"{"a":{"a":{"b":0,"b":0}}}"#, true),
            (r#"{"a":1,"\u0061":2}"#, true),
            (r#"[[{"from":"human","value":"q","from":"gpt","value":"a"}]]"#, true),
        ] {
            let (value, repeats) = parse(text.as_bytes()).unwrap();
            assert_eq!(repeats, expected, "{text}");
            assert_eq!(value, serde_json::from_str::<Value>(text).unwrap());
        }
        let broken = r#"{"a":1,"a":2"#;
        assert!(parse(broken.as_bytes()).unwrap_err().is_eof());
        assert!(parse(b"{} {}").is_err());
        let deep = "[".repeat(200);
        let usual = serde_json::from_str::<Value>(&deep).unwrap_err().to_string();
        assert_eq!(parse(deep.as_bytes()).unwrap_err().to_string(), usual);
    }

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,8}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::Array),
                proptest::collection::btree_map("[a-c\"]{0,3}", inner, 0..4)
                    .prop_map(|entries| Value::Object(entries.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn the_value_is_the_usual_parsers(value in any_value()) {
            let text = value.to_string();
            let usual: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(parse(text.as_bytes()).unwrap(), (usual, false));
        }
    }
}
