//! What `coordinator status RUN --json` and `site-agent status --json` say, as far as we read it.
//!
//! Used by the demo and by the tests. A typed copy of the published JSON, kept apart from the
//! programs' own types on purpose: if a field is renamed, these stop parsing, as a user's script
//! would.

use crate::failure::Failure;
use serde::Deserialize;

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
    pub validation: Option<Score>,
    pub updates: Vec<String>,
    pub announced_ms: u64,
    pub closed_ms: Option<u64>,
    pub published_ms: Option<u64>,
    /// From the first site that starts training to the last that ends.
    pub training_ms: Option<u64>,
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

    /// Whether the run has ended well: every round published and the test set measured.
    pub fn is_published(&self) -> bool {
        self.phase == "finished"
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
#[derive(Clone, Debug, Deserialize)]
pub struct LedgerStatus {
    pub records: u64,
    pub bytes: u64,
}

impl LedgerStatus {
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
