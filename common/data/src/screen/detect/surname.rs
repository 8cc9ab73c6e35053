//! Chinese surnames: whether a text begins with one, from the lists of `surname_words`. Used by the detectors
//! of names. Invariant: a word that begins like a name and is none has no surname.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::han;
use super::surname_words::{COMPOUND, NOT_NAMES};

/// Compound surnames and beginnings of other words.
struct Tables {
    compound: HashSet<&'static str>,
    not_names: HashSet<&'static str>,
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| Tables {
    compound: COMPOUND.split_whitespace().collect(),
    not_names: NOT_NAMES.split_whitespace().collect(),
});

/// Whether given names are made of such characters only.
pub(super) fn is_given(text: &str) -> bool {
    text.chars().all(|c| han::is(c, han::GIVEN))
}

/// How a text begins, as far as surnames go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Surname {
    /// A compound surname of two characters.
    Compound,
    /// One character that is hardly anything else.
    Clear,
    /// One character that is also an everyday word.
    Doubtful,
}

/// The surname at the beginning of a text; `None` if another word begins there.
pub(super) fn surname(text: &str) -> Option<Surname> {
    let first = text.chars().next()?;
    let flags = han::flags(first);
    if flags & (han::SURNAME | han::COMPOUND) == 0 {
        return None;
    }
    let pair_len = text.chars().take(2).map(char::len_utf8).sum();
    let pair = text.get(..pair_len).unwrap_or_default();
    if flags & han::COMPOUND != 0 && TABLES.compound.contains(pair) {
        return Some(Surname::Compound);
    }
    if flags & han::SURNAME == 0 || TABLES.not_names.contains(pair) {
        return None;
    }
    Some(if flags & han::DOUBTFUL == 0 { Surname::Clear } else { Surname::Doubtful })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_words_that_begin_alike() {
        assert_eq!(surname("张三"), Some(Surname::Clear));
        assert_eq!(surname("欧阳修"), Some(Surname::Compound));
        assert_eq!(surname("高建国"), Some(Surname::Doubtful));
        assert!(is_given("建国") && !is_given("脸色"));
        assert_eq!(surname("应丽华"), Some(Surname::Doubtful));
        for word in ["黄连素", "白蛋白", "高血压", "金银花", "何首乌", "方便", "白细胞", "于今日", "曾经"]
        {
            assert_eq!(surname(word), None, "{word}");
        }
        assert_eq!(surname("的"), None);
        assert_eq!(surname(""), None);
    }

    #[test]
    fn the_tables_are_well_formed() {
        use crate::screen::detect::surname_words::{CLEAR, DOUBTFUL};

        assert!(DOUBTFUL.chars().all(|c| han::is(c, han::SURNAME)));
        assert!(TABLES.not_names.iter().all(|word| word.chars().count() == 2));
        assert!(TABLES.compound.iter().all(|word| word.chars().count() == 2));
        assert!(CLEAR.chars().count() > 350);
    }
}
