//! What can go wrong between records and samples: one sentence, a hint, and whose fault it is. Used by the
//! rest of this crate; the binaries convert it into their own error in one `From` each. Invariant: no text of
//! a record in it.

use std::path::PathBuf;

use data::DataError;
use evaluation::SuiteError;
use model::ModelError;

/// The one error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// The model folder, the adapter, the settings or the engine.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A data file, the screen or the split.
    #[error(transparent)]
    Data(#[from] DataError),
    /// An evaluation suite or its records.
    #[error(transparent)]
    Suite(#[from] SuiteError),
    /// A file that an evaluation cannot go on from.
    #[error("{} {reason}", path.display())]
    Resume {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: &'static str,
    },
    /// A file of safety rules whose own tests fail.
    #[error("{}: {failed} of {tests} tests of its rules fail, first {first}", path.display())]
    Rules {
        /// The file.
        path: PathBuf,
        /// How many fail.
        failed: usize,
        /// Of how many.
        tests: u64,
        /// Which is the first.
        first: String,
    },
    /// A file of which nothing is left to measure.
    #[error("{}: {reason}", path.display())]
    NothingUsable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

impl PrepareError {
    /// The next step, where there is one.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Model(error) => error.hint(),
            Self::Data(error) => error.hint(),
            Self::Suite(error) => Some(error.hint().to_owned()),
            Self::Resume { .. } => {
                Some("name another file with --resume; this one stays as it is".to_owned())
            }
            Self::Rules { .. } => {
                Some("`site-agent rules check FILE` shows every test that fails".to_owned())
            }
            Self::NothingUsable { .. } => None,
        }
    }

    /// Whether the person at the keyboard can put it right (exit code 1) or we must (exit code 2).
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Model(error) => error.is_user_error(),
            Self::Data(error) => error.is_user_error(),
            Self::Suite(_) | Self::Resume { .. } | Self::Rules { .. } | Self::NothingUsable { .. } => true,
        }
    }

    /// Whether no record has an answer within the cutoff: nothing to train on, whatever the model.
    #[must_use]
    pub fn is_nothing_supervised(&self) -> bool {
        matches!(self, Self::Model(ModelError::NothingSupervised { .. }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_faults_are_told_from_the_users() {
        let ours = [
            PrepareError::from(ModelError::Internal { reason: "x".into() }),
            PrepareError::from(DataError::Internal { reason: "x".into() }),
        ];
        assert!(ours.iter().all(|error| !error.is_user_error()));
        let users = [
            PrepareError::from(ModelError::NothingSupervised { reason: "x".into() }),
            PrepareError::from(DataError::NoRecords { reason: "x".into() }),
            PrepareError::NothingUsable { path: "held-out.jsonl".into(), reason: "it is empty".into() },
        ];
        assert!(users.iter().all(PrepareError::is_user_error));
        assert_eq!(users[2].to_string(), "held-out.jsonl: it is empty");
        assert_eq!(users.iter().filter(|error| error.is_nothing_supervised()).count(), 1);
    }
}
