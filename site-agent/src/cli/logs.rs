//! `site-agent logs`: what the agent and its two processes wrote. Run by `cli`. Invariant: it only reads; no
//! log holds text of a record.

use cli::log::{Source, Wanted, show};
use common::clock::{Clock as _, SystemClock};

use super::support::State;
use crate::error::SiteError;

const EXAMPLES: &str = "\
Examples:
  site-agent logs --follow
  site-agent logs gateway --since 1h --lines 500

They are logs/agent.log (what `site-agent run` tells, too), logs/gateway.log
and logs/worker.log in the state folder, each with the .old one before it, and
8 MiB at most each. A line without a time was written with the line above it.";

/// Show what the agent wrote.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    /// Of which process; all of them where none is named.
    #[arg(value_name = "PROCESS", value_parser = PROCESSES)]
    processes: Vec<String>,
    #[command(flatten)]
    wanted: Wanted,
    #[command(flatten)]
    state: State,
}

const PROCESSES: [&str; 3] = ["agent", "gateway", "worker"];

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open_joined()?;
    let is_wanted =
        |name: &&str| arguments.processes.is_empty() || arguments.processes.iter().any(|one| one == name);
    let source = |name| Source { name, path: folder.log(name) };
    let sources: Vec<Source> = PROCESSES.into_iter().filter(is_wanted).map(source).collect();
    if !sources.iter().any(|source| source.path.exists()) {
        eprintln!(
            "there is no log yet in {}: `site-agent run` writes it",
            folder.root().join("logs").display()
        );
    }
    show(&sources, &arguments.wanted, SystemClock.now())
        .map_err(|(path, source)| SiteError::io(&path, source))
}
