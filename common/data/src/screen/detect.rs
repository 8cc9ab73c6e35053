//! The detectors: each reads the normalised text, its digit runs and its cues, and adds hits. Called by the
//! screen for every field. Invariants: a detector is pure and never panics; its work is linear in the text;
//! where hits overlap, [`resolve`] keeps one.

mod account;
mod address_en;
mod address_zh;
mod age;
mod bank_card;
mod citizen_id;
mod code;
mod date;
mod date_en;
mod device;
mod han;
mod label;
mod lists;
mod name_again;
mod name_en;
mod name_en_free;
mod name_en_near;
mod name_en_role;
mod name_en_tables;
mod name_en_words;
mod name_free;
mod name_nick;
mod name_score_en;
mod name_score_en_near;
mod name_score_en_words;
mod name_score_zh;
mod name_score_zh_words;
mod name_sound;
mod name_table;
mod name_title;
mod name_words;
mod name_zh;
mod network;
mod phone;
mod phone_abroad;
mod phone_us;
mod plate;
mod record_number;
mod surname;
mod surname_words;
mod unit;
mod us_id;
mod vehicle;

use std::collections::BTreeMap;

use super::cue::Cue;
use super::kind::Kind;
use super::number::{Candidate, candidates};
use super::view::{Hit, View};
use super::words::Language;

pub(super) use self::name_again::Names;

/// Everything that is found in one field, overlaps resolved, in order of place.
pub(super) fn all(view: &View<'_>) -> Vec<Hit> {
    let mut hits = Vec::new();
    if !view.runs.is_empty() {
        candidates(view.text, view.runs, 7, |candidate| numbers(view, candidate, &mut hits));
        hits.retain(|hit| !is_quantity(view, hit));
        for hit in hits.iter_mut().filter(|hit| hit.kind == Kind::Telephone) {
            hit.end += phone::extension(view.after(hit.end));
        }
        record_number::find_shapes(view, &mut hits);
        date::find(view, &mut hits);
        age::find(view, &mut hits);
        record_number::find_beds(view, &mut hits);
        plate::find(view, &mut hits);
        vehicle::find(view, &mut hits);
        address_zh::find_streets(view, &mut hits);
        address_en::find(view, &mut hits);
        network::find_addresses(view, &mut hits);
        code::find(view, &mut hits);
    }
    network::find_words(view, &mut hits);
    date::find_han(view, &mut hits);
    name_zh::find_foreign(view, &mut hits);
    name_zh::find_before(view, &mut hits);
    guessed(view, &mut hits, name_free::find);
    name_nick::find(view, &mut hits);
    name_title::find(view, &mut hits);
    name_table::find(view, &mut hits);
    name_sound::find(view, &mut hits);
    name_en_role::find(view, &mut hits);
    if !view.cues.is_empty() {
        age::find_han(view, &mut hits);
        account::find(view, &mut hits);
        record_number::find(view, &mut hits);
        citizen_id::find_labelled(view, &mut hits);
        phone::find_labelled(view, &mut hits);
        us_id::find_labelled(view, &mut hits);
        device::find(view, &mut hits);
        date_en::find(view, &mut hits);
        name_zh::find(view, &mut hits);
        name_en::find(view, name_score_en_words::is_phrase, &mut hits);
        guessed(view, &mut hits, name_en_free::find);
        address_zh::find(view, &mut hits);
    }
    guessed(view, &mut hits, name_score_zh::find);
    guessed(view, &mut hits, name_score_en::find);
    hits.retain(|hit| !is_placeholder(view, hit.start));
    resolve(hits)
}

