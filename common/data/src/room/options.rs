//! The room's settings. Filled from `agent.toml` and the command line; written into the manifest.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::dedup::{DedupOptions, MINHASH_VERSION};
use crate::manifest::hex;
use crate::read::ReadOptions;
use crate::screen::{self, Mode};
use crate::split::{Side, SplitOptions};

/// A file, and what the user said it is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomFile {
    /// The file.
    pub path: PathBuf,
    /// Training, validation or test, where the user named it; otherwise the split decides.
    pub side: Option<Side>,
}

/// What is done about duplicates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DuplicatePolicy {
    /// They are not looked for.
    Ignore,
    /// They stay, all on one side of the split.
    Keep,
    /// Of records with equal question and answer the first is used; the rest stays on one side.
    #[default]
    DropCopies,
    /// Of every cluster of alike records the first is used.
    DropNear,
}

/// The text is no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("what is done about duplicates is one of ignore, keep, drop-copies, drop-near")]
pub struct UnknownPolicy;

impl fmt::Display for DuplicatePolicy {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Ignore => "ignore",
            Self::Keep => "keep",
            Self::DropCopies => "drop-copies",
            Self::DropNear => "drop-near",
        })
    }
}

impl FromStr for DuplicatePolicy {
    type Err = UnknownPolicy;

    fn from_str(text: &str) -> Result<Self, UnknownPolicy> {
        [Self::Ignore, Self::Keep, Self::DropCopies, Self::DropNear]
            .into_iter()
            .find(|policy| policy.to_string() == text)
            .ok_or(UnknownPolicy)
    }
}

/// All settings.
#[derive(Debug, Clone, Default)]
pub struct RoomOptions {
    /// How files are read.
    pub read: ReadOptions,
    /// SHA-256 of the mapping file, where one is used: it is part of the configuration.
    pub mapping_sha256: Option<[u8; 32]>,
    /// What is done about identifiers.
    pub screen: screen::Options,
    /// What is done about duplicates.
    pub duplicates: DuplicatePolicy,
    /// What counts as one.
    pub dedup: DedupOptions,
    /// How records are divided.
    pub split: SplitOptions,
}

/// What of the settings decides about records, as the manifest has it.
#[derive(Serialize)]
struct Configuration {
    screen: Mode,
    mapping_sha256: Option<String>,
    answer_characters_min: usize,
    record_characters_max: usize,
    turns_max: usize,
    duplicates: DuplicatePolicy,
    minhash_version: u32,
    dedup: DedupOptions,
    split: SplitOptions,
}

impl RoomOptions {
    /// The settings as the manifest has them.
    pub(super) fn configuration(&self) -> serde_json::Result<serde_json::Value> {
        serde_json::to_value(Configuration {
            screen: self.screen.mode,
            mapping_sha256: self.mapping_sha256.as_ref().map(hex),
            answer_characters_min: self.read.bounds.answer_characters_min,
            record_characters_max: self.read.bounds.record_characters_max,
            turns_max: self.read.bounds.turns_max,
            duplicates: self.duplicates,
            minhash_version: MINHASH_VERSION,
            dedup: self.dedup,
            split: self.split,
        })
    }
}
