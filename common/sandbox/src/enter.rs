//! Taking the locks: the first thing that a child does, and each command that opens records in its own
//! process.
//!
//! Called by the site agent (`locks`, `gateway`), by the coordinator (`evaluate::child`, `cli::export`) and
//! by `probe`. Invariants: called by the main thread before a runtime or any other thread exists; whoever
//! calls compares the reports with the policy and refuses to go on when a required lock is missing.

use std::io::{self, Write as _};

use super::calls::Role;
use super::descriptors::close_inherited;
use super::lock::{Lock, LockReport};
use super::rules::FileRules;
use super::{landlock, namespace, process, seccomp};

/// Locks the gateway: UDP sockets only, no data folder, no model folder. `closed` is what
/// [`close_inherited`] said before the gateway opened its database, which stays open.
#[must_use]
pub fn enter_gateway(closed: LockReport, rules: &FileRules) -> Vec<LockReport> {
    let core_dumps = process::forbid_core_dumps();
    let [files, scopes] = landlock::restrict(rules, landlock::Network::UdpOnly);
    vec![closed, core_dumps, files, scopes, seccomp::restrict(Role::Gateway)]
}

/// Locks the worker: no socket of any family, reads only its data, its model and its inbox. On a GPU it may
/// besides use the files of the rules' `gpu`, and make the one kind of socket that NVIDIA's driver insists on
/// (see `seccomp`). The caller has nothing open but the first three descriptors: all others are closed.
#[must_use]
pub fn enter_worker(rules: &FileRules) -> Vec<LockReport> {
    let role = if rules.gpu.is_some() { Role::WorkerOnGpu } else { Role::Worker };
    let closed = close_inherited();
    let core_dumps = process::forbid_core_dumps();
    // The namespace comes first: seccomp refuses `unshare` from then on.
    let network = namespace::leave_network();
    let [files, scopes] = landlock::restrict(rules, landlock::Network::None);
    vec![closed, core_dumps, network, files, scopes, seccomp::restrict(role)]
}

/// Locks a process that answers on one socket: as [`enter_worker`], but that the socket, opened by the caller
/// before, stays open with what else it opened; nobody else's. `closed` is what [`close_inherited`] said
/// before that. The socket goes on in the network that it was made in; the process itself leaves it.
#[must_use]
pub fn enter_server(closed: LockReport, rules: &FileRules) -> Vec<LockReport> {
    let role = if rules.gpu.is_some() { Role::ServerOnGpu } else { Role::Server };
    let core_dumps = process::forbid_core_dumps();
    let network = namespace::leave_network();
    let [files, scopes] = landlock::restrict(rules, landlock::Network::None);
    vec![closed, core_dumps, network, files, scopes, seccomp::restrict(role)]
}

/// The required locks that are missing and that the policy does not allow to be missing.
#[must_use]
pub fn unmet(reports: &[LockReport], allow_missing: &[Lock]) -> Vec<LockReport> {
    reports
        .iter()
        .filter(|report| !report.held && report.lock.is_required() && !allow_missing.contains(&report.lock))
        .cloned()
        .collect()
}

/// A panic's message may quote data (an index, a slice, a string); its place in the source cannot.
pub fn quiet_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map_or("an unknown place", std::panic::Location::file);
        let line = panic.location().map_or(0, std::panic::Location::line);
        // The hook cannot report a failure to write anywhere else.
        let _ = writeln!(io::stderr(), "internal error at {place}:{line}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_lock_stops_a_run_unless_the_policy_names_it() {
        let reports = [
            LockReport::held(Lock::CoreDumps, ""),
            LockReport::missing(Lock::NetworkNamespace, ""),
            LockReport::missing(Lock::Landlock, ""),
        ];
        let unmet_strict = unmet(&reports, &[]);
        assert_eq!(unmet_strict.len(), 1);
        assert_eq!(unmet_strict[0].lock, Lock::Landlock);
        assert!(unmet(&reports, &[Lock::Landlock]).is_empty());
        assert_eq!(unmet(&reports, &[Lock::Seccomp]).len(), 1);
    }
}
