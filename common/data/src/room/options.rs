//! The room's settings. Used by the files of `room`; filled by the site agent from `agent.toml` and the
//! command line, and written into the manifest. Invariant: every setting that decides which records are used
//! is in [`RoomOptions::configuration`].

use std::path::PathBuf;

use super::fit::Fit;
use crate::dedup::{DedupOptions, DuplicatePolicy, MINHASH_VERSION};
use crate::hash::hex;
use crate::manifest::Configuration;
use crate::provenance::ProvenanceRules;
use crate::read::ReadOptions;
use crate::screen;
use crate::split::{Side, SplitOptions};

/// A file, and what the user said it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFile {
    /// The file.
    pub path: PathBuf,
    /// Training, validation or test, where the user named it; otherwise the split decides.
    pub side: Option<Side>,
}

/// All settings.
#[derive(Debug, Clone, Default)]
pub struct RoomOptions {
    /// How files are read.
    pub read: ReadOptions,
    /// SHA-256 of the mapping file, where one is used: it is part of the configuration.
    pub mapping_sha256: Option<[u8; 32]>,
    /// Weights of the files, in their order, where they are mixed: see [`crate::read::mix`].
    pub mix: Option<Vec<u32>>,
    /// What is done about identifiers.
    pub screen: screen::Options,
    /// What is done about duplicates.
    pub duplicates: DuplicatePolicy,
    /// What counts as one.
    pub dedup: DedupOptions,
    /// How records are divided.
    pub split: SplitOptions,
    /// What a record must say of its origin.
    pub provenance: ProvenanceRules,
    /// Whether a record fits the model it is for. Not in the manifest, whose counts say what was refused.
    pub fit: Fit,
}

impl RoomOptions {
    /// The settings as the manifest has them.
    pub(crate) fn configuration(&self) -> Configuration {
        Configuration {
            screen: self.screen.mode,
            waiver_sha256: self.screen.accepted.as_ref().map(|accepted| hex(accepted.message_sha256())),
            mapping_sha256: self.mapping_sha256.as_ref().map(hex),
            mix: self.mix.clone(),
            answer_characters_min: self.read.bounds.answer_characters_min,
            record_characters_max: self.read.bounds.record_characters_max,
            turns_max: self.read.bounds.turns_max,
            duplicates: self.duplicates,
            minhash_version: MINHASH_VERSION,
            dedup: self.dedup,
            split: self.split,
            provenance: self.provenance.clone(),
        }
    }
}
