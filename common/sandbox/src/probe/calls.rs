//! System calls that must be refused to both children: each is made, with arguments that do no harm where it
//! is let through after all, in a process of its own behind the filter. Called by `probe`; `attack` makes the
//! same calls in the process that is locked. Invariants:
//! nothing is changed and nothing is left behind, whatever the kernel answers; a filter around this program
//! that kills for such a call kills the child that made it and nobody else.

#![allow(unsafe_code)]

use std::io;

use super::attempt::{Attempt, from_status};
use super::child::{Ended, call_in_child};
use crate::lock::{Lock, LockReport};

/// Takes the locks that are tried, as the process that they are for does.
pub(super) type Enter<'a> = &'a dyn Fn() -> Vec<LockReport>;

/// A call and its arguments.
pub(crate) struct Call {
    pub(crate) what: &'static str,
    pub(crate) number: libc::c_long,
    arguments: [libc::c_long; 5],
}

impl Call {
    /// Makes it, in this process.
    pub(crate) fn make(&self) -> io::Result<()> {
        let [a, b, c, d, e] = self.arguments;
        // SAFETY: as the arguments of this file's tables are chosen, the call is refused or fails before it
        // reads or writes memory, or only looks.
        from_status(unsafe { libc::syscall(self.number, a, b, c, d, e, 0) })
    }
}

pub(crate) const fn call(what: &'static str, number: libc::c_long, arguments: [libc::c_long; 5]) -> Call {
    Call { what, number, arguments }
}

/// No descriptor, and a name for no file: the call fails with EBADF or EFAULT if it is not refused before.
pub(crate) const NONE: libc::c_long = -1;
/// A key under which nobody keeps anything.
const KEY: libc::c_long = 0x636f_6e73;
/// A command that no version of the call has.
pub(crate) const NO_COMMAND: libc::c_long = 0x7fff;

/// Owner, mode, times and attributes of files; links and devices.
pub(crate) const METADATA: &[Call] = &[
    call("change a file's mode", libc::SYS_fchmodat, [NONE, 0, 0, 0, 0]),
    call("change an open file's mode", libc::SYS_fchmod, [NONE, 0, 0, 0, 0]),
    call("change a file's owner", libc::SYS_fchownat, [NONE, 0, NONE, NONE, 0]),
    call("change an open file's owner", libc::SYS_fchown, [NONE, NONE, NONE, 0, 0]),
    call("set a file's attributes", libc::SYS_setxattr, [0, 0, 0, 0, 0]),
    call("set an open file's attributes", libc::SYS_fsetxattr, [NONE, 0, 0, 0, 0]),
    call("remove a file's attributes", libc::SYS_removexattr, [0, 0, 0, 0, 0]),
    call("set a file's times", libc::SYS_utimensat, [NONE, 0, 0, NO_COMMAND, 0]),
    call("make a hard link", libc::SYS_linkat, [NONE, 0, NONE, 0, 0]),
    call("make a symbolic link", libc::SYS_symlinkat, [0, NONE, 0, 0, 0]),
    call("make a device or a fifo", libc::SYS_mknodat, [NONE, 0, 0, 0, 0]),
];

/// What processes share by a number or a name.
pub(crate) const SHARED: &[Call] = &[
    call("open shared memory (System V)", libc::SYS_shmget, [KEY, 0, 0, 0, 0]),
    call("attach shared memory (System V)", libc::SYS_shmat, [NONE, 0, 0, 0, 0]),
    call("remove shared memory (System V)", libc::SYS_shmctl, [NONE, 0, 0, 0, 0]),
    call("open a message queue (System V)", libc::SYS_msgget, [KEY, 0, 0, 0, 0]),
    call("send to a message queue (System V)", libc::SYS_msgsnd, [NONE, 0, 0, 0, 0]),
    call("open semaphores (System V)", libc::SYS_semget, [KEY, 0, 0, 0, 0]),
    call("open a message queue (POSIX)", libc::SYS_mq_open, [0, 0, 0, 0, 0]),
    call("use a keyring", libc::SYS_keyctl, [NO_COMMAND, 0, 0, 0, 0]),
    call("add a key to a keyring", libc::SYS_add_key, [0, 0, 0, 0, 0]),
    call("ask for a key", libc::SYS_request_key, [0, 0, 0, 0, 0]),
    call("make a file in memory", libc::SYS_memfd_create, [0, 0, 0, 0, 0]),
];

