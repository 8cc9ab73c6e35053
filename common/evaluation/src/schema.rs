//! Answers that have to be JSON of a known shape: a JSON value without double keys, and a part of JSON
//! Schema (draft 2020-12) that it is checked against. Called by `suite` (which reads the schema of a suite
//! file) and by `judge`. Invariants: a keyword that is not known refuses the schema, so that nothing in it
//! is passed over; depth and size are bounded; no regular expression, no reference, no network.

mod compile;
mod value;

use self::value::Value;

pub use self::compile::Schema;

/// Whether `text`, which holds one JSON value or not, follows the schema. Nothing where it holds none.
#[must_use]
pub fn follows(schema: &Schema, text: &str) -> Option<bool> {
    Some(schema.allows(&value::parse(text)?))
}

/// The one JSON object or list in an answer: the whole of it, or what stands in its only block that is
/// fenced by three backticks, or from its first brace or bracket to its last.
#[must_use]
pub fn extract(answer: &str) -> Option<&str> {
    let trimmed = answer.trim();
    let is_json = |text: &str| matches!(value::parse(text), Some(Value::Object(_) | Value::List(_)));
    if is_json(trimmed) {
        return Some(trimmed);
    }
    let blocks: Vec<&str> = answer.split("```").skip(1).step_by(2).collect();
    if let [block] = blocks[..] {
        // The first line may name the language.
        let inside = block.strip_prefix("json").unwrap_or(block).trim();
        return is_json(inside).then_some(inside);
    }
    let from = answer.find(['{', '['])?;
    let to = answer.rfind(['}', ']'])?;
    let inside = answer.get(from..=to)?;
    is_json(inside).then_some(inside)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCHEMA: &str = r#"{
        "$schema": "https://json-schema.org/draft/2020-12/schema", "title": "triage", "type": "object",
        "properties": {
            "urgency": {"enum": ["emergency", "soon", "routine"]},
            "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 130},
            "symptoms": {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 4}, "minItems": 1, "maxItems": 2, "uniqueItems": true},
            "note": {"anyOf": [{"type": "null"}, {"type": "string"}]},
            "kind": {"const": 1}
        },
        "required": ["urgency", "symptoms"], "additionalProperties": false
    }"#;

    #[test]
    fn values_follow_a_schema_or_do_not() {
        let schema = Schema::parse(SCHEMA).unwrap();
        for (text, expected) in [
            (r#"{"urgency": "soon", "symptoms": ["胸痛"]}"#, Some(true)),
            (
                r#"{"urgency": "soon", "symptoms": ["胸痛"], "age": 12.0, "note": null, "kind": 1.0}"#,
                Some(true),
            ),
            (r#"{"urgency": "now", "symptoms": ["胸痛"]}"#, Some(false)),
            (r#"{"urgency": "soon"}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": []}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": ["a", "a"]}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": ["a", "b", "c"]}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": ["持续性胸痛"]}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": [""]}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": ["a"], "age": 12.5}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": ["a"], "age": 130}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": ["a"], "note": 3}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": ["a"], "kind": true}"#, Some(false)),
            (r#"{"urgency": "soon", "symptoms": ["a"], "more": 1}"#, Some(false)),
            (r#"{"urgency": "soon", "urgency": "soon", "symptoms": ["a"]}"#, None),
            ("[1]", Some(false)),
            ("{", None),
        ] {
            assert_eq!(follows(&schema, text), expected, "{text}");
        }
        for (keywords, good, bad) in [
            (r#"{"oneOf": [{"minimum": 1}, {"maximum": 3}]}"#, "5", "2"),
            (r#"{"allOf": [{"minimum": 1}, {"maximum": 3}]}"#, "2", "5"),
            (r#"{"not": {"type": "string"}}"#, "5", "\"a\""),
            (r#"{"type": ["number", "null"]}"#, "null", "[]"),
            (r#"{"additionalProperties": {"type": "boolean"}}"#, r#"{"a": true}"#, r#"{"a": 1}"#),
            (r#"{"minProperties": 1, "maxProperties": 1}"#, r#"{"a": true}"#, "{}"),
            ("true", "1", "{"),
        ] {
            let schema = Schema::parse(keywords).unwrap_or_else(|reason| panic!("{reason}"));
            assert_eq!(follows(&schema, good), Some(true), "{keywords}");
            assert_ne!(follows(&schema, bad), Some(true), "{keywords}");
        }
        // A keyword acts on its own kind of value only.
        assert_eq!(follows(&Schema::parse(r#"{"minLength": 3}"#).unwrap(), "1"), Some(true));
    }

    #[test]
    fn a_schema_that_would_not_be_checked_whole_is_refused() {
        for (text, expected) in [
            ("{", "is not JSON"),
            ("3", "is neither an object nor true or false"),
            (r#"{"pattern": "a+"}"#, "pattern"),
            (r##"{"$ref": "#/x"}"##, "$ref"),
            (r#"{"properties": {"a": {"format": "date"}}}"#, "format"),
            (r#"{"ünknown\u0007": 1}"#, "a keyword"),
            (r#"{"type": "float"}"#, "type"),
            (r#"{"required": "a"}"#, "required"),
            (r#"{"minLength": -1}"#, "minLength"),
            (r#"{"enum": []}"#, "enum"),
            (r#"{"anyOf": []}"#, "anyOf"),
            (r#"{"type": "object", "type": "object"}"#, "is not JSON"),
        ] {
            let refused = Schema::parse(text).unwrap_err();
            assert!(refused.contains(expected) && !refused.chars().any(char::is_control), "{refused}");
        }
        let deep = format!("{}true{}", "{\"not\": ".repeat(40), "}".repeat(40));
        assert!(Schema::parse(&deep).unwrap_err().contains("deep"));
        let doubled = |depth: usize| {
            (0..depth).fold("true".to_owned(), |inner, _| format!("{{\"allOf\": [{inner}, {inner}]}}"))
        };
        assert!(Schema::parse(&doubled(12)).unwrap_err().contains("parts"));
    }

    #[test]
    fn json_is_found_where_models_put_it() {
        for (answer, expected) in [
            (" {\"a\": 1} ", Some("{\"a\": 1}")),
            ("Here it is:\n```json\n{\"a\": 1}\n```\nAnything else?", Some("{\"a\": 1}")),
            ("Sure: {\"a\": [1]}.", Some("{\"a\": [1]}")),
            ("{\"a\": 1} or {\"a\": 2}", None),
            ("```{}``` and ```{}```", None),
            ("a } b {", None),
            ("1", None),
            ("", None),
        ] {
            assert_eq!(extract(answer), expected, "{answer}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_no_fault(text in "(\\PC|[{}\\[\\]\":,0-9]|type|not){0,80}") {
            let _ = (Schema::parse(&text).is_ok(), extract(&text), follows(&Schema::parse("true").unwrap(), &text));
        }
    }
}
