//! The hidden subcommands: what the supervisor and the checks start as children. Nobody types these. Run by
//! the command line.

use std::io::Write as _;

use common::crash;
use tracing_subscriber::EnvFilter;

use super::support::State;
use crate::error::SiteError;
use crate::preflight::{ProbeRole, run_probe};
use crate::{alone, gateway, worker};

#[derive(Debug, clap::Args)]
pub(super) struct ChildArguments {
    #[command(flatten)]
    state: State,
}

#[derive(Debug, clap::Args)]
pub(super) struct WorkerArguments {
    #[command(flatten)]
    state: State,
    /// Read the data, load the model, say what is wrong, and end.
    #[arg(long)]
    validate: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ProbeArguments {
    role: ProbeRole,
    #[command(flatten)]
    state: State,
}

pub(super) fn gateway(arguments: &ChildArguments) -> Result<(), SiteError> {
    log_to_stderr();
    let folder = arguments.state.open()?;
    crash::arm(folder.root());
    gateway::run(&folder)
}

pub(super) fn worker(arguments: &WorkerArguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    if arguments.validate {
        let records = worker::validate::validate(&folder)?;
        return write!(std::io::stdout(), "{records}").map_err(|error| SiteError::Pipe(error.to_string()));
    }
    log_to_stderr();
    crash::arm(folder.root());
    worker::run(&folder)
}

/// The child of `train`. What it has to say goes over its pipe; standard error shows faults of ours only.
pub(super) fn trainer() -> Result<(), SiteError> {
    alone::child::run()
}

pub(super) fn probe(arguments: &ProbeArguments) -> Result<(), SiteError> {
    let report = run_probe(&arguments.state.open()?, arguments.role)?;
    let json = serde_json::to_vec(&report).map_err(|error| SiteError::Internal(error.to_string()))?;
    std::io::stdout().write_all(&json).map_err(|error| SiteError::Pipe(error.to_string()))
}

/// The child's standard error is its log file. Only our own crates are heard: a dependency's debug line could
/// quote what it works on.
fn log_to_stderr() {
    let filter = EnvFilter::new("off,site_agent=info,common=info,model=info");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}
