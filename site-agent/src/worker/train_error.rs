//! Why a round cannot be trained: a code for the gateway, words for the log at the site. Used by the worker
//! and everything beneath it. Invariant: only the code crosses to the process with the network.

use common::wire::message::TrainFailure;
use model::ModelError;

use crate::policy::PolicyRule;

/// A code for the gateway and words for the log.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct TrainError {
    /// What the gateway is told.
    pub code: TrainFailure,
    /// What the log says.
    pub words: String,
    /// The rule of the site's policy that refuses, where one does: for the person at the site.
    pub rule: Option<PolicyRule>,
}

impl TrainError {
    pub(crate) fn new(code: TrainFailure, words: impl ToString) -> Self {
        Self { code, words: words.to_string(), rule: None }
    }

    /// A rule of this site's policy refuses.
    pub(crate) fn forbidden(rule: PolicyRule) -> Self {
        let words = format!("the policy of this site refuses the round: {rule}");
        Self { code: TrainFailure::NotAllowed, words, rule: Some(rule) }
    }
}

/// A failure of the engine while it trains.
impl From<ModelError> for TrainError {
    fn from(error: ModelError) -> Self {
        let code = match &error {
            ModelError::NothingSupervised { .. } => TrainFailure::NoRecords,
            ModelError::Diverged { .. } => TrainFailure::UpdateRejected,
            ModelError::Setting { .. } => TrainFailure::NotAllowed,
            ModelError::Adapter { .. } => TrainFailure::BaseMismatch,
            _ => TrainFailure::WorkerFailed,
        };
        Self::new(code, error)
    }
}