/// Runs a detector whose names nothing announces. Of them, eponyms, institutions and a surname with a title
/// are dropped; behind a label or a title `Walter Reed` stays a name, and behind a label `王博士`.
fn guessed(view: &View<'_>, hits: &mut Vec<Hit>, find: fn(&View<'_>, &mut Vec<Hit>)) {
    let announced = hits.len();
    find(view, hits);
    let found = hits.split_off(announced);
    hits.extend(found.into_iter().filter(|hit| {
        let name = view.text.get(hit.start..hit.end).unwrap_or_default();
        // `Johns` of `Johns Hopkins`; the next word is looked for in a short stretch only.
        let behind = view.after(hit.end);
        let behind = &behind[..behind.floor_char_boundary(PHRASE_BYTES)];
        let next = behind.split([' ', '-', ',', '.', '\'', '\n']).nth(1).unwrap_or_default();
        let longer = behind.starts_with([' ', '-'])
            && view.text.get(hit.start..hit.end + 1 + next.len()).is_some_and(name_score_en_words::is_phrase);
        !(hit.kind == Kind::PersonName
            && (longer
                || name_score_en_words::is_phrase(name)
                || name_score_en_words::is_place(name)
                || name_score_zh_words::is_surname_and_title(name)))
    }));
}

/// The next word of a phrase fits into so many bytes.
const PHRASE_BYTES: usize = 24;

/// Adds the places where names of the record stand again, overlaps resolved, in order of place.
pub(super) fn again(view: &View<'_>, names: &Names, mut hits: Vec<Hit>) -> Vec<Hit> {
    let found = hits.len();
    names.find(view, &mut hits);
    hits.retain(|hit| !is_placeholder(view, hit.start));
    if hits.len() == found { hits } else { resolve(hits) }
}

/// A placeholder with its number fits into so many bytes.
const PLACEHOLDER_BYTES: usize = 64;

/// Whether a place is inside `[姓名1]` or `[NAME1]`, which masking left there.
fn is_placeholder(view: &View<'_>, at: usize) -> bool {
    let Some(inside) = view.before(at).ends_with('[').then(|| view.after(at)) else { return false };
    // A placeholder is short: the rest of a long text is not looked through for each hit.
    let inside = &inside[..inside.floor_char_boundary(PLACEHOLDER_BYTES)];
    let word = inside.split(']').next().unwrap_or_default().trim_end_matches(|c: char| c.is_ascii_digit());
    Kind::ALL.iter().any(|kind| {
        [Language::Chinese, Language::English].iter().any(|language| kind.placeholder(*language) == word)
    })
}

/// Whether a number that only its digits make a telephone or card number has a unit of measure behind it. One
/// that is written in groups, or as far behind a word for a telephone as the finders look, stays one.
fn is_quantity(view: &View<'_>, hit: &Hit) -> bool {
    matches!(hit.kind, Kind::MobilePhone | Kind::Telephone | Kind::BankCard)
        && !view.text.get(hit.start..hit.end).unwrap_or_default().contains(['-', '.', ' ', '(', '+'])
        && unit::follows(view.after(hit.end))
        && !view.has_cue_before(Cue::Phone, hit.start, 40)
}

fn numbers(view: &View<'_>, candidate: &Candidate<'_>, hits: &mut Vec<Hit>) {
    citizen_id::find(view, candidate, hits);
    bank_card::find(view, candidate, hits);
    phone::find(view, candidate, hits);
    phone_us::find(view, candidate, hits);
    phone_abroad::find(view, candidate, hits);
    us_id::find(view, candidate, hits);
}

