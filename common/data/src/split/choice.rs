//! How a scheme is written on a command line and in `agent.toml`. Called by serde, by clap and by messages.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How records are divided. Written `auto`, `none`, `80/10/10`, `5-fold`, `leave-one-out`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum SchemeChoice {
    /// By the number of records.
    #[default]
    Auto,
    /// Everything is trained on.
    None,
    /// Percent of the records for training, validation and test; together 100.
    Holdout([u8; 3]),
    /// So many folds, each held out once.
    KFold(u32),
    /// Every group (a record, or a patient's or a cluster's records) is held out once.
    LeaveOneOut,
}

/// The text does not name a scheme.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a split is auto, none, leave-one-out, a number of folds (5-fold), or percent for training, validation and test (80/10/10)"
)]
pub struct UnknownScheme;

impl fmt::Display for SchemeChoice {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => out.write_str("auto"),
            Self::None => out.write_str("none"),
            Self::LeaveOneOut => out.write_str("leave-one-out"),
            Self::KFold(folds) => write!(out, "{folds}-fold"),
            Self::Holdout([train, validation, test]) => write!(out, "{train}/{validation}/{test}"),
        }
    }
}

impl FromStr for SchemeChoice {
    type Err = UnknownScheme;

    fn from_str(text: &str) -> Result<Self, UnknownScheme> {
        match text {
            "auto" => return Ok(Self::Auto),
            "none" => return Ok(Self::None),
            "leave-one-out" => return Ok(Self::LeaveOneOut),
            _ => {}
        }
        if let Some(folds) = text.strip_suffix("-fold") {
            return folds.parse().map(Self::KFold).map_err(|_| UnknownScheme);
        }
        let parts: Vec<u8> =
            text.split('/').map(str::parse).collect::<Result<_, _>>().map_err(|_| UnknownScheme)?;
        <[u8; 3]>::try_from(parts).map(Self::Holdout).map_err(|_| UnknownScheme)
    }
}

impl TryFrom<String> for SchemeChoice {
    type Error = UnknownScheme;

    fn try_from(text: String) -> Result<Self, UnknownScheme> {
        text.parse()
    }
}

impl From<SchemeChoice> for String {
    fn from(choice: SchemeChoice) -> Self {
        choice.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back_and_anything_else_is_refused() {
        for text in ["auto", "none", "leave-one-out", "5-fold", "80/10/10", "60/40/0"] {
            assert_eq!(text.parse::<SchemeChoice>().unwrap().to_string(), text);
        }
        for text in ["", "Auto", "5 fold", "-fold", "80/20", "80/10/10/0", "80/10/x", "300/0/0", "-1/50/51"] {
            assert_eq!(text.parse::<SchemeChoice>(), Err(UnknownScheme), "{text}");
        }
    }
}
