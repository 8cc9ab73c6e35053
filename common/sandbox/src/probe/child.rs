//! What is tried in a child of the probe's own: because the answer may be that it is killed, by our filter or
//! by one that a service manager put around this program, or because one lock alone is tried. Called by
//! `probe` and `calls` before the probe locks itself: a locked process makes no children. Invariants: every
//! child is waited for; nothing that a child tries kills the process that asks.

#![allow(unsafe_code)]

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use super::attempt::{Attempt, from_status};
use crate::calls::Role;
use crate::landlock::{Network, restrict};
use crate::lock::{Lock, LockReport};
use crate::rules::FileRules;
use crate::{namespace, process, seccomp};

/// How a child says that it was refused.
const REFUSED: libc::c_int = 3;

/// What a call in a child came to.
pub(super) enum Ended {
    /// The kernel's answer.
    Answered(io::Result<()>),
    /// Killed for a call that some filter forbids.
    Killed,
}

/// The locks whose taking kills this program, because of a filter around it. In a child each, so that the
/// probe lives to tell.
pub(super) fn deadly(rules: &FileRules, role: Role) -> Vec<Lock> {
    let tried: [(Lock, &dyn Fn()); 4] = [
        (Lock::CoreDumps, &|| drop(process::forbid_core_dumps())),
        (Lock::Landlock, &|| drop(restrict(rules, Network::None))),
        (Lock::NetworkNamespace, &|| {
            if role != Role::Gateway {
                drop(namespace::leave_network());
            }
        }),
        (Lock::Seccomp, &|| drop(seccomp::restrict(role))),
    ];
    let is_deadly = |take: &dyn Fn()| in_child(take).is_ok_and(is_bad_call);
    tried.into_iter().filter(|(_, take)| is_deadly(take)).map(|(lock, _)| lock).collect()
}

/// Makes a call behind the locks that `enter` takes in a child, and tells what came of it.
///
/// # Errors
/// No child can be made.
pub(super) fn call_in_child(
    enter: &dyn Fn() -> Vec<LockReport>,
    call: &dyn Fn() -> io::Result<()>,
) -> io::Result<Ended> {
    let status = in_child(|| {
        let is_filtered = enter().iter().any(|report| report.lock == Lock::Seccomp && report.held);
        let code = match (is_filtered, call()) {
            (true, Ok(())) => 0,
            (true, Err(error)) => error.raw_os_error().unwrap_or(NO_ANSWER),
            (false, _) => NO_ANSWER,
        };
        // SAFETY: ends the child without running destructors that belong to the parent.
        unsafe { libc::_exit(code) };
    })?;
    if is_bad_call(status) {
        return Ok(Ended::Killed);
    }
    Ok(Ended::Answered(match (libc::WIFEXITED(status), libc::WEXITSTATUS(status)) {
        (true, 0) => Ok(()),
        (true, code) if code != NO_ANSWER => Err(io::Error::from_raw_os_error(code)),
        _ => Err(io::Error::other("the child ended without an answer")),
    }))
}

/// What a child exits with that has no answer to tell; no error of the kernel has this number.
const NO_ANSWER: libc::c_int = 255;

fn is_bad_call(status: libc::c_int) -> bool {
    libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGSYS
}

/// Crashes, and calls through other interfaces, each behind the locks that `enter` takes.
pub(crate) fn try_deaths(enter: &dyn Fn()) -> Vec<Attempt> {
    let mut attempts = vec![try_core_dump(enter), try_x32(enter)];
    #[cfg(target_arch = "x86_64")]
    attempts.push(try_i386(enter));
    attempts
}

/// A child that crashes, with memory worth dumping.
fn try_core_dump(enter: &dyn Fn()) -> Attempt {
    let status = in_child(|| {
        enter();
        // SAFETY: raises SIGABRT in the child, which is what is tried.
        unsafe { libc::abort() };
    });
    let refused = status.is_ok_and(|status| libc::WIFSIGNALED(status) && !libc::WCOREDUMP(status));
    let answer = if refused { "no core file" } else { "a core file was written, or the child did not crash" };
    Attempt::found(Lock::CoreDumps, "leave a core file", refused, answer)
}

/// `socket` by its x32 number.
fn try_x32(enter: &dyn Fn()) -> Attempt {
    const X32_SYSCALL_BIT: libc::c_long = 0x4000_0000;
    let status = in_child(|| {
        enter();
        // SAFETY: three integers; the process ends right after, whatever comes back.
        unsafe { libc::syscall(X32_SYSCALL_BIT | libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0) };
    });
    let killed = status.is_ok_and(is_bad_call);
    let answer = if killed { "killed (bad system call)" } else { "not killed" };
    Attempt::found(Lock::Seccomp, "make a socket through the x32 interface", killed, answer)
}

/// `getpid` by its number of 32-bit programs. A kernel without that interface kills as well.
#[cfg(target_arch = "x86_64")]
fn try_i386(enter: &dyn Fn()) -> Attempt {
    const GETPID: u64 = 20;
    let status = in_child(|| {
        enter();
        // SAFETY: a call without arguments that returns in rax; the interface may clear r8 to r11.
        unsafe {
            std::arch::asm!(
                "int 0x80",
                inout("rax") GETPID => _,
                out("r8") _, out("r9") _, out("r10") _, out("r11") _,
            );
        }
    });
    let killed = status.is_ok_and(|status| libc::WIFSIGNALED(status));
    let answer = if killed { "killed" } else { "not killed" };
    Attempt::found(Lock::Seccomp, "make a call through the 32-bit interface", killed, answer)
}

/// Landlock's scopes alone, without the filter that refuses the same calls: a signal to the parent, and an
/// abstract socket of the parent's.
pub(super) fn try_scopes(rules: &FileRules) -> Vec<Attempt> {
    let signal = refused_in_child(rules, || {
        // SAFETY: signal 0 asks whether a signal could be sent, and sends none.
        from_status(unsafe { libc::kill(libc::getppid(), 0) }.into())
    });
    let name = format!("consilium-probe-{}", std::process::id());
    let listening = SocketAddr::from_abstract_name(name)
        .and_then(|address| Ok((UnixDatagram::bind_addr(&address)?, UnixDatagram::unbound()?, address)));
    let socket = listening
        .and_then(|(_listener, mine, address)| refused_in_child(rules, || mine.connect_addr(&address)));
    [("signal a process outside", signal), ("reach an abstract socket outside", socket)]
        .map(|(what, refused)| match refused {
            Ok(true) => Attempt::found(Lock::Scopes, what, true, "refused by Landlock alone"),
            Ok(false) => Attempt::found(Lock::Scopes, what, false, "allowed by Landlock alone"),
            Err(error) => Attempt::found(Lock::Scopes, what, false, &error.to_string()),
        })
        .into()
}

/// Whether `act` is refused behind Landlock alone.
fn refused_in_child(rules: &FileRules, act: impl FnOnce() -> io::Result<()>) -> io::Result<bool> {
    let status = in_child(|| {
        let _ = restrict(rules, Network::None);
        let code = match act() {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => REFUSED,
            _ => 0,
        };
        // SAFETY: ends the child without running destructors that belong to the parent.
        unsafe { libc::_exit(code) };
    })?;
    Ok(libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == REFUSED)
}

/// Runs `act` in a child process and returns its wait status.
fn in_child(act: impl FnOnce()) -> io::Result<libc::c_int> {
    // SAFETY: a probe has one thread, so the child's memory is consistent.
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
