//! The report as a document: its fields, which are also those of `--json`. Used by every file of `report` and
//! by the demo. Losses are nats per supervised token over the whole set; accuracies are fractions; times are
//! seconds; sizes are bytes. Invariants: a field is only ever added; what was not measured is `null`, never
//! zero.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::suites::{ForgettingReport, SuiteReport};
use crate::admin::report::aggregation_error::ErrorReport;
use crate::admin::report::baselines::SideBySide;
use crate::admin::report::own_scores::OwnScoresReport;
use crate::evaluate::details::Samples;
use crate::round::state::Paired;

/// The whole report of one run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// What was run, and where it stands.
    pub run: Run,
    /// The base model.
    pub base: Held,
    /// The rounds that were announced.
    pub rounds: Vec<Round>,
    /// The newest published model.
    #[serde(rename = "final")]
    pub last: Held,
    /// The test set.
    pub test: TestSet,
    /// The test set by department, where its file names them; the largest first.
    #[serde(default)]
    pub departments: Vec<DepartmentReport>,
    /// The evaluation suites that were launched with the run, in their order.
    #[serde(default)]
    pub suites: Vec<SuiteReport>,
    /// What the final model forgot; `null` where the run file does not ask for it.
    #[serde(default)]
    pub forgetting: Option<ForgettingReport>,
    /// What sites say of the result on records of their own; `null` where they are not asked.
    #[serde(default)]
    pub own_scores: Option<OwnScoresReport>,
    /// Base model, each site alone, and what they trained together; `null` where no run of each alone was
    /// launched beside this one.
    #[serde(default)]
    pub side_by_side: Option<SideBySide>,
    /// Questions of a held-out set with the answers of base and final model; `null` where none were asked
    /// for, of a run that is not over, and with `--without-samples`.
    #[serde(default)]
    pub samples: Option<Samples>,
    /// The sites that were invited.
    pub sites: Vec<SiteReport>,
    /// When the coordinator opened the test set, from its journal. Exactly one is expected of a finished run.
    pub test_set_openings: Vec<Opening>,
    /// What the operator should know.
    pub warnings: Vec<String>,
    /// Where the time went.
    pub timings: Timings,
    /// Where the model comes from.
    pub provenance: Provenance,
    /// What the demo left behind; of no other run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paths: Option<Paths>,
}

/// What was run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Rounds it has or will have.
    pub rounds: u32,
    /// Whether each site trains alone in it: nothing is averaged or published then.
    #[serde(default)]
    pub alone: bool,
    /// What each site trains in a round: `1 epoch`, `0.25 epochs`, `20 steps`. Not in reports of older
    /// versions.
    #[serde(default)]
    pub local_work: Option<String>,
    /// What stands in the place of the mean: `median`; `null` for the mean.
    #[serde(default)]
    pub robust: Option<String>,
    /// What the coordinator does with the mean: `momentum 0.5, rate 1`; `null` where it publishes the mean.
    #[serde(default)]
    pub server_optimizer: Option<String>,
    /// The base model's folder at the coordinator.
    pub model: String,
    /// SHA-256 of the newest published adapter, hexadecimal; of the initial one before the first round.
    pub adapter_digest: String,
    /// As in `coordinator status --json`.
    pub phase: String,
    /// Why it failed.
    pub failure: Option<String>,
    /// When it was launched (RFC 3339, UTC).
    pub launched: String,
    /// When it was over.
    pub ended: Option<String>,
}

/// A model on the held-out sets.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Held {
    pub validation_loss: Option<f64>,
    pub validation_perplexity: Option<f64>,
    pub validation_token_accuracy: Option<f64>,
    pub test_loss: Option<f64>,
    pub test_perplexity: Option<f64>,
    pub test_token_accuracy: Option<f64>,
}

/// How many questions the test set has, and how sure its change is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TestSet {
    /// Records that were scored.
    pub questions: Option<u64>,
    /// Tokens of their answers that were scored.
    pub supervised_tokens: Option<u64>,
    /// The final model beside the base model, record by record; `null` in runs of older versions.
    pub paired: Option<Paired>,
    /// The change of the test loss over the base model's, below 0 where the final model is better.
    pub change: Option<f64>,
    /// The 95 % interval of it, from the paired differences of the records; `null` where there are none or
    /// too few.
    pub change_interval: Option<[f64; 2]>,
}

