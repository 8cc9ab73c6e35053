//! The locks that hold on this machine now, by the trial that `site-agent check` makes. Used by `collect`.
//! Invariant: a trial that fails is said, and is no lock that holds.

use sandbox::Lock as Kind;
use sandbox::probe::ProbeReport;

use crate::cli::consent::known::Known;
use crate::cli::ledger::report::facts::{Held, Lock, Locks};
use crate::preflight;

/// Tries both processes' locks in children.
pub(super) fn try_them(known: &Known) -> Locks {
    let found = match preflight::try_locks(&known.folder) {
        Ok(found) => found,
        Err(error) => return Locks { failure: Some(error.to_string()), ..Locks::default() },
    };
    let excused = &known.config.sandbox.allow_missing;
    let attempts = |report: &ProbeReport, lock: Kind| {
        report.attempts.iter().filter(|attempt| attempt.lock == lock).count()
    };
    let tried = |lock: Kind| Lock {
        lock: lock.to_string(),
        gateway: held(&found.gateway, lock),
        worker: held(&found.worker, lock),
        attempts: attempts(&found.gateway, lock) + attempts(&found.worker, lock),
        required: lock.is_required(),
        excused: excused.contains(&lock),
    };
    let reached = found.gateway.reached().into_iter().chain(found.worker.reached());
    Locks {
        failure: None,
        tried: Kind::ALL.into_iter().map(tried).collect(),
        missing: found.unmet(excused).iter().map(ToString::to_string).collect(),
        reached: reached.map(|path| path.display().to_string()).collect(),
    }
}

fn held(report: &ProbeReport, lock: Kind) -> Held {
    let is_used = report.locks.iter().any(|report| report.lock == lock);
    match (is_used, report.holds(lock)) {
        (false, _) => Held::NotUsed,
        (true, true) => Held::Holds,
        (true, false) => Held::DoesNotHold,
    }
}
