//! Seccomp: the filter that leaves the two children the system calls of `calls`, and of some of them only
//! the arguments that they need.
//!
//! Called by `sandbox::enter_*`, last of all locks. An allow list: whatever else is called, today's or a
//! later kernel's, returns EPERM (or ENOSYS, where callers know another way), so that a library asking out of
//! habit goes on without it; a call through another ABI (x32, i386), where numbers mean other things, kills
//! the process. The test is by trying: `sandbox::probe`.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch, apply_filter, sock_filter,
};

use super::calls::{AS_IF_ABSENT, NEWEST_KNOWN, Role, allowed};
use super::lock::{Lock, LockReport};

/// Flags that `clone` must have: a thread, which lives and ends with its process.
const THREAD: libc::c_int = libc::CLONE_THREAD | libc::CLONE_SIGHAND | libc::CLONE_VM;
/// And those that it must not have besides.
const NAMESPACES: libc::c_int = libc::CLONE_NEWCGROUP
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWUSER
    | libc::CLONE_NEWUTS;

/// A thread's own name, and names for its memory. Not: the parent's death signal, being dumpable or traced,
/// capabilities, other filters.
const PRCTL: [libc::c_int; 3] = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];

/// Duplicating, closing at `execve`, blocking, and file locks (SQLite's). Not: F_SETOWN,
/// which sends signals to whom it names, leases, sizes of pipes.
const FCNTL: [libc::c_int; 12] = [
    libc::F_DUPFD,
    libc::F_DUPFD_CLOEXEC,
    libc::F_GETFD,
    libc::F_SETFD,
    libc::F_GETFL,
    libc::F_SETFL,
    libc::F_GETLK,
    libc::F_SETLK,
    libc::F_SETLKW,
    libc::F_OFD_GETLK,
    libc::F_OFD_SETLK,
    libc::F_OFD_SETLKW,
];

/// Whether standard output is a terminal and how wide it is; how much waits in a pipe or a datagram; closing
/// at `execve` and blocking, by their second names. Not: TIOCSTI, which types into the terminal.
const IOCTL: [libc::Ioctl; 5] =
    [libc::TCGETS, libc::TIOCGWINSZ, libc::FIONREAD, libc::FIOCLEX, libc::FIONBIO];

/// What the allocator, thread stacks and drivers say of this process's own memory. Not: MADV_HWPOISON and
/// MADV_SOFT_OFFLINE, by which root takes memory away from the machine; MADV_MERGEABLE, by which one process
/// learns what is in another's memory.
const MADVISE: [libc::c_int; 20] = [
    libc::MADV_NORMAL,
    libc::MADV_RANDOM,
    libc::MADV_SEQUENTIAL,
    libc::MADV_WILLNEED,
    libc::MADV_DONTNEED,
    libc::MADV_FREE,
    libc::MADV_DONTFORK,
    libc::MADV_DOFORK,
    // By these a random number generator sees that its process was split (AWS-LC's in the gateway).
    libc::MADV_WIPEONFORK,
    libc::MADV_KEEPONFORK,
    libc::MADV_HUGEPAGE,
    libc::MADV_NOHUGEPAGE,
    // The worker's own: frozen weights into large pages (`model::kernels::pool::large`).
    libc::MADV_COLLAPSE,
    libc::MADV_DONTDUMP,
    libc::MADV_DODUMP,
    libc::MADV_POPULATE_READ,
    libc::MADV_POPULATE_WRITE,
    libc::MADV_DONTNEED_LOCKED,
    GUARD_INSTALL,
    GUARD_REMOVE,
];
/// Guard pages, from Linux 6.13; glibc makes those of thread stacks by it.
const GUARD_INSTALL: libc::c_int = 102;
const GUARD_REMOVE: libc::c_int = 103;

/// Set-user-id and set-group-id, which no file may be made with: whoever starts it would be its owner.
const SET_ID: u64 = 0o6000;
/// Flags of `open` that make a file, and so have a mode.
const MAKING: libc::c_int = libc::O_CREAT | (libc::O_TMPFILE & !libc::O_DIRECTORY);
/// What stays closed to the group and to others, whatever a process wishes.
const UMASK: u64 = 0o077;
/// Bits of a mask that the kernel drops: -1, what a refused `umask` answered, is no mask to go back to.
const NO_UMASK: u64 = 0xffff_fe00;

