//! Files and folders that nobody else on this machine may read or exchange, and what a process does so that
//! nothing of it is left for others. Used by `site-agent join` and `coordinator init` (their state folders),
//! by `durable`, and by the start of both programs.
//!
//! Invariants: no link is followed; nothing is believed that somebody else on this machine could have put
//! there.

pub mod append;
pub mod line;
pub mod passphrase;
pub mod process;

use std::fs::{self, DirBuilder, File, Metadata, OpenOptions, Permissions};
use std::io::{self, Read as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::limits::STATE_ENTRIES_MAX;

/// The bits of a mode that let the group or anybody else in.
const OTHERS: u32 = 0o077;
/// The right of everybody to write.
const WORLD_WRITE: u32 = 0o002;
/// In a folder with this bit only the owner of an entry renames or removes it.
const STICKY: u32 = 0o1000;

/// Why a file or folder is not used.
#[derive(Debug, thiserror::Error)]
pub enum PrivateError {
    /// The system call failed.
    #[error("cannot use {}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Somebody else could have put it there, or could read it.
    #[error("{} {reason}", path.display())]
    Refused {
        /// The file or folder.
        path: PathBuf,
        /// What is wrong with it, as the rest of the sentence.
        reason: &'static str,
    },
}

impl PrivateError {
    fn io(path: &Path) -> impl Fn(io::Error) -> Self + '_ {
        |source| Self::Io { path: path.to_path_buf(), source }
    }

    fn refused(path: &Path, reason: &'static str) -> Self {
        Self::Refused { path: path.to_path_buf(), reason }
    }
}

/// Creates a folder that only its owner may open. What is there already is not taken: the error is then
/// [`io::ErrorKind::AlreadyExists`].
///
/// # Errors
/// The folder is there, its parent may be written by others, or it cannot be created.
pub fn create_folder(path: &Path) -> Result<(), PrivateError> {
    let parent = parent_of(path);
    if !parent.exists() {
        DirBuilder::new().recursive(true).mode(0o700).create(&parent).map_err(PrivateError::io(&parent))?;
    }
    check_parent(&parent)?;
    DirBuilder::new().mode(0o700).create(path).map_err(PrivateError::io(path))
}

/// Refuses a folder in which others may exchange what we make in it.
fn check_parent(path: &Path) -> Result<(), PrivateError> {
    // Links above the folder are the person's own: what counts is the folder that they lead to.
    let facts = fs::metadata(path).map_err(PrivateError::io(path))?;
    let group_is_ours = facts.gid() == rustix::process::getegid().as_raw();
    let writable = if group_is_ours { 0o002 } else { 0o022 };
    if facts.mode() & STICKY == 0 && facts.mode() & writable != 0 {
        return Err(PrivateError::refused(
            path,
            "may be written by other users of this machine, who could exchange what is in it",
        ));
    }
    Ok(())
}

/// Whether a folder is a folder, ours, and closed to others.
///
/// # Errors
/// It is a link or no folder, belongs to somebody else, or others may open it.
pub fn check_folder(path: &Path) -> Result<(), PrivateError> {
    let facts = fs::symlink_metadata(path).map_err(PrivateError::io(path))?;
    if !facts.is_dir() {
        return Err(PrivateError::refused(path, "is a link or no folder"));
    }
    check_owner(path, &facts)?;
    if facts.mode() & OTHERS != 0 {
        return Err(PrivateError::refused(path, "may be opened by other users of this machine"));
    }
    Ok(())
}

