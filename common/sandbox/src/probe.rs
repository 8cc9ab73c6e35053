//! Proof by trying: enters a real sandbox and attempts what must be impossible there.
//!
//! Run by `preflight` as a hidden child process, for `site-agent check`, for `site-agent run` before it
//! starts, and for the tests. A probe never believes a report of the lock itself: it opens the file, makes
//! the socket, attaches the debugger.

#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{IntoRawFd as _, RawFd};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::descriptors::close_inherited;
use super::enter::{enter_gateway, enter_worker};
use super::lock::{Lock, LockReport};
use super::rules::FileRules;
use attempt::{Attempt, from_status};
use calls::try_calls;
use child::{try_deaths, try_scopes};

mod attempt;
mod calls;
mod child;

/// What a probe child prints, as one JSON document.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProbeReport {
    pub locks: Vec<LockReport>,
    pub attempts: Vec<Attempt>,
}

impl ProbeReport {
    /// Whether a lock is reported and every attempt against it was refused.
    #[must_use]
    pub fn holds(&self, lock: Lock) -> bool {
        self.locks.iter().any(|report| report.lock == lock && report.held)
            && self.attempts.iter().all(|attempt| attempt.lock != lock || attempt.refused)
    }
}

/// Locks this process as the gateway and tries to reach records. `forbidden`: data files, model folder.
#[must_use]
pub fn probe_gateway(rules: &FileRules, forbidden: &[PathBuf]) -> ProbeReport {
    let parent = std::os::unix::process::parent_id();
    let mut attempts = try_scopes(rules);
    attempts.extend(try_deaths(&|| drop(enter_gateway(close_inherited(), rules))));
    let inherited = inherited_socket();
    let locks = enter_gateway(close_inherited(), rules);
    attempts.push(try_inherited(inherited));
    attempts.extend(forbidden.iter().map(|path| try_read(path)));
    attempts.push(try_read(Path::new("/etc/passwd")));
    attempts.extend(try_calls(parent));
    attempts.push(try_socket("a TCP socket", libc::AF_INET, libc::SOCK_STREAM));
    attempts.push(try_socket("a local (Unix) socket", libc::AF_UNIX, libc::SOCK_DGRAM));
    attempts.push(try_socket("a packet socket", libc::AF_PACKET, libc::SOCK_RAW));
    ProbeReport { locks, attempts }
}

/// Locks this process as the worker and tries to reach a network, the key and the ledger.
/// `forbidden`: files of the gateway; `read_only`: folders that must not be written.
#[must_use]
pub fn probe_worker(rules: &FileRules, forbidden: &[PathBuf], read_only: &[PathBuf]) -> ProbeReport {
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
    let parent = std::os::unix::process::parent_id();
    let network = own_network();
    let mut attempts = try_scopes(rules);
    attempts.extend(try_deaths(&|| drop(enter_worker(rules))));
    let inherited = inherited_socket();
    let locks = enter_worker(rules);
    attempts.push(try_inherited(inherited));
    attempts.extend(FAMILIES.iter().map(|(what, family, kind)| try_socket(what, *family, *kind)));
    attempts.push(try_socket_pair());
    attempts.extend(try_traffic());
    attempts.extend(try_calls(parent));
    attempts.push(compare_network(network));
    attempts.extend(forbidden.iter().map(|path| try_read(path)));
    attempts.extend(read_only.iter().map(|path| try_create_in(path)));
    ProbeReport { locks, attempts }
}

/// A socket that is open when the locks are taken, as if whoever started this process had left it.
fn inherited_socket() -> io::Result<RawFd> {
    let (mine, other) = UnixStream::pair()?;
    // Both stay open, as far as this process is concerned, so that a write would succeed.
    let _ = other.into_raw_fd();
    Ok(mine.into_raw_fd())
}

fn try_inherited(socket: io::Result<RawFd>) -> Attempt {
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
    Attempt::of(Lock::Landlock, format!("read {}", path.display()), result)
}

fn try_create_in(folder: &Path) -> Attempt {
    let path = folder.join(".consilium-probe");
    let result = OpenOptions::new().write(true).create_new(true).open(&path).map(|_| ());
    if result.is_ok() {
        // Best effort: the lock did not hold, so this works as well; the report says so.
        let _ = fs::remove_file(&path);
    }
    Attempt::of(Lock::Landlock, format!("write into {}", folder.display()), result)
}

fn try_socket(what: &str, family: libc::c_int, kind: libc::c_int) -> Attempt {
    // SAFETY: `socket` takes integers only. A descriptor that is returned stays open until this probe process
    // ends.
    let descriptor = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) };
    Attempt::of(Lock::Seccomp, format!("make {what}"), from_status(descriptor.into()))
}

fn try_socket_pair() -> Attempt {
    let mut pair = [0; 2];
    // SAFETY: `pair` has room for the two descriptors that the kernel writes.
    let status = unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) };
    Attempt::of(Lock::Seccomp, "make a pair of sockets", from_status(status.into()))
}

/// What would make use of a socket, had the process one: a GPU's driver makes one, and one may be inherited.
fn try_traffic() -> Vec<Attempt> {
    const CALLS: [(&str, libc::c_long); 6] = [
        ("connect a socket", libc::SYS_connect),
        ("accept a connection", libc::SYS_accept4),
        ("send on a socket", libc::SYS_sendto),
        ("send a message or a descriptor", libc::SYS_sendmsg),
        ("receive from a socket", libc::SYS_recvfrom),
        ("receive a message or a descriptor", libc::SYS_recvmsg),
    ];
    CALLS
        .iter()
        .map(|(what, call)| {
            // SAFETY: no descriptor is -1; the call fails with EBADF if it is not refused before, and reads
            // no memory.
            let status = unsafe { libc::syscall(*call, -1, 0, 0, 0, 0, 0) };
            Attempt::of(Lock::Seccomp, *what, from_status(status))
        })
        .collect()
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

fn own_network() -> io::Result<PathBuf> {
    fs::read_link("/proc/self/ns/net")
}