/// NVIDIA's driver: `_IOWR('F', ..)` of the control and card devices. Of unified memory the plain numbers
/// below 256, and its beginning and end.
const NVIDIA_MAGIC: u64 = (b'F' as u64) << 8;
const NVIDIA_UVM: [u64; 2] = [0x3000_0001, 0x3000_0002];

/// Installs the filter on the calling thread; threads it starts inherit it.
pub(super) fn restrict(role: Role) -> LockReport {
    match build(role).and_then(|filter| apply_filter(&filter)) {
        Ok(()) => LockReport::held(
            Lock::Seccomp,
            match role {
                Role::Gateway => "listed calls; UDP sockets only",
                Role::Worker => "listed calls; no socket of any family",
                Role::WorkerOnGpu => "listed calls; no socket but a mute one for the GPU",
                Role::Server => "listed calls; no socket but the one that listens",
                Role::ServerOnGpu => "listed calls; no socket but the one that listens and one for the GPU",
            },
        ),
        Err(error) => LockReport::missing(Lock::Seccomp, error.to_string()),
    }
}

fn build(role: Role) -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        allowed(role).map(|number| (number, Vec::new())).collect();
    rules.extend(limited(role)?);
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let listed: BpfProgram = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        SeccompAction::Allow,
        architecture,
    )?
    .try_into()?;
    // Jumps are relative, so one program may stand before another.
    Ok([foreign_and_absent(), listed].concat())
}

/// The calls that are let through with some arguments only.
fn limited(role: Role) -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let own_id = u64::from(std::process::id());
    let number = |value: libc::c_int| u64::from(value.unsigned_abs());
    let thread = masked(0, number(THREAD | NAMESPACES), number(THREAD))?;
    let mut ioctl = any_of(1, IOCTL.iter().map(|request| u64::from(*request as u32)))?;
    let mut limited = vec![
        (libc::SYS_clone, vec![SeccompRule::new(vec![thread])?]),
        // To itself: `abort`, and what glibc does between threads.
        (libc::SYS_kill, any_of(0, [own_id])?),
        (libc::SYS_tgkill, any_of(0, [own_id])?),
        (libc::SYS_prctl, any_of(0, PRCTL.map(number))?),
        (libc::SYS_fcntl, any_of(1, FCNTL.map(number))?),
        // Reading its own: the first argument names no other process, the third sets nothing.
        (libc::SYS_prlimit64, vec![SeccompRule::new(vec![equal(0, 0)?, null(2)?])?]),
        // What `rename` is on newer architectures; without exchanging, and leaving no device behind.
        (libc::SYS_renameat2, any_of(4, [0])?),
        (libc::SYS_madvise, any_of(2, MADVISE.map(number))?),
        (libc::SYS_umask, vec![SeccompRule::new(vec![masked(0, UMASK | NO_UMASK, UMASK)?])?]),
        (libc::SYS_openat, opening(2)?),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, opening(1)?),
    ];
    if matches!(role, Role::Server | Role::ServerOnGpu) {
        limited.extend(answering()?);
    }
    match role {
        Role::Worker | Role::Server => {}
        Role::WorkerOnGpu | Role::ServerOnGpu => {
            for condition in [masked(1, 0xff00, NVIDIA_MAGIC)?, masked(1, 0xffff_ff00, 0)?] {
                ioctl.push(SeccompRule::new(vec![condition])?);
            }
            ioctl.extend(any_of(1, NVIDIA_UVM)?);
            limited.push((libc::SYS_socket, sockets(&[libc::AF_UNIX], libc::SOCK_SEQPACKET)?));
        }
        Role::Gateway => {
            let internet = [libc::AF_INET, libc::AF_INET6];
            limited.push((libc::SYS_socket, sockets(&internet, libc::SOCK_DGRAM)?));
            limited.push(own_pair()?);
        }
    }
    limited.push((libc::SYS_ioctl, ioctl));
    Ok(limited)
}

/// How tokio wakes itself at a signal; both ends stay in this process.
fn own_pair() -> Result<(i64, Vec<SeccompRule>), BackendError> {
    Ok((libc::SYS_socketpair, sockets(&[libc::AF_UNIX], libc::SOCK_STREAM)?))
}

