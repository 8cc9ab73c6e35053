//! The system calls that the two children may make, each group with its reason. What is not here is refused.
//!
//! Used by `seccomp`, which makes the filter of them. The lists were found by tracing training, generating,
//! the data commands, checkpoints, aborts and whole runs, and hold besides what another version of glibc or
//! of the allocator uses for the same. Invariants: no call here changes a file's owner, mode, times or
//! attributes, reaches another process or a resource that processes share, or makes a process; which files a
//! call may open is Landlock's business.

/// Which kind of child is being locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May make UDP sockets over IPv4 and IPv6, nothing else.
    Gateway,
    /// May make no socket at all, nor use one that it was given.
    Worker,
    /// As the worker, but for one thing that NVIDIA's driver does while it starts and cannot do without: it
    /// makes a local socket of the kind SOCK_SEQPACKET, gives it a name and listens, to lend memory to other
    /// processes that ask. Nothing passes through it: `connect`, `accept` and every call that sends or
    /// receives stay refused, and so are all other sockets. Landlock lets no socket be made in the file
    /// system, so the name is an abstract one.
    WorkerOnGpu,
    /// As the worker, but it answers on one TCP socket that listened before the locks were taken: it accepts
    /// connections, receives, and sends back on them. It makes no socket (but the pair that tokio wakes
    /// itself with, whose both ends it keeps), names no address, connects to nobody, and passes no
    /// descriptor.
    Server,
    /// The server on a GPU: the calls of both. Together they let it do what neither can: answer on the local
    /// socket that the driver makes, to programs of this machine that connect to its abstract name. It still
    /// connects to nobody.
    ServerOnGpu,
}

/// Memory: the allocator, thread stacks, tensors in recycled memory, libraries that glibc loads late. What
/// may be said of memory (`madvise`) is in `seccomp`.
const MEMORY: &[i64] =
    &[libc::SYS_brk, libc::SYS_mmap, libc::SYS_mprotect, libc::SYS_mremap, libc::SYS_munmap];

/// Threads, once `clone` has made one (see `seccomp`): waiting, names of their own, rayon's yielding, and
/// their end. `arch_prctl` (below) and these touch the calling thread only.
const THREADS: &[i64] = &[
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_futex,
    libc::SYS_get_robust_list,
    libc::SYS_gettid,
    libc::SYS_restart_syscall,
    libc::SYS_rseq,
    libc::SYS_sched_yield,
    libc::SYS_set_robust_list,
    libc::SYS_set_tid_address,
];

/// Handlers and masks of the process's own signals: a panic's abort, Ctrl-C while `generate` answers, the
/// guard page of a stack. Sending one is limited in `seccomp`.
const SIGNALS: &[i64] = &[
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigpending,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigsuspend,
    libc::SYS_rt_sigtimedwait,
    libc::SYS_sigaltstack,
];

/// Clocks, where the kernel's shared page has none (some virtual machines), and sleeping. No setting.
const CLOCKS: &[i64] = &[
    libc::SYS_clock_getres,
    libc::SYS_clock_gettime,
    libc::SYS_clock_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_nanosleep,
];

/// Contents of files that are open: records, models, checkpoints, pipes to the supervisor, the database.
const CONTENTS: &[i64] = &[
    libc::SYS_close,
    libc::SYS_dup,
    libc::SYS_fdatasync,
    libc::SYS_flock,
    libc::SYS_fsync,
    libc::SYS_ftruncate,
    libc::SYS_lseek,
    libc::SYS_pread64,
    libc::SYS_preadv,
    libc::SYS_pwrite64,
    libc::SYS_pwritev,
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
];

/// Names of files, by Landlock's rules: making folders, renaming, removing, and reading what is known of
/// them (opening, and the mask of modes, are in `seccomp`). No links, no devices, no modes.
const NAMES: &[i64] = &[
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_fstat,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_getdents64,
    libc::SYS_mkdirat,
    libc::SYS_newfstatat,
    libc::SYS_readlinkat,
    libc::SYS_renameat,
    libc::SYS_statfs,
    libc::SYS_statx,
    libc::SYS_unlinkat,
];

/// Questions about this process and this machine: how many threads are worth it, how much memory there is,
/// who it is. `poll` waits for a descriptor that is open already.
const QUESTIONS: &[i64] = &[
    libc::SYS_getcpu,
    libc::SYS_getegid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_getuid,
    libc::SYS_ppoll,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getscheduler,
    libc::SYS_sysinfo,
    libc::SYS_times,
    libc::SYS_uname,
];

/// The same as above by the names that x86-64 had first; newer architectures do not have them. `arch_prctl`
/// sets a thread's own registers and asks for wider ones (AMX).
#[cfg(target_arch = "x86_64")]
const OLD_NAMES: &[i64] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_mkdir,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_rename,
    libc::SYS_rmdir,
    libc::SYS_stat,
    libc::SYS_time,
    libc::SYS_unlink,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_NAMES: &[i64] = &[];