/// Of overlapping hits the one whose kind stands first wins, then the longer one, then the earlier one. A
/// name, address or date that only touches the winner partly is cut away with it: the winner is what decides
/// the verdict. Only names that touch names are united: of `Maria, Anna Lopez` no part may stay.
fn resolve(mut hits: Vec<Hit>) -> Vec<Hit> {
    hits.retain(|hit| hit.start < hit.end);
    hits.sort_by_key(|hit| {
        (hit.kind.certainty(), std::cmp::Reverse(hit.end - hit.start), hit.kind, hit.start)
    });
    // By place and free of overlaps, so only neighbours can collide.
    let mut kept: BTreeMap<usize, Hit> = BTreeMap::new();
    let mut names = Vec::new();
    for hit in hits {
        if touched(&kept, &hit).next().is_none() {
            kept.insert(hit.start, hit);
        } else if hit.kind == Kind::PersonName {
            names.push(hit);
        }
    }
    for mut whole in names {
        let others: Vec<Hit> = touched(&kept, &whole).copied().collect();
        let (people, rest): (Vec<_>, Vec<_>) =
            others.into_iter().partition(|other| other.kind == Kind::PersonName);
        for other in rest {
            if other.start <= whole.start {
                whole.start = whole.start.max(other.end);
            } else {
                whole.end = whole.end.min(other.start);
            }
        }
        let cut = whole;
        let is_near = |other: &&Hit| other.start < cut.end && other.end > cut.start;
        let people: Vec<&Hit> = people.iter().filter(is_near).collect();
        for other in &people {
            kept.remove(&other.start);
            whole.start = whole.start.min(other.start);
            whole.end = whole.end.max(other.end);
        }
        if !people.is_empty() {
            kept.insert(whole.start, whole);
        }
    }
    kept.into_values().collect()
}

/// Those of the kept hits that share bytes with this one, from the last on.
fn touched<'a>(kept: &'a BTreeMap<usize, Hit>, hit: &Hit) -> impl Iterator<Item = &'a Hit> {
    let start = hit.start;
    kept.range(..hit.end).rev().map(|(_, other)| other).take_while(move |other| other.end > start)
}

#[cfg(test)]
mod tests {
    use super::{Hit, resolve};
    use crate::screen::Kind;
    use crate::screen::tests::names;

    #[test]
    fn names_that_touch_are_one_and_end_where_something_else_begins() {
        let hit = |kind, start, end| Hit { kind, start, end };
        let name = |start, end| hit(Kind::PersonName, start, end);
        assert_eq!(resolve(vec![name(0, 10), name(7, 16), name(15, 20)]), [name(0, 20)]);
        let id = hit(Kind::CitizenId, 18, 30);
        assert_eq!(resolve(vec![name(0, 10), name(5, 20), id]), [name(0, 18), id]);
        assert_eq!(resolve(vec![name(14, 20), id]), [id], "as any other that touches it partly");
        assert_eq!(resolve(vec![id, name(28, 40), name(35, 44)]), [id, name(30, 44)]);
    }

    #[test]
    fn announced_names_stay_that_are_words_or_eponyms_elsewhere() {
        for (text, name) in [
            ("姓名：王希望", "王希望"),
            ("姓名：李宝宝", "李宝宝"),
            ("姓名：林妹妹", "林妹妹"),
            ("姓名：王博士", "王博士"),
            ("患者李微笑，女，32岁。", "李微笑"),
            ("Patient name: Walter Reed.", "Walter Reed"),
            ("Seen by Dr. Van Buren", "Van Buren"),
            ("Dr. Mallory Weiss", "Mallory Weiss"),
            ("Signed Marie Tooth", "Marie Tooth"),
            ("Patient: Beth Israel", "Beth Israel"),
        ] {
            assert!(names(text).iter().any(|found| found.ends_with(name)), "{text}: {:?}", names(text));
        }
        assert_eq!(names("董主任查房。"), ["董"], "the title says nobody's name");
        assert!(names("Charcot-Marie-Tooth disease.").is_empty());
    }

    #[test]
    fn no_part_of_a_name_stays_where_two_overlap() {
        let text = "Daughters: Maria, Anna Lopez visited";
        let found = names(text).join(" ");
        assert!(["Maria", "Anna", "Lopez"].iter().all(|part| found.contains(part)), "{found}");
        let text = "SMITH, Anna Lopez  F  13  asthma";
        let found = names(text).join(" ");
        assert!(["SMITH", "Anna", "Lopez"].iter().all(|part| found.contains(part)), "{found}");
    }
}
