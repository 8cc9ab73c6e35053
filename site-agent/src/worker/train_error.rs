//! Why a round cannot be trained: a code for the gateway, words for the log at the site. Used by the worker
//! and everything beneath it. Invariant: only the code crosses to the process with the network.

use common::wire::message::TrainFailure;
use model::ModelError;

/// A code for the gateway and words for the log.
#[derive(Debug, thiserror::Error)]
#[error("{words}")]
pub struct TrainError {
    /// What the gateway is told.
    pub code: TrainFailure,
    /// What the log says.
    pub words: String,
}

impl TrainError {
    pub(crate) fn new(code: TrainFailure, words: impl ToString) -> Self {
        Self { code, words: words.to_string() }
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
