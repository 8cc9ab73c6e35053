//! `[evaluation]` of a run file: what the coordinator measures beside the loss on the held-out sets. Used by
//! `run`; the coordinator reads it. Invariant: no site is told of it, but for the suites' names and hashes
//! and whether own scores are asked for, which stand in the manifest.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use super::own_scores::SiteScores;
use super::train::Train;
use crate::limits::{LOSS_INCREASE_NATS_MAX, RUN_SUITES_MAX, SAMPLE_QUESTIONS_MAX};

/// How far a round's validation loss may be above the best one unless a run file says otherwise: e^0.5 is a
/// perplexity 1.65 times as high. Rounds of a run that learns move by hundredths, the first one by tenths.
const LOSS_INCREASE_NATS: f64 = 0.5;

/// `[evaluation]`
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationSettings {
    /// Held-out questions that base and final model answer for the report, after the last round: of the test
    /// file, of the validation file where there is none. 0: none.
    pub sample_questions: usize,
    /// How far a round's validation loss may be above the lowest one so far, of the base model or an adopted
    /// round, in nats per supervised token; a round that is further above it is not adopted. Without it every
    /// round is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_increase_max: Option<f64>,
    /// Evaluation suites that base and final model are asked after the last round: suite files, relative to
    /// the run file.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub suites: Vec<PathBuf>,
    /// Whether it is measured after the last round what the model forgot: the built-in suite of general
    /// knowledge, and the divergence from the base on neutral texts.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub forgetting: bool,
    /// What the sites are asked about the result on records of their own.
    #[serde(skip_serializing_if = "SiteScores::is_default")]
    pub sites: SiteScores,
}

impl Default for EvaluationSettings {
    fn default() -> Self {
        Self {
            sample_questions: 3,
            loss_increase_max: None,
            suites: Vec::new(),
            forgetting: false,
            sites: SiteScores::default(),
        }
    }
}

impl EvaluationSettings {
    /// Says the bound that is meant where a run file says none: there is one wherever there is a validation
    /// file. In the journal of an older version there is none, and none is meant.
    /// Where sites train alone, no round is adopted and no model is left to ask.
    pub fn say_bound(&mut self, has_validation: bool, train: Train) {
        if train == Train::Alone {
            self.sample_questions = 0;
            return;
        }
        if has_validation {
            self.loss_increase_max.get_or_insert(LOSS_INCREASE_NATS);
        }
    }

    pub(super) fn validate(&self, has_validation: bool, train: Train) -> Result<(), RunError> {
        if train == Train::Alone {
            self.validate_alone()?;
        }
        let is_fine = self.sample_questions <= SAMPLE_QUESTIONS_MAX;
        bound(is_fine, "evaluation.sample_questions", self.sample_questions, "0 to 10")?;
        let count = self.suites.len();
        bound(count <= RUN_SUITES_MAX, "evaluation.suites", count, "a list of at most 32 files")?;
        let Some(increase) = self.loss_increase_max else { return Ok(()) };
        let key = "evaluation.loss_increase_max";
        bound(has_validation, key, increase, "left out where there is no validation file")?;
        bound((0.0..=LOSS_INCREASE_NATS_MAX).contains(&increase), key, increase, "0 to 100")
    }

    /// Sites train alone: there is nothing that these settings could be about.
    fn validate_alone(&self) -> Result<(), RunError> {
        let increase = self.loss_increase_max.unwrap_or_default();
        let expected = "left out with train = \"alone\": there is no round to adopt";
        bound(self.loss_increase_max.is_none(), "evaluation.loss_increase_max", increase, expected)?;
        let expected = "left out with train = \"alone\": there is no final model to ask";
        bound(self.suites.is_empty(), "evaluation.suites", self.suites.len(), expected)?;
        bound(!self.forgetting, "evaluation.forgetting", self.forgetting, expected)?;
        // 3 is also what is read where a file says nothing.
        let (questions, unsaid) = (self.sample_questions, Self::default().sample_questions);
        let is_unsaid = questions == 0 || questions == unsaid;
        bound(is_unsaid, "evaluation.sample_questions", questions, expected)
    }
}