/// Ways into the kernel, into other places of the file system, and out of this process's own settings.
pub(crate) const KERNEL: &[Call] = &[
    call("set up io_uring", libc::SYS_io_uring_setup, [1, 0, 0, 0, 0]),
    call("load a kernel program (bpf)", libc::SYS_bpf, [NO_COMMAND, 0, 0, 0, 0]),
    call("count events of the kernel (perf)", libc::SYS_perf_event_open, [0, 0, NONE, NONE, 0]),
    call("handle page faults (userfaultfd)", libc::SYS_userfaultfd, [NO_COMMAND, 0, 0, 0, 0]),
    call("leave a namespace", libc::SYS_unshare, [0, 0, 0, 0, 0]),
    call("enter a namespace", libc::SYS_setns, [NONE, 0, 0, 0, 0]),
    call("mount a file system", libc::SYS_mount, [0, 0, 0, 0, 0]),
    call("mount a file system (new interface)", libc::SYS_fsopen, [0, 0, 0, 0, 0]),
    call("change the root folder", libc::SYS_chroot, [0, 0, 0, 0, 0]),
    call("open a file by its handle", libc::SYS_open_by_handle_at, [NONE, 0, 0, 0, 0]),
    call("become dumpable", libc::SYS_prctl, [libc::PR_SET_DUMPABLE as libc::c_long, NO_COMMAND, 0, 0, 0]),
    call("outlive the agent", libc::SYS_prctl, [libc::PR_SET_PDEATHSIG as libc::c_long, NO_COMMAND, 0, 0, 0]),
    call("type into the terminal", libc::SYS_ioctl, [0, libc::TIOCSTI as libc::c_long, 0, 0, 0]),
    call("have a signal sent to another", libc::SYS_fcntl, [0, libc::F_SETOWN as libc::c_long, 0, 0, 0]),
    call("start another program", libc::SYS_execve, [0, 0, 0, 0, 0]),
    call("start another program (by descriptor)", libc::SYS_execveat, [NONE, 0, 0, 0, 0]),
    call("take another process's descriptors", libc::SYS_pidfd_getfd, [NONE, 0, 0, 0, 0]),
    call("change the root of the file system", libc::SYS_pivot_root, [0, 0, 0, 0, 0]),
    call("open a tree of mounts", libc::SYS_open_tree, [NONE, 0, NO_COMMAND, 0, 0]),
    call("load a kernel module", libc::SYS_finit_module, [NONE, 0, 0, 0, 0]),
    call("set the clock", libc::SYS_clock_settime, [NO_COMMAND, 0, 0, 0, 0]),
    call("watch folders (inotify)", libc::SYS_inotify_init1, [NO_COMMAND, 0, 0, 0, 0]),
    call("signal by descriptor", libc::SYS_pidfd_send_signal, [NONE, 0, 0, 0, 0]),
    call("advise another's memory", libc::SYS_process_madvise, [NONE, 0, 0, NO_COMMAND, 0]),
    // Of no memory: nothing is spoilt where it is let through.
    call("spoil the machine's memory (hwpoison)", libc::SYS_madvise, [0, 0, libc::MADV_HWPOISON as _, 0, 0]),
];

/// Against the process that started this one, our own supervisor or test. Reads, signal 0 and empty lists:
/// nothing happens to it.
pub(crate) fn against(parent: libc::c_long) -> Vec<Call> {
    let seize = libc::PTRACE_SEIZE as libc::c_long;
    let core = libc::RLIMIT_CORE as libc::c_long;
    vec![
        call("trace another process", libc::SYS_ptrace, [seize, parent, 0, 0, 0]),
        call("read another process's memory", libc::SYS_process_vm_readv, [parent, 0, 0, 0, 0]),
        call("write another process's memory", libc::SYS_process_vm_writev, [parent, 0, 0, 0, 0]),
        call("limit another process", libc::SYS_prlimit64, [parent, core, 0, 0, 0]),
        call("signal another process", libc::SYS_kill, [parent, 0, 0, 0, 0]),
        call("signal another process's thread", libc::SYS_tgkill, [parent, parent, 0, 0, 0]),
        call("signal a thread", libc::SYS_tkill, [parent, 0, 0, 0, 0]),
        call("queue a signal", libc::SYS_rt_sigqueueinfo, [parent, 0, 0, 0, 0]),
        call("hold another process", libc::SYS_pidfd_open, [parent, NO_COMMAND, 0, 0, 0]),
        call("move another process to a processor", libc::SYS_sched_setaffinity, [parent, 0, 0, 0, 0]),
        call("slow another process down", libc::SYS_setpriority, [NO_COMMAND, parent, 0, 0, 0]),
    ]
}

