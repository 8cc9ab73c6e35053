//! The part of JSON Schema that is checked. Used by `schema`. Invariants: every keyword of a schema is one
//! that acts here or one that only describes (`title`, `description`, `$schema`, `$comment`, `examples`,
//! `default`); a schema has at most [`SCHEMA_PARTS_MAX`] parts, at most [`SCHEMA_DEPTH_MAX`] deep. Where
//! something has to be unique, at most [`SCHEMA_UNIQUE_MAX`] values are compared.

use super::value::{Value, parse};
use crate::limits::{SCHEMA_DEPTH_MAX, SCHEMA_PARTS_MAX, SCHEMA_UNIQUE_MAX};

/// Keywords that say nothing of a value.
const DESCRIBING: [&str; 6] = ["title", "description", "$schema", "$comment", "examples", "default"];

/// A schema whose every keyword is checked.
#[derive(Clone, Debug, PartialEq)]
pub struct Schema(Vec<Rule>);

#[derive(Clone, Debug, PartialEq)]
enum Rule {
    Never,
    Kinds(Vec<Kind>),
    Enum(Vec<Value>),
    Required(Vec<String>),
    Properties(Vec<(String, Schema)>),
    /// Of the keys that are not among the first.
    Additional(Vec<String>, Schema),
    Items(Schema),
    Unique,
    /// What is counted, and from how many to how many.
    Count(Counted, u64, u64),
    /// The number is compared with this.
    Number(Bound, f64),
    AnyOf(Vec<Schema>),
    AllOf(Vec<Schema>),
    OneOf(Vec<Schema>),
    Not(Schema),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Null,
    Bool,
    Number,
    Integer,
    Text,
    List,
    Object,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Counted {
    Characters,
    Items,
    Keys,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Bound {
    AtLeast,
    AtMost,
    Above,
    Below,
}

impl Schema {
    /// Reads a schema.
    ///
    /// # Errors
    /// Why it cannot be used, in words without a control character.
    pub fn parse(text: &str) -> Result<Self, String> {
        let value = parse(text).ok_or("is not JSON, or an object in it has a key twice")?;
        Self::of(&value, 0, &mut 0)
    }

    fn of(value: &Value, depth: usize, parts: &mut usize) -> Result<Self, String> {
        *parts += 1;
        if depth > SCHEMA_DEPTH_MAX {
            return Err(format!("is more than {SCHEMA_DEPTH_MAX} schemas deep"));
        }
        if *parts > SCHEMA_PARTS_MAX {
            return Err(format!("has more than {SCHEMA_PARTS_MAX} parts"));
        }
        let pairs = match value {
            Value::Bool(true) => return Ok(Self(Vec::new())),
            Value::Bool(false) => return Ok(Self(vec![Rule::Never])),
            Value::Object(pairs) => pairs,
            _ => return Err("is neither an object nor true or false".to_owned()),
        };
        let mut rules = Vec::new();
        for (keyword, said) in pairs.iter().filter(|(keyword, _)| !DESCRIBING.contains(&keyword.as_str())) {
            let mut inner = |value: &Value| Self::of(value, depth + 1, parts);
            let rule = match keyword.as_str() {
                "properties" => properties(said, &mut inner)?,
                "additionalProperties" => Some(Rule::Additional(known(value), inner(said)?)),
                "items" => Some(Rule::Items(inner(said)?)),
                "not" => Some(Rule::Not(inner(said)?)),
                "anyOf" => several(said, &mut inner)?.map(Rule::AnyOf),
                "allOf" => several(said, &mut inner)?.map(Rule::AllOf),
                "oneOf" => several(said, &mut inner)?.map(Rule::OneOf),
                _ if is_known(keyword) => simple(keyword, said),
                _ => return Err(unknown(keyword)),
            };
            rules.push(rule.ok_or_else(|| format!("has a value that cannot be used at {keyword}"))?);
        }
        Ok(Self(rules))
    }

    /// Whether the value follows it.
    pub(super) fn allows(&self, value: &Value) -> bool {
        self.0.iter().all(|rule| rule.allows(value))
    }
}

/// The keys that `properties` of the same schema names.
fn known(schema: &Value) -> Vec<String> {
    match schema.get("properties") {
        Some(Value::Object(pairs)) => pairs.iter().map(|(key, _)| key.clone()).collect(),
        _ => Vec::new(),
    }
}

type Inner<'a> = dyn FnMut(&Value) -> Result<Schema, String> + 'a;

fn properties(said: &Value, inner: &mut Inner<'_>) -> Result<Option<Rule>, String> {
    let Value::Object(pairs) = said else { return Ok(None) };
    let each = pairs.iter().map(|(key, value)| Ok((key.clone(), inner(value)?)));
    each.collect::<Result<_, String>>().map(|each| Some(Rule::Properties(each)))
}

fn several(said: &Value, inner: &mut Inner<'_>) -> Result<Option<Vec<Schema>>, String> {
    match said {
        Value::List(list) if !list.is_empty() => {
            list.iter().map(inner).collect::<Result<_, String>>().map(Some)
        }
        _ => Ok(None),
    }
}

fn is_known(keyword: &str) -> bool {
    const SIMPLE: [&str; 15] = [
        "type",
        "enum",
        "const",
        "required",
        "uniqueItems",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "minProperties",
        "maxProperties",
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
    ];
    SIMPLE.contains(&keyword)
}

/// Keywords without a schema in them; nothing where the value cannot be used.
fn simple(keyword: &str, said: &Value) -> Option<Rule> {
    let count = |counted, is_least: bool| {
        let most = 2_f64.powi(53);
        let number = match said {
            Value::Number(number) if number.fract() == 0.0 && (0.0..most).contains(number) => *number as u64,
            _ => return None,
        };
        Some(if is_least { Rule::Count(counted, number, u64::MAX) } else { Rule::Count(counted, 0, number) })
    };
    let number = |bound| match said {
        Value::Number(number) => Some(Rule::Number(bound, *number)),
        _ => None,
    };
    match (keyword, said) {
        ("type", Value::Text(name)) => Some(Rule::Kinds(vec![Kind::named(name)?])),
        ("type", Value::List(names)) if !names.is_empty() => {
            let kind = |name: &Value| if let Value::Text(name) = name { Kind::named(name) } else { None };
            names.iter().map(kind).collect::<Option<_>>().map(Rule::Kinds)
        }
        ("enum", Value::List(values)) if !values.is_empty() => Some(Rule::Enum(values.clone())),
        ("const", value) => Some(Rule::Enum(vec![value.clone()])),
        ("required", Value::List(keys)) => {
            let key = |key: &Value| if let Value::Text(key) = key { Some(key.clone()) } else { None };
            keys.iter().map(key).collect::<Option<_>>().map(Rule::Required)
        }
        ("uniqueItems", Value::Bool(true)) => Some(Rule::Unique),
        ("uniqueItems", Value::Bool(false)) => Some(Rule::AllOf(Vec::new())),
        ("minLength", _) => count(Counted::Characters, true),
        ("maxLength", _) => count(Counted::Characters, false),
        ("minItems", _) => count(Counted::Items, true),
        ("maxItems", _) => count(Counted::Items, false),
        ("minProperties", _) => count(Counted::Keys, true),
        ("maxProperties", _) => count(Counted::Keys, false),
        ("minimum", _) => number(Bound::AtLeast),
        ("maximum", _) => number(Bound::AtMost),
        ("exclusiveMinimum", _) => number(Bound::Above),
        ("exclusiveMaximum", _) => number(Bound::Below),
        _ => None,
    }
}

/// The keyword by its name, where that is one and not any text.
fn unknown(keyword: &str) -> String {
    let is_plain =
        keyword.len() <= 32 && keyword.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'$' | b'_'));
    let name = if is_plain { keyword } else { "a keyword" };
    format!("has {name}, which is not checked here")
}

