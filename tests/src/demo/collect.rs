//! Turns what the programs said about a run into the demo's report. Called by `demo`.
//! Invariant: no measurement of its own but the wall clock; every number here was printed by the
//! coordinator or by a site.

use std::time::Duration;

use super::arguments::DemoSettings;
use super::report::{Held, Opening, Paths, Report, Round, Run, SiteReport, Timings};
use super::verify::Verification;
use crate::consortium::Consortium;
use crate::failure::Failure;
use crate::limits::STATUS_S_MAX;
use crate::status::{RoundStatus, RunStatus, Score, SiteStatus};

/// What `site-agent status` gets.
const STATUS: Duration = Duration::from_secs(STATUS_S_MAX);

/// Builds the report of a published run.
pub(super) fn report(
    settings: &DemoSettings,
    consortium: &Consortium,
    status: &RunStatus,
    verifications: Vec<Verification>,
    mut timings: Timings,
    paths: Paths,
) -> Result<Report, Failure> {
    let rounds = status.history.iter().map(round).collect::<Result<Vec<_>, _>>()?;
    timings.worst_round_overhead_s = rounds.iter().filter_map(|round| round.overhead_s).reduce(f64::max);
    let last = status.history.iter().rev().find_map(|round| round.validation);
    Ok(Report {
        run: Run {
            id: status.run.clone(),
            name: status.name.clone(),
            rounds: status.rounds,
            model: settings.model.display().to_string(),
            adapter_digest: status.adapter.clone(),
        },
        base: held(status.base, required(status.test.base, "the base model on the test set")?),
        last: held(last, required(status.test.federated, "the final model on the test set")?),
        rounds,
        sites: sites(consortium, status, verifications)?,
        test_set_openings: status
            .test
            .openings
            .iter()
            .map(|at| Opening { at: at.clone(), purpose: "final evaluation".to_owned() })
            .collect(),
        timings,
        paths,
    })
}

fn held(validation: Option<Score>, test: Score) -> Held {
    Held {
        validation_loss: validation.map(|score| score.loss),
        validation_perplexity: validation.map(|score| score.perplexity),
        validation_token_accuracy: validation.map(|score| score.token_accuracy),
        test_loss: test.loss,
        test_perplexity: test.perplexity,
        test_token_accuracy: test.token_accuracy,
    }
}

fn round(status: &RoundStatus) -> Result<Round, Failure> {
    let validation = required(status.validation, &format!("round {} on the validation set", status.round))?;
    let seconds = |milliseconds: Option<u64>| milliseconds.map(|milliseconds| milliseconds as f64 / 1000.0);
    Ok(Round {
        round: status.round,
        adapter_digest: status.adapter.clone().unwrap_or_default(),
        validation_loss: validation.loss,
        validation_perplexity: validation.perplexity,
        validation_token_accuracy: validation.token_accuracy,
        aggregation_error: status.aggregation_error,
        sites_counted: status.updates.len() as u32,
        wall_s: seconds(status.published_ms.map(|at| at.saturating_sub(status.announced_ms))),
        training_s: seconds(status.training_ms),
        evaluation_s: seconds(Some(validation.duration_ms)),
        overhead_s: seconds(status.overhead_ms),
    })
}

fn sites(
    consortium: &Consortium,
    run: &RunStatus,
    verifications: Vec<Verification>,
) -> Result<Vec<SiteReport>, Failure> {
    let weight = |name: &str| run.sites.iter().find(|site| site.site == name).and_then(|site| site.weight);
    consortium
        .sites
        .iter()
        .zip(verifications)
        .map(|(site, verification)| {
            let status = SiteStatus::parse(&site.run(&["status", "--json"], STATUS)?.success()?)?;
            Ok(SiteReport {
                name: site.name().to_owned(),
                records: status.records,
                weight: weight(site.name()),
                bytes_sent: verification.bytes_sent,
                frames_sent: verification.frames_sent,
                ledger_verified: verification.verified,
                ledger_verified_by_python: verification.by_python,
            })
        })
        .collect()
}

/// A run can be published unevaluated; a report about such a run would be empty.
fn required(score: Option<Score>, what: &str) -> Result<Score, Failure> {
    score.ok_or_else(|| Failure::Output {
        program: "coordinator status".to_owned(),
        detail: format!("there is no measurement of {what}"),
    })
}
