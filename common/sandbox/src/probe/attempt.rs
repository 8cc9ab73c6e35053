//! One thing that was tried, and what counts as a refusal. Used by `probe` and its files. Invariant: a file
//! that does not exist, or a call that the kernel lacks, is not a refusal by a lock.

use std::io;

use serde::{Deserialize, Serialize};

use crate::lock::Lock;

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which lock must refuse it.
    pub lock: Lock,
    /// What was tried, for people.
    pub what: String,
    /// True when the kernel refused it.
    pub refused: bool,
    /// The kernel's answer.
    pub answer: String,
}

impl Attempt {
    /// What the kernel answered to a call.
    pub(super) fn of(lock: Lock, what: impl Into<String>, result: io::Result<()>) -> Self {
        let (refused, answer) = match result {
            Ok(()) => (false, "allowed".to_owned()),
            Err(error) => {
                (matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)), error.to_string())
            }
        };
        Self { lock, what: what.into(), refused, answer }
    }

    /// What was found in another way.
    pub(super) fn found(lock: Lock, what: &str, refused: bool, answer: &str) -> Self {
        Self { lock, what: what.to_owned(), refused, answer: answer.to_owned() }
    }
}

/// A system call's status as a result.
pub(super) fn from_status(status: libc::c_long) -> io::Result<()> {
    if status >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}
