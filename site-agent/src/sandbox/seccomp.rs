//! Seccomp: which system calls the kernel refuses to the two children.
//!
//! Called by `sandbox::enter`, last of all locks. A refused call returns EPERM, so that a library asking
//! out of habit goes on without it; a call through another ABI (x32, i386), where numbers mean other things,
//! kills the process. The lists name every way we know to reach a network, another process's memory or
//! descriptors, or a new program. The test is by trying: `sandbox::probe`.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
    TargetArch, apply_filter, sock_filter,
};

use super::lock::{Lock, LockReport};

/// Which kind of child is being locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// May make UDP sockets over IPv4 and IPv6, nothing else.
    Gateway,
    /// May make no socket at all.
    Worker,
    /// As the worker, but for one thing that NVIDIA's driver does while it starts and cannot do without: it
    /// makes a local socket of the kind SOCK_SEQPACKET, gives it a name and listens, to lend memory to other
    /// processes that ask. Nothing passes through it: `connect`, `accept` and every call that sends or
    /// receives stay refused, and so are all other sockets. Landlock lets no socket be made in the file
    /// system, so the name is an abstract one.
    WorkerOnGpu,
}

/// Refused to both: other processes' memory and descriptors, new programs, kernel back doors, mounts.
const COMMON: &[i64] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_kcmp,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_open_by_handle_at,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_shmget,
    libc::SYS_msgget,
    libc::SYS_semget,
    libc::SYS_mq_open,
];

/// Refused to the worker as well: making a socket of any family, and every call that would use an inherited
/// one.
const NETWORK: &[i64] = &[
    libc::SYS_socket,
    libc::SYS_socketpair,
    libc::SYS_connect,
    libc::SYS_bind,
    libc::SYS_listen,
    libc::SYS_accept,
    libc::SYS_accept4,
    libc::SYS_sendto,
    libc::SYS_sendmsg,
    libc::SYS_sendmmsg,
    libc::SYS_recvfrom,
    libc::SYS_recvmsg,
    libc::SYS_recvmmsg,
    libc::SYS_getpeername,
];

/// Installs the filters on the calling thread; threads and processes it starts inherit them.
pub(super) fn restrict(role: Role) -> LockReport {
    match build(role).and_then(|filter| {
        if cfg!(target_arch = "x86_64") {
            apply_filter(&kill_x32())?;
        }
        apply_filter(&filter)
    }) {
        Ok(()) => LockReport::held(
            Lock::Seccomp,
            match role {
                Role::Gateway => "UDP sockets only",
                Role::Worker => "no socket of any family",
                Role::WorkerOnGpu => "no socket but a mute one for the GPU",
            },
        ),
        Err(error) => LockReport::missing(Lock::Seccomp, error.to_string()),
    }
}

fn build(role: Role) -> Result<BpfProgram, seccompiler::Error> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        COMMON.iter().map(|number| (*number, Vec::new())).collect();
    match role {
        Role::Worker => rules.extend(NETWORK.iter().map(|number| (*number, Vec::new()))),
        Role::WorkerOnGpu => {
            rules.extend(NETWORK.iter().map(|number| (*number, Vec::new())));
            rules.remove(&libc::SYS_bind);
            rules.remove(&libc::SYS_listen);
            rules.insert(libc::SYS_socket, refuse_sockets_but(&[libc::AF_UNIX], libc::SOCK_SEQPACKET)?);
        }
        Role::Gateway => {
            let internet = [libc::AF_INET, libc::AF_INET6];
            rules.insert(libc::SYS_socket, refuse_sockets_but(&internet, libc::SOCK_DGRAM)?);
            rules.insert(libc::SYS_listen, Vec::new());
            rules.insert(libc::SYS_accept, Vec::new());
            rules.insert(libc::SYS_accept4, Vec::new());
        }
    }
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let filter = SeccompFilter::new(
        rules,
        SeccompAction::Allow,
        SeccompAction::Errno(libc::EPERM.unsigned_abs()),
        architecture,
    )?;
    Ok(filter.try_into()?)
}

/// Refuses `socket(family, type, ..)` unless the family is one of `families` and the type is `kind`.
fn refuse_sockets_but(
    families: &[libc::c_int],
    kind: libc::c_int,
) -> Result<Vec<SeccompRule>, seccompiler::BackendError> {
    // The low four bits are the type; the others are SOCK_CLOEXEC and SOCK_NONBLOCK.
    const TYPE_MASK: u64 = 0xf;
    let is_not = |family: &libc::c_int| {
        let family = u64::from(family.unsigned_abs());
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let mut rules = vec![SeccompRule::new(families.iter().map(is_not).collect::<Result<Vec<_>, _>>()?)?];
    for other in (0..=TYPE_MASK).filter(|other| *other != u64::from(kind.unsigned_abs())) {
        let masked = SeccompCmpOp::MaskedEq(TYPE_MASK);
        rules.push(SeccompRule::new(vec![SeccompCondition::new(
            1,
            SeccompCmpArgLen::Dword,
            masked,
            other,
        )?])?);
    }
    Ok(rules)
}

/// Kills the process on any call of the x32 ABI: the same architecture word, but bit 30 set in the number, so
/// that `socket` would have a number that the list above does not know.
fn kill_x32() -> BpfProgram {
    const X32_SYSCALL_BIT: u32 = 0x4000_0000;
    const LOAD_WORD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
    const JUMP_IF_GREATER_OR_EQUAL: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
    const RETURN: u16 = 0x06; // BPF_RET | BPF_K
    const NUMBER_OFFSET: u32 = 0; // seccomp_data.nr
    vec![
        sock_filter { code: LOAD_WORD, jt: 0, jf: 0, k: NUMBER_OFFSET },
        sock_filter { code: JUMP_IF_GREATER_OR_EQUAL, jt: 0, jf: 1, k: X32_SYSCALL_BIT },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_KILL_PROCESS },
        sock_filter { code: RETURN, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW },
    ]
}