/// Sending on a connection that was accepted, and saying that no more comes. Without an address and without
/// MSG_FASTOPEN, by which `sendto` would connect, also a listening socket that was shut for receiving.
fn answering() -> Result<Vec<(i64, Vec<SeccompRule>)>, BackendError> {
    let plain =
        |flags: libc::c_int| SeccompRule::new(vec![equal(3, u64::from(flags.unsigned_abs()))?, null(4)?]);
    let to_write = u64::from(libc::SHUT_WR.unsigned_abs());
    Ok(vec![
        own_pair()?,
        (libc::SYS_sendto, vec![plain(0)?, plain(libc::MSG_NOSIGNAL)?]),
        (libc::SYS_shutdown, any_of(1, [to_write])?),
    ])
}

/// Lets through an `open` with its flags at this argument, and its mode at the next: one that makes nothing,
/// or nothing that is started as its owner.
fn opening(flags: u8) -> Result<Vec<SeccompRule>, BackendError> {
    Ok(vec![
        SeccompRule::new(vec![masked(flags, u64::from(MAKING.unsigned_abs()), 0)?])?,
        SeccompRule::new(vec![masked(flags + 1, SET_ID, 0)?])?,
    ])
}

/// The calls that are let through with some arguments only, by number.
pub(crate) fn limited_numbers(role: Role) -> Vec<i64> {
    limited(role).into_iter().flatten().map(|(number, _)| number).collect()
}

/// The low word of an argument is `value`; of integers the kernel looks at no more.
fn equal(argument: u8, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

/// Those bits of the low word of an argument that are in `mask` are `value`.
fn masked(argument: u8, mask: u64, value: u64) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::MaskedEq(mask), value)
}

/// An argument that is an address is null.
fn null(argument: u8) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)
}

/// Rules that let through each of `values`.
fn any_of(argument: u8, values: impl IntoIterator<Item = u64>) -> Result<Vec<SeccompRule>, BackendError> {
    values.into_iter().map(|value| SeccompRule::new(vec![equal(argument, value)?])).collect()
}

/// Lets through `socket(family, type, ..)` where the family is one of `families` and the type is `kind`.
fn sockets(families: &[libc::c_int], kind: libc::c_int) -> Result<Vec<SeccompRule>, BackendError> {
    // The low four bits are the type; the others are SOCK_CLOEXEC and SOCK_NONBLOCK.
    const TYPE_MASK: u64 = 0xf;
    let kind = u64::from(kind.unsigned_abs());
    let rule = |family: &libc::c_int| {
        SeccompRule::new(vec![equal(0, u64::from(family.unsigned_abs()))?, masked(1, TYPE_MASK, kind)?])
    };
    families.iter().map(rule).collect()
}

/// Stands before the list. Kills the process on any call of the x32 ABI: the same architecture word, but bit
/// 30 set in the number (the list itself kills on any other architecture's word). Then answers ENOSYS to
/// calls that are newer than the list, or better taken for absent.
fn foreign_and_absent() -> BpfProgram {
    const X32_SYSCALL_BIT: u32 = 0x4000_0000;
    const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const JUMP_IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
    const JUMP_IF_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
    const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const NUMBER_OFFSET: u32 = 0; // seccomp_data.nr
    let word = |number: i64| u32::try_from(number).unwrap_or(u32::MAX);
    let absent = libc::SECCOMP_RET_ERRNO | libc::ENOSYS.unsigned_abs();
    let mut program = vec![sock_filter { code: LOAD_WORD, jt: 0, jf: 0, k: NUMBER_OFFSET }];
    // If the comparison holds, the next instruction, which returns `answer`; else the one after it.
    let mut answer = |comparison: u16, number: u32, answer: u32| {
        program.push(sock_filter { code: comparison, jt: 0, jf: 1, k: number });
        program.push(sock_filter { code: RETURN, jt: 0, jf: 0, k: answer });
    };
    if cfg!(target_arch = "x86_64") {
        answer(JUMP_IF_GREATER_OR_EQUAL, X32_SYSCALL_BIT, libc::SECCOMP_RET_KILL_PROCESS);
    }
    answer(JUMP_IF_GREATER, word(NEWEST_KNOWN), absent);
    for call in AS_IF_ABSENT {
        answer(JUMP_IF_EQUAL, word(*call), absent);
    }
    program
}

#[cfg(test)]
mod tests;
