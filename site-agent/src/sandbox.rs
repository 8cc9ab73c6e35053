//! The locks that make "the process that can read records has no network" true.
//!
//! Called first thing in the `gateway` and `worker` children, by the main thread, before a
//! runtime or any other thread exists (a lock applied later would not bind threads already
//! started). Once entered, a sandbox cannot be left: every lock is inherited and irrevocable.
//! The only `unsafe` of this crate lives in this folder.
//!
//! Which locks hold is returned, never assumed: the caller compares the report with the policy
//! in `agent.toml` and refuses to go on when a required lock is missing.

pub mod gpu;
pub mod landlock;
pub mod namespace;
pub mod probe;
pub mod process;
pub mod seccomp;

use std::fmt;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One mechanism of the kernel that we rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// File access limited to a list of folders (Linux 5.13 or newer).
    Landlock,
    /// System calls refused by number and argument.
    Seccomp,
    /// A network namespace without interfaces, for the worker. Used where the kernel allows one;
    /// seccomp already refuses every socket, so its absence alone never stops a run.
    NetworkNamespace,
    /// No core file and no /proc/self/mem for other processes: memory holds records.
    CoreDumps,
}

impl Lock {
    /// Whether `site-agent run` refuses to start without it (unless the policy file says so).
    #[must_use]
    pub fn is_required(self) -> bool {
        !matches!(self, Self::NetworkNamespace)
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::NetworkNamespace => "network-namespace",
            Self::CoreDumps => "core-dumps",
        })
    }
}

/// Whether one lock took hold in this process.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockReport {
    pub lock: Lock,
    pub held: bool,
    /// What the kernel said, in a few words.
    pub detail: String,
}

impl LockReport {
    pub(crate) fn held(lock: Lock, detail: impl Into<String>) -> Self {
        Self { lock, held: true, detail: detail.into() }
    }

    pub(crate) fn missing(lock: Lock, detail: impl Into<String>) -> Self {
        Self { lock, held: false, detail: detail.into() }
    }
}

/// What a sandboxed process may open; everything else is refused by Landlock.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileRules {
    /// Files and folders that may be read.
    pub read: Vec<PathBuf>,
    /// Folders in which files may be read, written, created and removed.
    pub write: Vec<PathBuf>,
    /// What a GPU needs besides, where the process computes on one.
    pub gpu: Option<gpu::GpuFiles>,
}

/// Locks the gateway: UDP sockets only, no data folder, no model folder.
#[must_use]
pub fn enter_gateway(rules: &FileRules) -> Vec<LockReport> {
    vec![
        process::forbid_core_dumps(),
        landlock::restrict(rules, landlock::Network::UdpOnly),
        seccomp::restrict(seccomp::Role::Gateway),
    ]
}

/// Locks the worker: no socket of any family, reads only its data, its model and its inbox. On a GPU it may besides use
/// the files of the rules' `gpu`, and make the one kind of socket that NVIDIA's driver insists on (see `seccomp`).
#[must_use]
pub fn enter_worker(rules: &FileRules) -> Vec<LockReport> {
    let role = if rules.gpu.is_some() { seccomp::Role::WorkerOnGpu } else { seccomp::Role::Worker };
    // The namespace comes first: seccomp refuses `unshare` from then on.
    vec![
        process::forbid_core_dumps(),
        namespace::leave_network(),
        landlock::restrict(rules, landlock::Network::None),
        seccomp::restrict(role),
    ]
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
