//! How a file becomes permanent: written beside its final name, fsynced, renamed, and the folder
//! fsynced. A crash leaves the old file or the new one, never a mixture. Used by both binaries for every
//! state file, and by `net::transfer`.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use crate::private;

/// Permission bits of a file that holds a key.
pub const PRIVATE: u32 = 0o600;
/// Permission bits of any other state file: what a site or a coordinator keeps is nobody else's business.
pub const ORDINARY: u32 = 0o600;

/// Writes `bytes` to `path` atomically and durably, with permission bits `mode`.
///
/// # Errors
/// The folder is missing, not writable or full. `path` then holds what it held before.
pub fn write(path: &Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let temporary = temporary_name(path);
    // Left by a process of the same id that was killed, or planted: it is never opened.
    match fs::remove_file(&temporary) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let result = private::create_file(&temporary, mode)
        .and_then(|file| fill(file, bytes))
        .and_then(|()| publish(&temporary, path));
    if result.is_err() {
        // The temporary file is ours alone; a failure to remove it changes nothing for the reader.
        let _ = fs::remove_file(&temporary);
    }
    result
}

/// Renames a finished, fsynced file to its final name and fsyncs the folder.
///
/// # Errors
/// The rename is refused, or the folder cannot be fsynced: then the rename may not survive a power failure.
pub fn publish(finished: &Path, path: &Path) -> io::Result<()> {
    fs::rename(finished, path)?;
    sync_folder_of(path)
}

/// Makes a rename or creation inside the folder of `path` permanent.
///
/// # Errors
/// The folder cannot be opened or fsynced.
pub fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

/// Bytes that the file system of `folder` still has for us.
///
/// # Errors
/// The folder does not exist or may not be searched.
pub fn free_bytes(folder: &Path) -> io::Result<u64> {
    let facts = rustix::fs::statvfs(folder)?;
    Ok(facts.f_bavail.saturating_mul(facts.f_frsize))
}

fn fill(mut file: File, bytes: &[u8]) -> io::Result<()> {
    file.write_all(bytes)?;
    file.sync_all()
}

fn temporary_name(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".tmp-{}", std::process::id()));
    PathBuf::from(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn replaces_whole_files_and_leaves_no_temporary() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        write(&path, b"one", PRIVATE).unwrap();
        write(&path, b"two", PRIVATE).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"two");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, PRIVATE);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_planted_link_is_not_written_through() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state");
        let victim = folder.path().join("victim");
        fs::write(&victim, "untouched").unwrap();
        // Whoever may write the folder can guess the name: the process id is no secret.
        std::os::unix::fs::symlink(&victim, temporary_name(&path)).unwrap();
        std::os::unix::fs::symlink(&victim, &path).unwrap();
        write(&path, b"ours", ORDINARY).unwrap();
        assert_eq!(fs::read(&victim).unwrap(), b"untouched");
        assert_eq!(fs::symlink_metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_missing_folder_is_an_error_not_a_panic() {
        assert!(write(Path::new("/nonexistent/folder/file"), b"x", PRIVATE).is_err());
    }

    #[test]
    fn a_full_disk_leaves_the_old_file() {
        // /dev/full refuses every write; the rename is never reached.
        let full = File::options().write(true).open("/dev/full").unwrap();
        assert!(fill(full, b"x").is_err());
    }

    #[test]
    fn free_space_is_known() {
        assert!(free_bytes(Path::new("/")).unwrap() > 0);
    }
}
