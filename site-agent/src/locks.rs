//! The worker's locks under this site's policy: taken first of all, and without a required one nothing goes
//! on.
//!
//! Called by `worker`, `alone` and the commands that read records or a model in their own process. Invariant:
//! called by the main thread before a runtime or any other thread exists.

use model::Device;
use sandbox::enter::{enter_server, enter_worker, quiet_panics, unmet};
use sandbox::{FileRules, Lock, LockReport};

use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::paths::StateFolder;

/// Takes the worker's locks and loads the policy: the first thing a worker does, whether it trains or
/// validates.
///
/// # Errors
/// `LocksMissing`, or what is wrong with `agent.toml`.
pub fn worker(folder: &StateFolder) -> Result<AgentConfig, SiteError> {
    quiet_panics();
    sandbox::process::die_with_parent().map_err(|source| SiteError::Internal(source.to_string()))?;
    let config = AgentConfig::load(&folder.config())?;
    must_hold(&enter_as_worker(folder, &config), &config.sandbox.allow_missing)?;
    let device = config.training.device;
    if device != Device::Cpu {
        sandbox::gpu::keep_kernels_in(&folder.gpu_cache());
    }
    Ok(config)
}

/// Takes the locks of a worker of this folder, and says which hold. For the worker, and for the attack suite,
/// which tries them where one is missing, too.
#[must_use]
pub fn enter_as_worker(folder: &StateFolder, config: &AgentConfig) -> Vec<LockReport> {
    enter_worker(&folder.worker_rules(&config.model, &config.data_files(), config.training.device))
}

/// Takes the worker's locks.
///
/// # Errors
/// `LocksMissing` when one does not hold and `allow_missing` does not name it.
pub fn lock(rules: &FileRules, allow_missing: &[Lock]) -> Result<(), SiteError> {
    must_hold(&enter_worker(rules), allow_missing)
}

fn must_hold(reports: &[LockReport], allow_missing: &[Lock]) -> Result<(), SiteError> {
    let unmet = unmet(reports, allow_missing);
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
    lock(rules, allow_missing).map_err(named)
}

/// The same for a command that answers on a socket. The socket, and the file that it appends to, it has
/// opened after `closed` was said of everything else.
///
/// # Errors
/// `Data` when a lock does not hold.
pub fn lock_server(closed: LockReport, rules: &FileRules, allow_missing: &[Lock]) -> Result<(), SiteError> {
    quiet_panics();
    must_hold(&enter_server(closed, rules), allow_missing).map_err(named)
}

/// With the option that accepts the risk.
fn named(error: SiteError) -> SiteError {
    match &error {
        SiteError::LocksMissing { locks } => {
            let names = locks.iter().map(ToString::to_string).collect::<Vec<_>>();
            let hint =
                format!("to accept the risk, add: --allow-missing {}", names.join(" --allow-missing "));
            SiteError::Data { sentence: error.to_string(), hint: Some(hint) }
        }
        _ => error,
    }
}
