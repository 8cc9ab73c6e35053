//! Process attributes: no core file, not inspectable, dies with its parent.
//!
//! Called by `sandbox::enter` and by the children at start. Records and keys live in memory, so a
//! crash must not write memory to disk and another process of the same user must not read it.

#![allow(unsafe_code)]

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::lock::{Lock, LockReport};

/// Switches off core files (`RLIMIT_CORE` 0, which a child cannot raise again without privilege) and marks
/// the process undumpable, which also closes `/proc/<pid>/mem` and `ptrace` to other unprivileged processes.
pub(super) fn forbid_core_dumps() -> LockReport {
    let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is a valid, initialised rlimit that outlives the call; the kernel only reads it.
    let limited = unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
    if limited != 0 {
        return LockReport::missing(Lock::CoreDumps, format!("setrlimit: {}", io::Error::last_os_error()));
    }
    // SAFETY: PR_SET_DUMPABLE takes one integer and touches no memory of ours.
    let undumpable = unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 0, 0, 0, 0) };
    if undumpable != 0 {
        return LockReport::missing(Lock::CoreDumps, format!("prctl: {}", io::Error::last_os_error()));
    }
    LockReport::held(Lock::CoreDumps, "no core file, memory not readable by others")
}

/// Asks the kernel for its version of Landlock, and changes nothing.
///
/// # Errors
/// The kernel's error: ENOSYS or EOPNOTSUPP where it has none, EPERM where a filter around this program
/// refuses the call.
pub(super) fn landlock_version() -> io::Result<()> {
    const VERSION: libc::c_ulong = 1;
    // SAFETY: with this flag the call takes no memory and only returns a number.
    let status = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, 0_usize, 0_usize, VERSION) };
    if status >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// From here on the end of a terminal's session ends no process: its agent goes on. For the children, which
/// have no use for the signal; the agent itself takes it as a wish to open its logs anew.
///
/// # Errors
/// The kernel's error.
pub fn ignore_hangups() -> io::Result<()> {
    // SAFETY: ignoring a signal installs no handler, so no code of ours runs in one.
    let before = unsafe { libc::signal(libc::SIGHUP, libc::SIG_IGN) };
    if before == libc::SIG_ERR { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Asks the kernel to kill this process when its parent dies, so that a killed supervisor leaves no orphan
/// that still trains or still holds the ledger.
///
/// # Errors
/// The kernel's error; the callers treat end-of-file on the inherited pipe as the second signal.
pub fn die_with_parent() -> io::Result<()> {
    // SAFETY: PR_SET_PDEATHSIG takes one integer and touches no memory of ours.
    let result = unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Sets a variable of this process's environment. Only for the start of a locked child.
pub(super) fn set_environment(name: &str, value: &Path) {
    // SAFETY: a locked child calls this right after its locks, which it takes before it starts a runtime or
    // any other thread (`sandbox`), so nobody reads the environment meanwhile.
    unsafe { std::env::set_var(name, value) };
}

/// Asks a child process to end in good order.
///
/// # Errors
/// The kernel's error, for instance when the process is already gone.
pub fn terminate(process_id: u32) -> io::Result<()> {
    let Ok(process_id) = libc::pid_t::try_from(process_id) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    if process_id <= 1 {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    // SAFETY: `kill` touches no memory; the id is positive and above 1, so it names one process and no group.
    let result = unsafe { libc::kill(process_id, libc::SIGTERM) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Set by the signal handler, taken by [`interrupted`].
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn note_interrupt(_signal: libc::c_int) {
    INTERRUPTED.store(true, Ordering::SeqCst);
}

/// From now on the next Ctrl-C is only noted, for [`interrupted`]; the one after it ends the process as
/// usual.
///
/// # Errors
/// The kernel's error.
pub fn note_interrupts() -> io::Result<()> {
    INTERRUPTED.store(false, Ordering::SeqCst);
    // SAFETY: an all-zero sigaction is valid: no flags, an empty mask, the default action.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = note_interrupt as extern "C" fn(libc::c_int) as libc::sighandler_t;
    action.sa_flags = libc::SA_RESETHAND;
    // SAFETY: `action` is initialised and outlives the call; the handler stores to an atomic, which is
    // async-signal-safe, and has the signature that goes without SA_SIGINFO.
    let result = unsafe { libc::sigaction(libc::SIGINT, &raw const action, std::ptr::null_mut()) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// Whether Ctrl-C was pressed since it was last asked.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.swap(false, Ordering::SeqCst)
}
