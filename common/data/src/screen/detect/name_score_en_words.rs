//! The words of an English text with what they may be, from one table: names, everyday words, roles, deeds,
//! words of diseases and devices. Used by `name_score_en` and `name_again`. Invariants: built once; a word is
//! looked up once; words longer than every list's are unknown.

use std::sync::LazyLock;

use unicode_normalization::{UnicodeNormalization as _, char::is_combining_mark};

use super::lists::{CENSUS_EN, Map, PEOPLE_EN, Set, section};
use super::name_en_tables::{TABLES, is_drug};
use super::name_en_words;
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
/// The name of a disease, a sign, a method or a brand that stands alone.
pub(super) const EPONYM_NAME: u16 = 1 << 11;
/// The last word of a ward, a street or a home.
pub(super) const PLACE: u16 = 1 << 12;
/// A word in lower case with one of these is no name.
pub(super) const NO_LOWER_NAME: u16 =
    FIRST_WORD | LAST_WORD | COMMON | ROLE | LEFT | DEED | WEAK_DEED | EPONYM_NAME;

/// Longer words are in no list.
const WORD_BYTES: usize = 24;

const TITLES: &str = "mr mrs ms miss dr prof professor sir dame rev reverend sister nurse mx sgt officer detective deputy sr sra srta";

/// What a ward, a street or a home is called by.
const PLACES: &str = "ward hospital infirmary clinic centre center unit house lodge court hall street road avenue lane drive park close grove \
    gardens square bridge terrace crescent way school college university church nursing manor priory cottage farm \
    heights view surgery practice hospice suite wing block building trust pharmacy institute library station";

/// Of the places, those that are hardly last names.
const SURE_PLACES: &str = "hospital infirmary clinic centre center unit house lodge court avenue drive gardens square terrace crescent \
    college university nursing surgery practice hospice suite wing block building trust pharmacy institute library station \
    manor cottage heights ward street road";

/// Whether a name of words ends like a ward, a street or a home (`Victoria Court`).
pub(super) fn is_place(name: &str) -> bool {
    static KNOWN: LazyLock<Set<&'static str>> = LazyLock::new(|| SURE_PLACES.split_whitespace().collect());
    let Some((head, last)) = name.rsplit_once(' ').filter(|(_, last)| last.len() < 16 && last.is_ascii())
    else {
        return false;
    };
    let last = last.to_ascii_lowercase();
    // `Susan Ward` is somebody.
    let person = matches!(last.as_str(), "ward" | "street" | "center" | "court")
        && head.split(' ').any(|word| flags(word) & FIRST != 0);
    KNOWN.contains(last.as_str()) && !person
}

/// Roles that name a person directly behind, besides those of `name_en_words`.
const MORE_ROLES: &str = "radiologist pathologist cardiologist neurologist oncologist urologist surgeon anesthesiologist psychiatrist \
    psychologist therapist pharmacist dietitian coordinator caseworker counselor interpreter hospitalist registrar intern \
    fellow attending consultant chaplain witness handover handoff hca hcsw sho spr reg registrar fy ct st sn s/n ssn rmn rgn rnc odp anp acp cns slt salt \
    phlebotomist radiographer sonographer porter healthcare anaesthetist anesthetist anaesthesiologist haematologist hematologist \
    gastroenterologist nephrologist endocrinologist gynaecologist gynecologist obstetrician paediatrician pediatrician \
    geriatrician rheumatologist dermatologist ophthalmologist microbiologist physician physicist scientist technologist \
    physiotherapist dietician podiatrist optometrist orthoptist audiologist paramedic paramedics medic midwife midwives health-visitor \
    carer carers guardian client mum mummy mom daddy dad nan nanna grandad granddad gran grandma granny grandpa auntie \
    stepdad stepmum stepmom stepfather stepmother godmother godfather twin twins sib sibs sibling siblings proband cousin \
    cousins fiance fiancee girlfriend boyfriend ex-wife ex-husband ex-partner partner flatmate housemate roommate neighbour neighbor \
    bystander friend son-in-law daughter-in-law mother-in-law father-in-law brother-in-law sister-in-law matron locum trainee \
    operator assistant surgeons scrubbed assisting bleep secretary receptionist clerk headteacher solicitor lawyer attorney landlord \
    tenant caller policeman policewoman constable inspector probation imca employee employer colleague colleagues \
    counselor counsellor supervisor mentor preceptor rep interpreter translator author authors investigator pi";

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
        ("eponym", EPONYM_NAME),
    ];
    for (name, flag) in sections {
        section(PEOPLE_EN, name).chain(section(CENSUS_EN, name)).for_each(|word| set(word, flag));
    }
    let lists = [
        (name_en_words::COMMON, COMMON),
        (name_en_words::NOT_NAMES, COMMON),
        (name_en_words::ROLES, ROLE),
        (MORE_ROLES, ROLE),
        (name_en_words::DEEDS, DEED),
        (name_en_words::EPONYM, EPONYM),
        (MORE_EPONYM, EPONYM),
        (TITLES, TITLE),
        (PLACES, PLACE),
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
        let lower = word.to_lowercase();
        return FLAGS.get(lower.as_str()).or_else(|| FLAGS.get(plain(&lower).as_str())).copied().unwrap_or(0);
    }
    let mut lower = [0_u8; WORD_BYTES];
    let Some(target) = lower.get_mut(..word.len()) else { return 0 };
    target.copy_from_slice(word.as_bytes());
    target.make_ascii_lowercase();
    std::str::from_utf8(target).ok().and_then(|word| FLAGS.get(word)).copied().unwrap_or(0)
}

