//! `site-agent check`: does this machine keep the promises? Tries, and shows what it tried.

use std::time::Duration;

use common::limits::HANDSHAKE_MS_MAX;
use common::net::client::{Client, resolve};
use serde_json::json;

use super::{State, print_json, table};
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::identity::Identity;
use crate::preflight::{self, Locks};
use crate::sandbox::Lock;
use crate::sandbox::probe::ProbeReport;

const EXAMPLES: &str = "\
Examples:
  site-agent check
  site-agent check --json

Exit code 0: everything that must hold does. 1: something does not, and the output says what.";

/// See whether this machine keeps the promises.
///
/// Starts a child in each sandbox and has it try what must be impossible: open the records from the process with the
/// network, make a socket of every family in the process with the records, and so on. Then reads the data, loads the model,
/// and knocks at the coordinator's door without saying anything.
#[derive(Debug, clap::Args)]
#[command(after_long_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    state: State,
    /// Print every attempt and its result as JSON.
    #[arg(long)]
    json: bool,
    /// Do not try to reach the coordinator.
    #[arg(long)]
    offline: bool,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), SiteError> {
    let folder = arguments.state.open()?;
    let config = AgentConfig::load(&folder.config())?;
    let locks = preflight::try_locks(&folder)?;
    let unmet = locks.unmet(&config.sandbox.allow_missing);
    if arguments.json {
        print_json(&json!({
            "locks_unmet": unmet,
            "allow_missing": config.sandbox.allow_missing,
            "gateway": locks.gateway,
            "worker": locks.worker,
        }))?;
    } else {
        print!("{}", describe(&locks, &config));
    }
    if !unmet.is_empty() {
        return Err(SiteError::LocksMissing { locks: unmet });
    }
    if arguments.json {
        return Ok(());
    }
    preflight::validate(&folder)?;
    if !arguments.offline {
        knock(&Identity::load(&folder.identity())?)?;
    }
    Ok(())
}

fn describe(locks: &Locks, config: &AgentConfig) -> String {
    let mut rows = vec![["lock", "gateway", "worker", "tried"].map(str::to_owned).to_vec()];
    for lock in [Lock::Landlock, Lock::Seccomp, Lock::NetworkNamespace, Lock::CoreDumps] {
        let tried =
            |report: &ProbeReport| report.attempts.iter().filter(|attempt| attempt.lock == lock).count();
        let mut note = format!("{} attempts", tried(&locks.gateway) + tried(&locks.worker));
        if !lock.is_required() {
            note.push_str(" (not required)");
        }
        if config.sandbox.allow_missing.contains(&lock) {
            note.push_str(" (allowed to be missing by agent.toml)");
        }
        rows.push(vec![lock.to_string(), verdict(&locks.gateway, lock), verdict(&locks.worker, lock), note]);
    }
    let mut text = table::render(&rows);
    for (role, report) in [("gateway", &locks.gateway), ("worker", &locks.worker)] {
        for attempt in report.attempts.iter().filter(|attempt| !attempt.refused) {
            text.push_str(&format!("NOT refused: the {role} could {} ({})\n", attempt.what, attempt.answer));
        }
        for lock in report.locks.iter().filter(|lock| !lock.held) {
            text.push_str(&format!("missing in the {role}: {} ({})\n", lock.lock, lock.detail));
        }
    }
    text
}

fn verdict(report: &ProbeReport, lock: Lock) -> String {
    let is_used = report.locks.iter().any(|report| report.lock == lock);
    match (is_used, report.holds(lock)) {
        (false, _) => "-",
        (true, true) => "holds",
        (true, false) => "DOES NOT HOLD",
    }
    .to_owned()
}

/// A TLS handshake and nothing else: no request leaves, so there is nothing for the ledger.
fn knock(identity: &Identity) -> Result<(), SiteError> {
    let address = &identity.coordinator.address;
    let deadline = Duration::from_millis(HANDSHAKE_MS_MAX);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| SiteError::Internal(source.to_string()))?;
    runtime.block_on(async {
        let mut last = SiteError::Connection { reason: "the name has no address".into() };
        for remote in resolve(address, deadline).await? {
            let tls = certs::tls::run_client(&identity.tls, &identity.authority_der)
                .map_err(|error| SiteError::Internal(error.to_string()))?;
            let client = Client::bind_for(remote)?;
            match client.connect(remote, tls, certs::profile::COORDINATOR_NAME, deadline).await {
                Ok(session) => {
                    println!("coordinator: reached at {remote} in {} ms", session.round_trip().as_millis());
                    session.close();
                    client.close().await;
                    return Ok(());
                }
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    })
}
