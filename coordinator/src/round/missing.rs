//! Why a site does not count in a round, as the journal keeps it and as people are told it. Used by `state`
//! and `closing`, by `admin::report`, and by `execution::driver` for the log. Invariant: each reason has its
//! words.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::decision::SiteDecision;

/// How we know that a site is out of reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absence {
    /// It has joined, but never said hello.
    NeverConnected,
    /// It has had no connection for a while.
    Offline,
}

/// Why a site does not count in a round that was closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Missing {
    /// It was shut out.
    Revoked,
    /// The operator left it out of the run.
    Excluded,
    /// The operator paused it.
    Paused,
    /// It gave up, with this failure code.
    Failed(String),
    /// It was out of reach.
    Absent(Absence),
    /// It was ready to train, and did not deliver in time.
    Late,
    /// It never said that it was ready to train.
    NotReady,
    /// The run failed before the round's time was over: a quorum had become impossible.
    RunFailed,
    /// It has not agreed to the run; what it decided, if it did.
    NotAgreed(Option<SiteDecision>),
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Revoked => "it was revoked",
            Self::Excluded => "the operator excluded it from the run",
            Self::Paused => "the operator paused it",
            Self::Failed(code) => return write!(f, "{} ({code})", failure_in_words(code)),
            Self::Absent(Absence::NeverConnected) => "it has never connected",
            Self::Absent(Absence::Offline) => "it was offline",
            Self::Late => "its update did not arrive in time",
            Self::NotReady => "it did not begin to train in time",
            Self::RunFailed => "the run failed before its update was there",
            Self::NotAgreed(None) => "it has not decided about the run",
            Self::NotAgreed(Some(SiteDecision::Withdrawn)) => "it has withdrawn from the run",
            Self::NotAgreed(Some(SiteDecision::OutsidePolicy)) => "its policy does not allow the run",
            Self::NotAgreed(Some(_)) => "it declined the run",
        })
    }
}

/// What a site's failure code means, for the operator, who can only ask the site's people to mend it.
pub fn failure_in_words(code: &str) -> &'static str {
    match code {
        "no_records" => "none of its records may be trained on",
        "data_unreadable" => "its records cannot be read",
        "base_mismatch" => "its base model is another one than the run's",
        "base_unreadable" => "its base model cannot be loaded",
        "out_of_memory" => "it ran out of memory",
        "worker_failed" => "its training failed again and again",
        "update_rejected" => "its update did not pass its own check",
        "not_allowed" => "its policy does not allow the run",
        "overlap_failed" => "its records could not be compared with the held-out set",
        _ => "for a reason that this version does not know",
    }
}

#[cfg(test)]
mod tests {
    use common::wire::message::TrainFailure;

    use super::*;
    use crate::requests::rules::failure_code;

    #[test]
    fn every_code_of_a_site_has_its_words() {
        use TrainFailure::*;
        let all = [
            NoRecords,
            DataUnreadable,
            BaseMismatch,
            BaseUnreadable,
            OutOfMemory,
            WorkerFailed,
            UpdateRejected,
            NotAllowed,
            OverlapFailed,
        ];
        for failure in all {
            assert!(!failure_in_words(failure_code(failure)).contains("does not know"), "{failure:?}");
        }
    }
}
