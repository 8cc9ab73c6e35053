//! The state of one run: plain data, rebuilt from the journal at every start. Used by `scheduler`, which
//! alone changes it; by `execution::runs`, which publishes it; by `requests`, which asks what work a site
//! has; by `admin::report`, which shows it. Invariant: written names stay, so that old files can be read.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use common::clock::Timestamp;
use common::id::{Digest, Round, SiteId};
use serde::{Deserialize, Serialize};

use super::accuracy::Outcome;
use super::baseline::Baselines;
use super::decision::Answered;
use super::extended::Extension;
use super::launched::LaunchedRun;
use super::measured::{Begun, Forgotten, SuiteOutcome};
use super::missing::{Absence, Missing};
use super::said::Said;
use super::vetoed::Veto;

pub use super::metrics::{Metrics, Paired};

/// Where a run stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Launched; it waits for its turn, and its sites know nothing of it.
    Queued,
    /// Launched; its sites are asked whether they take part.
    Proposed,
    /// Its sites have agreed; the base model is being measured.
    #[serde(rename = "idle")]
    MeasuringBase,
    /// The round is open and no site is ready for it yet.
    Announced,
    /// At least one site works on the round.
    Collecting,
    /// Enough updates are in; they are being averaged.
    Aggregating,
    /// The aggregate is being measured on the validation set.
    Evaluating,
    /// The round's result is being made the current model.
    #[serde(rename = "published")]
    Publishing,
    /// All rounds are done; the test set is about to be opened.
    TestPending,
    /// The test set is open.
    Testing,
    /// Over, with a final model.
    Finished,
    /// Over, without one; the model of the last published round stands.
    Failed(Failure),
}

impl Phase {
    /// The word for it, in the journal, in `status` and in the log.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Proposed => "proposed",
            Self::MeasuringBase => "idle",
            Self::Announced => "announced",
            Self::Collecting => "collecting",
            Self::Aggregating => "aggregating",
            Self::Evaluating => "evaluating",
            Self::Publishing => "published",
            Self::TestPending => "test_pending",
            Self::Testing => "testing",
            Self::Finished => "finished",
            Self::Failed(_) => "failed",
        }
    }
}

/// Why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The deadline passed with too few updates.
    QuorumNotMet {
        /// Updates that were in.
        updates: u32,
        /// Updates that were needed.
        needed: u32,
    },
    /// Too few sites agreed to the run.
    NotAgreed {
        /// Sites that did.
        agreed: u32,
        /// Sites that were needed.
        needed: u32,
    },
    /// The held-out veto left no round to adopt.
    NothingAdopted,
    /// The operator ended it.
    Stopped,
    /// The coordinator could not do its part; the reason is a sentence for the operator.
    #[serde(rename = "broken")]
    EffectFailed(String),
}

/// An update that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Update {
    /// SHA-256 of the update file.
    pub digest: Digest,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its weight: records trained on, rounded as reported.
    pub records: u64,
}

/// The outcome of one evaluation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Score {
    /// It was measured.
    Measured(Metrics),
    /// It could not be measured; the run goes on.
    Unevaluated {
        /// One sentence for the operator.
        reason: String,
    },
}

impl Score {
    /// The numbers, if there are any.
    pub fn metrics(&self) -> Option<&Metrics> {
        match self {
            Self::Measured(metrics) => Some(metrics),
            Self::Unevaluated { .. } => None,
        }
    }
}

/// The aggregate of a round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Aggregate {
    /// SHA-256 of the adapter file.
    pub digest: Digest,
    /// Wall time of the aggregation.
    pub duration_ms: u64,
    /// What the server's optimiser remembers; `None` without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server_state: Option<ServerState>,
}

/// The files in which the server's optimiser remembers earlier rounds, by SHA-256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerState {
    /// The first moment.
    pub first: Digest,
    /// The second one, of an adaptive rule.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Digest>,
}

impl ServerState {
    /// Its files.
    pub fn digests(self) -> impl Iterator<Item = Digest> {
        [Some(self.first), self.second].into_iter().flatten()
    }
}

/// An update that was averaged and is far from the others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Outlier {
    /// Whose.
    pub site: SiteId,
    /// The norm of its change of the last adapter, over the median of the others'.
    pub norm_factor: f64,
    /// The cosine between its change and the others'.
    pub cosine: f64,
}

