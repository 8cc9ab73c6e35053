//! What `status --json` says of a run: a flat, documented view of its state, put together from the journal's
//! replay and the database. Used by `server`, `report`, `cli::status`, `cli::runs` and `cli::launch`; read by
//! the operator, the demo's report and scripts. Invariant: a field is only ever added, and no word changes.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::id::SiteId;
use common::run::Weighting;
use serde::{Deserialize, Serialize};

use crate::error::Result;
use crate::round::state::{Failure, Metrics, Outlier, Phase, RoundRecord, RunState, Score};
use crate::round::weight;
use crate::store::Store;

/// One run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunReport {
    /// Its id.
    pub run: String,
    /// Its name.
    pub name: String,
    /// How updates are weighed: `records`, `uniform` or `capped`.
    #[serde(default = "by_records")]
    pub weighting: Weighting,
    /// Rounds it will have.
    pub rounds: u32,
    /// The round in progress, or the last one; 0 before the first.
    pub round: u32,
    /// `idle`, `announced`, `collecting`, `aggregating`, `evaluating`, `published`, `test_pending`,
    /// `testing`, `finished` or `failed`.
    pub phase: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it was launched (RFC 3339, UTC).
    pub launched: String,
    /// SHA-256 of the newest published adapter; of the initial one before the first round.
    pub adapter: String,
    /// The base model on the validation set.
    pub base: Option<Metrics>,
    /// Announced rounds.
    pub history: Vec<RoundReport>,
    /// The test set.
    pub test: TestReport,
    /// Sites that take part.
    pub sites: Vec<SiteReport>,
    /// Refused second updates.
    pub conflicts: usize,
    /// What the operator should know: rounds without evaluation, revoked sites, record counts that jumped,
    /// weights that were lowered, updates far from the others.
    pub warnings: Vec<String>,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundReport {
    /// Its number, from 1.
    pub round: u32,
    /// SHA-256 of its aggregate.
    pub adapter: Option<String>,
    /// ||mean(BA) - mean(B)mean(A)|| / ||mean(BA)||
    pub aggregation_error: Option<f64>,
    /// The aggregate on the validation set.
    pub validation: Option<Metrics>,
    /// Sites whose updates count.
    pub updates: Vec<String>,
    /// What each of them weighs in the average, 0 to 1; empty while the round is open.
    #[serde(default)]
    pub weights: BTreeMap<String, f64>,
    /// Updates that are far from the others, in norm or direction.
    #[serde(default)]
    pub outliers: Vec<Outlier>,
    /// When it was announced, in milliseconds since 1970.
    pub announced_ms: u64,
    /// When the last counted update was in.
    pub closed_ms: Option<u64>,
    /// When its aggregate was published.
    pub published_ms: Option<u64>,
    /// From the first site that was ready to train to the last that offered its update.
    pub training_ms: Option<u64>,
    /// Averaging.
    pub aggregation_ms: Option<u64>,
    /// The round's time outside training and evaluation.
    pub overhead_ms: Option<u64>,
}

/// The test set.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TestReport {
    /// When it was opened (RFC 3339, UTC).
    pub openings: Vec<String>,
    /// The base model on it.
    pub base: Option<Metrics>,
    /// The final model on it.
    pub federated: Option<Metrics>,
}

/// One site in the newest round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SiteReport {
    /// Its name.
    pub site: String,
    /// `waiting`, `training`, `sent`, `failed` or `revoked`.
    pub state: String,
    /// The failure code it sent.
    pub failure: Option<String>,
    /// Optimiser steps done.
    pub step: u32,
    /// Optimiser steps of the round.
    pub total_steps: u32,
    /// Its training loss in nats per token.
    pub loss: Option<f64>,
    /// Its training speed.
    pub tokens_per_s: Option<u32>,
    /// Records it trained on, rounded as reported.
    pub records: Option<u64>,
    /// What its newest update weighs in the average of its round, 0 to 1.
    #[serde(default)]
    pub weight: Option<f64>,
    /// Bytes received from it since it joined, in all runs.
    pub bytes_sent: u64,
    /// Frames received from it since it joined.
    pub frames_sent: u64,
}

/// The report of one run.
///
/// # Errors
/// The database cannot be read.
pub fn run_report(store: &Store, state: &RunState) -> Result<RunReport> {
    let launched = &state.launched;
    let history = state.rounds.iter().map(|record| round_report(store, state, record));
    let weights = weight::newest(state);
    let sites = launched.sites.iter().map(|site| site_report(store, state, site, weights.get(site).copied()));
    let score = |score: &Option<Score>| score.as_ref().and_then(Score::metrics).copied();
    Ok(RunReport {
        run: launched.run.to_string(),
        name: launched.spec.name.clone(),
        weighting: launched.weighting(),
        rounds: launched.spec.rounds,
        round: state.current().map_or(0, |record| record.round.0),
        phase: state.phase.word().to_owned(),
        failure: failure_text(&state.phase),
        launched: rfc3339(state.launched_at),
        adapter: state.model().to_string(),
        base: score(&state.base),
        history: history.collect::<Result<_>>()?,
        test: TestReport {
            openings: state.test.openings.iter().map(|at| rfc3339(*at)).collect(),
            base: score(&state.test.base),
            federated: score(&state.test.federated),
        },
        sites: sites.collect::<Result<_>>()?,
        conflicts: state.conflicts.len(),
        warnings: warnings(state),
    })
}

