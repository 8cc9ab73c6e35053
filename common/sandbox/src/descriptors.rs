//! What a locked process was given open: standard input, output and error, and nothing else.
//!
//! Called by `sandbox::enter` and by the gateway before it opens its database. A filter of system calls
//! cannot tell `write` to a pipe from `write` to a connection, so a connection that somebody left open when
//! the agent was started would be a way out. Invariant: called before the process has opened anything that
//! it goes on using.

#![allow(unsafe_code)]

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::{AsRawFd as _, RawFd};

use super::lock::{Lock, LockReport};

/// The first descriptor after standard error.
const FIRST: RawFd = 3;

/// Closes every descriptor from 3 on, and puts the null device where one of the first three is a socket that
/// leads off this machine's own sockets.
pub fn close_inherited() -> LockReport {
    match close_all().and_then(|()| replace_connections()) {
        Ok(0) => LockReport::held(Lock::Descriptors, "only standard input, output and error are open"),
        Ok(_) => LockReport::held(Lock::Descriptors, "a connection among the standard ones was cut"),
        Err(error) => LockReport::missing(Lock::Descriptors, error.to_string()),
    }
}

fn close_all() -> io::Result<()> {
    // SAFETY: integers only. The callers own no descriptor from FIRST on at this point (see the header).
    let closed = unsafe { libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) };
    if closed == 0 { Ok(()) } else { close_each() }
}

/// For kernels before 5.9, which cannot close a range.
fn close_each() -> io::Result<()> {
    let names = fs::read_dir("/proc/self/fd")?.map(|entry| Ok(entry?.file_name()));
    let names = names.collect::<io::Result<Vec<_>>>()?;
    for descriptor in names.iter().filter_map(|name| name.to_str()?.parse::<RawFd>().ok()) {
        if descriptor >= FIRST {
            // SAFETY: as above. The folder's own descriptor is closed already; EBADF is then the answer.
            unsafe { libc::close(descriptor) };
        }
    }
    Ok(())
}

/// How many of the first three were sockets of another family than AF_UNIX (a service manager's log is one
/// of those); they are the null device now.
fn replace_connections() -> io::Result<usize> {
    let mut replaced = 0;
    for descriptor in 0..FIRST {
        if family(descriptor).is_some_and(|family| family != libc::AF_UNIX) {
            let null = OpenOptions::new().read(true).write(true).open("/dev/null")?;
            put(&null, descriptor)?;
            replaced += 1;
        }
    }
    Ok(replaced)
}

fn put(file: &File, at: RawFd) -> io::Result<()> {
    // SAFETY: `file` is open, and `at` is one of the first three, which the standard library never closes.
    let status = unsafe { libc::dup2(file.as_raw_fd(), at) };
    if status >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// The family of a socket; `None` if it is no socket.
fn family(descriptor: RawFd) -> Option<libc::c_int> {
    let mut family: libc::c_int = 0;
    let mut length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: `family` has room for the integer that the kernel writes, and `length` says so.
    let status = unsafe {
        libc::getsockopt(
            descriptor,
            libc::SOL_SOCKET,
            libc::SO_DOMAIN,
            (&raw mut family).cast(),
            &raw mut length,
        )
    };
    (status == 0).then_some(family)
}
