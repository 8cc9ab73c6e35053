//! Everything that can happen to a run. An event that changes the state is a journal row (JSON, so
//! that an auditor can read it with `sqlite3`); an event that changes nothing is answered and
//! forgotten. Used by `scheduler`, which applies events, and by `requests`, `admin`, `server` and
//! `execution`, which raise them. Invariant: variants are only ever added and written names stay, so that
//! old journals replay.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use common::id::{Digest, Round, SiteId};
use serde::{Deserialize, Serialize};

use super::accuracy::Outcome;
use super::baseline::{Baseline, HeldOut};
use super::decision::SiteDecision;
use super::launched::{LaunchedRun, Sent};
use super::measured::{Forgotten, SuiteOutcome, Wanted};
use super::missing::Absence;
use super::said::Said;
use super::state::{Outlier, Score, ServerState};
use super::vetoed::Harm;

/// Something that happened, in the past tense.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case", deny_unknown_fields)]
pub enum Event {
    /// An operator launched the run; always the first event of its journal.
    Launched {
        /// What was asked for, with every file pinned by digest.
        #[serde(rename = "plan")]
        launched: Box<LaunchedRun>,
    },
    /// A run that waited in the queue begins: its sites are asked from now on.
    LeftQueue {
        /// What had arrived of each site by now.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        sent_before: BTreeMap<SiteId, Sent>,
        /// How often earlier runs had opened the test file by now.
        #[serde(default)]
        test_openings_before: u32,
    },
    /// The base model was measured on the validation set.
    BaseScored {
        /// The measurement, or why there is none.
        score: Score,
        /// That of the adapter that the run starts from, where it is no fresh one; not in journals of older
        /// versions.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        initial: Option<Score>,
    },
    /// These sites train the round, or some more of them.
    SitesChosen {
        /// The round.
        round: Round,
        /// Who.
        sites: BTreeSet<SiteId>,
        /// Whose turn it was and who was not there for it; not written where there is none.
        #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
        passed_over: BTreeSet<SiteId>,
    },
    /// A site holds the right base model and its records for this round: it trains from now on.
    #[serde(rename = "taken")]
    SiteReady {
        /// The round it was handed.
        round: Round,
        /// Who.
        site: SiteId,
    },
    /// An update passed every check and is durable under its digest.
    UpdateStored {
        /// The round it was trained for.
        round: Round,
        /// Who sent it.
        site: SiteId,
        /// SHA-256 of the update file.
        digest: Digest,
        /// Length of the update file in bytes.
        bytes: u64,
        /// Records it was trained on, rounded as reported: the weight of the update.
        records: u64,
    },
    /// A site gave up on the round.
    SiteFailed {
        /// The round.
        round: Round,
        /// Who.
        site: SiteId,
        /// The failure code it sent, by name.
        code: String,
    },
    /// The operator revoked a site.
    SiteRevoked {
        /// Who.
        site: SiteId,
    },
    /// The operator left a site out of the run until it is included again.
    SiteExcluded {
        /// Who.
        site: SiteId,
    },
    /// The operator takes an excluded site in again.
    SiteIncluded {
        /// Who.
        site: SiteId,
    },
    /// The operator paused a site, in this run as in every other.
    SitePaused {
        /// Who.
        site: SiteId,
    },
    /// A paused site takes part again.
    SiteResumed {
        /// Who.
        site: SiteId,
    },
    /// A site decided about the run.
    SiteDecided {
        /// Who.
        site: SiteId,
        /// What.
        decision: SiteDecision,
    },
    /// The operator gave the open round more time.
    DeadlineExtended {
        /// The round.
        round: Round,
        /// How much.
        by_ms: u64,
    },
    /// Sites are out of reach. In the journal only where it closes the round or ends the proposal: nobody
    /// waits for them then.
    SitesAbsent {
        /// The round; 0 is the proposal.
        round: Round,
        /// Who, and how we know.
        sites: BTreeMap<SiteId, Absence>,
    },
    /// The round's aggregate is durable under its digest.
    Aggregated {
        /// The round.
        round: Round,
        /// SHA-256 of the aggregate.
        digest: Digest,
        /// The aggregation error in journals of older versions, which computed it before they published; now
        /// it comes later, as `AggregationErrorFound`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        aggregation_error: Option<f64>,
        /// How long it took.
        duration_ms: u64,
        /// Updates in it that are far from the others; empty in journals of older versions.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        outliers: Vec<Outlier>,
        /// What the server's optimiser remembers, durable too; `None` without one, and in older journals.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        server_state: Option<ServerState>,
    },
    /// The round's aggregate was measured on the validation set.
    Scored {
        /// The round.
        round: Round,
        /// The measurement, or why there is none.
        score: Score,
    },
    /// The round's aggregate is what sites and operators now get.
    RoundPublished {
        /// The round.
        round: Round,
    },
    /// How far the average of the factors is from that of their product: beside the run, after the round was
    /// published and perhaps after the run was over.
    AggregationErrorFound {
        /// The round.
        round: Round,
        /// What was found, or why nothing was.
        outcome: Outcome,
    },
    /// Which site's update did the harm in a round that was not adopted: beside the run, perhaps after it was
    /// over.
    HarmFound {
        /// The round.
        round: Round,
        /// What was found, or why nothing was.
        harm: Harm,
    },
    /// The test set is about to be read. Journalled before it is.
    TestOpened {
        /// SHA-256 of the test file.
        file: Digest,
        /// The attempt that this belongs to.
        #[serde(default)]
        attempt: u32,
    },
    /// The test set stays closed, because model or test file cannot be used; the run ends without it.
    TestPutOff {
        /// One sentence for the operator.
        reason: String,
        /// The attempt that this belongs to.
        #[serde(default)]
        attempt: u32,
    },
    /// The operator asks for the test set's measurement of a run that ended without one.
    TestAsked {
        /// Where the base model is now.
        model: PathBuf,
        /// Where the test file is now; its content is still the launched one.
        test: PathBuf,
    },
    /// Base and final model were measured on the test set.
    TestScored {
        /// The base model.
        base: Score,
        /// The last round's aggregate.
        federated: Score,
        /// The attempt that this belongs to.
        #[serde(default)]
        attempt: u32,
    },
    /// A suite, or what was forgotten, is about to be asked. Journalled before it is.
    MeasurementBegun {
        /// Which.
        what: Wanted,
    },
    /// Base and final model were asked an evaluation suite: beside the run, after it was over.
    SuiteMeasured {
        /// Its place among the launched ones, from 0.
        suite: u32,
        /// What came out, or why nothing did.
        outcome: Box<SuiteOutcome>,
    },
    /// It was measured what the final model forgot: beside the run, after it was over.
    ForgettingMeasured {
        /// What came out, or why nothing did.
        outcome: Box<Forgotten>,
    },
    /// What one site trained alone was measured on a held-out set.
    AloneMeasured {
        /// Who.
        site: SiteId,
        /// On what.
        set: HeldOut,
        /// What came out, or why nothing did.
        outcome: Baseline,
    },
    /// A site said how the result does on records that it held back itself, after the run was over.
    SiteScored {
        /// Who.
        site: SiteId,
        /// What it said, or why it does not.
        said: Said,
    },
    /// The coordinator was started again while the run was going.
    Restarted,
    /// The operator ended the run.
    Stopped,
    /// The operator wants it to end once this round, which was open, is through.
    StopAfterRound {
        /// The round.
        round: Round,
    },
    /// An effect failed for good; the reason is ours and holds no site's text.
    #[serde(rename = "broken")]
    EffectFailed {
        /// One sentence for the operator.
        reason: String,
    },
    /// Time passed.
    Tick,
}

