//! The words of an English text with what they may be, from one table: names, everyday words, roles, deeds,
//! words of diseases and devices. Used by `name_score_en` and `name_again`. Invariants: built once; a word is
//! looked up once; words longer than every list's are unknown.

use std::sync::LazyLock;

use super::lists::{Map, PEOPLE_EN, Set, section};
use super::name_en_near::TABLES;
use super::{name_en, name_en_free, name_en_words};
use crate::screen::cue::Cue;
use crate::screen::view::is_han;
use crate::screen::vocabulary;

/// A first name that is hardly anything else.
pub(super) const FIRST: u16 = 1;
/// A last name that is hardly anything else.
pub(super) const LAST: u16 = 1 << 1;
/// A first name and an everyday word.
pub(super) const FIRST_WORD: u16 = 1 << 2;
/// A last name and an everyday word, or an eponym.
pub(super) const LAST_WORD: u16 = 1 << 3;
/// A word of clinical English.
pub(super) const COMMON: u16 = 1 << 4;
/// A role, a title or a relation.
pub(super) const ROLE: u16 = 1 << 5;
/// A word behind which a name may stand.
pub(super) const LEFT: u16 = 1 << 6;
/// What people do.
pub(super) const DEED: u16 = 1 << 7;
/// What things do, too.
pub(super) const WEAK_DEED: u16 = 1 << 8;
/// A word that makes the name before it one of a disease, a device or a place.
pub(super) const EPONYM: u16 = 1 << 9;
/// A title before a last name.
pub(super) const TITLE: u16 = 1 << 10;
/// A word in lower case with one of these is no name.
pub(super) const NO_LOWER_NAME: u16 = FIRST_WORD | LAST_WORD | COMMON | ROLE | LEFT | DEED | WEAK_DEED;

/// Longer words are in no list.
const WORD_BYTES: usize = 24;

const TITLES: &str = "mr mrs ms miss dr prof sister nurse mx sgt officer detective deputy";

/// Roles that name a person directly behind, besides those of `name_en_words`.
const MORE_ROLES: &str = "radiologist pathologist cardiologist neurologist oncologist urologist surgeon anesthesiologist psychiatrist \
    psychologist therapist pharmacist dietitian coordinator caseworker counselor interpreter hospitalist registrar intern \
    fellow attending consultant chaplain witness";

/// Words behind an eponym, besides those of `name_en_free`.
const MORE_EPONYM: &str = "sutures suture retractor retractors blade scissors clamps technique approach repair prosthesis implant mesh stent \
    balloon guidewire wire screw screws plate nail rod laser ultrasound criterion view type fundoplication pouch \
    tumour gland glands canal hernia raphe lesion lesions dressing bag hook curette rongeur elevator speculum dilator dilators \
    tip suction electrocautery knife mouth tenaculum stitch device devices machine monitors system lens valves filter ports \
    lines lavage drainage bypass anastomosis cast boot boots stocking stockings drive boulevard lane city hospitals college \
    memorial foundation institute library park lake river bay island beach mountain mountains state fever spots spot \
    phenotype equation curve plot model tests testing scales scores indices inventory questionnaire grading principle law \
    tetrad pentad theorem cell fibers fibres loop capsule space ligament fascia membrane ducts artery angle plexus ganglion \
    nerve response effect manoeuvre solution medium silk mechanical tuck palsies lymphomas estimates estimate \
    transformation transform coefficient distribution correction regression reaction assay probe electrode antibody antigen";

static FLAGS: LazyLock<Map<&'static str, u16>> = LazyLock::new(|| {
    let mut flags: Map<&'static str, u16> = Map::default();
    let mut set = |word: &'static str, flag: u16| *flags.entry(word).or_default() |= flag;
    for (cue, list) in vocabulary::WORDS {
        let flag = match cue {
            Cue::FirstName => FIRST,
            Cue::LastName => LAST,
            _ => continue,
        };
        list.split_whitespace().for_each(|word| set(word, flag));
    }
    let sections = [
        ("first", FIRST),
        ("last", LAST),
        ("first-word", FIRST_WORD),
        ("last-word", LAST_WORD),
        ("left", LEFT),
        ("deed", DEED),
        ("weak-deed", WEAK_DEED),
        ("common", COMMON),
    ];
    for (name, flag) in sections {
        section(PEOPLE_EN, name).for_each(|word| set(word, flag));
    }
    let lists = [
        (name_en_words::COMMON, COMMON),
        (name_en::NOT_NAMES, COMMON),
        (name_en_words::ROLES, ROLE),
        (MORE_ROLES, ROLE),
        (name_en_words::DEEDS, DEED),
        (name_en_free::EPONYM, EPONYM),
        (MORE_EPONYM, EPONYM),
        (TITLES, TITLE),
    ];
    for (list, flag) in lists {
        list.split_whitespace().for_each(|word| set(word, flag));
    }
    flags
});