/// Waiting for several descriptors at once, and waking who waits: tokio, and NVIDIA's driver.
const EVENTS: &[i64] = &[
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_epoll_wait,
    libc::SYS_eventfd2,
    libc::SYS_pipe2,
];

/// QUIC and DNS over the sockets that `seccomp` lets the gateway make: all of them UDP.
const DATAGRAMS: &[i64] = &[
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_getpeername,
    libc::SYS_getsockname,
    libc::SYS_getsockopt,
    libc::SYS_recvfrom,
    libc::SYS_recvmmsg,
    libc::SYS_recvmsg,
    libc::SYS_sendmmsg,
    libc::SYS_sendmsg,
    libc::SYS_sendto,
    libc::SYS_setsockopt,
];

/// Answering on a socket that listens. What may be sent, and how a connection is closed, is in `seccomp`.
const CONNECTIONS: &[i64] = &[libc::SYS_accept4, libc::SYS_recvfrom];

/// NVIDIA's driver in user space: pinned memory, memory of one NUMA node (its own pages only), and the mute
/// socket's name.
const GPU: &[i64] = &[
    libc::SYS_bind,
    libc::SYS_get_mempolicy,
    libc::SYS_listen,
    libc::SYS_mbind,
    libc::SYS_mincore,
    libc::SYS_mlock,
    libc::SYS_msync,
    libc::SYS_munlock,
    libc::SYS_set_mempolicy,
];

/// Answered "this kernel does not have it" instead of "you may not": callers then take the older way, which
/// they do not always do after a refusal. `clone3` has its flags in memory, where no filter can read them;
/// the copies between descriptors would reach sockets.
pub(super) const AS_IF_ABSENT: &[i64] = &[
    libc::SYS_clone3,
    libc::SYS_copy_file_range,
    libc::SYS_epoll_pwait2,
    libc::SYS_futex_waitv,
    libc::SYS_membarrier,
    libc::SYS_openat2,
    libc::SYS_preadv2,
    libc::SYS_pwritev2,
    libc::SYS_sendfile,
    libc::SYS_splice,
];

/// The last call that these lists were written with knowledge of (`mseal`, Linux 6.10); later ones do not
/// exist for the children. The same number on all architectures we build for.
pub(super) const NEWEST_KNOWN: i64 = libc::SYS_mseal;

/// The calls that `role` may make with any arguments.
pub(super) fn allowed(role: Role) -> impl Iterator<Item = i64> {
    let everybody = [MEMORY, THREADS, SIGNALS, CLOCKS, CONTENTS, NAMES, QUESTIONS, OLD_NAMES];
    let own: &[&[i64]] = match role {
        Role::Gateway => &[EVENTS, DATAGRAMS],
        Role::Worker => &[],
        Role::WorkerOnGpu => &[EVENTS, GPU],
        Role::Server => &[EVENTS, CONNECTIONS],
        Role::ServerOnGpu => &[EVENTS, CONNECTIONS, GPU],
    };
    everybody.into_iter().chain(own.iter().copied()).flatten().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_list_holds_what_must_be_refused() {
        let never = [
            libc::SYS_clone,
            libc::SYS_execve,
            libc::SYS_fchmod,
            libc::SYS_fchown,
            libc::SYS_fsetxattr,
            libc::SYS_keyctl,
            libc::SYS_kill,
            libc::SYS_madvise,
            libc::SYS_memfd_create,
            libc::SYS_openat,
            libc::SYS_prctl,
            libc::SYS_prlimit64,
            libc::SYS_shmget,
            libc::SYS_socket,
            libc::SYS_tkill,
            libc::SYS_umask,
            libc::SYS_utimensat,
        ];
        for role in [Role::Gateway, Role::Worker, Role::WorkerOnGpu, Role::Server, Role::ServerOnGpu] {
            let allowed: Vec<i64> = allowed(role).collect();
            assert!(never.iter().chain(AS_IF_ABSENT).all(|call| !allowed.contains(call)), "{role:?}");
        }
        let worker: Vec<i64> = allowed(Role::Worker).collect();
        assert!(DATAGRAMS.iter().chain(GPU).chain(EVENTS).all(|call| !worker.contains(call)));
        let on_gpu: Vec<i64> = allowed(Role::WorkerOnGpu).collect();
        assert!(DATAGRAMS.iter().all(|call| *call == libc::SYS_bind || !on_gpu.contains(call)));
        let server: Vec<i64> = allowed(Role::Server).collect();
        assert!(DATAGRAMS.iter().all(|call| *call == libc::SYS_recvfrom || !server.contains(call)));
        assert!(!server.contains(&libc::SYS_listen) && !server.contains(&libc::SYS_shutdown));
    }
}
