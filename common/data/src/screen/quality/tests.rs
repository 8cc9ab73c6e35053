//! Floors of the quality on both families, pinned a little below what was measured (common/data/README.md). Synthetic
//! values only, so a failure may print them.

use super::*;
use crate::screen::Certainty;

const SEED: u64 = 20_240_501;

fn total<'a>(scores: impl Iterator<Item = &'a Score>) -> Score {
    scores.fold(Score::default(), |sum, score| Score {
        planted: sum.planted + score.planted,
        covered: sum.covered + score.covered,
        found: sum.found + score.found,
        right: sum.right + score.right,
    })
}

#[test]
fn every_slot_has_a_value_and_labels_are_where_they_say() {
    for family in [Family::Tuned, Family::HeldOut] {
        for language in [Language::Chinese, Language::English] {
            for labelled in labelled(family, language, 100, SEED) {
                assert!(!labelled.text.contains('{'), "{}", labelled.text);
                assert!(labelled.labels.iter().all(|(_, start, end)| start < end));
            }
        }
    }
}
