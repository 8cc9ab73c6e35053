//! Proof by trying: enters a real sandbox and attempts what must be impossible there.
//!
//! Run by `preflight` as a hidden child process, for `site-agent check`, for `site-agent run` before it
//! starts, and for the tests. A probe never believes a report of the lock itself: it opens the file, makes
//! the socket, attaches the debugger. Invariants: whether a lock holds is judged by what every machine has
//! and by a file made for the trial, never by the site's own files; a filter around this program that kills
//! is told, not met (`child`).

#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{IntoRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::calls::Role;
use super::descriptors::close_inherited;
use super::enter::{enter_gateway, enter_server, enter_worker};
use super::lock::{Lock, LockReport};
use super::rules::FileRules;
use attempt::{Attempt, Outcome, from_status};
use calls::{try_calls, try_reaching, try_socket, try_socket_pair, try_traffic};
use child::{deadly, try_deaths, try_scopes};

pub mod attempt;
pub(crate) mod calls;
pub(crate) mod child;

/// What a probe child prints, as one JSON document.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    pub locks: Vec<LockReport>,
    pub attempts: Vec<Attempt>,
    /// Locks whose taking kills this program, because of a filter around it; nothing else was tried then.
    #[serde(default)]
    pub deadly: Vec<Lock>,
}

impl ProbeReport {
    /// Whether a lock is reported and what was tried against it was refused.
    #[must_use]
    pub fn holds(&self, lock: Lock) -> bool {
        let mut tried =
            self.attempts.iter().filter(|attempt| attempt.lock == lock && attempt.place.is_none()).peekable();
        self.locks.iter().any(|report| report.lock == lock && report.held)
            && (tried.peek().is_none() || tried.clone().any(Attempt::refused))
            && tried.all(|attempt| attempt.outcome != Outcome::Allowed)
    }

    /// The site's own files and folders that the process reaches though the lock holds: they stand where it
    /// has to look.
    #[must_use]
    pub fn reached(&self) -> Vec<PathBuf> {
        let reached = self.attempts.iter().filter(|attempt| attempt.outcome == Outcome::Allowed);
        let places = reached.filter(|attempt| self.holds(attempt.lock)).filter_map(|a| a.place.clone());
        places.collect()
    }
}

/// What a probe is to try besides what every machine has.
#[derive(Clone, Debug, Default)]
pub struct Targets {
    /// A folder with a file in it, made for the trial: neither may be read or written.
    pub trial: Option<PathBuf>,
    /// Files and folders of the site that must not be read.
    pub forbidden: Vec<PathBuf>,
    /// Folders of the site that must not be written.
    pub read_only: Vec<PathBuf>,
}

/// The file in a trial's folder.
pub const TRIAL_FILE: &str = "file";

/// Locks this process as the gateway and tries to reach records.
#[must_use]
pub fn probe_gateway(rules: &FileRules, targets: &Targets) -> ProbeReport {
    let role = Role::Gateway;
    let deadly = deadly(rules, role);
    if !deadly.is_empty() {
        return ProbeReport { deadly, ..ProbeReport::default() };
    }
    let parent = std::os::unix::process::parent_id();
    let enter = || enter_gateway(close_inherited(), rules);
    let mut attempts = try_scopes(rules);
    attempts.extend(try_deaths(&|| drop(enter())));
    attempts.extend(try_calls(&enter, parent));
    attempts.push(try_socket(&enter, "a TCP socket", libc::AF_INET, libc::SOCK_STREAM));
    attempts.push(try_socket(&enter, "a local (Unix) socket", libc::AF_UNIX, libc::SOCK_DGRAM));
    attempts.push(try_socket(&enter, "a packet socket", libc::AF_PACKET, libc::SOCK_RAW));
    let inherited = inherited_socket();
    let locks = enter_gateway(close_inherited(), rules);
    attempts.push(try_inherited(inherited));
    attempts.extend(try_files(parent, targets));
    ProbeReport { locks, attempts, deadly }
}

/// Sockets of every kind that leads somewhere.
const FAMILIES: [(&str, libc::c_int, libc::c_int); 10] = [
    ("an IPv4 TCP socket", libc::AF_INET, libc::SOCK_STREAM),
    ("an IPv4 UDP socket", libc::AF_INET, libc::SOCK_DGRAM),
    ("an IPv6 TCP socket", libc::AF_INET6, libc::SOCK_STREAM),
    ("an IPv6 UDP socket", libc::AF_INET6, libc::SOCK_DGRAM),
    ("a local (Unix) socket", libc::AF_UNIX, libc::SOCK_STREAM),
    ("a netlink socket", libc::AF_NETLINK, libc::SOCK_RAW),
    ("a packet socket", libc::AF_PACKET, libc::SOCK_RAW),
    ("a virtual machine (vsock) socket", libc::AF_VSOCK, libc::SOCK_STREAM),
    ("a Bluetooth socket", libc::AF_BLUETOOTH, libc::SOCK_RAW),
    ("a kernel crypto socket", libc::AF_ALG, libc::SOCK_SEQPACKET),
];

