//! A network namespace of the worker's own: even the loopback interface is gone.
//!
//! Called by `sandbox::enter` before seccomp. It is the second wall behind seccomp, used where the
//! kernel allows it: some distributions forbid unprivileged user namespaces.

#![allow(unsafe_code)]

use std::io;

use super::lock::{Lock, LockReport};

/// Moves the calling process into a new network namespace.
///
/// As root a network namespace alone is enough. Otherwise a user namespace comes with it; no user id is
/// mapped, because the worker needs none: files are opened with the ids it really has.
pub(super) fn leave_network() -> LockReport {
    // SAFETY: `unshare` takes flags only and touches no memory; the process has one thread here.
    let alone = unsafe { libc::unshare(libc::CLONE_NEWNET) };
    if alone == 0 {
        return LockReport::held(Lock::NetworkNamespace, "own network namespace");
    }
    // SAFETY: as above.
    let with_user = unsafe { libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) };
    if with_user == 0 {
        return LockReport::held(Lock::NetworkNamespace, "own user and network namespace");
    }
    LockReport::missing(Lock::NetworkNamespace, format!("unshare: {}", io::Error::last_os_error()))
}
