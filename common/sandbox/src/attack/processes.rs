//! What /proc shows of the gateway and of the supervisor: their memory, environment, descriptors and places.
//! Used by `attack`. Invariant: opened or looked up, never read or written.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use super::ground::Ground;
use super::tried::{Held, Promise, Tried};
use crate::lock::Lock;

/// What is opened; a folder is listed.
const OPENED: [&str; 10] =
    ["mem", "environ", "maps", "cmdline", "status", "stack", "syscall", "auxv", "io", "fd"];
/// Links that lead to what the process has open, and through its root to all of its files.
const LINKS: [&str; 4] = ["exe", "cwd", "root", "fd/0"];
/// A place that is reached through another's root.
const THROUGH_ROOT: &str = "root/etc/passwd";

/// Everything of this file.
pub(super) fn try_all(held: Held, ground: &Ground, tell: &mut dyn FnMut(Tried)) {
    for (name, id) in &ground.processes {
        let at = PathBuf::from(format!("/proc/{id}"));
        let what = format!("read memory, environment or files of the {name} (/proc)");
        let mut tried = Tried::new("processes", &what, Promise::Stopped(Lock::Landlock));
        for entry in OPENED.into_iter().chain([THROUGH_ROOT]) {
            tried.file(held, entry, &open(&at.join(entry)));
        }
        for entry in LINKS {
            tried.file(held, entry, &fs::read_link(at.join(entry)).map(drop));
        }
        tried.file(held, "mem, to write", &OpenOptions::new().write(true).open(at.join("mem")).map(drop));
        tell(tried);
    }
}

fn open(path: &Path) -> std::io::Result<()> {
    if path.ends_with("fd") { fs::read_dir(path).map(drop) } else { fs::File::open(path).map(drop) }
}
