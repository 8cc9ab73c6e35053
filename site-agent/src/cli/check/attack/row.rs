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

/// What became of the same attack by the same user without our locks, on this machine, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Without {
    /// It came through, in at least one way: what stops it is ours.
    LetThrough,
    /// It was refused all the same, in every way, by the machine or by how every process of this program
    /// begins (no core files): that it is stopped proves nothing of our locks.
    Refused,
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
    /// Whether it is an attack on the kernel's locks.
    #[serde(skip)]
    pub(super) is_on_locks: bool,
    /// Of an attack on the kernel's locks: what became of it without them; nothing where that was not tried.
    pub(super) without_locks: Option<Without>,
    /// Why it cannot be stopped, or was not tried.
    pub(super) note: Option<String>,
}

/// What came of one way of an attack on a check of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Came {
    /// The check refused it, or nothing of it went on.
    Stopped,
    /// It was not, and what happened instead.
    Through(String),
    /// Something else came between, which says nothing about the check.
    NotTried(String),
}

/// What the gateway's and the supervisor's own code stops.
pub(super) const GATEWAY: &str = "the gateway's check";
pub(super) const SUPERVISOR: &str = "the supervisor";

impl Row {
    /// An attack on the kernel's locks, judged by what was promised of them.
    pub(super) fn of(tried: Tried, locks: &[LockReport], allow_missing: &[Lock]) -> Self {
        let Tried { group, what, promise, tries, through, stopped_by, mut note, .. } = tried;
        let is_through = !through.is_empty();
        let result = match promise {
            Promise::Stopped(lock) if is_through => {
                let is_missing = locks.iter().any(|report| report.lock == lock && !report.held);
                if is_missing && !lock.is_required() {
                    note = Some(format!("this machine lacks the lock {lock}, which no promise rests on"));
                    Verdict::CannotBeStopped
                } else if is_missing && allow_missing.contains(&lock) {
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
        Self {
            group,
            attack: what,
            result,
            stopped_by,
            tries,
            let_through: through,
            is_on_locks: true,
            without_locks: None,
            note,
        }
    }

    /// The same, beside what became of the attack without our locks.
    pub(super) fn beside(self, control: Option<&Tried>) -> Self {
        // A control that was not asked tells nothing.
        let without_locks = control
            .filter(|control| control.tries > control.not_asked)
            .map(|control| if control.came_through == 0 { Without::Refused } else { Without::LetThrough });
        Self { without_locks, ..self }
    }

    /// Whether it shows that a barrier of ours holds: it is stopped, and, if by a lock, let through without.
    pub(super) fn is_proof(&self) -> bool {
        let is_ours = !self.is_on_locks || self.without_locks == Some(Without::LetThrough);
        self.result == Verdict::Stopped && is_ours
    }

    /// An attack on a check of ours, with what came of each way. One that came to nothing leaves it untried:
    /// the others do not speak for it.
    pub(super) fn checked(group: &str, attack: &str, by: &str, ways: Vec<(String, Came)>) -> Self {
        let (mut tries, mut let_through, mut not_tried) = (0, Vec::new(), Vec::new());
        for (way, came) in ways {
            match came {
                Came::Stopped => tries += 1,
                Came::Through(found) => {
                    tries += 1;
                    let_through.push(format!("{way} ({found})"));
                }
                Came::NotTried(reason) => not_tried.push(format!("{way} ({reason})")),
            }
        }
        let result = match (tries, let_through.is_empty(), not_tried.is_empty()) {
            (_, false, _) => Verdict::NotStopped,
            (0, ..) | (_, _, false) => Verdict::NotTried,
            _ => Verdict::Stopped,
        };
        let note = (!not_tried.is_empty()).then(|| format!("not tried: {}", not_tried.join(", ")));
        Self {
            group: group.to_owned(),
            attack: attack.to_owned(),
            result,
            stopped_by: vec![by.to_owned()],
            tries,
            let_through,
            is_on_locks: false,
            without_locks: None,
            note,
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
            is_on_locks: false,
            without_locks: None,
            note: Some(note.to_owned()),
        }
    }

    pub(super) fn noted(self, note: &str) -> Self {
        Self { note: Some(note.to_owned()), ..self }
    }

    /// The right-hand column.
    pub(super) fn verdict(&self) -> String {
        match self.result {
            Verdict::Stopped if !self.is_proof() => {
                let without = match self.without_locks {
                    None => "not tried without",
                    Some(_) => "also without locks",
                };
                format!("{} {}; {without}", self.result.words(), self.stopped_by.join(", "))
            }
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
            not_asked: 0,
            came_through: through.len() as u32,
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
        // A lock that holds and is broken is a fault, whatever the file says of one that is missing.
        let holds = [LockReport { lock: Lock::Landlock, held: true, detail: String::new() }];
        let broken = Row::of(tried(promised, 3, &["a"]), &holds, &[Lock::Landlock]);
        assert_eq!(broken.result, Verdict::NotStopped);
    }

    #[test]
    fn what_the_machine_alone_stops_is_no_proof_of_a_lock() {
        let promised = Promise::Stopped(Lock::Landlock);
        let of = |control: Option<Tried>| Row::of(tried(promised, 3, &[]), &[], &[]).beside(control.as_ref());
        let refused = of(Some(tried(promised, 3, &[])));
        assert_eq!((refused.result, refused.without_locks), (Verdict::Stopped, Some(Without::Refused)));
        assert!(!refused.is_proof() && refused.verdict() == "stopped by landlock; also without locks");
        let one_way = of(Some(tried(promised, 3, &["a"])));
        assert_eq!(one_way.without_locks, Some(Without::LetThrough));
        assert!(one_way.is_proof() && one_way.verdict() == "stopped by landlock");
        let not_asked = Tried { not_asked: 1, came_through: 0, ..tried(promised, 1, &["a"]) };
        for untried in [None, Some(tried(promised, 0, &[])), Some(not_asked)] {
            let row = of(untried);
            assert!(row.without_locks.is_none() && !row.is_proof());
            assert_eq!(row.verdict(), "stopped by landlock; not tried without");
        }
        let through = Row::of(tried(promised, 3, &["a"]), &[], &[]).beside(Some(&tried(promised, 3, &["a"])));
        assert!(!through.is_proof(), "what is not stopped proves nothing");
    }

    #[test]
    fn one_way_that_came_to_nothing_is_not_spoken_for_by_the_others() {
        let checked = |ways: &[(&str, bool)]| {
            let ways = ways.iter().map(|(way, held)| {
                ((*way).to_owned(), if *held { Came::Stopped } else { Came::Through("it was taken".into()) })
            });
            Row::checked("update", "NaN", GATEWAY, ways.collect())
        };
        assert_eq!(checked(&[("a", true), ("b", false)]).let_through, ["b (it was taken)"]);
        assert_eq!(checked(&[("a", true), ("b", false)]).result, Verdict::NotStopped);
        assert_eq!(checked(&[("a", true)]).verdict(), "stopped by the gateway's check");
        assert_eq!(checked(&[]).result, Verdict::NotTried);
        let failed = || ("c".to_owned(), Came::NotTried("no space".into()));
        let row = Row::checked("update", "NaN", GATEWAY, vec![("a".into(), Came::Stopped), failed()]);
        assert_eq!((row.result, row.tries), (Verdict::NotTried, 1));
        assert_eq!(row.note.as_deref(), Some("not tried: c (no space)"));
        let ways = vec![("a".into(), Came::Through("b".into())), failed()];
        assert_eq!(Row::checked("update", "NaN", GATEWAY, ways).result, Verdict::NotStopped);
    }
}