/// One round, from its announcement on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RoundRecord {
    /// Which.
    pub round: Round,
    /// The adapter it starts from.
    pub from: Digest,
    /// When it was announced.
    pub announced_at: Timestamp,
    /// When it fails unless enough updates are in.
    pub deadline: Timestamp,
    /// How much the operator moved that, and as much the end of the grace period once the quorum was in.
    #[serde(default, skip_serializing_if = "Extension::is_none")]
    pub extension: Extension,
    /// The sites that train it; none before they are chosen. Not there where every site trains every round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chosen: Option<BTreeSet<SiteId>>,
    /// The sites whose turn it was and who were not there for it: they have had it.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub passed_over: BTreeSet<SiteId>,
    /// Whether its deadline passed without a quorum, and others are to be chosen beside those who were.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_overdue: bool,
    /// Sites that are ready to train the round, and since when.
    #[serde(rename = "taken")]
    pub ready: BTreeMap<SiteId, Timestamp>,
    /// The updates that count.
    pub updates: BTreeMap<SiteId, Update>,
    /// Sites that gave up, and the failure code they sent.
    pub failed: BTreeMap<SiteId, String>,
    /// How often each of them said so, up to the most that is noted.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub failures: BTreeMap<SiteId, u32>,
    /// Since when the quorum is in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quorum_at: Option<Timestamp>,
    /// Sites that were out of reach when that closed the round.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub absent: BTreeMap<SiteId, Absence>,
    /// Sites that do not count in it, and why; filled when it ends.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing: BTreeMap<SiteId, Missing>,
    /// When the round stopped taking updates.
    pub closed_at: Option<Timestamp>,
    /// The average.
    pub aggregate: Option<Aggregate>,
    /// Updates in it that are far from the others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outliers: Vec<Outlier>,
    /// Its measurement on the validation set.
    pub score: Option<Score>,
    /// When it became the current model.
    pub published_at: Option<Timestamp>,
    /// Why it did not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vetoed: Option<Veto>,
    /// How far the average of the factors is from that of their product; found after the publication.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub aggregation_error: Option<Outcome>,
}

fn is_false(is: &bool) -> bool {
    !*is
}

/// A site sent two different updates for one round; the first stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Conflict {
    /// Which round.
    pub round: Round,
    /// Who.
    pub site: SiteId,
    /// The update that was refused.
    pub refused: Digest,
    /// When.
    pub at: Timestamp,
}

/// The test set's life.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TestRecord {
    /// When it was opened; one entry in a sound run.
    pub openings: Vec<Timestamp>,
    /// The base model on it.
    pub base: Option<Score>,
    /// The final model on it.
    pub federated: Option<Score>,
    /// How often the operator asked for it after the run: what an earlier attempt still says counts no more.
    #[serde(default)]
    pub attempt: u32,
    /// Where model and file are, where the operator said so after the run; not proved yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<TestPlace>,
}

/// Where an operator says that a run's base model and test file are now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TestPlace {
    /// The model folder.
    pub model: PathBuf,
    /// The test file.
    pub test: PathBuf,
}

/// Everything known about a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunState {
    /// What was asked for.
    #[serde(rename = "plan")]
    pub launched: LaunchedRun,
    /// Where it stands.
    pub phase: Phase,
    /// When it was launched.
    pub launched_at: Timestamp,
    /// When it left the queue, where it was in one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub left_queue_at: Option<Timestamp>,
    /// When the last event happened; time never runs backwards inside a run.
    pub updated_at: Timestamp,
    /// When it was over. An aggregation error may still be noted after that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The base model on the validation set.
    pub base: Option<Score>,
    /// The adapter that it started from on the validation set, where that is no fresh one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub initial: Option<Score>,
    /// Announced rounds, in order.
    pub rounds: Vec<RoundRecord>,
    /// The test set.
    pub test: TestRecord,
    /// Refused second updates.
    pub conflicts: Vec<Conflict>,
    /// Sites whose work does not count any more.
    pub revoked: BTreeSet<SiteId>,
    /// Sites that the operator left out of this run, for now.
    #[serde(default)]
    pub excluded: BTreeSet<SiteId>,
    /// Sites that the operator paused.
    #[serde(default)]
    pub paused: BTreeSet<SiteId>,
    /// What each site decided about the run.
    #[serde(default)]
    pub decisions: BTreeMap<SiteId, Answered>,
    /// Since when they are asked, where that is later than the launch.
    #[serde(default)]
    pub asked_at: Option<Timestamp>,
    /// Since when a quorum has agreed.
    #[serde(default)]
    pub agreed_at: Option<Timestamp>,
    /// After which round an operator wants it to end.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stops_after: Option<Round>,
    /// What the suites said, by their place among the launched ones.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub suites: BTreeMap<u32, SuiteOutcome>,
    /// What the final model forgot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub forgotten: Option<Forgotten>,
    /// Which of these measurements was begun and has not ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub begun: Option<Begun>,
    /// What sites said of the result on records of their own.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub own_scores: BTreeMap<SiteId, Said>,
    /// What sites trained alone, measured; of no other run.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub alone: BTreeMap<SiteId, Baselines>,
}

/// Where a run begins once it is its turn.
pub(super) fn first_phase(launched: &LaunchedRun) -> Phase {
    if launched.needs_approval { Phase::Proposed } else { Phase::MeasuringBase }
}

impl RunState {
    /// A run that was just launched.
    pub fn launched(launched: LaunchedRun, now: Timestamp) -> Self {
        let phase = if launched.queued.is_some() { Phase::Queued } else { first_phase(&launched) };
        Self {
            launched,
            phase,
            launched_at: now,
            left_queue_at: None,
            updated_at: now,
            ended_at: None,
            base: None,
            initial: None,
            rounds: Vec::new(),
            test: TestRecord::default(),
            conflicts: Vec::new(),
            revoked: BTreeSet::new(),
            excluded: BTreeSet::new(),
            paused: BTreeSet::new(),
            decisions: BTreeMap::new(),
            asked_at: None,
            agreed_at: None,
            stops_after: None,
            suites: BTreeMap::new(),
            forgotten: None,
            begun: None,
            own_scores: BTreeMap::new(),
            alone: BTreeMap::new(),
        }
    }

