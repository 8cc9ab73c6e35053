//! One file, opened so that it can neither hang nor fool us: only regular files, their identity noted at the
//! start and compared at the end. Called by `read`. Invariants: opening never blocks (a FIFO without writer);
//! what was read is one state of the file, or the caller gets [`DataError::Changed`].

use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::{DataError, Result};

/// Identity, size and time of change: they differ after somebody wrote to the file or replaced it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// An open regular file. Clones share the file.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    path: PathBuf,
    file: Arc<File>,
    stamp: Stamp,
}

impl Source {
    /// Opens a file; symbolic links are followed, as everywhere.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        // Looked at before it is opened, because opening a device can have effects; looked at again
        // afterwards, because somebody may have put another thing there in between. O_NONBLOCK: a FIFO would
        // wait for its writer.
        regular(path, &std::fs::metadata(path).map_err(|error| DataError::io(path, error))?)?;
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)
            .map_err(|error| DataError::io(path, error))?;
        let metadata = file.metadata().map_err(|error| DataError::io(path, error))?;
        regular(path, &metadata)?;
        Ok(Self { path: path.to_path_buf(), file: Arc::new(file), stamp: Stamp::of(&metadata) })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Another handle of the file, for libraries that want one; they share its position.
    pub(crate) fn file(&self) -> std::io::Result<File> {
        self.file.try_clone()
    }

    /// Bytes of the file when it was opened.
    pub(crate) fn bytes(&self) -> u64 {
        self.stamp.size
    }

    /// Reads from the beginning, at most the bytes there were at the start; shares no position with other
    /// readers.
    pub(crate) fn reader(&self, from: u64) -> Positioned {
        Positioned { file: Arc::clone(&self.file), position: from, end: self.stamp.size }
    }

    /// Up to `length` bytes at a position.
    pub(crate) fn sample(&self, position: u64, length: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let length = u64::try_from(length).unwrap_or(u64::MAX);
        self.reader(position)
            .take(length)
            .read_to_end(&mut bytes)
            .map_err(|error| DataError::io(&self.path, error))?;
        Ok(bytes)
    }

    /// Says whether the file is still the one that was opened, in place and in content.
    pub(crate) fn check_unchanged(&self) -> Result<()> {
        let held = self.file.metadata().map_err(|error| DataError::io(&self.path, error))?;
        let at_path = std::fs::metadata(&self.path).ok();
        if Stamp::of(&held) == self.stamp && at_path.is_some_and(|there| Stamp::of(&there) == self.stamp) {
            return Ok(());
        }
        Err(DataError::Changed { path: self.path.clone() })
    }
}

fn regular(path: &Path, metadata: &Metadata) -> Result<()> {
    let reason = if metadata.is_dir() {
        "it is a folder; name the files in it"
    } else if !metadata.is_file() {
        "it is a pipe, a socket or a device; only ordinary files are read"
    } else {
        return Ok(());
    };
    Err(DataError::whole_file(path, reason))
}

/// Reads a range of a file with positioned reads.
#[derive(Debug)]
pub(crate) struct Positioned {
    file: Arc<File>,
    position: u64,
    end: u64,
}

impl Read for Positioned {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        let read = self.file.read_at(&mut buffer[..length], self.position)?;
        self.position += read as u64;
        Ok(read)
    }
}
