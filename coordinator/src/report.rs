//! The report of a run: everything the coordinator knows of it. Made by `collect` as a `document`, shown by
//! `table` and `html`; called by `cli::report` and by the demo, which adds what only it knows (exact record
//! counts, verified ledgers). What is shown before a run is over is `progress`.

pub mod baselines;
pub mod changes;
pub mod collect;
pub mod document;
pub mod format;
pub mod html;
pub mod own_scores;
pub mod progress;
pub mod sentences;
pub mod suites;
pub mod table;
mod text;
pub mod words;

#[cfg(test)]
pub(crate) mod example;

pub use self::document::{
    DepartmentReport, Held, Opening, Paths, Provenance, Report, Round, Run, SiteReport, TestSet, Timings,
    interval,
};
pub use self::sentences::sentences;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::INTERVAL_RECORDS_MIN;
    use crate::round::state::Paired;

    #[test]
    fn the_names_automation_relies_on_are_there() {
        let json = serde_json::to_value(example::report()).unwrap();
        assert!(json["base"]["test_loss"].is_f64());
        assert!(json["rounds"][0]["validation_loss"].is_f64());
        assert!(json["final"]["test_loss"].is_f64());
        for key in ["name", "records", "bytes_sent", "ledger_verified"] {
            assert!(!json["sites"][0][key].is_null(), "{key}");
        }
        let again: Report = serde_json::from_value(json).unwrap();
        assert_eq!(again, example::report());
    }

    #[test]
    fn an_interval_needs_enough_records() {
        let paired = Paired { records: INTERVAL_RECORDS_MIN, better: 1, change: -0.1, standard_error: 0.01 };
        let [low, high] = interval(&paired).unwrap();
        assert!((low + 0.1196).abs() < 1e-9 && (high + 0.0804).abs() < 1e-9);
        assert_eq!(interval(&Paired { records: INTERVAL_RECORDS_MIN - 1, ..paired }), None);
        assert_eq!(interval(&Paired { standard_error: f64::NAN, ..paired }), None);
    }

    #[test]
    fn one_failed_ledger_is_a_failure_and_an_unchecked_one_is_not() {
        let mut report = example::report();
        report.sites[1].ledger_verified_by_python = None;
        assert!(report.ledgers_verified() && report.has_ledgers());
        report.sites[1].ledger_verified = Some(false);
        assert!(!report.ledgers_verified());
    }
}
