//! What is about the process itself: descriptors it was given, the namespace it is in, what it may do with
//! itself and can only be told of, and calls that end it. Used by `attack`. Invariant: what is filled has a
//! bound, and is given back.

#![allow(unsafe_code)]

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::fd::RawFd;
use std::path::{Path, PathBuf};
use std::thread;

use super::ground::Ground;
use super::tried::{Barrier, Promise, Tried};
use crate::limits::{ATTACK_FILE_BYTES_MAX, ATTACK_THREADS_MAX};
use crate::lock::Lock;
use crate::probe::attempt::Attempt;
use crate::probe::child::try_deaths;
use crate::probe::try_inherited;

const OWN: &str = "itself";

/// Standard input, output and error are the agreed ones.
pub(super) fn descriptors(socket: io::Result<RawFd>) -> Tried {
    let what = "use a connection that somebody left open";
    let mut tried = Tried::new("network", what, Promise::Stopped(Lock::Descriptors));
    let attempt = try_inherited(socket);
    if attempt.refused() {
        tried.stopped(Barrier::Lock(Lock::Descriptors));
    } else {
        tried.let_through("write", &attempt.answer);
    }
    for descriptor in open_descriptors() {
        tried.let_through(&format!("descriptor {descriptor} is open"), "not agreed");
    }
    tried
}

/// Descriptors that are open besides the first three and the one that lists them.
fn open_descriptors() -> Vec<RawFd> {
    let Ok(entries) = fs::read_dir("/proc/self/fd") else { return Vec::new() };
    let numbers: Vec<RawFd> =
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    // The folder is closed again: what it listed of itself is not there any more.
    numbers.into_iter().filter(|number| *number > 2 && is_open(*number)).collect()
}

fn is_open(descriptor: RawFd) -> bool {
    // SAFETY: asks for the flags of a number, whatever it is.
    unsafe { libc::fcntl(descriptor, libc::F_GETFD) >= 0 }
}

/// Whether the network that this process would see is the machine's. No promise where the machine allows no
/// namespace: the filter refuses every socket all the same.
pub(super) fn namespace(ground: &Ground, now: &io::Result<PathBuf>) -> Tried {
    let what = "see the machine's network interfaces";
    let mut tried = Tried::new("network", what, Promise::Stopped(Lock::NetworkNamespace));
    match (&ground.network, now) {
        (Some(outside), Ok(now)) if outside != now => {
            tried.stopped(Barrier::Lock(Lock::NetworkNamespace));
        }
        (Some(_), Ok(_)) => tried.let_through("namespace", "still the machine's"),
        _ => return tried.noted("this machine does not say which namespace a process is in"),
    }
    tried
}

/// What a process that computes may do, tried within bounds, with the reason why it is left.
pub(super) fn try_admitted(ground: &Ground, tell: &mut dyn FnMut(Tried)) {
    let admitted = |what: &str, note: &str, name: &str, answer: io::Result<()>| {
        let mut tried = Tried::new(OWN, what, Promise::Admitted).noted(note);
        match answer {
            Ok(()) => tried.let_through(name, "done"),
            Err(_) => tried.stopped(Barrier::System),
        }
        tried
    };
    tell(admitted(
        "ask whether a file exists, its size and times",
        "Landlock has no right for it; the contents stay closed",
        "stat /etc/passwd",
        fs::metadata("/etc/passwd").map(drop),
    ));
    tell(admitted(
        "use processors, memory and threads",
        "training is that; a service's CPUQuota, MemoryMax and TasksMax bound it",
        "threads",
        many_threads(),
    ));
    tell(admitted(
        "fill the disk that holds its folders",
        "training writes; then nothing is ledgered, so nothing leaves; a disk or quota of its own bounds it",
        "4 MiB",
        ground.own.first().map_or_else(|| Err(io::ErrorKind::NotFound.into()), |folder| fill(folder)),
    ));
    tell(admitted(
        "run code that it wrote into its own memory",
        "libraries are loaded late; no call opens by it that is not on the list",
        "executable memory",
        executable_memory(),
    ));
    tell(admitted(
        "show other processes of this machine its name",
        "15 bytes in /proc; the gateway cannot read them there",
        "name",
        thread::Builder::new().name("named".into()).spawn(|| ()).map(|named| drop(named.join())),
    ));
}

fn many_threads() -> io::Result<()> {
    let threads: Vec<_> = (0..ATTACK_THREADS_MAX)
        .map(|_| thread::Builder::new().stack_size(64 << 10).spawn(|| ()))
        .collect::<io::Result<_>>()?;
    for thread in threads {
        // It does nothing that could fail.
        let _ = thread.join();
    }
    Ok(())
}

fn fill(folder: &Path) -> io::Result<()> {
    const BLOCK_BYTES: usize = 64 << 10;
    let path = folder.join(".consilium-attack-fill");
    let mut file = File::create_new(&path)?;
    let block = vec![0x5a; BLOCK_BYTES];
    let blocks = ATTACK_FILE_BYTES_MAX / BLOCK_BYTES as u64;
    let written = (0..blocks).try_for_each(|_| file.write_all(&block));
    fs::remove_file(&path)?;
    written
}

fn executable_memory() -> io::Result<()> {
    const PAGE: usize = 4096;
    let rights = libc::PROT_READ | libc::PROT_WRITE | libc::PROT_EXEC;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new page at an address of the kernel's choice.
    let page = unsafe { libc::mmap(std::ptr::null_mut(), PAGE, rights, flags, -1, 0) };
    if page == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the page that was just made, which nothing refers to.
    unsafe { libc::munmap(page, PAGE) };
    Ok(())
}

/// Crashes, and calls by other interfaces, in processes of their own: where a lock holds they end the
/// process. `enter` takes the locks there.
#[must_use]
pub fn deaths(enter: &dyn Fn()) -> Vec<Tried> {
    let as_tried = |attempt: Attempt| {
        let group = if attempt.lock == Lock::CoreDumps { OWN } else { "kernel" };
        let mut tried = Tried::new(group, &attempt.what, Promise::Stopped(attempt.lock));
        if attempt.refused() {
            tried.stopped(Barrier::Lock(attempt.lock));
        } else {
            tried.let_through("done", &attempt.answer);
        }
        tried
    };
    try_deaths(enter).into_iter().map(as_tried).collect()
}
