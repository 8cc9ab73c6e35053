//! What `status --json` says of a run: a flat, documented view of its state, put together from the journal's
//! replay and the database. Used by `server`, `report`, `cli::status`, `cli::runs` and `cli::launch`; read by
//! the operator, the demo's report and scripts. Invariant: a field is only ever added, and no word changes.

pub mod aggregation_error;
pub mod baselines;
pub mod own_scores;
pub mod places;
pub mod reason;
pub mod sites;
pub mod veto;
mod warnings;

use std::collections::{BTreeMap, BTreeSet};

use common::clock::Timestamp;
use common::id::Digest;
use common::run::Weighting;
use serde::{Deserialize, Serialize};

use self::aggregation_error::ErrorReport;
use self::baselines::SideBySide;
use self::own_scores::OwnScoresReport;
use self::reason::Reason;
use self::sites::SiteReport;
use self::veto::NotAdopted;
use crate::error::Result;
use crate::execution::performer::Trouble;
use crate::execution::runs::Runs;
use crate::round::state::{Failure, Metrics, Outlier, Phase, RoundRecord, RunState, Score};
use crate::round::{alone, weight};
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
    /// How many sites train a round; `null` where all do.
    #[serde(default)]
    pub sites_per_round: Option<usize>,
    /// The round in progress, or the last one; 0 before the first.
    pub round: u32,
    /// `proposed`, `idle`, `announced`, `collecting`, `aggregating`, `evaluating`, `published`,
    /// `test_pending`, `testing`, `finished` or `failed`.
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
    /// The run whose last published adapter it started from.
    #[serde(default)]
    pub origin: Option<String>,
    /// How often its test file had been opened by earlier runs.
    #[serde(default)]
    pub test_openings_before: u32,
    /// What does not succeed at the moment and is tried again; not known while no `serve` runs.
    #[serde(default)]
    pub trouble: Option<Trouble>,
    /// While no `serve` runs: when one lived last (RFC 3339, UTC; empty if that is not known).
    #[serde(default)]
    pub down_since: Option<String>,
    /// When a proposal or an open round ends at the latest: its deadline, or the end of the grace period once
    /// the quorum is in (RFC 3339, UTC).
    #[serde(default)]
    pub closes: Option<String>,
    /// What sites say of the result on records of their own; `null` where they are not asked.
    #[serde(default)]
    pub own_scores: Option<OwnScoresReport>,
    /// Base model, each site alone and what they trained together; `null` where no run of each alone was
    /// launched beside this one.
    #[serde(default)]
    pub side_by_side: Option<SideBySide>,
    /// Whether each site trains alone in this run.
    #[serde(default)]
    pub alone: bool,
    /// What the operator should know, a sentence each: rounds without evaluation, sites that did not count
    /// and why, record counts that jumped, weights that were lowered, updates far from the others.
    pub warnings: Vec<String>,
}

/// One round.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundReport {
    /// Its number, from 1.
    pub round: u32,
    /// SHA-256 of its aggregate.
    pub adapter: Option<String>,
    /// ||mean(BA) - mean(B)mean(A)|| / ||mean(BA)||; it is found beside the run, after the publication.
    pub aggregation_error: Option<f64>,
    /// How it was found, or why there is none; nothing before the publication.
    #[serde(default)]
    pub aggregation_error_found: Option<ErrorReport>,
    /// The aggregate on the validation set.
    pub validation: Option<Metrics>,
    /// How much later its deadline is than the run file says, because an operator moved it.
    #[serde(default)]
    pub extended_ms: u64,
    /// Sites that were chosen for it; empty where every site trains every round.
    #[serde(default)]
    pub chosen: Vec<String>,
    /// Sites whose updates count.
    pub updates: Vec<String>,
    /// What each of them weighs in the average, 0 to 1; empty while the round is open.
    #[serde(default)]
    pub weights: BTreeMap<String, f64>,
    /// Sites that do not count in it, and why; empty while the round is open.
    #[serde(default)]
    pub missing: BTreeMap<String, Reason>,
    /// Updates that are far from the others, in norm or direction.
    #[serde(default)]
    pub outliers: Vec<Outlier>,
    /// When it was announced (RFC 3339, UTC, to the millisecond; so are the next two).
    pub announced: String,
    /// When the last counted update was in.
    pub closed: Option<String>,
    /// When its aggregate was published.
    pub published: Option<String>,
    /// Why it was not.
    #[serde(default)]
    pub not_adopted: Option<NotAdopted>,
    /// From its announcement to its publication, or to the veto.
    pub wall_ms: Option<u64>,
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

