//! Second pass: the texts of candidate pairs only, compared by their true likeness, and joined into clusters.
//! Called by the room and by `dedup::find`, with every record once more, in any order. Invariants: the
//! shingles of a record that is in no pair are not kept; the result does not depend on the order or the
//! batches in which texts are offered.

use rayon::prelude::*;

use super::matches::{Duplicates, Match, MatchKind};
use super::options::DedupOptions;
use super::shingle::Shingles;

/// What the first pass found, and the shingles that the second one brings.
#[derive(Debug)]
pub struct Candidates {
    exact: Vec<Match>,
    pairs: Vec<(u32, u32)>,
    pairs_left_out: u64,
    /// The slot of each record that is in a pair.
    slots: Vec<Option<u32>>,
    shingles: Vec<Shingles>,
}

impl Candidates {
    pub(super) fn new(
        records: usize,
        exact: Vec<Match>,
        pairs: Vec<(u32, u32)>,
        pairs_left_out: u64,
    ) -> Self {
        let mut slots = vec![None; records];
        let mut wanted: Vec<u32> = pairs.iter().flat_map(|(left, right)| [*left, *right]).collect();
        wanted.sort_unstable();
        wanted.dedup();
        for (slot, index) in (0u32..).zip(&wanted) {
            if let Some(place) = slots.get_mut(*index as usize) {
                *place = Some(slot);
            }
        }
        Self { exact, pairs, pairs_left_out, slots, shingles: vec![Shingles::default(); wanted.len()] }
    }

    /// Whether the question of this record must be offered.
    #[must_use]
    pub fn wants(&self, record: u32) -> bool {
        self.slots.get(record as usize).is_some_and(Option::is_some)
    }

    /// How many pairs will be compared.
    #[must_use]
    pub fn pairs(&self) -> usize {
        self.pairs.len()
    }

    /// Takes the questions of some records; those that are in no pair are passed over.
    pub fn offer(&mut self, batch: &[(u32, &str)]) {
        let made: Vec<(usize, Shingles)> = batch
            .par_iter()
            .filter_map(|(record, question)| {
                let slot = (*self.slots.get(*record as usize)?)?;
                Some((slot as usize, Shingles::of(question)))
            })
            .collect();
        for (slot, shingles) in made {
            if let Some(place) = self.shingles.get_mut(slot) {
                *place = shingles;
            }
        }
    }

    /// Compares all pairs and joins what is alike. A record whose question was never offered has no match.
    #[must_use]
    pub fn verify(self, options: &DedupOptions) -> Duplicates {
        let likeness: Vec<Option<(MatchKind, f32)>> = self
            .pairs
            .par_iter()
            .map(|(left, right)| compare(self.shingles_of(*left)?, self.shingles_of(*right)?, options))
            .collect();
        let mut best: Vec<Option<Match>> = vec![None; self.slots.len()];
        let mut clusters = Clusters::new(self.slots.len());
        for found in &self.exact {
            clusters.join(found.record, found.of);
        }
        for ((of, record), likeness) in self.pairs.iter().zip(&likeness) {
            let Some((kind, similarity)) = *likeness else { continue };
            clusters.join(*record, *of);
            let Some(place) = best.get_mut(*record as usize) else { continue };
            if place.is_none_or(|before| before.similarity < similarity) {
                *place = Some(Match { record: *record, of: *of, kind, similarity });
            }
        }
        for found in self.exact {
            if let Some(place) = best.get_mut(found.record as usize) {
                *place = Some(found);
            }
        }
        let matches = best.into_iter().flatten().collect();
        Duplicates { matches, cluster: clusters.into_smallest(), pairs_left_out: self.pairs_left_out }
    }

    fn shingles_of(&self, record: u32) -> Option<&Shingles> {
        let slot = (*self.slots.get(record as usize)?)?;
        self.shingles.get(slot as usize)
    }
}

/// Whether two questions are alike, and how.
fn compare(left: &Shingles, right: &Shingles, options: &DedupOptions) -> Option<(MatchKind, f32)> {
    let jaccard = left.jaccard(right);
    if jaccard >= options.jaccard_min {
        return Some((MatchKind::Near, jaccard as f32));
    }
    let is_short = left.len().min(right.len()) <= options.short_shingles_max;
    let containment = left.containment(right);
    (is_short && containment >= options.containment_min).then_some((MatchKind::Contained, containment as f32))
}

/// Union-find; the root of a cluster is its smallest record.
struct Clusters(Vec<u32>);

impl Clusters {
    fn new(records: usize) -> Self {
        Self((0u32..).take(records).collect())
    }

    fn root(&mut self, record: u32) -> u32 {
        let mut at = record;
        while let Some(parent) = self.0.get(at as usize).copied()
            && parent != at
        {
            let grandparent = self.0.get(parent as usize).copied().unwrap_or(parent);
            if let Some(place) = self.0.get_mut(at as usize) {
                *place = grandparent;
            }
            at = grandparent;
        }
        at
    }

    fn join(&mut self, left: u32, right: u32) {
        let (left, right) = (self.root(left), self.root(right));
        if let Some(place) = self.0.get_mut(left.max(right) as usize) {
            *place = left.min(right);
        }
    }

    fn into_smallest(mut self) -> Vec<u32> {
        (0u32..).take(self.0.len()).map(|record| self.root(record)).collect()
    }
}
