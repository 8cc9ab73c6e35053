//! The settings that decide which records are used and how they are altered. Used by `manifest`; filled by
//! `room`. A struct and not a map, so that its JSON, and with it the configuration's hash, has one order of
//! fields in every build.

use serde::{Deserialize, Serialize};

use crate::dedup::{DedupOptions, DuplicatePolicy};
use crate::provenance::ProvenanceRules;
use crate::screen::Mode;
use crate::split::SplitOptions;

/// The settings, as the manifest has them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configuration {
    /// What is done about identifiers.
    pub screen: Mode,
    /// SHA-256 of the signed bytes of the privacy officer's waiver; absent where none is used.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiver_sha256: Option<String>,
    /// SHA-256 of the column mapping, where one is used.
    pub mapping_sha256: Option<String>,
    /// Weights of the files in their order, where they are mixed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mix: Option<Vec<u32>>,
    /// The shortest answer that is used.
    pub answer_characters_min: usize,
    /// The longest record.
    pub record_characters_max: usize,
    /// The longest conversation.
    pub turns_max: usize,
    /// What is done about duplicates.
    pub duplicates: DuplicatePolicy,
    /// Version of the comparison's keys.
    pub minhash_version: u32,
    /// What counts as a duplicate.
    pub dedup: DedupOptions,
    /// How records are divided.
    pub split: SplitOptions,
    /// What a record must say of its origin; absent where the default rules hold.
    #[serde(default, skip_serializing_if = "ProvenanceRules::are_default")]
    pub provenance: ProvenanceRules,
}
