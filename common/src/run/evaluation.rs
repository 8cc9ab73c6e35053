//! `[evaluation]` of a run file: what the coordinator does with the held-out sets beside measuring them. Used
//! by `run`; the coordinator reads it. Invariant: no site is told of it.

use serde::{Deserialize, Serialize};

use super::error::{RunError, bound};
use crate::limits::SAMPLE_QUESTIONS_MAX;

/// `[evaluation]`
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluationSettings {
    /// Held-out questions that base and final model answer for the report, after the last round: of the test
    /// file, of the validation file where there is none. 0: none.
    pub sample_questions: usize,
}

impl Default for EvaluationSettings {
    fn default() -> Self {
        Self { sample_questions: 3 }
    }
}

impl EvaluationSettings {
    pub(super) fn validate(&self) -> Result<(), RunError> {
        let is_fine = self.sample_questions <= SAMPLE_QUESTIONS_MAX;
        bound(is_fine, "evaluation.sample_questions", self.sample_questions, "0 to 10")
    }
}
