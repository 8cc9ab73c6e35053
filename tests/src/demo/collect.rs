//! Takes the coordinator's own report of the run and adds what only the demo knows: exact record counts and
//! verified ledgers, because it hosts every site. Called by `demo`. Invariant: no measurement of its own
//! but the wall clock; every number here was printed by the coordinator or by a site.

use std::time::Duration;

use coordinator::report::{Paths, Report};

use super::verify::Verification;
use crate::consortium::Consortium;
use crate::failure::Failure;
use crate::limits::STATUS_S_MAX;
use crate::status::SiteStatus;

/// What `coordinator report` and `site-agent status` get.
const STATUS: Duration = Duration::from_secs(STATUS_S_MAX);

/// Builds the report of a published run.
pub(super) fn report(
    consortium: &Consortium,
    run: &str,
    verifications: Vec<Verification>,
    paths: Paths,
) -> Result<Report, Failure> {
    let unusable = |detail: String| Failure::Output { program: "coordinator report".to_owned(), detail };
    let text = consortium.coordinator.run(&["report", run, "--json"], STATUS)?.success()?;
    let mut report: Report = serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))?;
    // A run can be published unevaluated; a demo of such a run would show nothing.
    if report.base.test_loss.is_none() || report.last.test_loss.is_none() {
        return Err(unusable("there is no measurement on the test set".to_owned()));
    }
    for (site, verification) in consortium.sites.iter().zip(verifications) {
        let status = SiteStatus::parse(&site.run(&["status", "--json"], STATUS)?.success()?)?;
        let Some(row) = report.sites.iter_mut().find(|row| row.name == site.name()) else {
            return Err(unusable(format!("it does not name the site {}", site.name())));
        };
        (row.records, row.records_are_exact) = (Some(status.records), true);
        (row.bytes_sent, row.frames_sent) = (verification.bytes_sent, verification.frames_sent);
        row.ledger_verified = Some(verification.verified);
        row.ledger_verified_by_python = verification.by_python;
    }
    report.paths = Some(paths);
    Ok(report)
}