impl Event {
    /// The name in the journal's `kind` column.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Launched { .. } => "launched",
            Self::LeftQueue { .. } => "left_queue",
            Self::BaseScored { .. } => "base_scored",
            Self::SitesChosen { .. } => "sites_chosen",
            Self::SiteReady { .. } => "taken",
            Self::UpdateStored { .. } => "update_stored",
            Self::SiteFailed { .. } => "site_failed",
            Self::SiteRevoked { .. } => "site_revoked",
            Self::SiteExcluded { .. } => "site_excluded",
            Self::SiteIncluded { .. } => "site_included",
            Self::SitePaused { .. } => "site_paused",
            Self::SiteResumed { .. } => "site_resumed",
            Self::SiteDecided { .. } => "site_decided",
            Self::DeadlineExtended { .. } => "deadline_extended",
            Self::SitesAbsent { .. } => "sites_absent",
            Self::Aggregated { .. } => "aggregated",
            Self::Scored { .. } => "scored",
            Self::RoundPublished { .. } => "round_published",
            Self::AggregationErrorFound { .. } => "aggregation_error_found",
            Self::HarmFound { .. } => "harm_found",
            Self::TestOpened { .. } => "test_opened",
            Self::TestPutOff { .. } => "test_put_off",
            Self::TestAsked { .. } => "test_asked",
            Self::TestScored { .. } => "test_scored",
            Self::MeasurementBegun { .. } => "measurement_begun",
            Self::SuiteMeasured { .. } => "suite_measured",
            Self::ForgettingMeasured { .. } => "forgetting_measured",
            Self::AloneMeasured { .. } => "alone_measured",
            Self::SiteScored { .. } => "site_scored",
            Self::Restarted => "restarted",
            Self::Stopped => "stopped",
            Self::StopAfterRound { .. } => "stop_after_round",
            Self::EffectFailed { .. } => "broken",
            Self::Tick => "tick",
        }
    }
}

#[cfg(test)]
mod tests;