/// What a word is; any case.
pub(super) fn flags(word: &str) -> u16 {
    if word.len() > WORD_BYTES {
        return 0;
    }
    if !word.is_ascii() {
        return FLAGS.get(word.to_lowercase().as_str()).copied().unwrap_or(0);
    }
    let mut lower = [0_u8; WORD_BYTES];
    let Some(target) = lower.get_mut(..word.len()) else { return 0 };
    target.copy_from_slice(word.as_bytes());
    target.make_ascii_lowercase();
    std::str::from_utf8(target).ok().and_then(|word| FLAGS.get(word)).copied().unwrap_or(0)
}

/// A word of a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) flags: u16,
    /// Begins with a capital, or with a particle and a hyphen before one (`al-Farsi`), and no code.
    pub(super) capital: bool,
    /// `van`, `de`, `bin`: may stand before the last part of a name.
    pub(super) particle: bool,
}

fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic() || (c > '\u{7f}' && c.is_alphabetic() && u32::from(c) < 0x2000)
}

/// The words of letters, with inner hyphens and apostrophes, as bytes from and to; the `s` of a possessive is
/// left out.
pub(super) fn spans(text: &str) -> impl Iterator<Item = (usize, usize)> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let start = from + text.get(from..)?.find(is_letter)?;
        let rest = text.get(start..)?;
        let mut end = start;
        let mut chars = rest.char_indices().peekable();
        while let Some((at, c)) = chars.next() {
            if !is_letter(c) {
                let joins = at > 0
                    && matches!(c, '\'' | '’' | '-')
                    && chars.peek().is_some_and(|(_, next)| is_letter(*next));
                if !joins || (c != '-' && is_possessive(rest.get(at + c.len_utf8()..).unwrap_or_default())) {
                    break;
                }
            }
            end = start + at + c.len_utf8();
        }
        let behind = text.get(end..).unwrap_or_default();
        let owner = behind.strip_prefix(['\'', '’']).filter(|rest| is_possessive(rest));
        from = owner.map_or(end, |rest| text.len() - rest.len() + 1);
        Some((start, end))
    })
}

/// The words of a text.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    spans(text).map(|(start, end)| token(text, start, end)).collect()
}

fn is_possessive(rest: &str) -> bool {
    rest.starts_with(['s', 'S']) && !rest.chars().nth(1).is_some_and(is_letter)
}

/// The word between these bytes.
pub(super) fn token(text: &str, start: usize, end: usize) -> Token {
    let word = text.get(start..end).unwrap_or_default();
    let before = text.get(..start).and_then(|text| text.chars().next_back());
    let flags = hyphened(word, flags(word));
    let glued = before.is_some_and(|c| c.is_ascii_digit() || matches!(c, '_' | '@' | '/' | '\'' | '-'));
    let upper = word.starts_with(char::is_uppercase)
        || (word.starts_with(char::is_lowercase)
            && word
                .split_once('-')
                .is_some_and(|(head, tail)| is_particle(head) && tail.starts_with(char::is_uppercase)));
    let behind = text.get(end..).and_then(|rest| rest.chars().next());
    let code = behind.is_some_and(|c| c.is_ascii_digit() || c == '_' || is_han(c) && word.len() < 3);
    Token { start, end, flags, capital: upper && !glued && !code, particle: !glued && is_particle(word) }
}