/// Makes every call of this file.
pub(super) fn try_calls(enter: Enter<'_>, parent: u32) -> Vec<Attempt> {
    let against = against(libc::c_long::from(parent));
    let mut attempts: Vec<Attempt> =
        METADATA.iter().chain(SHARED).chain(KERNEL).chain(&against).map(|call| make(enter, call)).collect();
    attempts.push(attempt(enter, "make another process", &fork));
    attempts
}

/// What would make use of a socket, had the process one: a GPU's driver makes one, and one may be inherited.
pub(super) fn try_traffic(enter: Enter<'_>) -> Vec<Attempt> {
    const CALLS: [(&str, libc::c_long); 6] = [
        ("connect a socket", libc::SYS_connect),
        ("accept a connection", libc::SYS_accept4),
        ("send on a socket", libc::SYS_sendto),
        ("send a message or a descriptor", libc::SYS_sendmsg),
        ("receive from a socket", libc::SYS_recvfrom),
        ("receive a message or a descriptor", libc::SYS_recvmsg),
    ];
    CALLS.map(|(what, number)| make(enter, &call(what, number, [NONE, 0, 0, 0, 0]))).into()
}

/// Ways in which a process that answers on one socket could begin to speak.
pub(super) fn try_reaching(enter: Enter<'_>) -> Vec<Attempt> {
    const FAST: libc::c_long = libc::MSG_FASTOPEN as libc::c_long;
    const RECEIVE: libc::c_long = libc::SHUT_RD as libc::c_long;
    let calls = [
        call("connect a socket", libc::SYS_connect, [NONE, 0, 0, 0, 0]),
        call("name a socket", libc::SYS_bind, [NONE, 0, 0, 0, 0]),
        call("listen on a second socket", libc::SYS_listen, [NONE, 0, 0, 0, 0]),
        call("send to an address", libc::SYS_sendto, [NONE, 0, 0, 0, NONE]),
        call("connect by sending", libc::SYS_sendto, [NONE, 0, 0, FAST, 0]),
        call("make the listening socket free to connect", libc::SYS_shutdown, [NONE, RECEIVE, 0, 0, 0]),
        call("send a message or a descriptor", libc::SYS_sendmsg, [NONE, 0, 0, 0, 0]),
        call("receive a message or a descriptor", libc::SYS_recvmsg, [NONE, 0, 0, 0, 0]),
    ];
    calls.iter().map(|call| make(enter, call)).collect()
}

/// Makes a socket.
pub(super) fn try_socket(enter: Enter<'_>, what: &str, family: libc::c_int, kind: libc::c_int) -> Attempt {
    attempt(enter, &format!("make {what}"), &|| {
        // SAFETY: `socket` takes integers only. A descriptor that is returned ends with the child.
        from_status(unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) }.into())
    })
}

/// Makes two sockets that are connected.
pub(super) fn try_socket_pair(enter: Enter<'_>) -> Attempt {
    attempt(enter, "make a pair of sockets", &|| {
        let mut pair = [0; 2];
        // SAFETY: `pair` has room for the two descriptors that the kernel writes.
        from_status(
            unsafe { libc::socketpair(libc::AF_UNIX, libc::SOCK_STREAM, 0, pair.as_mut_ptr()) }.into(),
        )
    })
}

fn make(enter: Enter<'_>, call: &Call) -> Attempt {
    attempt(enter, call.what, &|| call.make())
}

fn attempt(enter: Enter<'_>, what: &str, call: &dyn Fn() -> io::Result<()>) -> Attempt {
    match call_in_child(enter, call) {
        Ok(Ended::Answered(answer)) => Attempt::of_call(Lock::Seccomp, what, &answer),
        Ok(Ended::Killed) => Attempt::found(Lock::Seccomp, what, true, "killed (bad system call)"),
        Err(error) => Attempt::found(Lock::Seccomp, what, false, &format!("not tried: {error}")),
    }
}

/// A process of its own would outlive this one.
pub(crate) fn fork() -> io::Result<()> {
    // SAFETY: the flags of `fork`: the child gets a copy of this process, which has one thread, and ends at
    // once.
    let child = unsafe { libc::syscall(libc::SYS_clone, libc::SIGCHLD, 0, 0, 0, 0) };
    if child == 0 {
        // SAFETY: ends the child without running destructors that belong to the parent.
        unsafe { libc::_exit(0) };
    }
    let result = from_status(child);
    if let Ok(child) = libc::pid_t::try_from(child)
        && child > 0
    {
        // SAFETY: a null status is not written; `child` is our own child.
        unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    }
    result
}
