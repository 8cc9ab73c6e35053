//! One attack and what became of it. Made and used by the files of `attack`, told to the process that
//! asked. Invariant: what is not there says nothing, and an answer that no lock gives says that the attack
//! was let through. An answer that a lock gives counts as that lock's where it holds, also where the machine
//! would give the same by itself: from an errno the two cannot be told apart.

use std::io;

use serde::{Deserialize, Serialize};

use crate::limits::ATTACK_NAMES_MAX;
use crate::lock::Lock;

/// What stopped something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Barrier {
    /// One of our locks.
    Lock(Lock),
    /// The machine itself refuses it to everybody here, or has no such thing.
    System,
}

/// What is promised of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// It is stopped, by this lock.
    Stopped(Lock),
    /// It is not, and we say so.
    Admitted,
}

/// One attack, tried in as many ways as it has, and what became of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// What the attack is about.
    pub group: String,
    /// The attack, in a few words for people.
    pub what: String,
    /// What is promised of it.
    pub promise: Promise,
    /// In how many ways it was tried.
    pub tries: u32,
    /// Those that were let through, the first few by name.
    pub through: Vec<String>,
    /// How many of the tries were not asked, since nothing was there to refuse them: they count as let
    /// through, and prove nothing.
    pub not_asked: u32,
    /// How many were asked, and let through.
    pub came_through: u32,
    /// What stopped the others.
    pub stopped_by: Vec<Barrier>,
    /// Why it was not tried, or why it cannot be stopped.
    pub note: Option<String>,
}

impl Tried {
    pub(crate) fn new(group: &str, what: &str, promise: Promise) -> Self {
        Self {
            group: group.to_owned(),
            what: what.to_owned(),
            promise,
            tries: 0,
            through: Vec::new(),
            not_asked: 0,
            came_through: 0,
            stopped_by: Vec::new(),
            note: None,
        }
    }

    pub(super) fn noted(mut self, note: &str) -> Self {
        self.note = Some(note.to_owned());
        self
    }

    pub(super) fn stopped(&mut self, by: Barrier) {
        self.tries = self.tries.saturating_add(1);
        if !self.stopped_by.contains(&by) {
            self.stopped_by.push(by);
            self.stopped_by.sort_unstable();
        }
    }

    pub(super) fn let_through(&mut self, name: &str, answer: &str) {
        self.came_through = self.came_through.saturating_add(1);
        self.name_through(name, answer);
    }

    /// There is nothing that would refuse it, and to try it would change the machine.
    pub(super) fn not_asked(&mut self, name: &str) {
        self.not_asked = self.not_asked.saturating_add(1);
        self.name_through(name, "not asked: there is no filter");
    }

    fn name_through(&mut self, name: &str, answer: &str) {
        self.tries = self.tries.saturating_add(1);
        if self.through.len() < ATTACK_NAMES_MAX {
            self.through.push(format!("{name} ({answer})"));
        }
    }

    /// Takes the kernel's answer to a call. The filter answers before the kernel looks at an argument, so any
    /// answer but its own says that the call was let through.
    pub(super) fn call(&mut self, held: Held, name: &str, answer: &io::Result<()>) {
        match answer.as_ref().map_err(io::Error::raw_os_error) {
            Err(Some(libc::EPERM | libc::ENOSYS)) if held.filter => {
                self.stopped(Barrier::Lock(Lock::Seccomp));
            }
            Err(Some(libc::EPERM | libc::ENOSYS | libc::EACCES)) => self.stopped(Barrier::System),
            Ok(()) => self.let_through(name, "done"),
            Err(_) => self.let_through(name, &words(answer)),
        }
    }

    /// Takes the kernel's answer about a file. What is not there says nothing.
    pub(super) fn file(&mut self, held: Held, name: &str, answer: &io::Result<()>) {
        match answer.as_ref().map_err(io::Error::raw_os_error) {
            Err(Some(libc::ENOENT | libc::ENOTDIR | libc::ESRCH)) => {}
            Err(Some(libc::EPERM)) if held.filter => self.stopped(Barrier::Lock(Lock::Seccomp)),
            Err(Some(libc::EACCES)) if held.files => self.stopped(Barrier::Lock(Lock::Landlock)),
            Err(Some(libc::EPERM | libc::EACCES | libc::EROFS)) => self.stopped(Barrier::System),
            Ok(()) => self.let_through(name, "done"),
            Err(_) => self.let_through(name, &words(answer)),
        }
    }
}

fn words(answer: &io::Result<()>) -> String {
    answer.as_ref().map_or_else(ToString::to_string, |()| "done".to_owned())
}

/// Which of the locks that answer with an error hold in this process.
#[derive(Clone, Copy, Debug)]
pub(super) struct Held {
    pub(super) filter: bool,
    pub(super) files: bool,
}
