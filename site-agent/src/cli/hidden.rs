//! The hidden subcommands: what the supervisor and the checks start as children. Nobody types these. Run by
//! the command line.

use std::io::Write as _;
use std::path::PathBuf;

use common::crash;
use common::limits::PASSPHRASE_BYTES_MAX;
use common::private::line;
use common::private::passphrase::Passphrase;
use sandbox::process::ignore_hangups;
use tracing_subscriber::EnvFilter;

use super::check::hostile::{self, Attack};
use super::support::State;
use crate::error::SiteError;
use crate::preflight::{ProbeRole, run_probe};
use crate::worker::train::Purpose;
use crate::{alone, gateway, worker};

#[derive(Debug, clap::Args)]
pub(super) struct GatewayArguments {
    #[command(flatten)]
    state: State,
    /// Stand for the gateway while attacks are tried: take its locks, and wait.
    #[arg(long)]
    decoy: bool,
    /// Without the locks: shows what they are for.
    #[arg(long, requires = "decoy")]
    unlocked: bool,
    /// The keys are sealed: the first line of standard input is their passphrase.
    #[arg(long)]
    sealed: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct WorkerArguments {
    #[command(flatten)]
    state: State,
    /// Read the data, load the model, say what is wrong, and end.
    #[arg(long)]
    validate: bool,
    /// Compute a past round again: nothing of it leaves, so the policy is not asked.
    #[arg(long)]
    replay: bool,
    /// Be a hostile worker behind the worker's locks, for the attack suite.
    #[arg(long)]
    attack: Option<Attack>,
    /// Without the locks: shows what they are for.
    #[arg(long, requires = "attack")]
    unlocked: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct ProbeArguments {
    role: ProbeRole,
    /// A folder with a file in it, made to be refused.
    #[arg(long, value_name = "DIR")]
    trial: Option<PathBuf>,
    #[command(flatten)]
    state: State,
}

pub(super) fn gateway(arguments: &GatewayArguments) -> Result<(), SiteError> {
    if arguments.decoy {
        return hostile::decoy(&arguments.state.open()?, !arguments.unlocked);
    }
    log_to_stderr();
    outlive_terminal()?;
    let folder = arguments.state.open()?;
    crash::arm(folder.root());
    let folder = if arguments.sealed { folder.with_passphrase(told()?) } else { folder };
    gateway::run(&folder)
}

/// What the supervisor says first.
fn told() -> Result<Passphrase, SiteError> {
    let line = line::read(PASSPHRASE_BYTES_MAX, || {});
    line.map(Passphrase::known).map_err(|error| SiteError::Pipe(error.to_string()))
}

pub(super) fn worker(arguments: &WorkerArguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    if let Some(attack) = arguments.attack {
        return hostile::worker(&folder, attack, !arguments.unlocked);
    }
    if arguments.validate {
        let records = worker::validate::validate(&folder)?;
        return write!(std::io::stdout(), "{records}").map_err(|error| SiteError::Pipe(error.to_string()));
    }
    log_to_stderr();
    outlive_terminal()?;
    crash::arm(folder.root());
    worker::run(&folder, if arguments.replay { Purpose::Replay } else { Purpose::Round })
}

/// The child of `train`. What it has to say goes over its pipe; standard error shows faults of ours only.
pub(super) fn trainer() -> Result<(), SiteError> {
    alone::child::run()
}

pub(super) fn probe(arguments: &ProbeArguments) -> Result<(), SiteError> {
    let report = run_probe(&arguments.state.open()?, arguments.role, arguments.trial.clone())?;
    let json = serde_json::to_vec(&report).map_err(|error| SiteError::Internal(error.to_string()))?;
    std::io::stdout().write_all(&json).map_err(|error| SiteError::Pipe(error.to_string()))
}

/// The children stand in the agent's process group, which a terminal that is closed tells of it.
fn outlive_terminal() -> Result<(), SiteError> {
    ignore_hangups().map_err(|source| SiteError::Internal(source.to_string()))
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