/// The test questions of one department.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct DepartmentReport {
    /// As the file names it; `null` for the questions without one and those of the smallest departments.
    pub name: Option<String>,
    pub questions: u64,
    pub supervised_tokens: u64,
    pub base_loss: f64,
    /// Of the final model, as are the next ones.
    pub loss: f64,
    pub base_token_accuracy: f64,
    pub token_accuracy: f64,
    /// Of the loss, as a fraction of the base model's.
    pub change: Option<f64>,
    /// As for the whole set: `null` where the questions are too few.
    pub change_interval: Option<[f64; 2]>,
}

/// One round.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Round {
    pub round: u32,
    pub adapter_digest: Option<String>,
    pub validation_loss: Option<f64>,
    pub validation_perplexity: Option<f64>,
    pub validation_token_accuracy: Option<f64>,
    /// ||mean(BA) - mean(B)mean(A)|| / ||mean(BA)||: what averaging the factors separately costs.
    pub aggregation_error: Option<f64>,
    /// How it was found, or why there is none; nothing before the round is published.
    #[serde(default)]
    pub aggregation_error_found: Option<ErrorReport>,
    /// Whether it became the run's model.
    #[serde(default)]
    pub published: bool,
    /// Whether the run went on without it, because its validation loss rose too far.
    #[serde(default)]
    pub not_adopted: bool,
    pub sites_counted: u32,
    pub wall_s: Option<f64>,
    /// From the first site that starts training to the last that ends.
    pub training_s: Option<f64>,
    pub evaluation_s: Option<f64>,
    /// Wall time that is neither training nor evaluation.
    pub overhead_s: Option<f64>,
}

/// One hospital.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SiteReport {
    /// Its name.
    pub name: String,
    /// Records it trained on: rounded, as it reported them; exact in the demo, which hosts every site.
    pub records: Option<u64>,
    /// Whether `records` is exact.
    #[serde(default)]
    pub records_are_exact: bool,
    /// What its last update weighed in the average, 0 to 1.
    pub weight: Option<f64>,
    /// Bytes received from it between the launch of this run and that of its next one; in the demo what its
    /// ledger says.
    pub bytes_sent: u64,
    /// Messages of that.
    pub frames_sent: u64,
    /// By `site-agent ledger verify`, where it was run: in the demo.
    #[serde(default)]
    pub ledger_verified: Option<bool>,
    /// By `deploy/verify_ledger.py`; `null` where it was not run.
    #[serde(default)]
    pub ledger_verified_by_python: Option<bool>,
}

/// One opening of the test set.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Opening {
    pub at: String,
    pub purpose: String,
}

/// Where the time went, in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// All of the demo.
    pub total_s: Option<f64>,
    /// In the demo: starting processes and joining sites.
    pub setup_s: Option<f64>,
    /// From launch to the end, or to now.
    pub run_s: Option<f64>,
    /// Largest `overhead_s` of the rounds.
    pub worst_round_overhead_s: Option<f64>,
}

/// Where the model comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of the coordinator that wrote the report.
    pub version: String,
    /// SHA-256 over the frozen base model as it is held; every site found the same.
    pub base_fingerprint: String,
    /// SHA-256 of the validation file at launch.
    pub validation_file: Option<String>,
    /// SHA-256 of the test file at launch.
    pub test_file: Option<String>,
    /// Whether sites compared their records with the held-out ones, by blinded points.
    pub overlap: bool,
    /// Every setting of the run file but names and paths, seeds included: `training.seed`.
    pub settings: BTreeMap<String, serde_json::Value>,
}

/// What the demo left behind, as given by the caller's `--out`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the names say it")]
pub struct Paths {
    pub report_html: String,
    pub adapter: String,
    pub coordinator_state: String,
    pub site_states: Vec<String>,
    pub logs: String,
}

impl Report {
    /// Whether every ledger that was checked passed.
    pub fn ledgers_verified(&self) -> bool {
        let failed = |verdict: Option<bool>| verdict == Some(false);
        !self.sites.iter().any(|site| failed(site.ledger_verified) || failed(site.ledger_verified_by_python))
    }

    /// Whether ledgers were checked at all.
    pub fn has_ledgers(&self) -> bool {
        self.sites.iter().any(|site| site.ledger_verified.is_some())
    }
}

/// The 95 % interval of the change; nothing where the records are too few for it.
pub fn interval(paired: &Paired) -> Option<[f64; 2]> {
    paired.interval()
}
