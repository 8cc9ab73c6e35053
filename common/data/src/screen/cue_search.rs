//! Words that announce an identifier, found in one pass (Aho-Corasick). Called by the screen for every field.
//! Invariants: English words count only on word borders; of overlapping words the longest at the first place
//! counts.

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
    for (cue, list) in vocabulary::WORDS {
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
        assert!(TABLE.is_some());
    }

    #[test]
    fn a_word_stands_in_one_list() {
        let words = vocabulary::WORDS
            .iter()
            .flat_map(|(cue, list)| list.split_whitespace().map(move |word| (cue, word)));
        let mut seen = std::collections::HashMap::new();
        for (cue, word) in words {
            if let Some(other) = seen.insert(word.to_ascii_lowercase(), cue) {
                panic!("{word} announces {other:?} and {cue:?}");
            }
        }
    }
}