/// Why a run failed, as a sentence.
pub fn failure_text(phase: &Phase) -> Option<String> {
    match phase {
        Phase::Failed(Failure::QuorumNotMet { updates, needed }) => {
            Some(format!("the round had {updates} updates of the {needed} it needs"))
        }
        Phase::Failed(Failure::Stopped) => Some("the operator stopped it".to_owned()),
        Phase::Failed(Failure::EffectFailed(reason)) => Some(reason.clone()),
        _ => None,
    }
}

fn round_report(store: &Store, state: &RunState, record: &RoundRecord) -> Result<RoundReport> {
    let (training_ms, weights) = (training_ms(store, state, record)?, weight::of_round(state, record));
    let validation = record.score.as_ref().and_then(Score::metrics).copied();
    let wall = record.published_at.map(|at| at.since_ms(record.announced_at));
    let evaluation = validation.map_or(0, |metrics| metrics.duration_ms);
    let overhead = |wall: u64, training: u64| wall.saturating_sub(training).saturating_sub(evaluation);
    Ok(RoundReport {
        round: record.round.0,
        adapter: record.aggregate.map(|aggregate| aggregate.digest.to_string()),
        aggregation_error: record.aggregate.map(|aggregate| aggregate.aggregation_error),
        validation,
        updates: record.updates.keys().map(ToString::to_string).collect(),
        weights: weights.into_iter().map(|(site, weight)| (site.to_string(), weight)).collect(),
        outliers: record.outliers.clone(),
        announced_ms: record.announced_at.0,
        closed_ms: record.closed_at.map(|at| at.0),
        published_ms: record.published_at.map(|at| at.0),
        training_ms,
        aggregation_ms: record.aggregate.map(|aggregate| aggregate.duration_ms),
        overhead_ms: wall.zip(training_ms).map(|(wall, training)| overhead(wall, training)),
    })
}

fn training_ms(store: &Store, state: &RunState, record: &RoundRecord) -> Result<Option<u64>> {
    let mut last: Option<Timestamp> = None;
    for (site, update) in &record.updates {
        last = last.max(store.offered_at(state.launched.run, record.round, site, update.digest)?);
    }
    let first = record.ready.values().min();
    Ok(last.zip(first).map(|(last, first)| last.since_ms(*first)))
}

fn site_report(store: &Store, state: &RunState, site: &SiteId, weight: Option<f64>) -> Result<SiteReport> {
    let totals = store.frame_totals(site)?;
    let newest = state.rounds.iter().rev().find_map(|record| record.updates.get(site));
    let mut report = SiteReport {
        site: site.to_string(),
        state: "waiting".to_owned(),
        failure: None,
        step: 0,
        total_steps: 0,
        loss: None,
        tokens_per_s: None,
        records: newest.map(|update| update.records),
        weight,
        bytes_sent: totals.map_or(0, |totals| totals.bytes),
        frames_sent: totals.map_or(0, |totals| totals.frames),
    };
    let Some(record) = state.current() else { return Ok(report) };
    if let Some(progress) = store.progress(state.launched.run, record.round, site)? {
        (report.step, report.total_steps) = (progress.step, progress.total_steps);
        (report.loss, report.tokens_per_s) = (Some(progress.loss), Some(progress.tokens_per_s));
    }
    report.failure = record.failed.get(site).cloned();
    let word = if state.revoked.contains(site) {
        "revoked"
    } else if record.updates.contains_key(site) {
        report.step = report.total_steps;
        "sent"
    } else if report.failure.is_some() {
        "failed"
    } else if record.ready.contains_key(site) {
        "training"
    } else {
        "waiting"
    };
    report.state = word.to_owned();
    Ok(report)
}

fn warnings(state: &RunState) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut note = |what: String, score: &Option<Score>| {
        if let Some(Score::Unevaluated { reason }) = score {
            warnings.push(format!("{what} is not evaluated: {reason}"));
        }
    };
    note("the base model".to_owned(), &state.base);
    for record in &state.rounds {
        note(format!("round {}", record.round), &record.score);
    }
    note("the final model on the test set".to_owned(), &state.test.federated);
    warnings.extend(state.rounds.iter().flat_map(|record| weight::warnings(state, record)));
    for record in &state.rounds {
        warnings.extend(record.outliers.iter().map(|outlier| outlier_warning(record, outlier)));
    }
    warnings.extend(state.revoked.iter().map(|site| format!("site {site} was revoked during the run")));
    warnings
}

fn outlier_warning(record: &RoundRecord, Outlier { site, norm_factor, cosine }: &Outlier) -> String {
    format!(
        "round {}: the update of site {site} is far from the others (its change is {norm_factor:.1} times as large, \
         with cosine {cosine:.2})",
        record.round
    )
}

fn by_records() -> Weighting {
    Weighting::Records
}

/// An instant as people and programs read it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.rfc3339()
}
