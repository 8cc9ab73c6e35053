//! Proof by trying: enters a real sandbox and attempts what must be impossible there.
//!
//! Run by `preflight` as a hidden child process, for `site-agent check`, for `site-agent run` before it
//! starts, and for the tests. A probe never believes a report of the lock itself: it opens the file, makes
//! the socket, attaches the debugger.

#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::enter::{enter_gateway, enter_worker};
use super::lock::{Lock, LockReport};
use super::rules::FileRules;

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which lock must refuse it.
    pub lock: Lock,
    /// What was tried, for people.
    pub what: String,
    /// True when the kernel refused it.
    pub refused: bool,
    /// The kernel's answer.
    pub answer: String,
}

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
    let locks = enter_gateway(rules);
    let mut attempts: Vec<Attempt> = forbidden.iter().map(|path| try_read(path)).collect();
    attempts.push(try_read(Path::new("/etc/passwd")));
    attempts.push(try_core_dump());
    attempts.extend(try_processes(parent));
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
    let locks = enter_worker(rules);
    let mut attempts: Vec<Attempt> =
        FAMILIES.iter().map(|(what, family, kind)| try_socket(what, *family, *kind)).collect();
    attempts.push(try_socket_pair());
    attempts.extend(try_traffic());
    attempts.extend(try_processes(parent));
    attempts.push(try_foreign_abi());
    attempts.push(try_core_dump());
    attempts.push(compare_network(network));
    attempts.extend(forbidden.iter().map(|path| try_read(path)));
    attempts.extend(read_only.iter().map(|path| try_create_in(path)));
    ProbeReport { locks, attempts }
}

fn attempt(lock: Lock, what: impl Into<String>, result: io::Result<()>) -> Attempt {
    let (refused, answer) = match result {
        Ok(()) => (false, "allowed".to_owned()),
        Err(error) => (is_refusal(&error), error.to_string()),
    };
    Attempt { lock, what: what.into(), refused, answer }
}

/// A file that does not exist, or a socket family that the kernel lacks, is not a refusal by a lock: only
/// these are.
fn is_refusal(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES))
}

fn try_read(path: &Path) -> Attempt {
    let result = if path.is_dir() { fs::read_dir(path).map(|_| ()) } else { File::open(path).map(|_| ()) };
    attempt(Lock::Landlock, format!("read {}", path.display()), result)
}

fn try_create_in(folder: &Path) -> Attempt {
    let path = folder.join(".consilium-probe");
    let result = OpenOptions::new().write(true).create_new(true).open(&path).map(|_| ());
    if result.is_ok() {
        // Best effort: the lock did not hold, so this works as well; the report says so.
        let _ = fs::remove_file(&path);
    }
    attempt(Lock::Landlock, format!("write into {}", folder.display()), result)
}

fn from_status(status: libc::c_long) -> io::Result<()> {
    if status >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

fn try_socket(what: &str, family: libc::c_int, kind: libc::c_int) -> Attempt {
    // SAFETY: `socket` takes integers only. A descriptor that is returned stays open until this probe process
    // ends.
    let descriptor = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) };
    attempt(Lock::Seccomp, format!("make {what}"), from_status(descriptor.into()))
}

fn try_socket_pair() -> Attempt {
    let mut pair = [0; 2];
    // SAFETY: `pair` has room for the two descriptors that the kernel writes.
    let status = unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) };
    attempt(Lock::Seccomp, "make a pair of sockets", from_status(status.into()))
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
            attempt(Lock::Seccomp, *what, from_status(status))
        })
        .collect()
}