impl Kind {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "null" => Self::Null,
            "boolean" => Self::Bool,
            "number" => Self::Number,
            "integer" => Self::Integer,
            "string" => Self::Text,
            "array" => Self::List,
            "object" => Self::Object,
            _ => return None,
        })
    }

    fn is_of(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Integer, Value::Number(number)) => number.fract() == 0.0,
            (Self::Null, Value::Null)
            | (Self::Bool, Value::Bool(_))
            | (Self::Number, Value::Number(_))
            | (Self::Text, Value::Text(_))
            | (Self::List, Value::List(_))
            | (Self::Object, Value::Object(_)) => true,
            _ => false,
        }
    }
}

impl Rule {
    /// Whether a value follows it; of a value of another kind than it speaks of, it does.
    fn allows(&self, value: &Value) -> bool {
        match (self, value) {
            (Self::Never, _) => false,
            (Self::Kinds(kinds), _) => kinds.iter().any(|kind| kind.is_of(value)),
            (Self::Enum(values), _) => values.iter().any(|known| known.is_same(value)),
            (Self::Required(keys), Value::Object(_)) => keys.iter().all(|key| value.get(key).is_some()),
            (Self::Properties(each), Value::Object(_)) => {
                each.iter().all(|(key, schema)| value.get(key).is_none_or(|inner| schema.allows(inner)))
            }
            (Self::Additional(known, schema), Value::Object(pairs)) => {
                pairs.iter().all(|(key, inner)| known.contains(key) || schema.allows(inner))
            }
            (Self::Items(schema), Value::List(list)) => list.iter().all(|inner| schema.allows(inner)),
            (Self::Unique, Value::List(list)) => {
                let is_new = |at: usize| !list[..at].iter().any(|before| before.is_same(&list[at]));
                list.len() <= SCHEMA_UNIQUE_MAX && (0..list.len()).all(is_new)
            }
            (Self::Count(counted, least, most), _) => {
                counted.of(value).is_none_or(|count| (*least..=*most).contains(&count))
            }
            (Self::Number(bound, other), Value::Number(number)) => match bound {
                Bound::AtLeast => number >= other,
                Bound::AtMost => number <= other,
                Bound::Above => number > other,
                Bound::Below => number < other,
            },
            (Self::AnyOf(each), _) => each.iter().any(|schema| schema.allows(value)),
            (Self::AllOf(each), _) => each.iter().all(|schema| schema.allows(value)),
            (Self::OneOf(each), _) => each.iter().filter(|schema| schema.allows(value)).count() == 1,
            (Self::Not(schema), _) => !schema.allows(value),
            _ => true,
        }
    }
}

impl Counted {
    fn of(self, value: &Value) -> Option<u64> {
        match (self, value) {
            (Self::Characters, Value::Text(text)) => Some(text.chars().count() as u64),
            (Self::Items, Value::List(list)) => Some(list.len() as u64),
            (Self::Keys, Value::Object(pairs)) => Some(pairs.len() as u64),
            _ => None,
        }
    }
}
