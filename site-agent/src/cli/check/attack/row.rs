//! One line of the attack suite's result. Used by the other files of `attack`, which make them, and by it,
//! which prints them. Invariant: what was not tried, or cannot be stopped, is never shown as stopped.

use sandbox::attack::{Barrier, Promise, Tried};
use sandbox::{Lock, LockReport};
use serde::Serialize;

/// What became of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// In every way in which it was tried.
    Stopped,
    /// It is promised to be stopped, and was not.
    NotStopped,
    /// It was not, and the policy accepts that the lock is missing.
    Accepted,
    /// Nothing stops it, and nobody says so.
    CannotBeStopped,
    /// This machine gives no occasion for it.
    NotTried,
}

impl Verdict {
    fn words(self) -> &'static str {
        match self {
            Self::Stopped => "stopped by",
            Self::NotStopped => "NOT STOPPED",
            Self::Accepted => "NOT STOPPED, accepted",
            Self::CannotBeStopped => "cannot be stopped",
            Self::NotTried => "not tried",
        }
    }
}

/// One attack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Row {
    pub(super) group: String,
    pub(super) attack: String,
    pub(super) result: Verdict,
    /// By what, in the words of the table.
    pub(super) stopped_by: Vec<String>,
    /// In how many ways it was tried.
    pub(super) tries: u32,
    /// Ways that were let through, the first few.
    pub(super) let_through: Vec<String>,
    /// Why it cannot be stopped, or was not tried.
    pub(super) note: Option<String>,
}

/// What the gateway's and the supervisor's own code stops.
pub(super) const GATEWAY: &str = "the gateway's check";
pub(super) const SUPERVISOR: &str = "the supervisor";

impl Row {
    /// An attack on the kernel's locks, judged by what was promised of them.
    pub(super) fn of(tried: Tried, locks: &[LockReport], allow_missing: &[Lock]) -> Self {
        let Tried { group, what, promise, tries, through, stopped_by, mut note } = tried;
        let is_through = !through.is_empty();
        let result = match promise {
            Promise::Stopped(lock) if is_through => {
                let is_missing = locks.iter().any(|report| report.lock == lock && !report.held);
                if is_missing && !lock.is_required() {
                    note = Some(format!("this machine lacks the lock {lock}, which no promise rests on"));
                    Verdict::CannotBeStopped
                } else if allow_missing.contains(&lock) {
                    note = Some(format!("agent.toml says that {lock} may be missing"));
                    Verdict::Accepted
                } else {
                    Verdict::NotStopped
                }
            }
            Promise::Admitted if is_through => Verdict::CannotBeStopped,
            _ if tries == 0 => Verdict::NotTried,
            _ => Verdict::Stopped,
        };
        let stopped_by = stopped_by.into_iter().map(barrier).collect();
        Self { group, attack: what, result, stopped_by, tries, let_through: through, note }
    }

    /// An attack on a check of ours: each way with whether it was stopped, or what came of it.
    pub(super) fn checked(
        group: &str,
        attack: &str,
        by: &str,
        ways: Vec<(String, Result<(), String>)>,
    ) -> Self {
        let tries = u32::try_from(ways.len()).unwrap_or(u32::MAX);
        let let_through: Vec<String> = ways
            .into_iter()
            .filter_map(|(way, outcome)| outcome.err().map(|found| format!("{way} ({found})")))
            .collect();
        let result = match (tries, let_through.is_empty()) {
            (0, _) => Verdict::NotTried,
            (_, true) => Verdict::Stopped,
            (_, false) => Verdict::NotStopped,
        };
        Self {
            group: group.to_owned(),
            attack: attack.to_owned(),
            result,
            stopped_by: vec![by.to_owned()],
            tries,
            let_through,
            note: None,
        }
    }

    /// What is known to be possible.
    pub(super) fn admitted(attack: &str, note: &str) -> Self {
        Self {
            group: "what the worker says".to_owned(),
            attack: attack.to_owned(),
            result: Verdict::CannotBeStopped,
            stopped_by: Vec::new(),
            tries: 0,
            let_through: Vec::new(),
            note: Some(note.to_owned()),
        }
    }

    pub(super) fn noted(self, note: &str) -> Self {
        Self { note: Some(note.to_owned()), ..self }
    }

    /// The right-hand column.
    pub(super) fn verdict(&self) -> String {
        match self.result {
            Verdict::Stopped => format!("{} {}", self.result.words(), self.stopped_by.join(", ")),
            other => other.words().to_owned(),
        }
    }
}

fn barrier(barrier: Barrier) -> String {
    match barrier {
        Barrier::System => "this machine".to_owned(),
        Barrier::Lock(lock) => lock.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(promise: Promise, tries: u32, through: &[&str]) -> Tried {
        Tried {
            group: "files".into(),
            what: "open".into(),
            promise,
            tries,
            through: through.iter().map(ToString::to_string).collect(),
            stopped_by: vec![Barrier::Lock(Lock::Landlock)],
            note: None,
        }
    }

    #[test]
    fn one_way_through_is_enough_and_nothing_tried_is_nothing_stopped() {
        let promised = Promise::Stopped(Lock::Landlock);
        let missing = [Lock::Landlock, Lock::NetworkNamespace].map(|lock| LockReport {
            lock,
            held: false,
            detail: String::new(),
        });
        let of = |tried, allowed: &[Lock]| Row::of(tried, &missing, allowed).result;
        assert_eq!(of(tried(promised, 3, &[]), &[]), Verdict::Stopped);
        assert_eq!(of(tried(promised, 3, &["a"]), &[]), Verdict::NotStopped);
        assert_eq!(of(tried(promised, 3, &["a"]), &[Lock::Landlock]), Verdict::Accepted);
        assert_eq!(of(tried(promised, 3, &["a"]), &[Lock::Seccomp]), Verdict::NotStopped);
        assert_eq!(of(tried(promised, 0, &[]), &[]), Verdict::NotTried);
        assert_eq!(of(tried(Promise::Admitted, 1, &["a"]), &[]), Verdict::CannotBeStopped);
        let namespace = Promise::Stopped(Lock::NetworkNamespace);
        assert_eq!(of(tried(namespace, 1, &["a"]), &[]), Verdict::CannotBeStopped);
        assert_eq!(Row::of(tried(namespace, 1, &["a"]), &[], &[]).result, Verdict::NotStopped);
        let checked = |ways: &[(&str, bool)]| {
            let ways = ways.iter().map(|(way, held)| {
                ((*way).to_owned(), if *held { Ok(()) } else { Err("it was taken".to_owned()) })
            });
            Row::checked("update", "NaN", GATEWAY, ways.collect())
        };
        assert_eq!(checked(&[("a", true), ("b", false)]).let_through, ["b (it was taken)"]);
        assert_eq!(checked(&[("a", true), ("b", false)]).result, Verdict::NotStopped);
        assert_eq!(checked(&[("a", true)]).verdict(), "stopped by the gateway's check");
        assert_eq!(checked(&[]).result, Verdict::NotTried);
    }
}