/// `Smith-Jones`: last names on both sides of a hyphen.
fn hyphened(word: &str, known: u16) -> u16 {
    const NAME: u16 = FIRST | LAST | LAST_WORD;
    let double = known == 0
        && word.split_once('-').is_some_and(|(head, tail)| {
            (flags(head) & NAME != 0 || is_particle(head)) && flags(tail) & NAME != 0 && !tail.contains('-')
        });
    if double { LAST } else { known }
}

fn is_particle(word: &str) -> bool {
    const PARTICLES: &[&str] = &[
        "van", "der", "den", "von", "de", "la", "del", "della", "da", "dos", "das", "di", "du", "bin", "ibn",
        "al", "el", "ter", "ten", "le", "mac", "mc", "st",
    ];
    word.len() < 6 && PARTICLES.iter().any(|particle| particle.eq_ignore_ascii_case(word))
}

pub(super) fn is_credential(word: &str) -> bool {
    TABLES.credentials.contains(word)
}

/// Whether a name is as a whole a place, an institution, a device or an eponym (`Johns Hopkins`).
pub(super) fn is_phrase(name: &str) -> bool {
    static PHRASES: LazyLock<Set<String>> =
        LazyLock::new(|| section(PEOPLE_EN, "phrase").map(|words| words.replace('_', " ")).collect());
    name.len() < 40
        && name.is_ascii()
        && name.contains([' ', '-'])
        && PHRASES.contains(&name.to_ascii_lowercase().replace('-', " ").replace('.', ""))
}

/// Points of a capitalised word; none for a word that is no name.
pub(super) fn points(word: &str, flags: u16) -> Option<i32> {
    let shouted = word.chars().all(|c| !c.is_lowercase());
    if shouted && word.chars().count() < 5 {
        // `ANA`, `MRI`: short words in capitals are abbreviations.
        return None;
    }
    let everyday = flags & COMMON != 0;
    let word_too = flags & (FIRST_WORD | LAST_WORD) != 0 || everyday;
    if flags & FIRST != 0 && !word_too {
        return Some(18);
    }
    if flags & LAST != 0 && !word_too {
        return Some(16);
    }
    if flags & FIRST_WORD != 0 || (flags & FIRST != 0 && everyday) {
        return Some(7);
    }
    if flags & LAST_WORD != 0 || (flags & LAST != 0) {
        return Some(5);
    }
    let lower = word.to_lowercase();
    if everyday || flags & ROLE != 0 || super::name_en_role::is_drug(&lower) {
        return None;
    }
    Some(if has_shape(&lower) { 6 } else { 0 })
}

/// Whether a word in lower case is shaped like a last name.
fn has_shape(lower: &str) -> bool {
    const ENDS: &[&str] = &[
        "son", "sen", "ski", "sky", "ska", "wicz", "vich", "ovic", "ez", "stein", "berg", "mann", "escu",
        "idis", "oulos", "yan", "elli", "etti", "ini", "ucci", "ova", "eva", "enko", "dottir", "quist",
        "strom", "gaard", "shvili", "oglu",
    ];
    const BEGINS: &[&str] = &["mc", "mac", "o'", "d'", "fitz", "al-", "el-"];
    lower.len() > 4
        && (ENDS.iter().any(|end| lower.ends_with(end))
            || BEGINS.iter().any(|begin| lower.starts_with(begin)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_what_they_are() {
        let text = "Ms O'Sullivan's son, Søren van-Dijk, MRI2 of al-Farsi x-Ray";
        let tokens = tokens(text);
        let capitals: Vec<&str> =
            tokens.iter().filter(|token| token.capital).map(|token| &text[token.start..token.end]).collect();
        assert_eq!(capitals, ["Ms", "O'Sullivan", "Søren", "van-Dijk", "al-Farsi"]);
        assert_eq!(points("Okonkwo", flags("Okonkwo")), Some(16));
        assert_eq!(points("Tuesday", flags("Tuesday")), None);
        assert_eq!(points("MRI", flags("MRI")), None);
        assert!(flags("disease") & EPONYM != 0 && flags("radiologist") & ROLE != 0);
    }

    #[test]
    fn every_listed_word_is_found() {
        assert!(FLAGS.keys().all(|word| word.len() <= WORD_BYTES && flags(word) != 0));
        assert!(FLAGS.values().filter(|flags| **flags & (FIRST | LAST) != 0).count() > 6_000);
    }
}
