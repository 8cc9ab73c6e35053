//! What the search for duplicates finds. Used by `keys` and `candidates`, which make it, and by the room and
//! the manifest. Invariant: records are named by their number in the order of reading, never by a text.

use serde::{Deserialize, Serialize};

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
