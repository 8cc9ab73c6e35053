//! First of two passes over the records: 96 bytes of keys each, from which exact duplicates and candidate
//! pairs follow. Called by the room and by the scale example. Invariants: memory does not depend on the
//! length of the texts; the result depends on the order of the records and on nothing else, whatever the
//! number of threads.

use std::collections::HashMap;

use rayon::prelude::*;

use super::candidates::Candidates;
use super::matches::{Match, MatchKind};
use super::minhash::BANDS;
use super::options::DedupOptions;
use super::texts::{Features, Texts, features};
use crate::limits::{BUCKET_FULL_MAX, BUCKET_NEIGHBOURS_MAX, CANDIDATE_PAIRS_MAX};

/// The keys of all records so far.
#[derive(Debug, Default)]
pub struct Keys {
    items: Vec<Item>,
}

/// The keys of one record, cut short: of a million records, two different ones share a cut SHA-256 with
/// probability 10^-27; of two million band keys of 32 bits, a hundred meet by chance in each band and fail
/// the verification.
#[derive(Debug, Clone, Copy)]
struct Item {
    question: u128,
    record: u128,
    bands: [u32; BANDS],
    /// Whether the question has a letter or a digit, so that there is something to compare.
    has_text: bool,
}

impl Item {
    fn of(features: Option<Features>) -> Self {
        let Some(features) = features else {
            return Self { question: 0, record: 0, bands: [0; BANDS], has_text: false };
        };
        Self {
            question: head(&features.question),
            record: head(&features.record),
            bands: features.bands.map(|key| (key >> 32) as u32),
            has_text: true,
        }
    }
}

fn head(hash: &[u8; 32]) -> u128 {
    hash.iter().take(16).fold(0, |number, byte| (number << 8) | u128::from(*byte))
}

impl Keys {
    /// Adds records in order; a batch of some thousand keeps all cores busy.
    pub fn push(&mut self, batch: &[Texts]) {
        self.items.par_extend(batch.par_iter().map(|texts| Item::of(features(texts))));
    }

    /// How many records were added.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether none was added.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Exact duplicates, and the pairs whose texts the second pass must compare.
    #[must_use]
    pub fn candidates(self, options: &DedupOptions) -> Candidates {
        let (exact, heads) = self.exact();
        let (pairs, left_out) = if options.near { self.pairs(&heads) } else { (Vec::new(), 0) };
        Candidates::new(self.items.len(), exact, pairs, left_out)
    }

    /// Matches of equal keys, and the first record of every question.
    fn exact(&self) -> (Vec<Match>, Vec<u32>) {
        let key = |index: &u32| self.items.get(*index as usize).map(|item| (item.question, *index));
        let mut order: Vec<u32> =
            (0u32..).zip(&self.items).filter(|(_, item)| item.has_text).map(|(index, _)| index).collect();
        order.par_sort_unstable_by_key(key);
        let (mut exact, mut heads) = (Vec::new(), Vec::new());
        let question = |index: &u32| self.items.get(*index as usize).map(|item| item.question);
        for group in order.chunk_by(|left, right| question(left) == question(right)) {
            let Some((head, rest)) = group.split_first() else { continue };
            heads.push(*head);
            if rest.is_empty() {
                continue;
            }
            let mut first_of: HashMap<u128, u32> = HashMap::new();
            for index in group {
                let Some(item) = self.items.get(*index as usize) else { continue };
                let (kind, of) = match first_of.get(&item.record) {
                    Some(first) => (MatchKind::SameRecord, *first),
                    None => (MatchKind::SameQuestion, *head),
                };
                first_of.entry(item.record).or_insert(*index);
                if index != head {
                    exact.push(Match { record: *index, of, kind, similarity: 1.0 });
                }
            }
        }
        heads.sort_unstable();
        exact.sort_unstable_by_key(|found| found.record);
        (exact, heads)
    }

    /// Pairs with an equal band, each once, ascending; and how many were more than the limit.
    fn pairs(&self, heads: &[u32]) -> (Vec<(u32, u32)>, u64) {
        let (mut pairs, mut left_out) = (Vec::new(), 0);
        for band in 0..BANDS {
            let mut bucketed: Vec<(u32, u32)> = heads
                .iter()
                .filter_map(|index| {
                    self.items.get(*index as usize)?.bands.get(band).map(|key| (*key, *index))
                })
                .collect();
            bucketed.par_sort_unstable();
            for bucket in bucketed.chunk_by(|left, right| left.0 == right.0) {
                add_pairs(bucket, &mut pairs);
                if pairs.len() > 2 * CANDIDATE_PAIRS_MAX {
                    left_out += tidy(&mut pairs);
                }
            }
            left_out += tidy(&mut pairs);
        }
        (pairs, left_out)
    }
}

/// Every pair of a small bucket; in a large one, every record with the first few and with the few before it,
/// so that a form that thousands of records share costs a line and not a square.
fn add_pairs(bucket: &[(u32, u32)], pairs: &mut Vec<(u32, u32)>) {
    let is_small = bucket.len() <= BUCKET_FULL_MAX;
    for (place, (_, later)) in bucket.iter().enumerate() {
        let earlier = bucket.get(..place).unwrap_or_default();
        if is_small {
            pairs.extend(earlier.iter().map(|(_, other)| (*other, *later)));
            continue;
        }
        let first = earlier.iter().take(BUCKET_NEIGHBOURS_MAX);
        let last = earlier.iter().skip(BUCKET_NEIGHBOURS_MAX).rev().take(BUCKET_NEIGHBOURS_MAX);
        pairs.extend(first.chain(last).map(|(_, other)| (*other, *later)));
    }
}

/// Sorts, drops repetitions, and cuts at the limit; returns how many were cut.
fn tidy(pairs: &mut Vec<(u32, u32)>) -> u64 {
    pairs.par_sort_unstable();
    pairs.dedup();
    let surplus = pairs.len().saturating_sub(CANDIDATE_PAIRS_MAX);
    pairs.truncate(CANDIDATE_PAIRS_MAX);
    surplus as u64
}