/// The report of one run as it stands at `now`, with its rounds from number `keep` (counted from 0) on.
///
/// # Errors
/// The database cannot be read.
pub fn run_report(
    store: &Store,
    runs: &Runs,
    state: &RunState,
    keep: usize,
    now: Timestamp,
) -> Result<RunReport> {
    let launched = &state.launched;
    let history = state.rounds.iter().skip(keep).map(|record| round_report(store, state, record));
    let weights = weight::newest(state);
    let mut later = runs.all();
    later.retain(|run| run.order() > state.order());
    let report = |site| sites::report(store, &later, state, site, weights.get(site).copied());
    let sites = launched.sites.iter().map(report);
    let score = |score: &Option<Score>| score.as_ref().and_then(Score::metrics).copied();
    Ok(RunReport {
        run: launched.run.to_string(),
        name: launched.spec.name.clone(),
        weighting: launched.weighting(),
        rounds: launched.spec.rounds,
        sites_per_round: launched.spec.participation.map(|of| of.sites_per_round),
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
        origin: launched.origin.map(|origin| origin.run.to_string()),
        test_openings_before: launched.test_openings_before,
        trouble: None,
        down_since: None,
        closes: state.next_deadline().map(rfc3339),
        own_scores: own_scores::of_run(state, now),
        side_by_side: baselines::of_run(runs, state),
        alone: alone::is_alone(state),
        warnings: warnings::of_run(state),
    })
}

/// Why a run failed, as a sentence.
pub fn failure_text(phase: &Phase) -> Option<String> {
    match phase {
        Phase::Failed(Failure::QuorumNotMet { updates, needed }) => {
            Some(format!("the round had {updates} updates of the {needed} it needs"))
        }
        Phase::Failed(Failure::NotAgreed { agreed, needed }) => {
            Some(format!("{agreed} sites agreed to the run, and it needs {needed}"))
        }
        Phase::Failed(Failure::NothingAdopted) => {
            Some("no round was adopted: each one's validation loss rose too far".to_owned())
        }
        Phase::Failed(Failure::Stopped) => Some("the operator stopped it".to_owned()),
        Phase::Failed(Failure::EffectFailed(reason)) => Some(reason.clone()),
        _ => None,
    }
}

fn round_report(store: &Store, state: &RunState, record: &RoundRecord) -> Result<RoundReport> {
    let (training_ms, weights) = (training_ms(store, state, record)?, weight::of_round(state, record));
    let (aggregation_error, aggregation_error_found) = aggregation_error::of_round(record);
    let validation = record.score.as_ref().and_then(Score::metrics).copied();
    let ended = record.published_at.or_else(|| record.vetoed.as_ref().map(|veto| veto.at));
    let wall = ended.map(|at| at.since_ms(record.announced_at));
    let evaluation = validation.map_or(0, |metrics| metrics.duration_ms);
    let overhead = |wall: u64, training: u64| wall.saturating_sub(training).saturating_sub(evaluation);
    Ok(RoundReport {
        round: record.round.0,
        adapter: record.aggregate.map(|aggregate| aggregate.digest.to_string()),
        aggregation_error,
        aggregation_error_found,
        validation,
        extended_ms: record.extension.deadline_ms,
        chosen: record.chosen.iter().flatten().map(ToString::to_string).collect(),
        updates: record.updates.keys().map(ToString::to_string).collect(),
        weights: weights.into_iter().map(|(site, weight)| (site.to_string(), weight)).collect(),
        missing: record.missing.iter().map(|(site, why)| (site.to_string(), why.into())).collect(),
        outliers: record.outliers.clone(),
        announced: record.announced_at.rfc3339_ms(),
        closed: record.closed_at.map(Timestamp::rfc3339_ms),
        published: record.published_at.map(Timestamp::rfc3339_ms),
        not_adopted: veto::of_round(record),
        wall_ms: wall,
        training_ms,
        aggregation_ms: record.aggregate.map(|aggregate| aggregate.duration_ms),
        overhead_ms: wall.zip(training_ms).map(|(wall, training)| overhead(wall, training)),
    })
}

fn training_ms(store: &Store, state: &RunState, record: &RoundRecord) -> Result<Option<u64>> {
    let counted: BTreeSet<(&str, Digest)> =
        record.updates.iter().map(|(site, update)| (site.as_str(), update.digest)).collect();
    let offers = store.offers_of(state.launched.run, record.round)?;
    let last = offers
        .iter()
        .filter(|(site, digest, _)| counted.contains(&(site.as_str(), *digest)))
        .map(|(_, _, at)| *at)
        .max();
    let first = record.ready.values().min();
    Ok(last.zip(first).map(|(last, first)| last.since_ms(*first)))
}

fn by_records() -> Weighting {
    Weighting::Records
}

/// An instant as people and programs read it.
pub(crate) fn rfc3339(at: Timestamp) -> String {
    at.rfc3339()
}
