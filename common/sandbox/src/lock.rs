//! The locks by name, and whether each took hold. Used by every file of the sandbox, and by configuration and
//! errors of both programs. Invariant: whether a lock holds is reported by the kernel's answer, never
//! assumed.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// One mechanism of the kernel that we rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// File access limited to a list of folders (Linux 5.13 or newer).
    Landlock,
    /// System calls let through by number and argument, all others refused.
    Seccomp,
    /// A network namespace without interfaces, for the worker. Used where the kernel allows one;
    /// seccomp already refuses every socket, so its absence alone never stops a run.
    NetworkNamespace,
    /// No core file and no /proc/self/mem for other processes: memory holds records.
    CoreDumps,
    /// Nothing is open that the agent was given by whoever started it: a connection would be a way out.
    Descriptors,
    /// Landlock's scopes: no signal and no abstract socket reaches a process outside (Linux 6.12 or newer).
    /// Seccomp refuses the calls as well, so their absence alone never stops a run.
    Scopes,
}

impl Lock {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] = [
        Self::Landlock,
        Self::Seccomp,
        Self::CoreDumps,
        Self::Descriptors,
        Self::Scopes,
        Self::NetworkNamespace,
    ];

    /// Those that must hold.
    pub fn required() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(|lock| lock.is_required())
    }

    /// Whether `site-agent run` refuses to start without it (unless the policy file says so).
    #[must_use]
    pub fn is_required(self) -> bool {
        !matches!(self, Self::NetworkNamespace | Self::Scopes)
    }
}

impl fmt::Display for Lock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Landlock => "landlock",
            Self::Seccomp => "seccomp",
            Self::NetworkNamespace => "network-namespace",
            Self::CoreDumps => "core-dumps",
            Self::Descriptors => "descriptors",
            Self::Scopes => "scopes",
        })
    }
}

/// A word that names no lock that may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchLock;

impl fmt::Display for NoSuchLock {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("one of landlock, seccomp, core-dumps, descriptors is expected")
    }
}

impl std::error::Error for NoSuchLock {}

impl FromStr for Lock {
    type Err = NoSuchLock;

    /// Of those that must hold, and so may be allowed to be missing.
    fn from_str(text: &str) -> Result<Self, NoSuchLock> {
        Self::required().find(|lock| lock.to_string() == text).ok_or(NoSuchLock)
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
