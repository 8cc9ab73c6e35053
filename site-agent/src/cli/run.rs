//! `site-agent run`: take part in the consortium's runs until told to stop. Run by the command line.

use std::fs::{File, OpenOptions, TryLockError};

use common::crash;
use sandbox::process::ignore_hangups;
use tracing_subscriber::EnvFilter;

use super::leave;
use super::support::Keyed;
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::gateway::decisions::Decider;
use crate::gateway::heads::Signer;
use crate::gateway::identity::Identity;
use crate::gateway::keys::sealing;
use crate::gateway::ledger::LedgerWriter;
use crate::gateway::memory;
use crate::gateway::store::{FACT_RECORDS, Store};
use crate::paths::StateFolder;
use crate::supervisor::OwnLog;
use crate::{preflight, supervisor};

const EXAMPLES: &str = "\
Examples:
  site-agent run
  site-agent run --state /var/lib/consilium/cardiology

It goes on until it gets SIGTERM or Ctrl-C, also when its terminal is closed. It may be killed at any moment: the next start continues where it was and sends \
the same bytes. `site-agent logs` shows what it and its two processes wrote.

Exit codes: 1 and 2 as everywhere, and 3: the ledger is damaged or behind what is known of it, the privacy officer decides, and starting again does not help (the shipped unit does not).";

/// Take part in the consortium's runs.
///
/// Checks the locks, the data and the model, then starts the gateway (network, no records) and the worker
/// (records, no network) and waits for work. The site opens all connections; no port is opened here.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: Keyed,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    let config = AgentConfig::load(&folder.config())?;
    leave::must_be_member(&folder)?;
    // Held until the process ends. Before the log: a second agent writes nothing into that of the first.
    let _lock = lock(&folder)?;
    let log = OwnLog::open(&folder.log("agent"));
    trace_to(log.clone());
    take_part(&folder, &config, &log).inspect_err(|error| log.end(error))
}

fn take_part(folder: &StateFolder, config: &AgentConfig, log: &OwnLog) -> Result<(), SiteError> {
    // From the first moment: a terminal that is closed while a model is loaded ends nothing.
    ignore_hangups().map_err(|source| SiteError::Internal(source.to_string()))?;
    crash::arm(folder.root());
    let store = Store::open(&folder.database())?;
    memory::must_not_be_behind(&folder.ledger(), &store, &Decider::of(folder)?)?;
    drop(store);
    open_keys(folder)?;
    // All of it is verified before a model is loaded: a damaged one stops here, once.
    drop(LedgerWriter::open(&folder.ledger())?);
    let locks = preflight::try_locks(folder)?;
    locks.must_hold(&config.sandbox.allow_missing)?;
    for warning in AgentConfig::old_words(&folder.config()) {
        tracing::warn!("{warning}");
    }
    if let Some(warning) = preflight::disk_warning(folder, config) {
        tracing::warn!("{warning}");
    }
    for lock in &config.sandbox.allow_missing {
        tracing::warn!("agent.toml allows this site to run without {lock}");
    }
    let records = preflight::validate(folder)?;
    Store::open(&folder.database())?.set_fact(FACT_RECORDS, records)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    runtime.block_on(supervisor::run(folder, &preflight::executable()?, log))
}

/// Sealed keys are opened once here, so that a wrong passphrase is said at once, and in the words of a
/// person's mistake. The gateway opens them again, with the passphrase that it is told.
fn open_keys(folder: &StateFolder) -> Result<(), SiteError> {
    if sealing(folder).is_any() {
        Identity::load(&folder.identity(), folder.passphrase())?;
        Signer::find(&folder.identity(), folder.passphrase())?;
    }
    Ok(())
}

/// Two supervisors on one state folder would train everything twice.
pub(super) fn lock(folder: &StateFolder) -> Result<File, SiteError> {
    let path = folder.root().join("run.lock");
    let at = |source| SiteError::io(&path, source);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&path).map_err(at)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            Err(SiteError::AlreadyRunning { folder: folder.root().to_path_buf() })
        }
        Err(TryLockError::Error(source)) => Err(at(source)),
    }
}

/// Warnings of this process go where its lines go.
fn trace_to(log: OwnLog) {
    let filter = EnvFilter::new("off,site_agent=info");
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(move || log.clone())
        .with_ansi(false)
        .with_target(false)
        .init();
}
