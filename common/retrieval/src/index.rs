//! Which passages fit a question: BM25 over an inverted index. Used by `library`.
//!
//! The score of a passage d is the sum over the question's words t, each once, of
//! `ln(1 + (N - n + 0.5) / (n + 0.5)) * f / (f + k1 * (1 - b + b * |d| / mean))` with f how often t stands in
//! d, n in how many of N passages, |d| the words of d, k1 = 1.2, b = 0.75: Robertson, Zaragoza 2009 ("The
//! Probabilistic Relevance Framework: BM25 and Beyond", eq. 3.15), with Lucene's inverse document frequency,
//! which is never negative, and without the factor k1 + 1, as Lucene since 8.0: it changes no order. Lengths
//! are exact (Lucene and tantivy round them to a byte).
//!
//! Invariants: the same question gives the same passages; equal scores keep the order of the folder.

use std::collections::{BTreeSet, HashMap};

use crate::limits::FIT_SHARE_MIN;
use crate::words::words;

/// How fast a word's repetition stops to count.
const K1: f64 = 1.2;
/// How much a passage's length counts.
const B: f64 = 0.75;

/// Where words stand.
#[derive(Debug, Default)]
pub(crate) struct Index {
    /// Of each word the passages, in order, and how often it stands there.
    postings: HashMap<String, Vec<(u32, u32)>>,
    /// How many there are of those, all words together.
    places: usize,
    /// Words of each passage.
    lengths: Vec<u32>,
    total: u64,
}

impl Index {
    /// Adds the next passage.
    pub(crate) fn add(&mut self, text: &str) {
        let number = u32::try_from(self.lengths.len()).unwrap_or(u32::MAX);
        let words = words(text);
        self.lengths.push(u32::try_from(words.len()).unwrap_or(u32::MAX));
        self.total += words.len() as u64;
        for word in words {
            let places = self.postings.entry(word).or_default();
            match places.last_mut() {
                Some((last, count)) if *last == number => *count += 1,
                _ => {
                    places.push((number, 1));
                    self.places += 1;
                }
            }
        }
    }

    /// How many different words there are.
    pub(crate) fn words(&self) -> usize {
        self.postings.len()
    }

    /// How many places of words, of each word one for each passage that has it.
    pub(crate) const fn places(&self) -> usize {
        self.places
    }

    /// The passages that fit, the best first, and their scores. One fits that has [`FIT_SHARE_MIN`] of the
    /// question's weight; a word that is nowhere in the folder weighs as one that is in a single passage.
    pub(crate) fn find(&self, question: &str, most: usize) -> Vec<(usize, f64)> {
        let asked: BTreeSet<String> = words(question).into_iter().collect();
        // By passage: its score, and the weight of the words that it has.
        let mut found: HashMap<u32, (f64, f64)> = HashMap::new();
        let mut whole = 0.0;
        for word in &asked {
            let places = self.postings.get(word).map_or(&[][..], Vec::as_slice);
            let weight = self.weight(places.len().max(1));
            whole += weight;
            for (passage, count) in places {
                let entry = found.entry(*passage).or_default();
                entry.0 += weight * self.saturated(*passage, *count);
                entry.1 += weight;
            }
        }
        let fits = found.into_iter().filter(|(_, (_, weight))| *weight >= FIT_SHARE_MIN * whole);
        let mut best: Vec<(usize, f64)> = fits.map(|(at, (score, _))| (at as usize, score)).collect();
        best.sort_by(|one, other| other.1.total_cmp(&one.1).then(one.0.cmp(&other.0)));
        best.truncate(most);
        best
    }

    fn weight(&self, passages: usize) -> f64 {
        let (all, with) = (self.lengths.len() as f64, passages as f64);
        ((all - with + 0.5) / (with + 0.5)).ln_1p()
    }

    fn saturated(&self, passage: u32, count: u32) -> f64 {
        let length = self.lengths.get(passage as usize).map_or(0.0, |length| f64::from(*length));
        let mean = self.total as f64 / self.lengths.len() as f64;
        let count = f64::from(count);
        count / (count + K1 * (1.0 - B + B * length / mean))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(texts: &[&str]) -> Index {
        let mut index = Index::default();
        texts.iter().for_each(|text| index.add(text));
        index
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        // N = 3, lengths 2, 4, 3, mean 3.
        let index = index(&["gout pain", "gout gout toe joint", "asthma inhaler night"]);
        assert_eq!((index.words(), index.places()), (7, 8));
        // gout: n = 2, weight ln(1 + 1.5/2.5) = ln 1.6 = 0.4700036.
        // Passage 0: f = 1, 1 / (1 + 1.2 (0.25 + 0.75 * 2/3)) = 1 / 1.9 = 0.5263158, score 0.2473703.
        // Passage 1: f = 2, 2 / (2 + 1.2 (0.25 + 0.75 * 4/3)) = 2 / 3.5 = 0.5714286, score 0.2685735.
        let found = index.find("What is gout?", 3);
        assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 0]);
        assert!(
            (found[0].1 - 0.268_573_5).abs() < 1e-6 && (found[1].1 - 0.247_370_3).abs() < 1e-6,
            "{found:?}"
        );
        // pain: n = 1, weight ln(1 + 2.5/1.5) = ln 2.6666667 = 0.9808293; with gout passage 0 has
        // (0.4700036 + 0.9808293) / 1.9 = 0.7635962. Passage 1 has gout's 0.2685735, a third of the weight.
        let found = index.find("gout pain pain", 3);
        assert_eq!(found.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 1]);
        assert!((found[0].1 - 0.763_596_2).abs() < 1e-6, "{found:?}");
        assert_eq!(index.find("gout", 1).len(), 1);
    }

    #[test]
    fn what_shares_too_little_or_only_common_words_does_not_fit() {
        let index = index(&["高血压的治疗：少吃盐", "糖尿病的治疗", "痛风的治疗"]);
        assert_eq!(index.find("高血压怎么治疗？", 3)[0].0, 0);
        // 治疗 is everywhere and weighs ln(1 + 0.5/3.5) = 0.1335; the unknown words 0.9808 each.
        assert!(index.find("骨质疏松怎么治疗？", 3).is_empty());
        assert!(index.find("what is the", 3).is_empty() && index.find("", 3).is_empty());
        assert!(Index::default().find("gout", 3).is_empty());
    }
}
