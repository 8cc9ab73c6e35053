//! What a process does first, so that nothing of it is left for others: new files are its owner's only, and
//! its memory becomes no core file. Used by the start of both programs.

use std::io;

use rustix::fs::Mode;
use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit, umask};

/// The permission bits that a person's shell takes from new files.
#[derive(Debug)]
pub struct Umask(Mode);

impl Umask {
    /// From here on what is made has the permissions that the person's shell gives: for results that the
    /// person takes out.
    pub fn restore(self) {
        umask(self.0);
    }
}

/// From here on what this process and its children make is its owner's only; returns what was set before.
pub fn close_umask() -> Umask {
    Umask(umask(Mode::RWXG | Mode::RWXO))
}

/// No core file, and no reading of this process's memory by other processes of the same user.
///
/// # Errors
/// The kernel's error.
pub fn forbid_core_files() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    Ok(set_dumpable_behavior(DumpableBehavior::NotDumpable)?)
}

/// The number of the user whose process this is.
#[must_use]
pub fn user() -> u32 {
    rustix::process::geteuid().as_raw()
}

#[cfg(test)]
mod tests {
    use rustix::process::{dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn a_process_leaves_no_core_file_and_its_memory_is_closed() {
        forbid_core_files().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
