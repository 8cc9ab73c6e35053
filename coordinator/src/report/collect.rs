//! Puts a run's report together from the journal's replay and the database. Called by `cli::report`.
//! Invariant: it measures nothing; it works for runs that go, are over or failed.

use std::collections::BTreeMap;
use std::path::Path;

use common::clock::Timestamp;
use serde_json::Value;

use super::document::{
    DepartmentReport, Held, Opening, Provenance, Report, Round, Run, SiteReport, TestSet, Timings, interval,
};
use super::suites;
use crate::admin::report::places;
use crate::admin::report::{RoundReport, RunReport, rfc3339, run_report};
use crate::error::{Error, Result};
use crate::evaluate::details::{Department, Details};
use crate::execution::runs::Runs;
use crate::round::state::{Metrics, RunState};
use crate::store::Store;

/// The report of a run as it stands at `now`; `details` are what is kept of it beside the journal.
///
/// # Errors
/// The database cannot be read.
pub fn report(
    store: &Store,
    runs: &Runs,
    state: &RunState,
    details: Option<Details>,
    now: Timestamp,
) -> Result<Report> {
    let mut status = run_report(store, runs, state, 0, now)?;
    let rounds: Vec<Round> = status.history.iter().map(round).collect();
    let newest = status.history.iter().rev().filter(|round| round.published.is_some());
    let validated = newest.into_iter().find_map(|round| round.validation);
    // The time of a run and that of this process need not be the same.
    let until = state.ended_at.unwrap_or_else(|| now.max(state.updated_at));
    let timings = Timings {
        run_s: Some(until.since_ms(state.began_at()) as f64 / 1000.0),
        worst_round_overhead_s: rounds.iter().filter_map(|round| round.overhead_s).reduce(f64::max),
        ..Timings::default()
    };
    // Of an earlier attempt, or of an attempt that did not end, they say nothing of what is shown beside
    // them.
    let details = details.filter(|details| {
        state.is_over() && details.adapter == state.model() && details.attempt == state.test.attempt
    });
    let (departments, mut samples) =
        details.map_or((Vec::new(), None), |details| (details.departments, details.samples));
    let (mut suites, mut forgetting) = (suites::of_run(state), suites::forgotten(state));
    let (mut run, mut warnings) = (run(state, &status), std::mem::take(&mut status.warnings));
    let reasons =
        suites.iter_mut().map(|it| &mut it.reason).chain(forgetting.iter_mut().map(|it| &mut it.reason));
    let mut side_by_side = status.side_by_side.take();
    let rows = side_by_side.iter_mut().flat_map(|it| &mut it.sets).flat_map(|set| &mut set.rows);
    let reasons = reasons.chain(rows.map(|row| &mut row.reason));
    let reasons = reasons.chain(samples.iter_mut().map(|it| &mut it.reason)).chain([&mut run.failure]);
    for text in reasons.flatten().chain(&mut warnings) {
        *text = places::without_folders(text, known_paths(state));
    }
    Ok(Report {
        departments: departments.into_iter().map(department).collect(),
        suites,
        forgetting,
        own_scores: status.own_scores.take(),
        side_by_side,
        samples,
        run,
        base: held(status.base.as_ref(), status.test.base.as_ref()),
        last: held(validated.as_ref(), status.test.federated.as_ref()),
        test: test_set(&status),
        sites: status.sites.iter().map(site).collect(),
        test_set_openings: status.test.openings.iter().map(|at| opening(at)).collect(),
        rounds,
        warnings,
        timings,
        provenance: provenance(state)?,
        paths: None,
    })
}

/// Paths of the run on this machine, as far as the journal names them.
fn known_paths(state: &RunState) -> impl Iterator<Item = &Path> {
    let launched = &state.launched;
    let held_out = launched.validation.iter().chain(&launched.test);
    let suites = launched.suites.iter().flat_map(|suite| [&suite.file, &suite.records]);
    let files = held_out.chain(suites).map(|file| file.path.as_path());
    files.chain(std::iter::once(launched.model.as_path()))
}

fn run(state: &RunState, status: &RunReport) -> Run {
    Run {
        id: status.run.clone(),
        name: status.name.clone(),
        rounds: status.rounds,
        alone: status.alone,
        local_work: Some(state.launched.spec.training.work().to_string()),
        robust: state.launched.spec.aggregation.robust_rule().map(|rule| rule.to_string()),
        server_optimizer: state.launched.spec.aggregation.server_rule().map(|rule| rule.to_string()),
        model: state.launched.model.display().to_string(),
        adapter_digest: status.adapter.clone(),
        phase: status.phase.clone(),
        failure: status.failure.clone(),
        launched: status.launched.clone(),
        ended: state.ended_at.map(rfc3339),
    }
}

