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

fn unusable(detail: String) -> Failure {
    Failure::Output { program: "coordinator report".to_owned(), detail }
}

/// The coordinator's own report of a run.
pub(crate) fn of_run(consortium: &Consortium, run: &str) -> Result<Report, Failure> {
    let text = consortium.coordinator.run(&["report", run, "--json"], STATUS)?.success()?;
    serde_json::from_str(&text).map_err(|error| unusable(error.to_string()))
}

/// Adds to the report of a published run what each site trained alone; `verifications` are of the ledgers
/// since then. The counts of records and bytes stay those of the run itself.
pub(super) fn add_baselines(
    consortium: &Consortium,
    run: &str,
    verifications: &[Verification],
    report: &mut Report,
) -> Result<(), Failure> {
    let side_by_side = of_run(consortium, run)?.side_by_side;
    report.side_by_side = Some(side_by_side.ok_or_else(|| unusable("nothing was trained alone".to_owned()))?);
    for (site, verification) in consortium.sites.iter().zip(verifications) {
        let Some(row) = report.sites.iter_mut().find(|row| row.name == site.name()) else { continue };
        row.ledger_verified = Some(verification.verified);
        row.ledger_verified_by_python = verification.by_python;
    }
    Ok(())
}

/// Builds the report of a published run.
pub(super) fn report(
    consortium: &Consortium,
    run: &str,
    verifications: Vec<Verification>,
    paths: Paths,
) -> Result<Report, Failure> {
    let mut report = of_run(consortium, run)?;
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