/// Takes an empty folder that is there already, as a service manager or an administrator makes one, and
/// closes it to others.
///
/// # Errors
/// It is a link or no folder, belongs to somebody else, is not empty, or stands where others could exchange
/// it.
pub fn take_empty_folder(path: &Path) -> Result<(), PrivateError> {
    check_parent(&parent_of(path))?;
    let facts = fs::symlink_metadata(path).map_err(PrivateError::io(path))?;
    if !facts.is_dir() {
        return Err(PrivateError::refused(path, "is a link or no folder"));
    }
    check_owner(path, &facts)?;
    // Before the look inside: others could add something after it.
    if facts.mode() & WORLD_WRITE != 0 {
        return Err(PrivateError::refused(path, "may be written by other users of this machine"));
    }
    let mut entries = fs::read_dir(path).map_err(PrivateError::io(path))?;
    // A volume of its own has this folder from the beginning.
    if !entries.all(|entry| entry.is_ok_and(|entry| entry.file_name() == "lost+found")) {
        return Err(PrivateError::refused(path, "is not empty"));
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(PrivateError::io(path))?;
    check_folder(path)
}

fn parent_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_path_buf(),
        _ => PathBuf::from("."),
    }
}

/// As [`check_folder`], and all that is in it is ours and no link.
///
/// # Errors
/// As [`check_folder`], with the first entry that is not ours, or it has more entries than
/// [`STATE_ENTRIES_MAX`].
pub fn check_tree(path: &Path) -> Result<(), PrivateError> {
    check_folder(path)?;
    let mut folders = vec![path.to_path_buf()];
    let mut entries = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).map_err(PrivateError::io(&folder))? {
            let entry = entry.map_err(PrivateError::io(&folder))?.path();
            entries += 1;
            if entries > STATE_ENTRIES_MAX {
                return Err(PrivateError::refused(path, "holds more than a state folder does"));
            }
            let facts = fs::symlink_metadata(&entry).map_err(PrivateError::io(&entry))?;
            if facts.is_symlink() {
                return Err(PrivateError::refused(&entry, "is a link"));
            }
            check_owner(&entry, &facts)?;
            if facts.is_dir() {
                folders.push(entry);
            }
        }
    }
    Ok(())
}

fn check_owner(path: &Path, facts: &Metadata) -> Result<(), PrivateError> {
    if facts.uid() == rustix::process::geteuid().as_raw() {
        return Ok(());
    }
    Err(PrivateError::refused(path, "belongs to another user of this machine"))
}

/// Where permission is what is missing: the user whom the folder belongs to, or the nearest one above it that
/// can be seen, by name where the machine has one.
pub fn owner_of(path: &Path) -> Option<String> {
    let uid = path.ancestors().find_map(|above| fs::metadata(above).ok())?.uid();
    let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let name = users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, id) = (fields.next()?, fields.nth(1)?);
        (id.parse() == Ok(uid)).then(|| name.to_owned())
    });
    Some(name.unwrap_or_else(|| format!("number {uid}")))
}

/// Reads a small file that only its owner may read. It is opened once, and what was opened is checked.
///
/// # Errors
/// It cannot be opened, is a link or no file, belongs to somebody else, others may open it, or it has more
/// than `bytes_max` bytes.
pub fn read_file(path: &Path, bytes_max: u64) -> Result<Zeroizing<Vec<u8>>, PrivateError> {
    let at = PrivateError::io(path);
    if fs::symlink_metadata(path).map_err(&at)?.is_symlink() {
        return Err(PrivateError::refused(path, "is a link"));
    }
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path).map_err(&at)?;
    let facts = file.metadata().map_err(&at)?;
    if !facts.is_file() {
        return Err(PrivateError::refused(path, "is no file"));
    }
    check_owner(path, &facts)?;
    if facts.mode() & OTHERS != 0 {
        return Err(PrivateError::refused(path, "may be opened by other users of this machine"));
    }
    if facts.len() > bytes_max {
        return Err(PrivateError::refused(path, "is too long for what it should hold"));
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(bytes_max).unwrap_or(0)));
    file.take(bytes_max).read_to_end(&mut bytes).map_err(&at)?;
    Ok(bytes)
}

/// Opens a new file for writing with permission bits `mode`; what has its name is never opened or followed.
///
/// # Errors
/// Something has this name, or the file cannot be created.
pub fn create_file(path: &Path, mode: u32) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(mode).open(path)
}

#[cfg(test)]
mod tests;
