//! What a site does about the duplicates that are found. Called by the room; written in `agent.toml` and the
//! manifest.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

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

/// The text does not name a policy.
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
