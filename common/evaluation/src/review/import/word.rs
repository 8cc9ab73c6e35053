//! Single values of JSON that others wrote: a number or a text, and who somebody is. Called by `label_studio`
//! and `argilla`. Invariant: a list or an object where there should be none is refused as it begins, before
//! any of it is kept.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, Visitor};

/// A number or a text: programs do not agree on which of them a grade is. Its text, as it would stand in a
/// table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Word(pub String);

/// Who somebody is: a word, or an object with one as its `id`, of which the rest is not kept; nothing where
/// it is not said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person(pub Option<Word>);

struct Words;

impl Visitor<'_> for Words {
    type Value = Word;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a number or a text")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Word, E> {
        Ok(Word(number.to_string()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Word, E> {
        Ok(Word(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Word, E> {
        // With its point, as it stood there: 1.0 is no place.
        Ok(Word(format!("{number:?}")))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Word, E> {
        Ok(Word(text.to_owned()))
    }
}

impl<'de> Deserialize<'de> for Word {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Words)
    }
}

struct People;

impl<'de> Visitor<'de> for People {
    type Value = Person;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("a number, a text, or an object with one as its id")
    }

    fn visit_unit<E: Error>(self) -> Result<Person, E> {
        Ok(Person(None))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Person, E> {
        Words.visit_u64(number).map(|id| Person(Some(id)))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Person, E> {
        Words.visit_i64(number).map(|id| Person(Some(id)))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Person, E> {
        Words.visit_str(text).map(|id| Person(Some(id)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Person, A::Error> {
        let mut id = None;
        while let Some(name) = object.next_key::<String>()? {
            if name != "id" {
                object.next_value::<IgnoredAny>()?;
            } else if id.replace(object.next_value()?).is_some() {
                return Err(A::Error::duplicate_field("id"));
            }
        }
        // Two objects without an id may be two persons.
        id.map(|id| Person(Some(id))).ok_or_else(|| A::Error::missing_field("id"))
    }
}

impl<'de> Deserialize<'de> for Person {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(People)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_is_a_number_or_a_text_and_nothing_else() {
        let word = |text: &str| serde_json::from_str::<Word>(text).map(|it| it.0).ok();
        for (text, read) in
            [("4", "4"), ("-4", "-4"), ("4.0", "4.0"), ("4.5", "4.5"), ("\"4 a\\n\"", "4 a\n")]
        {
            assert_eq!(word(text).as_deref(), Some(read), "{text}");
        }
        for text in ["null", "true", "[4]", "[]", "{}", "{\"a\":4}"] {
            assert_eq!(word(text), None, "{text}");
        }
    }

    #[test]
    fn a_person_is_known_by_an_id() {
        let person = |text: &str| serde_json::from_str::<Person>(text).map(|it| it.0.map(|id| id.0)).ok();
        for text in ["7", "\"7\"", "{\"id\":7}", "{\"email\":[{}],\"id\":\"7\",\"x\":{\"id\":8}}"] {
            assert_eq!(person(text), Some(Some("7".to_owned())), "{text}");
        }
        assert_eq!(person("null"), Some(None));
        for text in
            ["true", "[7]", "{}", "{\"id\":null}", "{\"id\":[7]}", "{\"id\":{}}", "{\"id\":7,\"id\":7}"]
        {
            assert_eq!(person(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_refused_is_not_read_to_its_end() {
        // What is behind the first bracket is no JSON, and nobody got there.
        for text in ["[@", "{\"a\":@"] {
            let told = serde_json::from_str::<Word>(text).expect_err("no word").to_string();
            assert!(told.starts_with("invalid type"), "{told}");
        }
        for text in ["[@", "{\"id\":[@"] {
            let told = serde_json::from_str::<Person>(text).expect_err("no person").to_string();
            assert!(told.starts_with("invalid type"), "{told}");
        }
    }
}
