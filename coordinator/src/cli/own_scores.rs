//! The line of `coordinator status` on what sites say of the result on records of their own. Called by
//! `status`. Pure.

use crate::admin::report::own_scores::{OwnScoresReport, Status};

/// `own held-out records: 2 of 3 sites measured, 1 do not say`, and who lost.
pub(super) fn line(report: &OwnScoresReport) -> String {
    let of = |wanted| report.sites.iter().filter(|site| site.status == wanted).count();
    let (measured, silent) = (of(Status::Measured), of(Status::NotSaid));
    let lost: Vec<&str> =
        report.sites.iter().filter(|site| site.lost()).map(|site| site.site.as_str()).collect();
    let mut line = format!(
        "own held-out records: {measured} of {} sites measured, {silent} do not say\n",
        report.sites.len()
    );
    if !lost.is_empty() {
        line.push_str(&format!(
            "the result is worse on their own records, by their own word: {}\n",
            lost.join(", ")
        ));
    }
    if let Some(until) = report.asked_until.as_ref().filter(|_| of(Status::Waiting) > 0) {
        line.push_str(&format!("the others are asked until {until}\n"));
    }
    line
}