/// Locks this process as one that answers on a socket and tries to reach anybody itself.
#[must_use]
pub fn probe_server(rules: &FileRules, targets: &Targets) -> ProbeReport {
    let role = if rules.gpu.is_some() { Role::ServerOnGpu } else { Role::Server };
    let deadly = deadly(rules, role);
    if !deadly.is_empty() {
        return ProbeReport { deadly, ..ProbeReport::default() };
    }
    let parent = std::os::unix::process::parent_id();
    let network = own_network();
    let enter = || enter_server(close_inherited(), rules);
    let mut attempts = try_scopes(rules);
    attempts.extend(try_deaths(&|| drop(enter())));
    attempts.extend(FAMILIES.iter().map(|(what, family, kind)| try_socket(&enter, what, *family, *kind)));
    attempts.extend(try_reaching(&enter));
    attempts.extend(try_calls(&enter, parent));
    let inherited = inherited_socket();
    let locks = enter_server(close_inherited(), rules);
    attempts.push(try_inherited(inherited));
    attempts.push(compare_network(network));
    attempts.extend(try_files(parent, targets));
    ProbeReport { locks, attempts, deadly }
}

/// Locks this process as the worker and tries to reach a network, the key and the ledger.
#[must_use]
pub fn probe_worker(rules: &FileRules, targets: &Targets) -> ProbeReport {
    let role = if rules.gpu.is_some() { Role::WorkerOnGpu } else { Role::Worker };
    let deadly = deadly(rules, role);
    if !deadly.is_empty() {
        return ProbeReport { deadly, ..ProbeReport::default() };
    }
    let parent = std::os::unix::process::parent_id();
    let network = own_network();
    let enter = || enter_worker(rules);
    let mut attempts = try_scopes(rules);
    attempts.extend(try_deaths(&|| drop(enter())));
    attempts.extend(FAMILIES.iter().map(|(what, family, kind)| try_socket(&enter, what, *family, *kind)));
    attempts.push(try_socket_pair(&enter));
    attempts.extend(try_traffic(&enter));
    attempts.extend(try_calls(&enter, parent));
    let inherited = inherited_socket();
    let locks = enter_worker(rules);
    attempts.push(try_inherited(inherited));
    attempts.push(compare_network(network));
    attempts.extend(try_files(parent, targets));
    ProbeReport { locks, attempts, deadly }
}

/// Everything about files, in the process that is locked.
fn try_files(parent: u32, targets: &Targets) -> Vec<Attempt> {
    let mut attempts = vec![
        try_read(Path::new("/etc/passwd")),
        Attempt::of_file(
            "read another process's environment",
            &File::open(format!("/proc/{parent}/environ")).map(|_| ()),
        ),
    ];
    if let Some(trial) = &targets.trial {
        attempts.push(try_read(&trial.join(TRIAL_FILE)));
        attempts.push(try_create_in(trial));
    }
    attempts.extend(targets.forbidden.iter().map(|path| try_read(path).at(path)));
    attempts.extend(targets.read_only.iter().map(|path| try_create_in(path).at(path)));
    attempts
}

/// A socket that is open when the locks are taken, as if whoever started this process had left it.
pub(crate) fn inherited_socket() -> io::Result<RawFd> {
    let (mine, other) = UnixStream::pair()?;
    // Both stay open, as far as this process is concerned, so that a write would succeed.
    let _ = other.into_raw_fd();
    Ok(mine.into_raw_fd())
}

pub(crate) fn try_inherited(socket: io::Result<RawFd>) -> Attempt {
    let written = socket.map(|socket| {
        // SAFETY: one byte of a constant is read; nobody else uses a descriptor of that number.
        from_status(unsafe { libc::write(socket, b"x".as_ptr().cast(), 1) } as libc::c_long)
    });
    let (refused, answer) = match written {
        Ok(Err(error)) if error.raw_os_error() == Some(libc::EBADF) => (true, "it is closed".to_owned()),
        Ok(Err(error)) | Err(error) => (false, error.to_string()),
        Ok(Ok(())) => (false, "written".to_owned()),
    };
    Attempt::found(Lock::Descriptors, "write to a socket that was left open", refused, &answer)
}

fn try_read(path: &Path) -> Attempt {
    let result = if path.is_dir() { fs::read_dir(path).map(|_| ()) } else { File::open(path).map(|_| ()) };
    Attempt::of_file(format!("read {}", path.display()), &result)
}

fn try_create_in(folder: &Path) -> Attempt {
    let path = folder.join(".consilium-probe");
    let result = OpenOptions::new().write(true).create_new(true).open(&path).map(|_| ());
    if result.is_ok() {
        // Best effort: the lock did not hold, so this works as well; the report says so.
        let _ = fs::remove_file(&path);
    }
    Attempt::of_file(format!("write into {}", folder.display()), &result)
}

/// Whether the network namespace is another than before the locks.
fn compare_network(before: io::Result<PathBuf>) -> Attempt {
    let after = own_network();
    let (refused, answer) = match (before, after) {
        (Ok(before), Ok(after)) if before != after => (true, "moved to an empty namespace"),
        (Ok(_), Ok(_)) => (false, "still in the host's namespace"),
        (Err(_), _) | (_, Err(_)) => (false, "cannot tell"),
    };
    Attempt::found(Lock::NetworkNamespace, "stay in the host's network namespace", refused, answer)
}

pub(crate) fn own_network() -> io::Result<PathBuf> {
    fs::read_link("/proc/self/ns/net")
}
