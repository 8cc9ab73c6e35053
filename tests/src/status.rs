//! What `coordinator status RUN --json` and `site-agent status --json` say, as far as we read it.
//!
//! Used by the demo and by the tests. A typed copy of the published JSON, kept apart from the
//! programs' own types on purpose: if a field is renamed, these stop parsing, as a user's script
//! would.

use serde::Deserialize;

use crate::failure::Failure;

/// One run, as the coordinator sees it.
#[derive(Clone, Debug, Deserialize)]
pub struct RunStatus {
    pub run: String,
    pub name: String,
    pub rounds: u32,
    pub round: u32,
    pub phase: String,
    #[serde(default)]
    pub failure: Option<String>,
    /// SHA-256 of the newest published adapter.
    pub adapter: String,
    /// The base model on the validation set.
    pub base: Option<Score>,
    pub history: Vec<RoundStatus>,
    pub test: TestStatus,
    pub sites: Vec<SiteProgress>,
    /// What the operator should know.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One model on one set.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Score {
    pub loss: f64,
    pub perplexity: f64,
    pub token_accuracy: f64,
    pub duration_ms: u64,
}

/// One round.
#[derive(Clone, Debug, Deserialize)]
pub struct RoundStatus {
    pub round: u32,
    pub adapter: Option<String>,
    pub aggregation_error: Option<f64>,
    #[serde(default)]
    pub aggregation_error_found: Option<ErrorFound>,
    pub validation: Option<Score>,
    pub updates: Vec<String>,
    pub announced: String,
    pub closed: Option<String>,
    pub published: Option<String>,
    #[serde(default)]
    pub not_adopted: Option<NotAdopted>,
    /// From the first site that starts training to the last that ends.
    pub training_ms: Option<u64>,
    /// The round's time outside training and evaluation.
    pub overhead_ms: Option<u64>,
}

/// Why a round was not adopted.
#[derive(Clone, Debug, Deserialize)]
pub struct NotAdopted {
    /// `pending`, `sites`, `server_optimizer`, `no_single_site` or `not_measured`.
    pub harm: String,
    pub harmful_sites: Vec<String>,
}

/// How a round's aggregation error was found.
#[derive(Clone, Debug, Deserialize)]
pub struct ErrorFound {
    /// `exact`, `probes`, `pending` or `not_computed`.
    pub status: String,
}

/// The test set: when it was opened and what was found.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct TestStatus {
    pub openings: Vec<String>,
    pub base: Option<Score>,
    pub federated: Option<Score>,
}

/// A site, as far as the coordinator knows it.
#[derive(Clone, Debug, Deserialize)]
pub struct SiteProgress {
    pub site: String,
    pub state: String,
    #[serde(default)]
    pub step: u32,
    #[serde(default)]
    pub total_steps: u32,
    /// Its training loss.
    #[serde(default)]
    pub loss: Option<f64>,
    /// Share of the average of its newest counted update.
    #[serde(default)]
    pub weight: Option<f64>,
}

impl RunStatus {
    /// Reads the JSON.
    ///
    /// # Errors
    /// [`Failure::Output`] with what does not fit.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        parse("coordinator status", text)
    }

    /// Why the run failed, where it did.
    pub fn failure(&self) -> Option<String> {
        self.failure.clone()
    }

    /// Whether the run has ended well: every round published and the test set measured, and nothing of its
    /// report is still being computed beside it.
    pub fn is_published(&self) -> bool {
        let is_pending = |round: &RoundStatus| {
            round.aggregation_error_found.as_ref().is_some_and(|found| found.status == "pending")
                || round.not_adopted.as_ref().is_some_and(|vetoed| vetoed.harm == "pending")
        };
        self.phase == "finished" && !self.history.iter().any(is_pending)
    }
}

/// What `coordinator runs --json` prints: newest first or last, we do not care.
#[derive(Clone, Debug, Deserialize)]
pub struct RunList(Vec<RunLine>);

#[derive(Clone, Debug, Deserialize)]
struct RunLine {
    run: String,
}

impl RunList {
    /// Reads the JSON.
    ///
    /// # Errors
    /// [`Failure::Output`] with what does not fit.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        parse("coordinator runs", text)
    }

    /// The ids of all runs.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|line| line.run.as_str())
    }
}

/// What `coordinator sites --json` prints.
#[derive(Clone, Debug, Deserialize)]
pub struct SiteList(Vec<SiteLine>);

/// One site, as the coordinator's books have it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct SiteLine {
    pub site: String,
    /// `invited`, `active` or `revoked`.
    pub status: String,
    /// When its certificate was recorded (RFC 3339).
    pub joined: Option<String>,
    /// Authorised frames that were received from it.
    pub frames: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl SiteList {
    /// Reads the JSON.
    ///
    /// # Errors
    /// [`Failure::Output`] with what does not fit.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        parse("coordinator sites", text)
    }

    /// One site.
    pub fn find(&self, site: &str) -> Option<&SiteLine> {
        self.0.iter().find(|line| line.site == site)
    }

    /// Sites with a certificate, and when it was recorded.
    pub fn joined(&self) -> Vec<(String, String)> {
        self.0.iter().filter_map(|line| Some((line.site.clone(), line.joined.clone()?))).collect()
    }
}

/// What a site says about itself; never sent anywhere.
#[derive(Clone, Debug, Deserialize)]
pub struct SiteStatus {
    /// Exact number of training records.
    pub records: u64,
}

impl SiteStatus {
    /// Reads the JSON.
    ///
    /// # Errors
    /// [`Failure::Output`] with what does not fit.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        parse("site-agent status", text)
    }
}

/// What `site-agent ledger verify --json` prints.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct LedgerStatus {
    /// Lines, notes included.
    pub records: u64,
    pub bytes: u64,
    /// Sums by kind of line.
    pub kinds: std::collections::BTreeMap<String, KindStatus>,
}

/// Of one kind.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct KindStatus {
    pub frames: u64,
}

impl LedgerStatus {
    /// Lines that stand for something that left: all but the notes on which records a run used.
    pub fn frames(&self) -> u64 {
        self.records - self.kinds.get("data").map_or(0, |notes| notes.frames)
    }

    /// Reads the JSON.
    ///
    /// # Errors
    /// [`Failure::Output`] with what does not fit.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        parse("site-agent ledger verify", text)
    }
}

fn parse<T: serde::de::DeserializeOwned>(program: &str, text: &str) -> Result<T, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::Output { program: program.to_owned(), detail: error.to_string() })
}
