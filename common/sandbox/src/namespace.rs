//! Namespaces of the worker's own: even the loopback interface is gone, and so is everybody's shared memory.
//!
//! Called by `sandbox::enter` before seccomp. It is the second wall behind seccomp, used where the
//! kernel allows it: some distributions forbid unprivileged user namespaces.

#![allow(unsafe_code)]

use std::io;

use super::lock::{Lock, LockReport};

/// Moves the calling process into a new network namespace, and a new one for System V and POSIX message
/// queues, semaphores and shared memory.
///
/// As root these alone are enough. Otherwise a user namespace comes with them; no user id is mapped, because
/// the worker needs none: files are opened with the ids it really has.
pub(super) fn leave_network() -> LockReport {
    const OWN: libc::c_int = libc::CLONE_NEWNET | libc::CLONE_NEWIPC;
    let tries = [
        (OWN, "own network and IPC namespace"),
        (OWN | libc::CLONE_NEWUSER, "own user, network and IPC namespace"),
        (libc::CLONE_NEWNET, "own network namespace"),
    ];
    for (flags, detail) in tries {
        // SAFETY: `unshare` takes flags only and touches no memory; the process has one thread here.
        if unsafe { libc::unshare(flags) } == 0 {
            return LockReport::held(Lock::NetworkNamespace, detail);
        }
    }
    LockReport::missing(Lock::NetworkNamespace, format!("unshare: {}", io::Error::last_os_error()))
}
