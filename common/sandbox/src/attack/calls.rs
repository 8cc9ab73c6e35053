//! System calls: sockets of every family, ways into the kernel and out of this process, and every call that
//! is not on the list. Used by `attack`. Invariant: as of `probe::calls`; the calls by number alone are made
//! only behind the filter, and never those that would stop or split this process.

#![allow(unsafe_code)]

use std::collections::BTreeSet;
use std::io;

use super::ground::Ground;
use super::tried::{Held, Promise, Tried};
use crate::calls::{AS_IF_ABSENT, NEWEST_KNOWN, Role, allowed};
use crate::lock::Lock;
use crate::probe::attempt::from_status;
use crate::probe::calls::{Call, KERNEL, METADATA, NONE, SHARED, against, call, fork};
use crate::seccomp::limited_numbers;

const NETWORK: &str = "network";
const KERNEL_GROUP: &str = "kernel";
const STOPPED: Promise = Promise::Stopped(Lock::Seccomp);

/// Families that are tried, from 0: the kernel of 2026 has 46.
const FAMILIES: libc::c_int = 128;
/// SOCK_STREAM to SOCK_PACKET.
const KINDS: [libc::c_int; 7] = [1, 2, 3, 4, 5, 6, 10];
/// Numbers beyond the newest call that is known.
const UNKNOWN_CALLS: i64 = 64;

/// Those that a reader asks for by name.
const NAMED: [(&str, libc::c_int, libc::c_int); 6] = [
    ("look up a name (DNS over UDP)", libc::AF_INET, libc::SOCK_DGRAM),
    ("open a TCP connection", libc::AF_INET, libc::SOCK_STREAM),
    ("use a local or abstract Unix socket", libc::AF_UNIX, libc::SOCK_STREAM),
    ("talk to the kernel by netlink", libc::AF_NETLINK, libc::SOCK_RAW),
    ("send raw packets", libc::AF_PACKET, libc::SOCK_RAW),
    ("talk to the host of a virtual machine (vsock)", libc::AF_VSOCK, libc::SOCK_STREAM),
];

/// What makes use of a socket that is there already.
const TRAFFIC: &[Call] = &[
    call("connect", libc::SYS_connect, [NONE, 0, 0, 0, 0]),
    call("accept", libc::SYS_accept4, [NONE, 0, 0, 0, 0]),
    call("sendto", libc::SYS_sendto, [NONE, 0, 0, 0, 0]),
    call("sendmsg", libc::SYS_sendmsg, [NONE, 0, 0, 0, 0]),
    call("recvfrom", libc::SYS_recvfrom, [NONE, 0, 0, 0, 0]),
    call("recvmsg", libc::SYS_recvmsg, [NONE, 0, 0, 0, 0]),
];

/// Calls that would stop, split or hang up this process if the filter let them through.
const NEVER_BY_NUMBER: &[i64] = &[
    libc::SYS_clone,
    libc::SYS_vhangup,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_fork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_vfork,
    #[cfg(target_arch = "x86_64")]
    libc::SYS_pause,
    #[cfg(target_arch = "x86_64")]
    URETPROBE,
    #[cfg(target_arch = "x86_64")]
    UPROBE,
];
/// The kernel's own probes of programs: it answers these before any filter, and ends with SIGILL whoever
/// makes them elsewhere than in its own code.
#[cfg(target_arch = "x86_64")]
const URETPROBE: i64 = 335;
#[cfg(target_arch = "x86_64")]
const UPROBE: i64 = 336;

/// Everything of this file.
pub(super) fn try_all(held: Held, role: Role, ground: &Ground, tell: &mut dyn FnMut(Tried)) {
    tell(every_family(held, role));
    for (what, family, kind) in NAMED {
        let mut tried = Tried::new(NETWORK, what, STOPPED);
        ask(&mut tried, held, "socket", family, || socket(family, kind));
        tell(tried);
    }
    tell(together(held, NETWORK, "use a socket that is there already", TRAFFIC));
    tell(together(held, "files", "change a file's mode, owner, times or attributes, or link it", METADATA));
    tell(together(held, "processes", "share memory, queues, semaphores or keys", SHARED));
    for call in KERNEL {
        let mut tried = Tried::new(KERNEL_GROUP, call.what, STOPPED);
        tried.call(held, call.what, &call.make());
        tell(tried);
    }
    let mut fork_bomb = Tried::new("processes", "make another process, and another (fork bomb)", STOPPED);
    fork_bomb.call(held, "fork", &fork());
    tell(fork_bomb);
    for (name, id) in &ground.processes {
        let what = format!("trace, signal, limit or slow down the {name}");
        let mut tried = Tried::new("processes", &what, STOPPED);
        for call in against(libc::c_long::from(*id)) {
            tried.call(held, call.what, &call.make());
        }
        tell(tried);
    }
    tell(every_call(held, role));
}

