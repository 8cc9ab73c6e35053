//! The words of `name_score_zh` as tables: what a place before or behind a name is, and which pairs of
//! characters are words. Used by `name_score_zh` and `name_again`. Invariants: built once; a look-up reads at
//! most the longest word; a character that no word ends or begins with costs one look-up in a table.

use std::sync::LazyLock;

use super::lists::{PEOPLE_ZH, Set, WORDS_ZH, section};
use super::{han, name_words};

/// No word of the lists is longer, in characters.
const WORD_CHARS: usize = 6;

/// What a text before a name ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    /// A role or a relation.
    Role,
    /// One of one character.
    ShortRole,
    /// A word behind which a name may begin.
    Word,
    /// None of them.
    Nothing,
}

/// What a text behind a name begins with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behind {
    /// What people are called and do.
    Deed,
    /// A word that may follow a name.
    Word,
    /// None of them.
    Nothing,
}

const ROLE_LAST: u8 = 1;
const LEFT_LAST: u8 = 1 << 1;
const DEED_FIRST: u8 = 1 << 2;
const RIGHT_FIRST: u8 = 1 << 3;
const WORD_FIRST: u8 = 1 << 4;
const NEVER: u8 = 1 << 5;
const SURNAME: u8 = 1 << 6;
const COMPOUND: u8 = 1 << 7;

struct Tables {
    flags: Box<[u8]>,
    role: Set<&'static str>,
    left: Set<&'static str>,
    deed: Set<&'static str>,
    right: Set<&'static str>,
    compound: Set<&'static str>,
    title: Set<&'static str>,
    pairs: Set<[char; 2]>,
}

const FIRST: u32 = 0x3400;
const LAST: u32 = 0x9fff;

fn place(c: char) -> Option<usize> {
    u32::from(c).checked_sub(FIRST).and_then(|at| usize::try_from(at).ok())
}

static TABLES: LazyLock<Tables> = LazyLock::new(|| {
    let more = |list: &[&'static str], name: &'static str| -> Set<&'static str> {
        section(PEOPLE_ZH, name).chain(list.iter().copied()).collect()
    };
    let role: Set<_> = section(PEOPLE_ZH, "role").collect();
    let left = more(name_words::BEFORE, "left");
    let deed = more(name_words::DEEDS, "deed");
    let mut right = more(name_words::FOLLOWERS, "right");
    right.extend(name_words::AFTER);
    let (short, compound): (Set<&str>, Set<&str>) =
        section(PEOPLE_ZH, "surname").partition(|word| word.chars().count() == 1);
    let pairs: Set<[char; 2]> = section(WORDS_ZH, "word")
        .filter_map(|word| {
            let mut chars = word.chars();
            Some([chars.next()?, chars.next()?]).filter(|_| chars.next().is_none())
        })
        .collect();
    let mut flags = vec![0_u8; (LAST - FIRST + 1) as usize].into_boxed_slice();
    let mut set = |c: Option<char>, flag: u8| {
        if let Some(place) = c.and_then(place).and_then(|at| flags.get_mut(at)) {
            *place |= flag;
        }
    };
    role.iter().for_each(|word| set(word.chars().next_back(), ROLE_LAST));
    left.iter().for_each(|word| set(word.chars().next_back(), LEFT_LAST));
    deed.iter().for_each(|word| set(word.chars().next(), DEED_FIRST));
    right.iter().for_each(|word| set(word.chars().next(), RIGHT_FIRST));
    pairs.iter().for_each(|pair| set(pair.first().copied(), WORD_FIRST));
    short.iter().for_each(|word| set(word.chars().next(), SURNAME));
    compound.iter().for_each(|word| set(word.chars().next(), COMPOUND));
    for c in section(WORDS_ZH, "never").flat_map(str::chars) {
        // Characters that names are known for stay possible.
        set(Some(c).filter(|c| !han::is(*c, han::GIVEN | han::TELLING)), NEVER);
    }
    let title = section(PEOPLE_ZH, "title").collect();
    Tables { flags, role, left, deed, right, compound, title, pairs }
});

