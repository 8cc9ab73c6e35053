//! Shingles: the set of all runs of five tokens of a text, each as a 32-bit number, and how alike two sets
//! are. Called by MinHash and by the verification of candidates. Invariant: sorted, without repetitions. Two
//! different shingles share a number with probability 2^-32, which moves no similarity that anybody reads.

use super::normalise::Tokens;
use super::splitmix64::splitmix64;

/// Tokens in a shingle: characters of a Chinese text, words of an English one.
pub const SHINGLE_TOKENS: usize = 5;

/// The shingles of one text.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shingles(Vec<u32>);

impl Shingles {
    /// All runs of [`SHINGLE_TOKENS`] tokens; a shorter text is one shingle by itself; an empty one has none.
    #[must_use]
    pub fn of(text: &str) -> Self {
        Self::of_tokens(&Tokens::of(text).tokens)
    }

    /// As [`Shingles::of`], of a text that is cut already.
    #[must_use]
    pub fn of_tokens(tokens: &[u64]) -> Self {
        let fold =
            |run: &[u64]| (run.iter().fold(0, |hash: u64, token| splitmix64(hash ^ token)) >> 32) as u32;
        let mut shingles: Vec<u32> = match tokens.len() {
            0 => Vec::new(),
            1..SHINGLE_TOKENS => vec![fold(tokens)],
            _ => tokens.windows(SHINGLE_TOKENS).map(fold).collect(),
        };
        shingles.sort_unstable();
        shingles.dedup();
        Self(shingles)
    }

    /// A set of given numbers, ascending and without repetitions.
    #[cfg(test)]
    pub(super) fn from_sorted(numbers: Vec<u32>) -> Self {
        Self(numbers)
    }

    /// The numbers, ascending.
    #[must_use]
    pub fn as_slice(&self) -> &[u32] {
        &self.0
    }

    /// How many different shingles.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the text had neither letter nor digit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    fn shared(&self, other: &Self) -> usize {
        let (mut left, mut right, mut shared) = (self.0.as_slice(), other.0.as_slice(), 0);
        while let (Some((a, left_rest)), Some((b, right_rest))) = (left.split_first(), right.split_first()) {
            shared += usize::from(a == b);
            if a <= b {
                left = left_rest;
            }
            if b <= a {
                right = right_rest;
            }
        }
        shared
    }

    /// Jaccard similarity: shared shingles over all shingles, 0 to 1; 0 where either is empty.
    #[must_use]
    pub fn jaccard(&self, other: &Self) -> f64 {
        let shared = self.shared(other);
        ratio(shared, self.len() + other.len() - shared)
    }

    /// Containment: shared shingles over those of the smaller set, 0 to 1; 0 where either is empty.
    #[must_use]
    pub fn containment(&self, other: &Self) -> f64 {
        ratio(self.shared(other), self.len().min(other.len()))
    }
}

fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn short_texts_are_one_shingle() {
        assert_eq!(Shingles::of("").len(), 0);
        assert_eq!(Shingles::of("头痛").len(), 1);
        assert_eq!(Shingles::of("患者头痛吗").len(), 1);
        assert_eq!(Shingles::of("患者头痛三天").len(), 2);
        assert_eq!(Shingles::of("what should the patient take").len(), 1);
        assert_eq!(Shingles::of("头痛！"), Shingles::of("头 痛"));
        assert!(Shingles::of("头痛").jaccard(&Shingles::of("腹痛")).abs() < 1e-12);
    }

    #[test]
    fn likeness_is_counted_by_hand() {
        // abcdefg: abcde bcdef cdefg; abcdefh: abcde bcdef cdefh (as Han characters): 2 of 4 shared.
        let (left, right) = (Shingles::of("一二三四五六七"), Shingles::of("一二三四五六八"));
        assert!((left.jaccard(&right) - 0.5).abs() < 1e-12);
        assert!((left.containment(&right) - 2.0 / 3.0).abs() < 1e-12);
        let part = Shingles::of("一二三四五六");
        assert!((part.containment(&left) - 1.0).abs() < 1e-12);
        assert!(Shingles::of("").jaccard(&Shingles::of("")).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn likeness_is_symmetric_and_bounded(a in "[一-丰]{0,40}", b in "[一-丰]{0,40}") {
            let (a, b) = (Shingles::of(&a), Shingles::of(&b));
            prop_assert!((a.jaccard(&b) - b.jaccard(&a)).abs() < 1e-12);
            prop_assert!(a.jaccard(&b) <= a.containment(&b) + 1e-12 && a.containment(&b) <= 1.0);
            if !a.is_empty() { prop_assert!((a.jaccard(&a) - 1.0).abs() < 1e-12); }
        }
    }
}