fn together(held: Held, group: &str, what: &str, calls: &[Call]) -> Tried {
    let mut tried = Tried::new(group, what, STOPPED);
    for call in calls {
        tried.call(held, call.what, &call.make());
    }
    tried
}

fn socket(family: libc::c_int, kind: libc::c_int) -> io::Result<()> {
    // SAFETY: `socket` takes integers only.
    let made = unsafe { libc::socket(family, kind | libc::SOCK_CLOEXEC, 0) };
    let answer = from_status(made.into());
    if answer.is_ok() {
        // SAFETY: the descriptor was made here, and nobody else has it.
        unsafe { libc::close(made) };
    }
    answer
}

fn socket_pair(family: libc::c_int, kind: libc::c_int) -> io::Result<()> {
    let mut pair = [0; 2];
    // SAFETY: `pair` has room for the two descriptors that the kernel writes.
    let answer = from_status(unsafe { libc::socketpair(family, kind, 0, pair.as_mut_ptr()) }.into());
    if answer.is_ok() {
        for made in pair {
            // SAFETY: the descriptors were made here, and nobody else has them.
            unsafe { libc::close(made) };
        }
    }
    answer
}

/// Families whose sockets every kernel that we run on has already. Asked for one of another family, a kernel
/// loads its module; a suite without the filter would leave it there.
const LOADED: [libc::c_int; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];

/// Tries `ask` for a socket of the family, unless that would change the machine.
fn ask(tried: &mut Tried, held: Held, name: &str, family: libc::c_int, ask: impl Fn() -> io::Result<()>) {
    if held.filter || LOADED.contains(&family) {
        tried.call(held, name, &ask());
    } else {
        tried.not_asked(name);
    }
}

/// Every family that any kernel has, in every kind, alone and as a pair.
fn every_family(held: Held, role: Role) -> Tried {
    let mut tried = Tried::new(NETWORK, "make a socket, or a pair, of any family and kind", STOPPED);
    for family in 0..FAMILIES {
        for kind in KINDS {
            // The one that NVIDIA's driver insists on: it is made, and stays mute (see TRAFFIC).
            let is_mute =
                role == Role::WorkerOnGpu && (family, kind) == (libc::AF_UNIX, libc::SOCK_SEQPACKET);
            if !is_mute {
                let name = format!("family {family} kind {kind}");
                ask(&mut tried, held, &name, family, || socket(family, kind));
            }
            let name = format!("pair of {family} kind {kind}");
            ask(&mut tried, held, &name, family, || socket_pair(family, kind));
        }
    }
    if role == Role::WorkerOnGpu {
        return tried.noted("but for the mute one of NVIDIA's driver, on which nothing is sent or received");
    }
    tried
}

/// Every number that is not on the list, the newest kernel's and some of no kernel included.
fn every_call(held: Held, role: Role) -> Tried {
    let what = "make any call that is not on the list, or newer than it";
    let mut tried = Tried::new(KERNEL_GROUP, what, STOPPED);
    if !held.filter {
        // What has no filter makes them; to see that takes no trial.
        tried.not_asked("any");
        return tried;
    }
    let listed: BTreeSet<i64> = allowed(role)
        .chain(limited_numbers(role))
        .chain(NEVER_BY_NUMBER.iter().copied().filter(|number| !AS_IF_ABSENT.contains(number)))
        .collect();
    for number in (0..=NEWEST_KNOWN + UNKNOWN_CALLS).filter(|number| !listed.contains(number)) {
        // SAFETY: the filter answers before the kernel sees the arguments; without a filter this is not
        // reached, and the arguments are descriptors, addresses and commands that nothing has.
        let answer = from_status(unsafe { libc::syscall(number as libc::c_long, -1, -1, -1, -1, -1, -1) });
        tried.call(held, &format!("call {number}"), &answer);
    }
    tried
}
