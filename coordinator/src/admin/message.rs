//! What is said on the admin socket: one JSON line per request, one or more JSON lines per answer. Used by
//! `client`, which asks, by `server`, which answers, and by the subcommands of `cli`. Invariant: unknown
//! fields and commands are refused.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::report::RunReport;
use crate::error::Error;

/// What can be asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Start a run.
    Launch {
        /// Absolute path of the run file.
        run_file: PathBuf,
    },
    /// One run, or the newest.
    Status {
        /// Its id or a prefix.
        run: Option<String>,
    },
    /// As `Status`, again after every change until the run is over.
    Watch {
        /// Its id or a prefix.
        run: String,
    },
    /// End a run.
    Stop {
        /// Its id or a prefix.
        run: String,
    },
    /// Shut a site out.
    Revoke {
        /// Its name.
        site: String,
    },
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case", deny_unknown_fields)]
pub enum Answer {
    /// To `Launch`.
    Launched {
        /// The run's id.
        run: String,
    },
    /// To `Status` and `Watch`.
    Run {
        /// The run.
        report: Box<RunReport>,
    },
    /// To `Stop` and `Revoke`.
    Done,
    /// It was not done.
    Failed {
        /// One sentence.
        message: String,
        /// The next step.
        hint: Option<String>,
        /// Whether the operator can mend it.
        user: bool,
    },
}

impl From<&Error> for Answer {
    fn from(error: &Error) -> Self {
        Self::Failed { message: error.to_string(), hint: error.hint(), user: error.is_user_error() }
    }
}
