//! Words that announce an identifier, found in one pass (Aho-Corasick), and the words that are frequent
//! English names, looked up one by one: thousands of names in the automaton would make its table larger than
//! the processor's caches. Called by the screen for every field. Invariants: English words count only on word
//! borders; of overlapping words the longest at the first place counts, and a name inside of one does not.

use std::collections::HashMap;
use std::sync::LazyLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};

use super::cue::{Cue, CueHit};
use super::vocabulary;

struct Table {
    automaton: AhoCorasick,
    cues: Vec<Cue>,
}

/// Built once; a failure to build would be a fault of the constant tables, and the tests would see no cue at
/// all.
static TABLE: LazyLock<Option<Table>> = LazyLock::new(|| {
    let mut words = Vec::new();
    let mut cues = Vec::new();
    for (cue, list) in vocabulary::WORDS.iter().filter(|(cue, _)| !is_name(*cue)) {
        for word in list.split_whitespace() {
            // `_` stands for a blank inside a word of these white-space separated lists.
            words.push(word.replace('_', " "));
            cues.push(*cue);
            // `policy no. 5`: the full stop belongs to the abbreviation.
            if word.ends_with("_no") {
                words.push(format!("{}.", word.replace('_', " ")));
                cues.push(*cue);
            }
        }
    }
    let automaton = AhoCorasick::builder()
        .match_kind(MatchKind::LeftmostLongest)
        .ascii_case_insensitive(true)
        .kind(Some(AhoCorasickKind::DFA))
        .build(&words)
        .ok()?;
    Some(Table { automaton, cues })
});

fn is_name(cue: Cue) -> bool {
    matches!(cue, Cue::FirstName | Cue::LastName)
}

/// Frequent names.
static NAMES: LazyLock<HashMap<&'static str, Cue>> = LazyLock::new(|| {
    let lists = vocabulary::WORDS.iter().filter(|(cue, _)| is_name(*cue));
    lists.flat_map(|(cue, list)| list.split_whitespace().map(move |word| (word, *cue))).collect()
});

/// Which three letters names begin with: most words of a text are sorted out by this without hashing.
static BEGINNINGS: LazyLock<Box<[bool]>> = LazyLock::new(|| {
    let mut table = vec![false; 26 * 26 * 26].into_boxed_slice();
    for place in NAMES.keys().filter_map(|name| beginning(name.as_bytes())) {
        if let Some(place) = table.get_mut(place) {
            *place = true;
        }
    }
    table
});

/// The place of a word's first three letters, or none where it has fewer.
fn beginning(word: &[u8]) -> Option<usize> {
    word.get(..3)?.iter().try_fold(0, |place, byte| {
        let letter = byte.to_ascii_lowercase().checked_sub(b'a').filter(|letter| *letter < 26)?;
        Some(place * 26 + usize::from(letter))
    })
}

/// No name of the lists is longer.
const NAME_BYTES: usize = 16;

/// Adds the names among the words of ASCII letters that lie in no other hit.
fn names(text: &str, hits: &mut Vec<CueHit>) {
    let bytes = text.as_bytes();
    let (mut at, mut other, announced) = (0, 0, hits.len());
    while let Some(start) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_alphabetic)) {
        let start = at + start;
        let run = |from: usize| {
            bytes.get(from..).unwrap_or_default().iter().take_while(|byte| byte.is_ascii_alphabetic()).count()
        };
        let mut end = start + run(start);
        // `O'Brien` is one word.
        if end == start + 1 && bytes.get(end) == Some(&b'\'') && matches!(bytes.get(start), Some(b'o' | b'O'))
        {
            end += 1 + run(end + 1);
        }
        at = end;
        let (known, word) = (&*BEGINNINGS, bytes.get(start..end).unwrap_or_default());
        if word.len() > NAME_BYTES
            || beginning(word).is_some_and(|place| !known.get(place).copied().unwrap_or(false))
        {
            continue;
        }
        let mut lower = [0_u8; NAME_BYTES];
        let (Some(target), Some(word)) = (lower.get_mut(..end - start), bytes.get(start..end)) else {
            continue;
        };
        target.copy_from_slice(word);
        target.make_ascii_lowercase();
        let Some(cue) = std::str::from_utf8(target).ok().and_then(|word| NAMES.get(word)) else { continue };
        while hits.get(other).filter(|_| other < announced).is_some_and(|hit| hit.end <= start) {
            other += 1;
        }
        let inside = hits.get(other).filter(|_| other < announced).is_some_and(|hit| hit.start < end);
        if !inside {
            hits.push(CueHit { cue: *cue, start, end });
        }
    }
    if hits.len() > announced {
        hits.sort_by_key(|hit| hit.start);
    }
}

/// All cues of a normalised text, in order.
pub(super) fn cues(text: &str) -> Vec<CueHit> {
    let Some(table) = TABLE.as_ref() else { return Vec::new() };
    let bytes = text.as_bytes();
    let is_letter = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic);
    let mut hits = Vec::new();
    for found in table.automaton.find_iter(text) {
        let Some(cue) = table.cues.get(found.pattern().as_usize()).copied() else { continue };
        let cut_left = is_letter(Some(found.start())) && is_letter(found.start().checked_sub(1));
        let cut_right = is_letter(found.end().checked_sub(1)) && is_letter(Some(found.end()));
        if !cut_left && !cut_right && cue != Cue::Nothing {
            hits.push(CueHit { cue, start: found.start(), end: found.end() });
        }
    }
    names(text, &mut hits);
    hits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_count_on_their_borders() {
        let kinds = |text: &str| cues(text).iter().map(|hit| hit.cue).collect::<Vec<_>>();
        assert_eq!(kinds("患者姓名：张三"), [Cue::NameLabel]);
        assert_eq!(kinds("his mrn: 5"), [Cue::RecordNumber]);
        assert_eq!(kinds("MRNA vaccine"), []);
        assert_eq!(kinds("drugs"), []);
        assert_eq!(kinds("Mary O'Brien's"), [Cue::FirstName, Cue::LastName]);
        assert_eq!(kinds("Smithers, pre-Smith_2"), [Cue::LastName]);
        assert!(TABLE.is_some());
    }

    #[test]
    fn every_name_is_looked_up_whole() {
        assert!(NAMES.keys().all(|name| name.len() <= NAME_BYTES && name.is_ascii()));
        assert!(NAMES.len() > 2_500);
    }

    #[test]
    fn a_word_stands_in_one_list() {
        let words = vocabulary::WORDS
            .iter()
            .flat_map(|(cue, list)| list.split_whitespace().map(move |word| (cue, word)));
        let mut seen = HashMap::new();
        for (cue, word) in words {
            if let Some(other) = seen.insert(word.to_ascii_lowercase(), cue) {
                panic!("{word} announces {other:?} and {cue:?}");
            }
        }
    }
}
