//! What a worker that somebody replaced would try, tried for real by the process that is locked, with what
//! became of each: the kernel's half of the attack suite.
//!
//! Called by `site-agent check --attack` in a child that has entered the worker's locks by the worker's own
//! code. Invariants: nothing here harms the machine where a lock does not hold: calls have arguments that
//! fail or only look, files are opened and never read or changed, what is made is removed, and everything
//! that is filled or counted has a bound; a path of the site's that is not there counts as nothing, never
//! as refused.

mod calls;
mod ground;
mod own;
mod places;
mod processes;
mod tried;

use std::io;
use std::os::fd::RawFd;

use crate::calls::Role;
use crate::lock::{Lock, LockReport};
use crate::probe::{inherited_socket, own_network};
use tried::Held;

pub use ground::Ground;
pub use own::deaths;
pub use places::{Special, plant};
pub use tried::{Barrier, Promise, Tried};

/// What has to be there before the locks are taken: a socket that somebody left open.
#[derive(Debug)]
pub struct Before {
    socket: io::Result<RawFd>,
}

impl Before {
    /// To be made by the main thread of a process that is locked next.
    #[must_use]
    pub fn the_locks() -> Self {
        Self { socket: inherited_socket() }
    }
}

/// Tries everything, and tells of each attack as soon as it is tried.
pub fn run(before: Before, ground: &Ground, role: Role, reports: &[LockReport], tell: &mut dyn FnMut(Tried)) {
    let holds = |lock: Lock| reports.iter().any(|report| report.lock == lock && report.held);
    let held = Held { filter: holds(Lock::Seccomp), files: holds(Lock::Landlock) };
    calls::try_all(held, role, ground, tell);
    tell(own::namespace(ground, &own_network()));
    processes::try_all(held, ground, tell);
    places::try_all(held, ground, tell);
    tell(own::descriptors(before.socket));
    own::try_admitted(ground, tell);
}
