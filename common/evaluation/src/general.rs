//! What a model should still know after it was tuned: a small suite of general knowledge, and texts about
//! nothing in particular, both in English and Chinese, written for this repository and built into the
//! programs. Called by `prepare::forgetting`. Invariants: what is asked is the same in every run of a
//! version; nothing of it is medical, so that no training on records makes it better by itself.

use std::path::Path;

use crate::error::SuiteError;
use crate::suite::{Suite, SuiteFile};

const SETTINGS: &str = include_str!("../suites/general.toml");
const RECORDS: &str = include_str!("../suites/general.jsonl");
const TEXTS: &str = include_str!("../suites/neutral.txt");

/// The suite: 120 questions of four options, 60 in each language, each letter the right one equally often.
///
/// # Errors
/// Ours alone: a test reads the files that are built in.
pub fn suite() -> Result<Suite, SuiteError> {
    SuiteFile::parse(Path::new("general.toml"), SETTINGS.as_bytes())?.with_records(RECORDS.as_bytes())
}

/// The texts: 40 sentences, half of them Chinese.
pub fn neutral_texts() -> impl Iterator<Item = &'static str> {
    TEXTS.lines().filter(|line| !line.is_empty())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::suite::Score;

    #[test]
    fn the_general_suite_is_balanced_and_no_question_is_there_twice() {
        let suite = suite().unwrap();
        assert_eq!((suite.items.len(), suite.settings.score), (120, Score::Letters));
        for language in ["en", "zh"] {
            let of: Vec<_> = suite.items.iter().filter(|it| it.group.as_deref() == Some(language)).collect();
            assert_eq!(of.len(), 60, "{language}");
            for letter in 0..4 {
                assert_eq!(of.iter().filter(|it| it.gold == [letter]).count(), 15, "{language} {letter}");
            }
        }
        let questions: BTreeSet<&str> = suite.items.iter().map(|item| item.question.as_str()).collect();
        assert_eq!(questions.len(), 120);
        assert_eq!((suite.majority(), suite.guessing()), (Some(0.25), Some(0.25)));
    }

    #[test]
    fn half_of_the_neutral_texts_are_chinese() {
        let texts: BTreeSet<&str> = neutral_texts().collect();
        let is_ascii = |text: &&&str| text.is_ascii();
        assert_eq!((texts.len(), texts.iter().filter(is_ascii).count()), (40, 20));
    }
}
