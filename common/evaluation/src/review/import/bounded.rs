//! Lists and objects of JSON that others wrote, with a bound on how many entries are kept. Called by
//! `label_studio` and `argilla`. Invariants: what is longer is refused before more of it is kept; a name that
//! stands twice in an object is there twice.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// A list of at most so many entries; empty where there is `null`.
pub(super) struct List<T, const MOST: usize>(pub Vec<T>);

/// The entries of an object, at most so many; empty where there is `null`.
pub(super) struct Entries<T, const MOST: usize>(pub Vec<(String, T)>);

impl<T, const MOST: usize> Default for List<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T, const MOST: usize> Default for Entries<T, MOST> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

struct Reading<T, const MOST: usize>(PhantomData<T>);

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Reading<List<T, MOST>, MOST> {
    type Value = List<T, MOST>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "a list of at most {MOST}")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(List::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(entry) = list.next_element()? {
            if kept.len() == MOST {
                return Err(A::Error::custom("too long"));
            }
            kept.push(entry);
        }
        Ok(List(kept))
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Reading<Entries<T, MOST>, MOST> {
    type Value = Entries<T, MOST>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "an object of at most {MOST}")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Entries::default())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while let Some(entry) = object.next_entry()? {
            if kept.len() == MOST {
                return Err(A::Error::custom("too long"));
            }
            kept.push(entry);
        }
        Ok(Entries(kept))
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for List<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reading::<Self, MOST>(PhantomData))
    }
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Deserialize<'de> for Entries<T, MOST> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Reading::<Self, MOST>(PhantomData))
    }
}

/// A number or a text: programs do not agree on which of them a grade is.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Word {
    Number(serde_json::Number),
    Text(String),
}

impl Word {
    /// Its text, as it would stand in a table.
    pub(super) fn text(self) -> String {
        match self {
            Self::Number(number) => number.to_string(),
            Self::Text(text) => text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_longer_than_its_bound_is_refused() {
        let list = |text: &str| serde_json::from_str::<List<u8, 2>>(text).map(|it| it.0).ok();
        assert_eq!(list("[1,2]"), Some(vec![1, 2]));
        assert_eq!(list("null"), Some(vec![]));
        assert_eq!(list("[1,2,3]"), None);
        let entries = |text: &str| serde_json::from_str::<Entries<u8, 2>>(text).map(|it| it.0).ok();
        assert_eq!(entries(r#"{"a":1,"a":2}"#).map(|it| it.len()), Some(2));
        assert_eq!(entries(r#"{"a":1,"b":2,"c":3}"#), None);
        assert_eq!(entries("[]"), None);
    }
}
