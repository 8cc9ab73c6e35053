//! `report.json`: everything the demo measured, as one document.
//!
//! Used by `collect` (fills it), `table` and `html` (show it), and by whoever automates the demo. Losses are
//! nats per supervised token over the whole set; accuracies are fractions; times are seconds; sizes
//! are bytes. A field that was not measured is `null`, never zero.

use serde::{Deserialize, Serialize};

/// The whole outcome of one demo run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    pub run: Run,
    pub base: Held,
    pub rounds: Vec<Round>,
    #[serde(rename = "final")]
    pub last: Held,
    pub sites: Vec<SiteReport>,
    /// When the coordinator opened the test set, from its journal. Exactly one is expected.
    pub test_set_openings: Vec<Opening>,
    pub timings: Timings,
    pub paths: Paths,
}

/// What was run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    pub id: String,
    pub name: String,
    pub rounds: u32,
    pub model: String,
    /// SHA-256 of the published adapter, hexadecimal.
    pub adapter_digest: String,
}

/// A model on the held-out sets: the base model, or the last published one.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Held {
    pub validation_loss: Option<f64>,
    pub validation_perplexity: Option<f64>,
    pub validation_token_accuracy: Option<f64>,
    pub test_loss: f64,
    pub test_perplexity: f64,
    pub test_token_accuracy: f64,
}

/// One round.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Round {
    pub round: u32,
    pub adapter_digest: String,
    pub validation_loss: f64,
    pub validation_perplexity: f64,
    pub validation_token_accuracy: f64,
    /// ||mean(BA) - mean(B)mean(A)|| / ||mean(BA)||: what averaging the factors separately costs.
    pub aggregation_error: Option<f64>,
    pub sites_counted: u32,
    pub wall_s: Option<f64>,
    /// From the first site that starts training to the last that ends.
    pub training_s: Option<f64>,
    pub evaluation_s: Option<f64>,
    /// Wall time that is neither training nor evaluation.
    pub overhead_s: Option<f64>,
}

/// One hospital.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SiteReport {
    pub name: String,
    /// Exact; from the site's own status, known to this machine only because it hosts every site.
    pub records: u64,
    /// What its last update weighed in the average, 0 to 1, from the coordinator's status.
    pub weight: Option<f64>,
    pub bytes_sent: u64,
    pub frames_sent: u64,
    /// By `site-agent ledger verify`.
    pub ledger_verified: bool,
    /// By `deploy/verify_ledger.py`; `null` where there is no Python 3.
    pub ledger_verified_by_python: Option<bool>,
}

/// One opening of the test set.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Opening {
    pub at: String,
    pub purpose: String,
}

/// Where the time went, in seconds.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Timings {
    pub total_s: f64,
    /// Starting processes and joining sites.
    pub setup_s: f64,
    /// From launch to publication.
    pub run_s: f64,
    /// Largest `overhead_s` of the rounds.
    pub worst_round_overhead_s: Option<f64>,
}

/// What was left behind, as given by the caller's `--out`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Paths {
    pub report_html: String,
    pub adapter: String,
    pub coordinator_state: String,
    pub site_states: Vec<String>,
    pub logs: String,
}

impl Report {
    /// Fraction by which the test loss fell, positive where the federated model is better.
    pub fn improvement(&self) -> f64 {
        (self.base.test_loss - self.last.test_loss) / self.base.test_loss
    }

    /// Whether every ledger passed every verifier that could run.
    pub fn ledgers_verified(&self) -> bool {
        self.sites.iter().all(|site| site.ledger_verified && site.ledger_verified_by_python != Some(false))
    }
}

#[cfg(test)]
pub(crate) mod example {
    use super::*;

    /// A report with every field filled, for the tests of the renderers.
    pub(crate) fn report() -> Report {
        let held = |loss: f64, accuracy: f64| Held {
            validation_loss: Some(loss),
            validation_perplexity: Some(loss.exp()),
            validation_token_accuracy: Some(accuracy),
            test_loss: loss,
            test_perplexity: loss.exp(),
            test_token_accuracy: accuracy,
        };
        let round = |round: u32, loss: f64, accuracy: f64| Round {
            round,
            adapter_digest: "ab".repeat(32),
            validation_loss: loss,
            validation_perplexity: loss.exp(),
            validation_token_accuracy: accuracy,
            aggregation_error: Some(0.0312),
            sites_counted: 4,
            wall_s: Some(21.5),
            training_s: Some(20.0),
            evaluation_s: Some(1.2),
            overhead_s: Some(0.3),
        };
        let site = |name: &str, records| SiteReport {
            name: name.to_owned(),
            records,
            weight: Some(0.25),
            bytes_sent: 1_234_567,
            frames_sent: 42,
            ledger_verified: true,
            ledger_verified_by_python: Some(true),
        };
        Report {
            run: Run {
                id: "run-1".to_owned(),
                name: "medqa <zh> & friends".to_owned(),
                rounds: 2,
                model: "tiny".to_owned(),
                adapter_digest: "ab".repeat(32),
            },
            base: held(5.87, 0.1305),
            rounds: vec![round(1, 5.40, 0.1709), round(2, 5.16, 0.2139)],
            last: held(5.17, 0.2139),
            sites: vec![site("cardiology", 775), site("a<script>", 802)],
            test_set_openings: vec![Opening {
                at: "2026-01-01T00:00:00Z".to_owned(),
                purpose: "final".to_owned(),
            }],
            timings: Timings { total_s: 70.0, setup_s: 2.0, run_s: 60.0, worst_round_overhead_s: Some(0.3) },
            paths: Paths {
                report_html: "report.html".to_owned(),
                adapter: "adapter".to_owned(),
                coordinator_state: "coordinator".to_owned(),
                site_states: vec!["sites/cardiology".to_owned()],
                logs: "logs".to_owned(),
            },
        }
    }

    #[test]
    fn the_names_automation_relies_on_are_there() {
        let json = serde_json::to_value(report()).unwrap();
        assert!(json["base"]["test_loss"].is_f64());
        assert!(json["rounds"][0]["validation_loss"].is_f64());
        assert!(json["final"]["test_loss"].is_f64());
        for key in ["name", "records", "bytes_sent", "ledger_verified"] {
            assert!(!json["sites"][0][key].is_null(), "{key}");
        }
    }
}
