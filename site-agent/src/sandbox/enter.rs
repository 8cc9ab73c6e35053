//! Taking the locks: the first thing that a child does, and each command that opens records in its own
//! process.
//!
//! Called by `gateway`, `worker`, `alone`, `probe` and the `data` commands. Invariants: called by the main
//! thread before a runtime or any other thread exists; whoever calls compares the reports with the policy and
//! refuses to go on when a required lock is missing.

use std::io::{self, Write as _};

use model::Device;

use super::calls::Role;
use super::descriptors::close_inherited;
use super::lock::{Lock, LockReport};
use super::rules::FileRules;
use super::{gpu, landlock, namespace, process, seccomp};
use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::paths::StateFolder;

/// Locks the gateway: UDP sockets only, no data folder, no model folder. `closed` is what
/// [`close_inherited`] said before the gateway opened its database, which stays open.
#[must_use]
pub fn enter_gateway(closed: LockReport, rules: &FileRules) -> Vec<LockReport> {
    let core_dumps = process::forbid_core_dumps();
    let [files, scopes] = landlock::restrict(rules, landlock::Network::UdpOnly);
    vec![closed, core_dumps, files, scopes, seccomp::restrict(Role::Gateway)]
}

/// Locks the worker: no socket of any family, reads only its data, its model and its inbox. On a GPU it may
/// besides use the files of the rules' `gpu`, and make the one kind of socket that NVIDIA's driver insists on
/// (see `seccomp`). The caller has nothing open but the first three descriptors: all others are closed.
#[must_use]
pub fn enter_worker(rules: &FileRules) -> Vec<LockReport> {
    let role = if rules.gpu.is_some() { Role::WorkerOnGpu } else { Role::Worker };
    let closed = close_inherited();
    let core_dumps = process::forbid_core_dumps();
    // The namespace comes first: seccomp refuses `unshare` from then on.
    let network = namespace::leave_network();
    let [files, scopes] = landlock::restrict(rules, landlock::Network::None);
    vec![closed, core_dumps, network, files, scopes, seccomp::restrict(role)]
}

/// The required locks that are missing and that the policy does not allow to be missing.
#[must_use]
pub fn unmet(reports: &[LockReport], allow_missing: &[Lock]) -> Vec<LockReport> {
    reports
        .iter()
        .filter(|report| !report.held && report.lock.is_required() && !allow_missing.contains(&report.lock))
        .cloned()
        .collect()
}

/// Takes the worker's locks and loads the policy: the first thing a worker does, whether it trains or
/// validates.
///
/// # Errors
/// `LocksMissing`, or what is wrong with `agent.toml`.
pub fn worker(folder: &StateFolder) -> Result<AgentConfig, SiteError> {
    quiet_panics();
    process::die_with_parent().map_err(|source| SiteError::Internal(source.to_string()))?;
    let config = AgentConfig::load(&folder.config())?;
    let device = config.training.device;
    let rules = folder.worker_rules(&config.model, &config.data_files(), device);
    lock(&rules, &config.sandbox.allow_missing)?;
    if device != Device::Cpu {
        gpu::keep_kernels_in(&folder.gpu_cache());
    }
    Ok(config)
}

/// Takes the worker's locks.
///
/// # Errors
/// `LocksMissing` when one does not hold and `allow_missing` does not name it.
pub fn lock(rules: &FileRules, allow_missing: &[Lock]) -> Result<(), SiteError> {
    let unmet = unmet(&enter_worker(rules), allow_missing);
    if unmet.is_empty() {
        return Ok(());
    }
    Err(SiteError::LocksMissing { locks: unmet.iter().map(|report| report.lock).collect() })
}

/// [`lock`] for a command that has the option `--allow-missing`, which the hint names.
///
/// # Errors
/// `Data` when a lock does not hold.
pub fn lock_command(rules: &FileRules, allow_missing: &[Lock]) -> Result<(), SiteError> {
    quiet_panics();
    lock(rules, allow_missing).map_err(|error| match &error {
        SiteError::LocksMissing { locks } => {
            let names = locks.iter().map(ToString::to_string).collect::<Vec<_>>();
            let hint =
                format!("to accept the risk, add: --allow-missing {}", names.join(" --allow-missing "));
            SiteError::Data { sentence: error.to_string(), hint: Some(hint) }
        }
        _ => error,
    })
}

/// A panic's message may quote data (an index, a slice, a string); its place in the source cannot.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or("an unknown place", std::panic::Location::file);
        let line = panic.location().map_or(0, std::panic::Location::line);
        // The hook cannot report a failure to write anywhere else.
        let _ = writeln!(io::stderr(), "internal error at {place}:{line}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_lock_stops_a_run_unless_the_policy_names_it() {
        let reports = [
            LockReport::held(Lock::CoreDumps, ""),
            LockReport::missing(Lock::NetworkNamespace, ""),
            LockReport::missing(Lock::Landlock, ""),
        ];
        let unmet_strict = unmet(&reports, &[]);
        assert_eq!(unmet_strict.len(), 1);
        assert_eq!(unmet_strict[0].lock, Lock::Landlock);
        assert!(unmet(&reports, &[Lock::Landlock]).is_empty());
        assert_eq!(unmet(&reports, &[Lock::Seccomp]).len(), 1);
    }
}
