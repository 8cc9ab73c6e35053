//! What is tried before anything runs: do the locks hold on this machine, can the data and the model be used?
//!
//! Called by `join`, `run` and `check`. Everything is tried in child processes, because a lock cannot be
//! taken off again and because only the locked worker may read records.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::durable;
use sandbox::Lock;
use sandbox::probe::{ProbeReport, probe_gateway, probe_worker};

use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::paths::StateFolder;

/// What the two probes found.
#[derive(Debug)]
pub struct Locks {
    pub gateway: ProbeReport,
    pub worker: ProbeReport,
}

impl Locks {
    /// Locks that do not hold in both children, though they are required and the policy does not excuse them.
    #[must_use]
    pub fn unmet(&self, allow_missing: &[Lock]) -> Vec<Lock> {
        Lock::required()
            .filter(|lock| !(self.gateway.holds(*lock) && self.worker.holds(*lock)))
            .filter(|lock| !allow_missing.contains(lock))
            .collect()
    }
}

/// The program itself, to be started again as a child.
///
/// # Errors
/// `Internal` when the kernel does not say where it is.
pub fn executable() -> Result<PathBuf, SiteError> {
    std::env::current_exe()
        .map_err(|source| SiteError::Internal(format!("cannot find this program: {source}")))
}

/// Tries both sandboxes.
///
/// # Errors
/// `Internal` when a probe cannot be started or does not answer.
pub fn try_locks(folder: &StateFolder) -> Result<Locks, SiteError> {
    Ok(Locks { gateway: probe(folder, "gateway")?, worker: probe(folder, "worker")? })
}

fn probe(folder: &StateFolder, role: &str) -> Result<ProbeReport, SiteError> {
    let failed =
        |reason: String| SiteError::Internal(format!("the probe of the {role}'s locks failed: {reason}"));
    let output = Command::new(executable()?)
        .args(["probe", role, "--state"])
        .arg(folder.root())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(error.to_string()))?;
    if !output.status.success() {
        return Err(failed(String::from_utf8_lossy(&output.stderr).trim().to_owned()));
    }
    serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
}

/// The body of a probe child: enters the sandbox of `role` and tries what it must refuse.
///
/// # Errors
/// What is wrong with `agent.toml`.
pub fn run_probe(folder: &StateFolder, role: ProbeRole) -> Result<ProbeReport, SiteError> {
    let config = AgentConfig::load(&folder.config())?;
    Ok(match role {
        ProbeRole::Gateway => {
            let forbidden = [config.data.clone(), vec![config.model.clone(), folder.work()]].concat();
            probe_gateway(&folder.gateway_rules(), &forbidden)
        }
        ProbeRole::Worker => {
            let forbidden =
                [folder.identity(), folder.root().join("ledger"), folder.outbox(), folder.database()];
            let data_folders = config.data.iter().filter_map(|path| path.parent().map(Path::to_path_buf));
            let mut read_only: Vec<PathBuf> =
                data_folders.chain([config.model.clone(), folder.inbox()]).collect();
            read_only.sort();
            read_only.dedup();
            let device = config.training.device;
            let rules = folder.worker_rules(&config.model, &config.data_files(), device);
            probe_worker(&rules, &forbidden, &read_only)
        }
    })
}

/// Whose sandbox a probe enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProbeRole {
    Gateway,
    Worker,
}

/// What to say when the disk of the state folder has little room left.
#[must_use]
pub fn disk_warning(folder: &StateFolder, config: &AgentConfig) -> Option<String> {
    let free_mib = durable::free_bytes(folder.root()).ok()? >> 20;
    let least_mib = config.retention.disk_free_mib_min;
    (free_mib < least_mib).then(|| {
        format!(
            "the disk of {} has {free_mib} MiB left, less than the {least_mib} of [retention] disk_free_mib_min; \
             no round is begun until there is more (`site-agent prune --dry-run` shows what may go)",
            folder.root().display()
        )
    })
}

/// Has a locked worker read the data and load the model. It talks to the person directly: what is wrong with
/// a record is shown at the site and goes no further than this terminal. Returns the number of usable
/// records.
///
/// # Errors
/// `Validation` when the worker has said what is wrong.
pub fn validate(folder: &StateFolder) -> Result<u64, SiteError> {
    let output = Command::new(executable()?)
        .args(["worker", "--validate", "--state"])
        .arg(folder.root())
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| SiteError::Internal(format!("cannot start the worker: {error}")))?;
    match output.status.code() {
        Some(0) => serde_json::from_slice(&output.stdout)
            .map_err(|error| SiteError::Internal(format!("the worker's answer is not a number: {error}"))),
        Some(code @ 1..=2) => Err(SiteError::Validation { is_user_error: code == 1 }),
        Some(_) => Err(SiteError::Internal("the worker failed while it read the data and the model".into())),
        // A signal: mostly the kernel, for want of memory.
        None => Err(SiteError::Data {
            sentence: "the worker died while it read the data and the model".into(),
            hint: Some("is there enough memory for this model?".into()),
        }),
    }
}
