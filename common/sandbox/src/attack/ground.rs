//! What the attacker is told of the site. Made by `site-agent check --attack`; used by the files of `attack`.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// What the attacker is shown: it is told where everything lies, so that only the locks keep it out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ground {
    /// Files and folders of the site that it must not open: keys, ledger, database, what left.
    pub forbidden: Vec<PathBuf>,
    /// Files that it may read and must not write: records, model, policy.
    pub read_only: Vec<PathBuf>,
    /// Folders that it writes and the gateway, or a person, reads.
    pub own: Vec<PathBuf>,
    /// Folders that the gateway writes.
    pub closed: Vec<PathBuf>,
    /// Processes outside, by name.
    pub processes: Vec<(String, u32)>,
    /// The network namespace of the process that asks.
    pub network: Option<PathBuf>,
}