    /// Whether it waits for its turn.
    pub fn is_queued(&self) -> bool {
        self.phase == Phase::Queued
    }

    /// Whether its sites were told of it: not of one that waits for its turn, nor of one that was stopped
    /// while it did.
    pub fn has_begun(&self) -> bool {
        self.launched.queued.is_none() || self.left_queue_at.is_some()
    }

    /// When it was launched or left the queue.
    pub fn began_at(&self) -> Timestamp {
        self.left_queue_at.unwrap_or(self.launched_at)
    }

    /// Orders runs as they began; behind them those that have not, as they were launched.
    pub fn order(&self) -> (bool, Timestamp, Timestamp) {
        (!self.has_begun(), self.began_at(), self.launched_at)
    }

    /// The round in progress, or the last one.
    pub fn current(&self) -> Option<&RoundRecord> {
        self.rounds.last()
    }

    /// The round with this number.
    pub fn round(&self, round: Round) -> Option<&RoundRecord> {
        self.rounds.iter().find(|record| record.round == round)
    }

    /// The adapter of the last published round; the initial one before.
    pub fn model(&self) -> Digest {
        let published = self.rounds.iter().rev().filter(|record| record.published_at.is_some());
        let mut aggregates = published.filter_map(|record| record.aggregate);
        aggregates.next().map_or(self.launched.initial, |aggregate| aggregate.digest)
    }

    /// What the server's optimiser remembers of the last published round; nothing before.
    pub fn server_state(&self) -> Option<ServerState> {
        let mut published = self.rounds.iter().rev().filter(|record| record.published_at.is_some());
        published.next()?.aggregate?.server_state
    }

    /// Rounds that were published.
    pub fn published(&self) -> u32 {
        let published = self.rounds.iter().filter(|record| record.published_at.is_some());
        u32::try_from(published.count()).unwrap_or(u32::MAX)
    }

    /// Rounds that are behind it: published, or measured and not adopted.
    pub fn gone_through(&self) -> u32 {
        let settled = self.rounds.iter().filter(|it| it.published_at.is_some() || it.vetoed.is_some());
        u32::try_from(settled.count()).unwrap_or(u32::MAX)
    }

    /// Whether it has been through all its rounds and has published at least one.
    pub fn has_final_model(&self) -> bool {
        self.gone_through() >= self.launched.spec.rounds && self.published() > 0
    }

    /// Whether nothing more will happen.
    pub fn is_over(&self) -> bool {
        matches!(self.phase, Phase::Finished | Phase::Failed(_))
    }

    /// Whether it is over, has a last round's model and a test file, and no measurement of it.
    pub fn may_be_tested(&self) -> bool {
        let measured = self.test.federated.as_ref().and_then(Score::metrics).is_some();
        self.is_over() && self.has_final_model() && self.launched.test.is_some() && !measured
    }

    /// Whether updates of the current round are welcome.
    pub fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Announced | Phase::Collecting)
    }

    /// The next instant at which a `Tick` changes something: the deadline of the proposal or the round, or
    /// the end of the grace period once the quorum is in.
    pub fn next_deadline(&self) -> Option<Timestamp> {
        if self.phase == Phase::Proposed {
            return Some(self.proposal_deadline());
        }
        let record = self.current().filter(|_| self.is_open())?;
        let grace_ms = self.launched.spec.quorum.grace_ms().saturating_add(record.extension.grace_ms);
        let graced = record.quorum_at.map_or(record.deadline, |at| at.plus_ms(grace_ms));
        Some(record.deadline.min(graced))
    }

    /// Whether a site of this run takes no part in it now.
    pub fn is_left_out(&self, site: &SiteId) -> bool {
        let is_out = [&self.revoked, &self.excluded, &self.paused].iter().any(|sites| sites.contains(site));
        is_out || !self.has_agreed(site)
    }

    /// Sites of the open round that have neither delivered nor given up, and take part.
    pub fn waited_for(&self) -> impl Iterator<Item = &SiteId> {
        let record = self.current().filter(|_| self.is_open());
        self.launched.sites.iter().filter(move |site| {
            let done = |record: &RoundRecord| {
                record.updates.contains_key(*site) || record.failed.contains_key(*site)
            };
            record.is_some_and(|record| record.is_chosen(site) && !done(record)) && !self.is_left_out(site)
        })
    }

    /// The round that `site` should train now, if any.
    pub fn work_for(&self, site: &SiteId) -> Option<&RoundRecord> {
        let record = self.current().filter(|_| self.is_open())?;
        let takes_part = self.launched.sites.contains(site) && !self.is_left_out(site);
        let invited = takes_part && record.is_chosen(site);
        (invited && !record.updates.contains_key(site)).then_some(record)
    }
}
