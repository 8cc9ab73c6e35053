//! Why a site does not count in a round, as `status --json` and `sites --json` say it. Used by
//! `admin::report` and `admin::consortium`. Invariant: no word changes.

use serde::{Deserialize, Serialize};

use crate::round::decision::SiteDecision;
use crate::round::missing::{Absence, Missing};

/// Why a site does not count in a round.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reason {
    /// `revoked`, `excluded`, `paused`, `failed`, `never_connected`, `offline`, `late`, `not_ready`,
    /// `run_failed`, `undecided`, `declined`, `outside_policy` or `withdrawn`.
    pub word: String,
    /// The failure code it sent.
    #[serde(default)]
    pub code: Option<String>,
}

impl From<&Missing> for Reason {
    fn from(missing: &Missing) -> Self {
        let (word, code) = match missing {
            Missing::Revoked => ("revoked", None),
            Missing::Excluded => ("excluded", None),
            Missing::Paused => ("paused", None),
            Missing::Failed(code) => ("failed", Some(code.clone())),
            Missing::Absent(Absence::NeverConnected) => ("never_connected", None),
            Missing::Absent(Absence::Offline) => ("offline", None),
            Missing::Late => ("late", None),
            Missing::NotReady => ("not_ready", None),
            Missing::RunFailed => ("run_failed", None),
            Missing::NotAgreed(None | Some(SiteDecision::Approved)) => ("undecided", None),
            Missing::NotAgreed(Some(SiteDecision::Declined)) => ("declined", None),
            Missing::NotAgreed(Some(SiteDecision::OutsidePolicy)) => ("outside_policy", None),
            Missing::NotAgreed(Some(SiteDecision::Withdrawn)) => ("withdrawn", None),
        };
        Self { word: word.to_owned(), code }
    }
}
