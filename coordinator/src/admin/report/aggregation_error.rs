//! What `status` and `report` say of a round's aggregation error: how it was found and how exact it is, that
//! it is still being computed, or why there is none. Used by `admin::report`, `cli::status` and `report`.
//! Invariant: a number is never shown without how exact it is.

use serde::{Deserialize, Serialize};

use crate::round::accuracy::{Method, Outcome};
use crate::round::aggregation_error::is_waiting;
use crate::round::state::RoundRecord;

/// How a round's aggregation error was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// `exact`, `probes`, `pending` (computed beside the run, while `serve` runs) or `not_computed`.
    pub status: String,
    /// With `probes`: the standard error of the number.
    pub standard_error: Option<f64>,
    /// With `probes`: how many there were.
    pub probes: Option<u32>,
    /// How long the computation took; 0 where it was part of the aggregation, as in older versions.
    pub duration_ms: Option<u64>,
    /// With `not_computed`: why, a sentence.
    pub reason: Option<String>,
}

/// The number, if there is one, and how it was found; nothing of a round that is not published.
pub(super) fn of_round(record: &RoundRecord) -> (Option<f64>, Option<ErrorReport>) {
    let report = |status: &str| ErrorReport {
        status: status.to_owned(),
        standard_error: None,
        probes: None,
        duration_ms: None,
        reason: None,
    };
    match &record.aggregation_error {
        None => (None, is_waiting(record).then(|| report(PENDING))),
        Some(Outcome::NotComputed { reason }) => {
            (None, Some(ErrorReport { reason: Some(reason.clone()), ..report(NOT_COMPUTED) }))
        }
        Some(Outcome::Found { error, duration_ms }) => {
            let duration_ms = Some(*duration_ms);
            let found = match error.method {
                Method::Exact => report(EXACT),
                Method::Probes { count, standard_error } => ErrorReport {
                    standard_error: Some(standard_error),
                    probes: Some(count),
                    ..report(PROBES)
                },
            };
            (Some(error.value), Some(ErrorReport { duration_ms, ..found }))
        }
    }
}

const EXACT: &str = "exact";
const PROBES: &str = "probes";
const PENDING: &str = "pending";
const NOT_COMPUTED: &str = "not_computed";

impl ErrorReport {
    /// Whether it is still to be computed.
    pub fn is_pending(&self) -> bool {
        self.status == PENDING
    }

    /// Why there is no number.
    pub fn not_computed(&self) -> Option<&str> {
        self.reason.as_deref().filter(|_| self.status == NOT_COMPUTED)
    }

    /// The number for a table of plain text: with its standard error where it has one, rounded up.
    pub fn short(value: Option<f64>, report: Option<&Self>) -> String {
        let standard_error = report.and_then(|report| report.standard_error);
        match (value, standard_error) {
            (Some(value), Some(error)) => format!("{value:.4} +- {:.4}", rounded_up(error)),
            (Some(value), None) => format!("{value:.4}"),
            (None, _) if report.is_some_and(Self::is_pending) => PENDING.to_owned(),
            (None, _) => "-".to_owned(),
        }
    }
}

/// To four decimals, so that what is shown is not more exact than what was found.
pub(crate) fn rounded_up(standard_error: f64) -> f64 {
    (standard_error * 1e4).ceil() / 1e4
}

/// What the column of a table means, a sentence each; nothing where every number is exact.
pub(crate) fn notes<'a>(rounds: impl Iterator<Item = (u32, Option<&'a ErrorReport>)>) -> Vec<String> {
    let (mut notes, mut probes) = (Vec::new(), None);
    for (round, report) in rounds {
        let Some(report) = report else { continue };
        probes = probes.or(report.probes);
        if report.is_pending() {
            notes.push(format!(
                "round {round}: its aggregation error is computed beside the run, while `serve` runs"
            ));
        } else if let Some(reason) = report.not_computed() {
            notes.push(format!("round {round}: its aggregation error is not computed: {reason}"));
        }
    }
    if let Some(probes) = probes {
        let words = "estimates from {} random probes with their standard error";
        notes.insert(
            0,
            format!("aggregation errors with +- are {}", words.replace("{}", &probes.to_string())),
        );
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(status: &str, standard_error: Option<f64>) -> ErrorReport {
        let probes = standard_error.map(|_| 16);
        ErrorReport { status: status.to_owned(), standard_error, probes, duration_ms: Some(1), reason: None }
    }

    #[test]
    fn a_number_says_how_exact_it_is() {
        let short = |value, report: ErrorReport| ErrorReport::short(value, Some(&report));
        assert_eq!(short(Some(0.43), report(EXACT, None)), "0.4300");
        assert_eq!(short(Some(0.43), report(PROBES, Some(0.01234))), "0.4300 +- 0.0124");
        assert_eq!(short(Some(0.43), report(PROBES, Some(0.000_001))), "0.4300 +- 0.0001");
        assert_eq!(short(None, report(PENDING, None)), "pending");
        assert_eq!(short(None, report(NOT_COMPUTED, None)), "-");
        assert_eq!(ErrorReport::short(None, None), "-");
    }

    #[test]
    fn what_is_no_exact_number_is_explained() {
        let gone = ErrorReport { reason: Some("x is gone".to_owned()), ..report(NOT_COMPUTED, None) };
        let all = [report(EXACT, None), report(PROBES, Some(0.1)), gone, report(PENDING, None)];
        let notes = notes((1..).zip(all.iter().map(Some)));
        assert_eq!(notes.len(), 3);
        assert!(notes[0].contains("16 random probes") && notes[1].starts_with("round 3"), "{notes:?}");
        assert!(notes[1].ends_with("x is gone") && notes[2].starts_with("round 4"), "{notes:?}");
        assert!(super::notes([(1, Some(&all[0])), (2, None)].into_iter()).is_empty());
    }
}
