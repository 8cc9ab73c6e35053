//! Exact and near duplicates: what counts as the same record, and how it is found among millions.
//!
//! Called by the room (inside a site's files and across its training, validation and test files) and by the overlap with
//! the consortium's held-out set, which compares the same keys without showing texts. Invariants: everything here is a
//! function of the texts and of constants in this folder, so two machines find the same; nothing keeps or prints a text.
//!
//! Two passes: [`Keys`] takes every record once and gives [`Candidates`]; those take the questions of candidate records
//! once more and give [`Duplicates`]. [`find`] does both for records that are in memory.

mod candidates;
mod keys;
mod minhash;
mod normalise;
mod policy;
mod shingle;
mod texts;

pub use candidates::Candidates;
pub use keys::Keys;
pub use minhash::{
    BANDS, MINHASH_VERSION, PERMUTATIONS, ROWS, Signature, band_keys, candidate_probability, minhash,
};
pub use normalise::{Script, Tokens, normalise};
pub use policy::{DuplicatePolicy, UnknownPolicy};
pub use shingle::{SHINGLE_TOKENS, Shingles};
pub use texts::{Features, Texts, features, question_hash, record_hash};

use serde::{Deserialize, Serialize};

/// What counts as a duplicate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct DedupOptions {
    /// Look for near duplicates too, not only for equal ones.
    pub near: bool,
    /// Least Jaccard similarity of two questions that are near duplicates.
    pub jaccard_min: f64,
    /// Least containment of a short question in another.
    pub containment_min: f64,
    /// A question is short when it has at most this many shingles.
    pub short_shingles_max: usize,
}

impl Default for DedupOptions {
    fn default() -> Self {
        Self { near: true, jaccard_min: 0.7, containment_min: 0.8, short_shingles_max: 50 }
    }
}

/// In what way two records are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchKind {
    /// Question and answer are equal after normalisation.
    SameRecord,
    /// The questions are equal, the answers are not.
    SameQuestion,
    /// The questions' Jaccard similarity reaches the threshold.
    Near,
    /// A short question is contained in another.
    Contained,
}

/// A record that is like an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Match {
    /// The later record's number, in the order of reading.
    pub record: u32,
    /// The earlier record it was compared with and found alike.
    pub of: u32,
    /// In what way.
    pub kind: MatchKind,
    /// Jaccard similarity or containment, 0 to 1.
    pub similarity: f32,
}

/// What was found.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Duplicates {
    /// For every record that is like an earlier one, the most similar earlier one; ascending by record.
    pub matches: Vec<Match>,
    /// For every record, the smallest number in its cluster. Alike is joined transitively.
    pub cluster: Vec<u32>,
    /// Candidate pairs that were not compared because there were too many (limits.rs); 0 in all but odd data.
    pub pairs_left_out: u64,
}

/// Finds the duplicates among records that are in memory.
#[must_use]
pub fn find(texts: &[Texts], options: &DedupOptions) -> Duplicates {
    let mut keys = Keys::default();
    keys.push(texts);
    let mut candidates = keys.candidates(options);
    let questions: Vec<(u32, &str)> =
        (0u32..).zip(texts.iter().map(|texts| texts.question.as_str())).collect();
    candidates.offer(&questions);
    candidates.verify(options)
}

#[cfg(test)]
mod tests;