fn has(c: char, flag: u8) -> bool {
    place(c).and_then(|at| TABLES.flags.get(at)).is_some_and(|flags| flags & flag != 0)
}

/// Whether a name may begin with this character.
pub(super) fn begins_name(c: char) -> bool {
    han::is(c, han::SURNAME | han::COMPOUND) || has(c, SURNAME | COMPOUND)
}

/// Whether it is a surname besides those of `surname`.
pub(super) fn is_more_surname(c: char) -> bool {
    has(c, SURNAME)
}

/// Length in bytes of a surname of two characters besides those of `surname`.
pub(super) fn compound(text: &str) -> Option<usize> {
    let first = text.chars().next().filter(|c| has(*c, COMPOUND))?;
    let length = first.len_utf8() + text.chars().nth(1)?.len_utf8();
    text.get(..length).filter(|pair| TABLES.compound.contains(pair)).map(str::len)
}

/// Whether given names hardly ever hold this character.
pub(super) fn is_never(c: char) -> bool {
    has(c, NEVER)
}

/// Whether two characters are a word.
pub(super) fn is_word(pair: &[char; 2]) -> bool {
    has(pair[0], WORD_FIRST) && TABLES.pairs.contains(pair)
}

/// Whether a text is what a person is called or does.
pub(super) fn is_person_word(text: &str) -> bool {
    TABLES.deed.contains(text) || TABLES.role.contains(text)
}

/// `董医生`: a surname before a title; the title is no given name, and `name_title` finds the surname. Other
/// words may be given names: `王希望`.
pub(super) fn is_surname_and_title(name: &str) -> bool {
    let family = match name.len() {
        9 => 3,
        12 if name.starts_with(|c| han::is(c, han::COMPOUND)) => 6,
        _ => return false,
    };
    name.get(family..).is_some_and(|rest| TABLES.title.contains(rest))
}

/// What a text ends with; the longest role wins.
pub(super) fn role_or_left(before: &str) -> Before {
    let Some(last) = before.chars().next_back() else { return Before::Nothing };
    // A role may end with its mark: `您好,`.
    let (role, left) = (has(last, ROLE_LAST) || last == ',', has(last, LEFT_LAST));
    if !role && !left {
        return Before::Nothing;
    }
    let mut found = Before::Nothing;
    for (at, _) in before.char_indices().rev().take(WORD_CHARS) {
        let word = before.get(at..).unwrap_or_default();
        let short = word.len() == last.len_utf8();
        if role && TABLES.role.contains(word) {
            if !short {
                return Before::Role;
            }
            found = Before::ShortRole;
        } else if left && found == Before::Nothing && TABLES.left.contains(word) {
            found = Before::Word;
        }
    }
    found
}

/// What a text begins with.
pub(super) fn deed_or_right(behind: &str) -> Behind {
    let Some(first) = behind.chars().next() else { return Behind::Nothing };
    let (deed, right) = (has(first, DEED_FIRST), has(first, RIGHT_FIRST));
    if !deed && !right {
        return Behind::Nothing;
    }
    let mut found = Behind::Nothing;
    for (at, c) in behind.char_indices().take(WORD_CHARS) {
        let word = behind.get(..at + c.len_utf8()).unwrap_or_default();
        if deed && TABLES.deed.contains(word) {
            return Behind::Deed;
        }
        if right && TABLES.right.contains(word) {
            found = Behind::Word;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_words() {
        assert_eq!(role_or_left("据同室病友"), Before::Role);
        assert_eq!(role_or_left("其夫"), Before::Role);
        assert_eq!(role_or_left("见妻"), Before::ShortRole);
        assert_eq!(role_or_left("门诊由"), Before::Word);
        assert_eq!(role_or_left("血糖"), Before::Nothing);
        assert_eq!(deed_or_right("反映,该患"), Behind::Deed);
        assert_eq!(deed_or_right("因病"), Behind::Deed);
        assert_eq!(deed_or_right("糖尿"), Behind::Nothing);
        assert!(is_word(&['正', '常']) && !is_word(&['卜', '勇']));
        assert!(is_never('痛') && !is_never('芳') && !is_never('明'));
        assert_eq!(compound("佐藤美咲"), Some(6));
    }
}
