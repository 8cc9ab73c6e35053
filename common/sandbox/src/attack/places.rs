//! Files: what must not be opened, what must not be written, and what must not be put into a folder that
//! others read. Used by `attack`, and by who forges such files to see whether they are refused (`plant`).
//! Invariants: the site's files are opened without being read, truncated or created; what is made, in the
//! trial's own folders, is removed.

#![allow(unsafe_code)]

use std::ffi::CString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{OpenOptionsExt as _, symlink};
use std::path::Path;

use super::ground::Ground;
use super::tried::{Barrier, Held, Promise, Tried};
use crate::lock::Lock;
use crate::probe::attempt::from_status;

const FILES: &str = "files";
const EXCHANGE: &str = "exchange";
const FILE_LOCK: Promise = Promise::Stopped(Lock::Landlock);
const CALL_LOCK: Promise = Promise::Stopped(Lock::Seccomp);
/// A name that nobody uses.
const NAME: &str = ".consilium-attack";
/// Set-user-id, set-group-id: whoever starts such a file is its owner.
const SET_ID: u32 = 0o6000;
/// A program that every machine has.
const PROGRAM: &str = "/bin/sh";

/// A file that is none of the ordinary ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Special {
    /// A named pipe: who opens it waits for its other end.
    Fifo,
    /// A socket.
    Socket,
    /// A device: the kernel's endless zeros.
    Device,
}

/// Makes such a file.
///
/// # Errors
/// The kernel's; only root makes devices.
pub fn plant(special: Special, path: &Path) -> io::Result<()> {
    /// /dev/zero.
    const ZERO: (libc::c_uint, libc::c_uint) = (1, 5);
    let path = CString::new(path.as_os_str().as_bytes())?;
    let (kind, device) = match special {
        Special::Fifo => (libc::S_IFIFO, 0),
        Special::Socket => (libc::S_IFSOCK, 0),
        Special::Device => (libc::S_IFCHR, libc::makedev(ZERO.0, ZERO.1)),
    };
    // SAFETY: a string with its end, and integers.
    from_status(unsafe { libc::mknod(path.as_ptr(), kind | 0o600, device) }.into())
}

/// Everything of this file.
pub(super) fn try_all(held: Held, ground: &Ground, tell: &mut dyn FnMut(Tried)) {
    let mut read = Tried::new(FILES, "open the key, the ledger, the database or what left", FILE_LOCK);
    for path in &ground.forbidden {
        let answer = if path.is_dir() { fs::read_dir(path).map(drop) } else { File::open(path).map(drop) };
        read.file(held, &path.display().to_string(), &answer);
    }
    tell(read);
    let mut write = Tried::new(FILES, "write to the records, the model or the policy", FILE_LOCK);
    for path in &ground.read_only {
        let answer = OpenOptions::new().write(true).open(path).map(drop);
        write.file(held, &path.display().to_string(), &answer);
    }
    tell(write);
    tell(outside(held));
    tell(execute(held, ground));
    tell(placed_in_closed(held, ground));
    for (what, promise, make) in PLACED {
        let mut tried = Tried::new(EXCHANGE, what, *promise);
        for folder in ground.own.iter().chain(&ground.closed) {
            place(held, &mut tried, folder, *make);
        }
        tell(tried);
    }
}

/// Files of the system, through all the ways in.
fn outside(held: Held) -> Tried {
    let mut tried = Tried::new(FILES, "open files outside its own folders", FILE_LOCK);
    for path in ["/etc/passwd", "/etc", "/proc/self/root/etc/passwd", "/proc/1/environ", "/dev/mem", "/tmp"] {
        let path = Path::new(path);
        let answer = if path.is_dir() { fs::read_dir(path).map(drop) } else { File::open(path).map(drop) };
        tried.file(held, &path.display().to_string(), &answer);
    }
    let temporary = std::env::temp_dir().join(format!("{NAME}-{}", std::process::id()));
    let answer = OpenOptions::new().write(true).create_new(true).open(&temporary).map(drop);
    // Best effort: it is there only where the lock does not hold, and then this works as well.
    let _ = fs::remove_file(&temporary);
    tried.file(held, "a new file among the temporary ones", &answer);
    tried
}

