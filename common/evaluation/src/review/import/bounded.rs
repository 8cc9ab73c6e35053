//! Lists and objects of JSON that others wrote, with a bound on how many entries are kept. Called by
//! `import`, `label_studio` and `argilla`. Invariants: what is longer is refused before more of it is kept; a
//! name that stands twice in an object is there twice.

use std::fmt;
use std::marker::PhantomData;

use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::review::error::Spot;

/// Reads a text that is a list of at most so many entries. The error is the entry that cannot be read,
/// counted from 1 and called by `spot`, or the line of what stands behind the list.
pub(super) fn list<'de, T: Deserialize<'de>, const MOST: usize>(
    text: &'de str,
    spot: fn(u64) -> Spot,
) -> Result<Vec<T>, Spot> {
    let (mut from, mut read) = (serde_json::Deserializer::from_str(text), 0);
    let whole = Whole::<T, MOST> { read: &mut read, kind: PhantomData };
    let kept = from.deserialize_seq(whole).map_err(|_| spot(read + 1))?;
    from.end().map_err(|error| Spot::Line(error.line() as u64))?;
    Ok(kept)
}

/// Counts the entries that were read, so that it is known in which one an error is.
struct Whole<'a, T, const MOST: usize> {
    read: &'a mut u64,
    kind: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>, const MOST: usize> Visitor<'de> for Whole<'_, T, MOST> {
    type Value = Vec<T>;

    fn expecting(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "a list of at most {MOST}")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        entries(list, MOST, self.read)
    }
}

/// The entries of a list of at most `most`; counts those that were read.
fn entries<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
    mut list: A,
    most: usize,
    read: &mut u64,
) -> Result<Vec<T>, A::Error> {
    let mut kept = Vec::new();
    while let Some(entry) = list.next_element()? {
        if kept.len() == most {
            return Err(A::Error::custom("too long"));
        }
        kept.push(entry);
        *read += 1;
    }
    Ok(kept)
}

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

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        entries(list, MOST, &mut 0).map(List)
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

    #[test]
    fn the_entry_that_cannot_be_read_is_named() {
        let read = |text: &str| list::<u8, 3>(text, Spot::Task);
        assert_eq!(read("[1, 2, 3] "), Ok(vec![1, 2, 3]));
        assert_eq!(read("[]"), Ok(vec![]));
        for (text, number) in [
            ("[[]]", 1),
            ("[1,2,true]", 3),
            ("[1,2,3,4]", 4),
            ("[1,2", 3),
            ("[1,", 2),
            ("[1 2]", 2),
            ("{}", 1),
        ] {
            assert_eq!(read(text), Err(Spot::Task(number)), "{text}");
        }
        assert_eq!(read("[1]\n x"), Err(Spot::Line(2)));
    }
}
