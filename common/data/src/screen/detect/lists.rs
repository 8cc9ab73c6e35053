//! The plain lists beside this file (`lists/*.txt`) as words. Used by the scorers of names. Invariant: a line
//! that begins with `#` is a remark; a heading in brackets begins a section; words are apart by white space.

use std::hash::{BuildHasherDefault, Hasher};

/// FNV-1a, 64 bits (Fowler, Noll, Vo): quick for words of a few bytes. The tables are fixed, so nobody can
/// make their keys collide.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }
}

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}

/// A set of words of fixed lists.
pub(super) type Set<T> = std::collections::HashSet<T, BuildHasherDefault<Fnv>>;
/// A map from words of fixed lists.
pub(super) type Map<K, V> = std::collections::HashMap<K, V, BuildHasherDefault<Fnv>>;

/// Roles, deeds and words beside Chinese names.
pub(super) const PEOPLE_ZH: &str = include_str!("lists/people_zh.txt");
/// Chinese words that look like names, and characters that names do not hold.
pub(super) const WORDS_ZH: &str = include_str!("lists/words_zh.txt");
/// English and international names and words beside them.
pub(super) const PEOPLE_EN: &str = include_str!("lists/people_en.txt");
/// English and international names by how frequent they are.
pub(super) const CENSUS_EN: &str = include_str!("lists/census_en.txt");

/// The words of one section; none if there is no such section.
pub(super) fn section<'a>(list: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    let mut inside = false;
    let lines = list.lines().filter(move |line| {
        let heading = line.strip_prefix('[').and_then(|line| line.strip_suffix(']'));
        if let Some(heading) = heading {
            inside = heading == name;
        }
        inside && heading.is_none() && !line.starts_with('#')
    });
    lines.flat_map(str::split_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_section_is_there_and_small() {
        let sections = [
            (PEOPLE_ZH, "role"),
            (PEOPLE_ZH, "left"),
            (PEOPLE_ZH, "deed"),
            (PEOPLE_ZH, "right"),
            (PEOPLE_ZH, "surname"),
            (WORDS_ZH, "word"),
            (WORDS_ZH, "never"),
            (PEOPLE_EN, "first"),
            (PEOPLE_EN, "last"),
            (PEOPLE_EN, "first-word"),
            (PEOPLE_EN, "last-word"),
            (PEOPLE_EN, "deed"),
            (PEOPLE_EN, "weak-deed"),
            (PEOPLE_EN, "left"),
            (PEOPLE_EN, "common"),
            (PEOPLE_EN, "eponym"),
            (CENSUS_EN, "syllable"),
            (CENSUS_EN, "first"),
            (CENSUS_EN, "last"),
            (CENSUS_EN, "first-word"),
            (CENSUS_EN, "last-word"),
        ];
        for (list, name) in sections {
            assert!(section(list, name).next().is_some(), "{name}");
            // Characters stand together, words apart.
            let short = |word: &str| name == "never" || word.len() <= 24;
            assert!(section(list, name).all(|word| short(word) && !word.contains(['[', '#'])), "{name}");
        }
        assert_eq!(section(PEOPLE_ZH, "nothing").count(), 0);
        assert!(PEOPLE_ZH.len() + WORDS_ZH.len() + PEOPLE_EN.len() + CENSUS_EN.len() < 300 * 1024);
    }
}
