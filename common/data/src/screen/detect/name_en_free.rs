//! English names that no label announces: a word before a frequent last name (`Priyanka Nguyen`), `Last,
//! First`, and a single known name that does what people do or is done to (`Maria reports`, `paged Okafor`).
//! Called by `detect`. Invariant: a name before a word of diseases, signs and devices is an eponym and no
//! finding.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::name_en::{is_not_a_name, word};
use super::name_score_en_words::{EPONYM as EPONYM_FLAG, flags};
use crate::screen::cue::{Cue, CueHit};
use crate::screen::kind::Kind;
use crate::screen::view::{Hit, View};

/// Capitalised words of a sentence's beginning that are no first names.
const STARTS: &str = "braxton consider continue take hold apply call called ask asked tell told see seen check start stop give given use used new paged \
    discussed per thank thanks spoke notified nurse sister brother baby boy girl master told contacted with however today yesterday \
    overnight also then because although while prior post rule suspect suspected possible probable likely known classic bilateral \
    consult refer referred thanks regards sincerely hello our every each both another north south east west upper lower mount lake fort \
    saint st port san los las city village professor attending surgeon assistant anesthesia witness father mother uncle aunt cousin";

/// What people do.
const ACTS: &str = "reports reported denies denied states stated says said feels felt complains complained ambulated walked slept ate tolerated \
    refused called asked wants wanted lives agrees agreed understands requests requested arrived notified phoned endorses endorsed \
    has is was will would can thinks thought remembers explained told at came went fell took takes knows works plans";

/// Words behind which a person is named.
const BEFORE: &[&str] = &[
    "nurse",
    "sister",
    "brother",
    "paged",
    "told",
    "called",
    "asked",
    "notified",
    "contacted",
    "instead",
    "boy",
    "girl",
    "master",
    "with",
    "by",
    "per",
    "from",
    "husband",
    "wife",
    "son",
    "daughter",
    "mother",
    "father",
    "for",
    "thank",
    "and",
    "informed",
];

/// The lists as sets, because every capitalised word is looked up.
static LISTS: LazyLock<[HashSet<&'static str>; 2]> =
    LazyLock::new(|| [STARTS, ACTS].map(|list| list.split_whitespace().collect()));

const BEGINNINGS: usize = 0;
const DEEDS: usize = 1;

fn listed(list: usize, word: &str) -> bool {
    LISTS.get(list).is_some_and(|set| set.contains(word.to_ascii_lowercase().as_str()))
}

/// Adds the names around known first and last names.
pub(super) fn find(view: &View<'_>, hits: &mut Vec<Hit>) {
    for (at, cue) in view.cues.iter().enumerate() {
        let capital = view.after(cue.start).starts_with(|c: char| c.is_ascii_uppercase());
        if !matches!(cue.cue, Cue::FirstName | Cue::LastName) || !capital || is_eponym(view, cue.end) {
            continue;
        }
        let found = turned(view, cue, view.cues.get(at + 1))
            .or_else(|| with_first(view, cue))
            .or_else(|| single(view, cue));
        if let Some((start, end)) = found {
            hits.push(Hit { kind: Kind::PersonName, start, end });
        }
    }
}

/// Whether a name that ends here is part of the name of a disease, a sign, a device or a place.
fn is_eponym(view: &View<'_>, end: usize) -> bool {
    let rest = view.after(end);
    let rest = rest.strip_prefix("'s").unwrap_or(rest);
    rest.starts_with('-') || rest.strip_prefix(' ').is_some_and(is_eponym_word)
}

/// Whether a text begins with a word that makes the name before it one of a disease, a device or a place.
pub(super) fn is_eponym_word(rest: &str) -> bool {
    flags(first_word(rest)) & EPONYM_FLAG != 0
}

fn first_word(text: &str) -> &str {
    let end = text.bytes().take(24).take_while(u8::is_ascii_alphabetic).count();
    text.get(..end).unwrap_or_default()
}

/// The word before a place, one blank between, and where it starts.
fn word_before<'a>(view: &View<'a>, at: usize) -> Option<(usize, &'a str)> {
    let head = view.before(at).strip_suffix(' ')?;
    let part = |byte: &u8| byte.is_ascii_alphabetic() || matches!(byte, b'\'' | b'-' | b'.');
    let length = head.bytes().rev().take(24).take_while(part).count();
    let start = head.len() - length;
    head.get(start..).filter(|word| !word.is_empty()).map(|word| (start, word))
}

/// `Smith, Mary`.
fn turned(view: &View<'_>, cue: &CueHit, next: Option<&CueHit>) -> Option<(usize, usize)> {
    let next = next.filter(|next| cue.cue == Cue::LastName && next.cue == Cue::FirstName)?;
    (view.text.get(cue.end..next.start) == Some(", ")
        && view.after(next.start).starts_with(|c: char| c.is_ascii_uppercase()))
    .then_some((cue.start, next.end))
}

/// `Priyanka Nguyen`, `J. Okafor`: any word that may be a first name before a frequent last name.
fn with_first(view: &View<'_>, cue: &CueHit) -> Option<(usize, usize)> {
    if cue.cue != Cue::LastName {
        return None;
    }
    let (start, before) = word_before(view, cue.start)?;
    let whole = word(before) == Some(before.len());
    let shouted = before.len() > 2 && before.bytes().all(|byte| byte.is_ascii_uppercase());
    let shouted_last = view.text.get(cue.start..cue.end)?.bytes().all(|byte| byte.is_ascii_uppercase());
    (whole && !is_not_a_name(before) && !listed(BEGINNINGS, before) && (!shouted || shouted_last))
        .then_some((start, cue.end))
}

/// `Maria reports`, `Nurse Okafor`, `paged Smith`.
fn single(view: &View<'_>, cue: &CueHit) -> Option<(usize, usize)> {
    let acts = view.after(cue.end).strip_prefix(' ').is_some_and(|rest| {
        let act = first_word(rest);
        act.bytes().all(|byte| byte.is_ascii_lowercase()) && listed(DEEDS, act)
    });
    let named = word_before(view, cue.start)
        .is_some_and(|(_, before)| BEFORE.iter().any(|known| known.eq_ignore_ascii_case(before)));
    (acts || named).then_some((cue.start, cue.end))
}
