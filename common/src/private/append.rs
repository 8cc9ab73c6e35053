//! A file that grows and that nobody else on this machine may read. Used by `site-agent serve` for feedback.
//! Invariants: no link is followed, and the file has this one name; what was opened is what was checked; one
//! process at a time writes it.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use super::{OTHERS, PrivateError, check_owner};

/// Opens a file of lines for appending, or makes it with mode 0600, and keeps others from writing it while it
/// is open.
///
/// # Errors
/// It cannot be opened, is a link or no file, has another name, belongs to somebody else, others may open it,
/// another process writes it, or its last line is not whole.
pub fn open(path: &Path) -> Result<File, PrivateError> {
    let at = PrivateError::io(path);
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits().cast_signed();
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600).custom_flags(flags);
    let file = options.open(path).map_err(&at)?;
    let facts = file.metadata().map_err(&at)?;
    if !facts.is_file() {
        return Err(PrivateError::refused(path, "is no file"));
    }
    if facts.nlink() != 1 {
        return Err(PrivateError::refused(path, "has another name, too (a hard link)"));
    }
    check_owner(path, &facts)?;
    if facts.mode() & OTHERS != 0 {
        return Err(PrivateError::refused(path, "may be opened by other users of this machine"));
    }
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            return Err(PrivateError::refused(path, "is being written by another process"));
        }
        Err(TryLockError::Error(source)) => return Err(at(source)),
    }
    if ends_in_a_line(&file).map_err(at)? {
        Ok(file)
    } else {
        Err(PrivateError::refused(path, "has a last line that is not whole"))
    }
}

fn ends_in_a_line(file: &File) -> io::Result<bool> {
    let bytes = file.metadata()?.len();
    let mut last = [b'\n'];
    if let Some(at) = bytes.checked_sub(1) {
        file.read_exact_at(&mut last, at)?;
    }
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    #[test]
    fn a_file_of_our_own_grows_and_any_other_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feedback.jsonl");
        let mut file = open(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        file.write_all(b"one\n").unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("another process"));
        drop(file);
        open(&path).unwrap().write_all(b"two\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        open(&path).unwrap().write_all(b"torn").unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("not whole"));
        fs::write(&path, "").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(open(&path).unwrap_err().to_string().contains("other users"));
        let link = folder.path().join("link");
        symlink(folder.path().join("elsewhere"), &link).unwrap();
        assert!(open(&link).is_err() && !folder.path().join("elsewhere").exists());
        assert!(open(folder.path()).is_err());
        let (one, two) = (folder.path().join("one"), folder.path().join("two"));
        drop(open(&one).unwrap());
        fs::hard_link(&one, &two).unwrap();
        assert!(open(&one).unwrap_err().to_string().contains("another name"));
        fs::remove_file(&two).unwrap();
        assert!(open(&one).is_ok());
    }
}
