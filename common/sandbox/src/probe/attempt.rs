//! One thing that was tried, and what the kernel's answer means. Used by `probe` and its files. Invariant: a
//! file that is not there, a file system that is read-only, or a call that the kernel lacks, is no refusal by
//! a lock, and the first two say nothing against it either.

use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::lock::Lock;

/// What the kernel's answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The lock refused it.
    Refused,
    /// It was let through: the lock does not hold.
    Allowed,
    /// There is no such file or folder, so nothing was tried.
    NotThere,
    /// Nobody can write there, locked or not.
    ReadOnly,
    /// The kernel answered something else.
    Unclear,
}

impl Outcome {
    /// What an answer about a file means. Landlock answers EACCES; EPERM is what other guards of files say.
    pub(super) fn of_file(answer: &io::Result<()>) -> Self {
        let Err(error) = answer else { return Self::Allowed };
        match error.raw_os_error() {
            Some(libc::EPERM | libc::EACCES) => Self::Refused,
            Some(libc::ENOENT | libc::ENOTDIR) => Self::NotThere,
            Some(libc::EROFS) => Self::ReadOnly,
            _ => Self::Unclear,
        }
    }

    /// What an answer to a call means. The filter answers EPERM before the kernel looks at an argument: any
    /// other answer says that the call was let through.
    pub(super) fn of_call(answer: &io::Result<()>) -> Self {
        match answer {
            Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::EACCES)) => Self::Refused,
            _ => Self::Allowed,
        }
    }

    /// In a few words, for people.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Allowed => "NOT refused",
            Self::NotThere => "not there",
            Self::ReadOnly => "read-only for everybody",
            Self::Unclear => "unclear",
        }
    }
}

/// One thing that was tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Which lock must refuse it.
    pub lock: Lock,
    /// What was tried, for people.
    pub what: String,
    /// What the answer means.
    pub outcome: Outcome,
    /// The kernel's answer.
    pub answer: String,
    /// The site's own file or folder that was tried. Whether the lock holds is not judged by it: it may be
    /// missing, or stand where the process has to look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<PathBuf>,
}

impl Attempt {
    /// What the kernel answered to a call.
    pub(super) fn of_call(lock: Lock, what: impl Into<String>, result: &io::Result<()>) -> Self {
        let outcome = Outcome::of_call(result);
        Self { lock, what: what.into(), outcome, answer: answer(result), place: None }
    }

    /// What the kernel answered about a file that every machine has, or that was made for the trial.
    pub(super) fn of_file(what: impl Into<String>, result: &io::Result<()>) -> Self {
        let outcome = Outcome::of_file(result);
        Self { lock: Lock::Landlock, what: what.into(), outcome, answer: answer(result), place: None }
    }

    /// The same attempt on a file or folder of the site's own.
    pub(super) fn at(self, place: &Path) -> Self {
        Self { place: Some(place.to_path_buf()), ..self }
    }

    /// What was found in another way.
    pub(super) fn found(lock: Lock, what: &str, refused: bool, answer: &str) -> Self {
        let outcome = if refused { Outcome::Refused } else { Outcome::Allowed };
        Self { lock, what: what.to_owned(), outcome, answer: answer.to_owned(), place: None }
    }

    /// Whether it was refused.
    #[must_use]
    pub fn refused(&self) -> bool {
        self.outcome == Outcome::Refused
    }
}

fn answer(result: &io::Result<()>) -> String {
    result.as_ref().map_or_else(ToString::to_string, |()| "allowed".to_owned())
}

/// A system call's status as a result.
pub(crate) fn from_status(status: libc::c_long) -> io::Result<()> {
    if status >= 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refused_missing_and_read_only_are_told_apart() {
        let file = |errno| Outcome::of_file(&Err(io::Error::from_raw_os_error(errno)));
        assert_eq!(Outcome::of_file(&Ok(())), Outcome::Allowed);
        for (errno, outcome) in [
            (libc::EACCES, Outcome::Refused),
            (libc::EPERM, Outcome::Refused),
            (libc::ENOENT, Outcome::NotThere),
            (libc::ENOTDIR, Outcome::NotThere),
            (libc::EROFS, Outcome::ReadOnly),
            (libc::EIO, Outcome::Unclear),
            (libc::ESTALE, Outcome::Unclear),
        ] {
            assert_eq!(file(errno), outcome, "errno {errno}");
        }
        let call = |errno| Outcome::of_call(&Err(io::Error::from_raw_os_error(errno)));
        // Whatever the kernel says of the arguments, the filter let the call through.
        for errno in [libc::ENOENT, libc::EROFS, libc::EBADF, libc::EFAULT, libc::ENOSYS] {
            assert_eq!(call(errno), Outcome::Allowed, "errno {errno}");
        }
        assert_eq!(call(libc::EPERM), Outcome::Refused);
    }
}