/// Other processes' memory and descriptors, io_uring, a new program.
fn try_processes(parent: u32) -> Vec<Attempt> {
    let parent = libc::c_long::from(parent);
    let none = std::ptr::null::<libc::c_void>();
    // SAFETY: `io_uring_setup` with a null parameter block fails with EFAULT if it is not refused before.
    let ring = from_status(unsafe { libc::syscall(libc::SYS_io_uring_setup, 1, none) });
    // SAFETY: attaching touches no memory of ours; the parent is our own supervisor or test.
    let trace =
        from_status(unsafe { libc::syscall(libc::SYS_ptrace, libc::PTRACE_SEIZE, parent, none, none) });
    // SAFETY: zero-length vectors: nothing is read even if the call is let through.
    let read = from_status(unsafe { libc::syscall(libc::SYS_process_vm_readv, parent, none, 0, none, 0, 0) });
    // SAFETY: no descriptor of that number is open; the call fails with EBADF if it is not refused before.
    let steal = from_status(unsafe { libc::syscall(libc::SYS_pidfd_getfd, -1, 0, 0) });
    // SAFETY: null pointers make the kernel return EFAULT if the call is not refused before.
    let program = from_status(unsafe { libc::syscall(libc::SYS_execve, none, none, none) });
    vec![
        attempt(Lock::Seccomp, "set up io_uring", ring),
        attempt(Lock::Seccomp, "trace another process", trace),
        attempt(Lock::Seccomp, "read another process's memory", read),
        attempt(Lock::Seccomp, "take another process's descriptors", steal),
        attempt(Lock::Seccomp, "start another program", program),
        attempt(
            Lock::Landlock,
            "read another process's environment",
            File::open(format!("/proc/{parent}/environ")).map(|_| ()),
        ),
    ]
}

/// `socket` by its x32 number, in a child, because the filter answers by killing.
fn try_foreign_abi() -> Attempt {
    const X32_SYSCALL_BIT: libc::c_long = 0x4000_0000;
    let status = in_child(|| {
        // SAFETY: three integers; the process ends right after, whatever comes back.
        unsafe { libc::syscall(X32_SYSCALL_BIT | libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0) };
    });
    let killed =
        status.is_ok_and(|status| libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS);
    Attempt {
        lock: Lock::Seccomp,
        what: "make a socket through the x32 interface".into(),
        refused: killed,
        answer: if killed { "killed (bad system call)" } else { "not killed" }.into(),
    }
}

/// A child that crashes, with memory worth dumping.
fn try_core_dump() -> Attempt {
    let status = in_child(|| {
        // SAFETY: raises SIGABRT in the child, which is what is tried.
        unsafe { libc::abort() };
    });
    let refused = status.is_ok_and(|status| libc::WIFSIGNALED(status) && !libc::WCOREDUMP(status));
    Attempt {
        lock: Lock::CoreDumps,
        what: "leave a core file".into(),
        refused,
        answer: if refused { "no core file" } else { "a core file was written, or the child did not crash" }
            .into(),
    }
}

/// Runs `act` in a child process and returns its wait status.
fn in_child(act: impl FnOnce()) -> io::Result<libc::c_int> {
    // SAFETY: a probe has one thread, so the child's memory is consistent; `act` allocates nothing.
    let child = unsafe { libc::fork() };
    if child == 0 {
        act();
        // SAFETY: ends the child without running destructors that belong to the parent.
        unsafe { libc::_exit(0) };
    }
    if child < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut status = 0;
    // SAFETY: `status` is a valid place for one integer, and `child` is our own child.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    if waited == child { Ok(status) } else { Err(io::Error::last_os_error()) }
}

/// Whether the network namespace is another than before the locks.
fn compare_network(before: io::Result<PathBuf>) -> Attempt {
    let after = own_network();
    let (refused, answer) = match (before, after) {
        (Ok(before), Ok(after)) if before != after => (true, "moved to an empty namespace"),
        (Ok(_), Ok(_)) => (false, "still in the host's namespace"),
        (Err(_), _) | (_, Err(_)) => (false, "cannot tell"),
    };
    Attempt {
        lock: Lock::NetworkNamespace,
        what: "stay in the host's network namespace".into(),
        refused,
        answer: answer.into(),
    }
}

fn own_network() -> io::Result<PathBuf> {
    fs::read_link("/proc/self/ns/net")
}
