//! What follows from a record's findings. Used by `data check`, by the worker before training and by reports.

use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::finding::Finding;
use super::kind::Certainty;

/// What the site wants done about findings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Say what was found; withhold nothing.
    Report,
    /// Replace every finding by a typed placeholder and train on the result.
    Mask,
    /// Withhold records with validated identifiers; warn about contextual ones.
    #[default]
    Block,
}

impl FromStr for Mode {
    type Err = UnknownMode;

    fn from_str(text: &str) -> Result<Self, UnknownMode> {
        match text {
            "report" => Ok(Self::Report),
            "mask" => Ok(Self::Mask),
            "block" => Ok(Self::Block),
            _ => Err(UnknownMode),
        }
    }
}

/// The text does not name a mode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the screening mode is one of report, mask, block")]
pub struct UnknownMode;

/// Whether a record may be trained on; the worst comes last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// Nothing was found.
    Train,
    /// Something was found that does not withhold the record; a person should look.
    Warn,
    /// The record is withheld from training.
    Block,
}

/// The verdict over a record's findings (those that no waiver accepts). In `mask` mode a record with findings
/// is trained on as [`mask`](super::mask::mask) leaves it, which is what `Warn` says there.
#[must_use]
pub fn verdict(findings: &[Finding], mode: Mode) -> Verdict {
    let validated = findings.iter().any(|finding| finding.certainty == Certainty::Validated);
    match mode {
        Mode::Block if validated => Verdict::Block,
        _ if findings.is_empty() => Verdict::Train,
        _ => Verdict::Warn,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::screen::Kind;

    #[test]
    fn only_validated_findings_block_and_only_in_block_mode() {
        let name = Finding::new(Kind::PersonName, 0, 0, 6);
        let card = Finding::new(Kind::BankCard, 0, 10, 26);
        assert_eq!(verdict(&[], Mode::Block), Verdict::Train);
        assert_eq!(verdict(&[name], Mode::Block), Verdict::Warn);
        assert_eq!(verdict(&[name, card], Mode::Block), Verdict::Block);
        assert_eq!(verdict(&[name, card], Mode::Mask), Verdict::Warn);
        assert_eq!(verdict(&[card], Mode::Report), Verdict::Warn);
        assert_eq!(Mode::default(), Mode::Block);
    }
}