fn held(validation: Option<&Metrics>, test: Option<&Metrics>) -> Held {
    Held {
        validation_loss: validation.map(|metrics| metrics.loss),
        validation_perplexity: validation.map(|metrics| metrics.perplexity),
        validation_token_accuracy: validation.map(|metrics| metrics.token_accuracy),
        test_loss: test.map(|metrics| metrics.loss),
        test_perplexity: test.map(|metrics| metrics.perplexity),
        test_token_accuracy: test.map(|metrics| metrics.token_accuracy),
    }
}

fn test_set(status: &RunReport) -> TestSet {
    let (base, last) = (status.test.base.as_ref(), status.test.federated.as_ref());
    let change = base.zip(last).filter(|(base, _)| base.loss > 0.0);
    let paired = last.and_then(|metrics| metrics.paired);
    TestSet {
        questions: last.map(|metrics| metrics.samples),
        supervised_tokens: last.map(|metrics| metrics.supervised_tokens),
        paired,
        change: change.map(|(base, last)| last.loss / base.loss - 1.0),
        change_interval: paired.as_ref().and_then(interval),
    }
}

fn department(measured: Department) -> DepartmentReport {
    let Department { name, questions, supervised_tokens, base_loss, loss, .. } = measured;
    DepartmentReport {
        name,
        questions,
        supervised_tokens,
        base_loss,
        loss,
        base_token_accuracy: measured.base_token_accuracy,
        token_accuracy: measured.token_accuracy,
        change: (base_loss > 0.0).then(|| loss / base_loss - 1.0),
        change_interval: measured.paired.as_ref().and_then(interval),
    }
}

fn opening(at: &str) -> Opening {
    Opening { at: at.to_owned(), purpose: "final evaluation".to_owned() }
}

fn round(round: &RoundReport) -> Round {
    let seconds = |milliseconds: Option<u64>| milliseconds.map(|milliseconds| milliseconds as f64 / 1000.0);
    let validation = round.validation.as_ref();
    Round {
        round: round.round,
        adapter_digest: round.adapter.clone(),
        validation_loss: validation.map(|metrics| metrics.loss),
        validation_perplexity: validation.map(|metrics| metrics.perplexity),
        validation_token_accuracy: validation.map(|metrics| metrics.token_accuracy),
        aggregation_error: round.aggregation_error,
        aggregation_error_found: round.aggregation_error_found.clone(),
        published: round.published.is_some(),
        not_adopted: round.not_adopted.is_some(),
        sites_counted: u32::try_from(round.updates.len()).unwrap_or(u32::MAX),
        wall_s: seconds(round.wall_ms),
        training_s: seconds(round.training_ms),
        evaluation_s: seconds(validation.map(|metrics| metrics.duration_ms)),
        overhead_s: seconds(round.overhead_ms),
    }
}

fn site(site: &crate::admin::report::sites::SiteReport) -> SiteReport {
    SiteReport {
        name: site.site.clone(),
        records: site.records,
        records_are_exact: false,
        weight: site.weight,
        bytes_sent: site.bytes_sent,
        frames_sent: site.frames_sent,
        ledger_verified: None,
        ledger_verified_by_python: None,
    }
}

fn provenance(state: &RunState) -> Result<Provenance> {
    let launched = &state.launched;
    let settings =
        serde_json::to_value(&launched.spec).map_err(|error| Error::Internal(error.to_string()))?;
    let mut flat = BTreeMap::new();
    flatten("", &settings, &mut flat);
    // Name and rounds are said elsewhere, and a path of this machine means nothing to a reader.
    flat.retain(|key, _| {
        let elsewhere = ["name", "rounds", "model", "validation", "test", "initial", "evaluation.suites"];
        !elsewhere.contains(&key.as_str())
    });
    Ok(Provenance {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        base_fingerprint: launched.model_fingerprint.to_string(),
        validation_file: launched.validation.as_ref().map(|file| file.digest.to_string()),
        test_file: launched.test.as_ref().map(|file| file.digest.to_string()),
        overlap: launched.overlap.is_some(),
        settings: flat,
    })
}

/// `{"training": {"seed": 7}}` as `training.seed`: 7. As deep as our own types are.
fn flatten(prefix: &str, value: &Value, flat: &mut BTreeMap<String, Value>) {
    let Value::Object(fields) = value else {
        flat.insert(prefix.to_owned(), value.clone());
        return;
    };
    for (key, value) in fields {
        let key = if prefix.is_empty() { key.clone() } else { format!("{prefix}.{key}") };
        flatten(&key, value, flat);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_named_as_in_a_run_file() {
        let mut flat = BTreeMap::new();
        let value = serde_json::json!({"training": {"seed": 7, "schedule": "constant"}, "rounds": 3});
        flatten("", &value, &mut flat);
        assert_eq!(flat["training.seed"], 7);
        assert_eq!(flat.keys().collect::<Vec<_>>(), ["rounds", "training.schedule", "training.seed"]);
    }
}
