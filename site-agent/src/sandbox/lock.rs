//! The locks by name, and whether each took hold. Used by every file of the sandbox, by `config` and by
//! `error`. Invariant: whether a lock holds is reported by the kernel's answer, never assumed.

use std::fmt;

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