/// A program of its own, a program of the machine, and one that is in memory only.
fn execute(held: Held, ground: &Ground) -> Tried {
    let mut tried = Tried::new(FILES, "run a program: its own, the machine's, one in memory", CALL_LOCK);
    let mut start = |name: &str, path: &Path| {
        let ended = std::process::Command::new(path).arg("-c").arg(":").status();
        tried.call(held, name, &ended.map(drop));
    };
    start("the machine's", Path::new(PROGRAM));
    for folder in &ground.own {
        let path = folder.join(NAME);
        let made = OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path);
        if made.is_ok_and(|mut file| io::Write::write_all(&mut file, b"#!/bin/sh\n").is_ok()) {
            start("its own", &path);
        }
        // Best effort: it is in a folder of the trial's.
        let _ = fs::remove_file(&path);
    }
    // SAFETY: a string with its end, and a number; the descriptor is of no use to anybody and ends with us.
    let memory = unsafe { libc::memfd_create(c"consilium".as_ptr(), libc::MFD_CLOEXEC) };
    tried.call(held, "a file in memory", &from_status(memory.into()));
    let empty = c"".as_ptr();
    // SAFETY: two strings with their ends and two null lists; where it is let through it fails, for a file
    // that is empty is no program.
    let run = unsafe {
        libc::syscall(libc::SYS_execveat, memory.max(0), empty, 0_usize, 0_usize, libc::AT_EMPTY_PATH)
    };
    tried.call(held, "a program in memory", &from_status(run));
    tried
}

/// The gateway's own folders: nothing at all.
fn placed_in_closed(held: Held, ground: &Ground) -> Tried {
    let mut tried = Tried::new(EXCHANGE, "put a file into inbox, outbox or the ledger's folder", FILE_LOCK);
    for folder in &ground.closed {
        let path = folder.join(NAME);
        let answer = OpenOptions::new().write(true).create_new(true).open(&path).map(drop);
        // Best effort, as above.
        let _ = fs::remove_file(&path);
        tried.file(held, &folder.display().to_string(), &answer);
        if let Some(from) = ground.own.first() {
            let source = from.join(NAME);
            let moved = fs::write(&source, b"").and_then(|()| fs::rename(&source, &path));
            for path in [&source, &path] {
                // Best effort, as above.
                let _ = fs::remove_file(path);
            }
            tried.file(held, &format!("moved into {}", folder.display()), &moved);
        }
    }
    tried
}

/// How something is put at a path.
type Make = fn(&Path) -> io::Result<()>;

/// What must not stand in any folder that is exchanged.
const PLACED: &[(&str, Promise, Make)] = &[
    ("put a symbolic link where others read", CALL_LOCK, |path| symlink("/etc/passwd", path)),
    ("put a hard link where others read", CALL_LOCK, hard_link),
    ("put a named pipe where others read", CALL_LOCK, |path| plant(Special::Fifo, path)),
    ("put a socket where others read", CALL_LOCK, |path| plant(Special::Socket, path)),
    ("put a device where others read", CALL_LOCK, |path| plant(Special::Device, path)),
    ("make a set-user-id program", CALL_LOCK, |path| open_with(path, 0o700 | SET_ID)),
    ("make a file that other users may read", CALL_LOCK, for_others),
];

fn place(held: Held, tried: &mut Tried, folder: &Path, make: Make) {
    let path = folder.join(NAME);
    let answer = make(&path);
    let is_there = fs::symlink_metadata(&path).is_ok();
    // Best effort, as above.
    let _ = fs::remove_file(&path);
    let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    match answer {
        // What was answered is one thing, what is there another.
        Ok(()) if !is_there => tried.stopped(Barrier::System),
        answer => tried.file(held, &name, &answer),
    }
}

/// To a file that is there: its neighbour, made for it.
fn hard_link(path: &Path) -> io::Result<()> {
    let first = path.with_extension("first");
    // Where even this is refused, the link is what is tried all the same.
    let _ = fs::write(&first, b"");
    let linked = fs::hard_link(&first, path);
    // Best effort: it is in a folder of the trial's.
    let _ = fs::remove_file(&first);
    linked
}

fn open_with(path: &Path, mode: u32) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path).map(drop)
}

/// The umask is ours; it may be taken off where nothing refuses that.
fn for_others(path: &Path) -> io::Result<()> {
    // SAFETY: one integer.
    let before = unsafe { libc::syscall(libc::SYS_umask, 0) };
    from_status(before)?;
    let made = open_with(path, 0o666);
    // SAFETY: as above; what it was.
    unsafe { libc::syscall(libc::SYS_umask, before) };
    made
}