/// A word without its accents: `josé`, `łukasz`, `søren` as `jose`, `lukasz`, `soren`.
fn plain(lower: &str) -> String {
    let letters = lower.nfd().filter(|c| !is_combining_mark(*c));
    letters
        .map(|c| match c {
            'ł' => 'l',
            'ø' => 'o',
            'đ' | 'ð' => 'd',
            'ı' => 'i',
            'æ' => 'a',
            other => other,
        })
        .collect()
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
    // `'Ruth'` and `@Ruth` begin behind a blank, `Ruth/Omar` behind a word.
    let second = text.get(..start).and_then(|text| text.chars().rev().nth(1));
    let glued = match before {
        Some('_' | '-') => true,
        Some('@' | '\'') => second.is_some_and(char::is_alphanumeric),
        Some('/') => !second.is_some_and(char::is_lowercase),
        other => other.is_some_and(|c| c.is_ascii_digit()),
    };
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
    if known != 0 {
        return known;
    }
    let Some((head, tail)) = word.split_once('-').filter(|(_, tail)| !tail.contains('-')) else { return 0 };
    // `Suk-Yin`, `Min-jun`: a name of two syllables.
    if is_syllable(head) && is_syllable(tail) {
        return FIRST;
    }
    // `Al-Masri`.
    let article = head.eq_ignore_ascii_case("al") || head.eq_ignore_ascii_case("el");
    let double = (flags(head) & NAME != 0 || is_particle(head))
        && (flags(tail) & NAME != 0 || (article && tail.len() > 3 && tail.starts_with(char::is_uppercase)));
    if !double || is_phrase(word) {
        0
    } else if flags(head) & flags(tail) & FIRST != 0 {
        FIRST
    } else {
        LAST
    }
}

/// Whether a word is one of the syllables that Chinese and Korean names are written with.
fn is_syllable(word: &str) -> bool {
    static KNOWN: LazyLock<Set<&'static str>> = LazyLock::new(|| section(CENSUS_EN, "syllable").collect());
    word.len() <= 6 && word.is_ascii() && KNOWN.contains(word.to_ascii_lowercase().as_str())
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
    if name.len() >= 40 || !name.is_ascii() || !name.contains([' ', '-']) {
        return false;
    }
    let plain = name.to_ascii_lowercase().replace('-', " ").replace(['.', '\''], "");
    // `Child-Pugh A`: with the letter of a class.
    let class = plain.rsplit_once(' ').filter(|(_, class)| class.len() == 1).map(|(head, _)| head);
    PHRASES.contains(&plain) || class.is_some_and(|head| PHRASES.contains(head))
}

/// Points of a capitalised word; none for a word that is no name.
pub(super) fn points(word: &str, flags: u16) -> Option<i32> {
    let shouted = word.chars().all(|c| !c.is_lowercase());
    if shouted && word.chars().count() < 5 {
        // `ANA`, `MRI`: short words in capitals are abbreviations.
        return None;
    }
    let everyday = flags & (COMMON | ROLE) != 0;
    let word_too = flags & (FIRST_WORD | LAST_WORD | EPONYM_NAME) != 0 || everyday;
    if flags & FIRST != 0 && !word_too {
        return Some(23);
    }
    if flags & LAST != 0 && !word_too {
        return Some(17);
    }
    if flags & FIRST_WORD != 0 || (flags & FIRST != 0 && everyday) {
        return Some(7);
    }
    if flags & LAST_WORD != 0 || (flags & LAST != 0) {
        return Some(5);
    }
    let lower = word.to_lowercase();
    if everyday || flags & EPONYM_NAME != 0 || is_drug(&lower) {
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
    const BEGINS: &[&str] = &["mc", "o'", "d'", "fitz", "al-", "el-"];
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
        assert_eq!(points("Okonkwo", flags("Okonkwo")), Some(17));
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
