//! What counts as a duplicate. Used by `keys`, `candidates`, the room's options and the manifest's
//! configuration. Invariant: the written names and defaults stand in manifests that hospitals keep.

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
