//! Notes by an author who had read neither the rules, nor their word lists, nor the other families,
//! measured once after they were committed. Development data since: rules were mended with its misses in
//! sight, so what it says from then on proves nothing. Used by `quality`. Invariant: no text is changed to
//! suit a rule, and no sentence of it stands in a rule.
//!
//! Slots of its own: one capital letter is a person, the same throughout a note (`M` and `N` are men, `F`
//! and `G` women, `H`, `J` and `K` have a Han surname where the note is Chinese), after a dot stands the
//! part or the spelling; `{kind=text}` is a fixed text that is an identifier of that kind; `{open}` and
//! `{close}` are braces. A surname before a title is a name here in either language.

mod chinese;
mod english;
mod names;

pub(super) use self::chinese::NOTES as CHINESE;
pub(super) use self::english::NOTES as ENGLISH;

use std::collections::BTreeMap;

use self::names::{Person, Who, person};
use crate::screen::kind::Kind;
use crate::screen::synthetic::{Dice, value};
use crate::screen::words::Language;

/// Fills a note's slots: the text, and kind, first byte and one past the last byte of what they stand for.
/// `kind_of` says it for a slot that is none of this family's own.
pub(super) fn fill(
    note: &str,
    language: Language,
    dice: &mut Dice,
    kind_of: fn(&str) -> Option<Kind>,
) -> (String, Vec<(Kind, usize, usize)>) {
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    let mut text = String::new();
    let mut labels = Vec::new();
    for (index, piece) in note.split(['{', '}']).enumerate() {
        if index % 2 == 0 {
            text.push_str(piece);
            continue;
        }
        let start = text.len();
        let (kind, filled) = own(piece, language, &mut people, dice).unwrap_or_else(|| {
            (kind_of(piece), value(piece, dice).unwrap_or_else(|| format!("{{{piece}}}")))
        });
        text.push_str(&filled);
        labels.extend(kind.map(|kind| (kind, start, text.len())));
    }
    (text, labels)
}

/// Kind and text of one of the family's own slots; none for others.
fn own(
    piece: &str,
    language: Language,
    people: &mut BTreeMap<String, Person>,
    dice: &mut Dice,
) -> Option<(Option<Kind>, String)> {
    if let Some((kind, text)) = piece.split_once('=') {
        return Some((kind.parse().ok(), text.to_owned()));
    }
    let (letter, part) = piece.split_once('.').unwrap_or((piece, ""));
    let who = match letter {
        "open" => return Some((None, "{".to_owned())),
        "close" => return Some((None, "}".to_owned())),
        "M" | "N" => Who::Man,
        "F" | "G" => Who::Woman,
        "H" | "J" | "K" => Who::Han,
        "A" | "B" | "C" | "D" | "E" => Who::Anyone,
        _ => return None,
    };
    let someone = people.entry(letter.to_owned()).or_insert_with(|| person(language, who, dice));
    Some((Some(Kind::PersonName), written(someone, part)))
}

/// One spelling of a name; an unknown one gives the part's own name, which the family's test refuses.
fn written(Person { first, last, full }: &Person, part: &str) -> String {
    let initial: String = first.chars().take(1).collect();
    match part {
        "" => full.clone(),
        "last" | "姓" => last.clone(),
        "first" | "名" => first.clone(),
        "turned" => format!("{last}, {first}"),
        "caps" => full.to_uppercase(),
        "listed" => format!("{} {first}", last.to_uppercase()),
        "turnedcaps" => format!("{last}, {first}").to_uppercase(),
        "lower" => full.to_lowercase(),
        "firstlower" => first.to_lowercase(),
        "lastlower" => last.to_lowercase(),
        "initial" => format!("{initial}. {last}"),
        "initialafter" => format!("{last} {initial}"),
        other => format!("{{{other}}}"),
    }
}
