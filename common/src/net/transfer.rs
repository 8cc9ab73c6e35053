//! Files that arrive in chunks and are named by their hash: resumable, verified, durable.
//!
//! Used by the coordinator's spool (uploads) and by a site's inbox (downloads); both keep one
//! [`PartialFile`] per file in transfer. Blocking; call it from `spawn_blocking`.
//!
//! Invariants: a file appears under its final name only when all its bytes hash to that name and are on
//! the disk; the first `n x 8 MiB` of a `.part` file are fsynced before a byte behind them is written, so
//! that after a power failure everything before the last such boundary can be trusted. A restart resumes
//! there and sends at most `UNSYNCED_BYTES_MAX` again. Duplicated chunks are harmless.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::durable;
use crate::id::Digest;
use crate::limits::{ADAPTER_BYTES_MAX, CHUNK_BYTES_MAX, UNSYNCED_BYTES_MAX};

/// Why a transfer cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TransferError {
    /// The announced size is 0 or above the limit.
    #[error("a file of {bytes} bytes is not accepted: 1 to {ADAPTER_BYTES_MAX} are")]
    Size { bytes: u64 },
    /// The disk has too little room. Worth a retry after making some.
    #[error("the disk of {folder} has {free_bytes} bytes free, and {needed_bytes} are needed")]
    StorageFull { folder: PathBuf, free_bytes: u64, needed_bytes: u64 },
    /// The chunk starts behind what we have.
    #[error("a chunk starts at {offset}, but {next_offset} comes next")]
    Gap { offset: u64, next_offset: u64 },
    /// The chunk goes past the announced size.
    #[error("a chunk ends at {end}, but the file has {total} bytes")]
    PastEnd { end: u64, total: u64 },
    /// Not all bytes are there.
    #[error("{next_offset} of {total} bytes have arrived")]
    Incomplete { next_offset: u64, total: u64 },
    /// All bytes are there and they are the wrong ones; they were thrown away.
    #[error("the bytes of {expected} hash to {actual}; they were thrown away")]
    DigestMismatch { expected: Digest, actual: Digest },
    /// The requested offset is behind the end of the file.
    #[error("offset {offset} is outside a file of {total} bytes")]
    OutOfRange { offset: u64, total: u64 },
    /// The file system said no.
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: io::Error },
}

impl TransferError {
    /// Whether the same call may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::StorageFull { .. } | Self::Incomplete { .. } | Self::DigestMismatch { .. })
    }

    fn io(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, source }
    }

    fn writing(path: &Path, needed_bytes: u64) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Self::StorageFull { folder: path, free_bytes: 0, needed_bytes }
            }
            _ => Self::Io { path, source },
        }
    }
}

/// What `open` found.
#[derive(Debug)]
pub enum Opened {
    /// The whole file is there already.
    Complete(PathBuf),
    /// Bytes are missing.
    Partial(PartialFile),
}

/// Where a finished file lies.
pub fn final_path(folder: &Path, digest: Digest) -> PathBuf {
    folder.join(digest.to_string())
}

/// Where an unfinished file lies.
pub fn part_path(folder: &Path, digest: Digest) -> PathBuf {
    folder.join(format!("{digest}.part"))
}

/// Starts or resumes the transfer of the file named `digest`, of `total` bytes, into `folder`.
///
/// # Errors
/// [`TransferError::Size`] for a size of 0 or above [`ADAPTER_BYTES_MAX`], [`TransferError::StorageFull`]
/// when the disk has less than twice what is missing, [`TransferError::Io`] when the folder cannot be used.
pub fn open(folder: &Path, digest: Digest, total: u64) -> Result<Opened, TransferError> {
    if !(1..=ADAPTER_BYTES_MAX).contains(&total) {
        return Err(TransferError::Size { bytes: total });
    }
    let finished = final_path(folder, digest);
    if fs::metadata(&finished).is_ok_and(|facts| facts.is_file() && facts.len() == total) {
        return Ok(Opened::Complete(finished));
    }
    PartialFile::resume(folder, digest, total).map(Opened::Partial)
}

/// A file of which the bytes before `next_offset` have arrived.
#[derive(Debug)]
pub struct PartialFile {
    part: PathBuf,
    finished: PathBuf,
    file: File,
    digest: Digest,
    total: u64,
    next_offset: u64,
    /// Over the bytes before `next_offset`.
    hasher: Sha256,
}

impl PartialFile {
    fn resume(folder: &Path, digest: Digest, total: u64) -> Result<Self, TransferError> {
        let part = part_path(folder, digest);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(durable::ORDINARY);
        let mut file = options.open(&part).map_err(TransferError::io(&part))?;
        let found = file.metadata().map_err(TransferError::io(&part))?.len();
        let kept = trustworthy_bytes(found, total);
        let needed_bytes = 2 * (total - kept);
        let free_bytes = durable::free_bytes(folder).map_err(TransferError::io(folder))?;
        if free_bytes < needed_bytes {
            return Err(TransferError::StorageFull { folder: folder.to_owned(), free_bytes, needed_bytes });
        }
        file.set_len(kept).map_err(TransferError::io(&part))?;
        let mut hasher = Sha256::new();
        let read = io::copy(&mut (&file).take(kept), &mut hasher).map_err(TransferError::io(&part))?;
        file.seek(SeekFrom::Start(read)).map_err(TransferError::io(&part))?;
        let finished = final_path(folder, digest);
        Ok(Self { part, finished, file, digest, total, next_offset: read, hasher })
    }

    /// The first byte that is missing; equal to the size when all have arrived.
    pub fn next_offset(&self) -> u64 {
        self.next_offset
    }

    /// The announced size.
    pub fn total(&self) -> u64 {
        self.total
    }

    /// Takes the bytes that start at `offset`; those that are there already are skipped. Returns the next
    /// offset. After an error the same chunk can be sent again.
    ///
    /// # Errors
    /// [`TransferError::Gap`] or [`TransferError::PastEnd`] for a chunk that does not belong there,
    /// [`TransferError::StorageFull`] or [`TransferError::Io`] when the disk does not take it.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<u64, TransferError> {
        let end = offset.saturating_add(bytes.len() as u64);
        if end > self.total {
            return Err(TransferError::PastEnd { end, total: self.total });
        }
        if offset > self.next_offset {
            return Err(TransferError::Gap { offset, next_offset: self.next_offset });
        }
        let known = usize::try_from(self.next_offset - offset).unwrap_or(usize::MAX);
        let mut new = bytes.get(known..).unwrap_or_default();
        while !new.is_empty() {
            let boundary = (self.next_offset / UNSYNCED_BYTES_MAX + 1) * UNSYNCED_BYTES_MAX;
            let room = usize::try_from(boundary - self.next_offset).unwrap_or(usize::MAX);
            let (now, later) = new.split_at(room.min(new.len()));
            self.append(now)?;
            if self.next_offset == boundary {
                self.file.sync_data().map_err(TransferError::writing(&self.part, self.total))?;
            }
            new = later;
        }
        Ok(self.next_offset)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<(), TransferError> {
        // At an explicit offset: a write that failed half way is simply done again.
        let written = self.file.write_all_at(bytes, self.next_offset);
        written.map_err(TransferError::writing(&self.part, self.total - self.next_offset))?;
        self.hasher.update(bytes);
        self.next_offset += bytes.len() as u64;
        Ok(())
    }

    /// Verifies the hash, makes the file permanent under its final name, and says where it is. Wrong bytes
    /// are thrown away: the next `open` starts from the beginning. An incomplete file is kept.
    ///
    /// # Errors
    /// [`TransferError::Incomplete`] when bytes are missing, [`TransferError::DigestMismatch`] when they are
    /// the wrong ones, [`TransferError::StorageFull`] or [`TransferError::Io`] when they do not reach the
    /// disk.
    pub fn finish(mut self) -> Result<PathBuf, TransferError> {
        if self.next_offset != self.total {
            return Err(TransferError::Incomplete { next_offset: self.next_offset, total: self.total });
        }
        let actual = Digest(self.hasher.finalize().into());
        if actual != self.digest {
            fs::remove_file(&self.part).map_err(TransferError::io(&self.part))?;
            return Err(TransferError::DigestMismatch { expected: self.digest, actual });
        }
        self.file
            .flush()
            .and_then(|()| self.file.sync_all())
            .map_err(TransferError::writing(&self.part, 0))?;
        durable::publish(&self.part, &self.finished).map_err(TransferError::io(&self.finished))?;
        Ok(self.finished)
    }
}

/// How much of a `.part` file of `found` bytes is certainly on the disk: up to the last boundary that was
/// passed. Reaching a boundary is not passing it: the process may have died before the fsync.
fn trustworthy_bytes(found: u64, total: u64) -> u64 {
    found.min(total).saturating_sub(1) / UNSYNCED_BYTES_MAX * UNSYNCED_BYTES_MAX
}

/// A piece of a finished file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// From the requested offset on; shorter than asked for at the end of the file.
    pub bytes: Vec<u8>,
    /// Size of the whole file.
    pub total: u64,
}

/// Reads up to `length` bytes (and at most one chunk) of `path` from `offset` on. An offset equal to the
/// size gives no bytes.
///
/// # Errors
/// [`TransferError::OutOfRange`] for an offset behind the end, [`TransferError::Io`] when the file cannot be
/// read.
pub fn read_piece(path: &Path, offset: u64, length: usize) -> Result<Piece, TransferError> {
    let file = File::open(path).map_err(TransferError::io(path))?;
    let total = file.metadata().map_err(TransferError::io(path))?.len();
    let Some(left) = total.checked_sub(offset) else {
        return Err(TransferError::OutOfRange { offset, total });
    };
    let length = usize::try_from(left).unwrap_or(usize::MAX).min(length).min(CHUNK_BYTES_MAX);
    let mut bytes = vec![0; length];
    file.read_exact_at(&mut bytes, offset).map_err(TransferError::io(path))?;
    Ok(Piece { bytes, total })
}

/// Throws the unfinished transfer of `digest` away, if there is one.
///
/// # Errors
/// [`TransferError::Io`] when the file is there and cannot be removed.
pub fn discard(folder: &Path, digest: Digest) -> Result<(), TransferError> {
    let part = part_path(folder, digest);
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(TransferError::Io { path: part, source: error })
        }
        _ => Ok(()),
    }
}

/// Throws all unfinished transfers in `folder` away, except those `keep` names; says how many.
///
/// # Errors
/// [`TransferError::Io`] when the folder cannot be listed or a file cannot be removed.
pub fn discard_parts(folder: &Path, keep: impl Fn(Digest) -> bool) -> Result<usize, TransferError> {
    let mut discarded = 0;
    for entry in fs::read_dir(folder).map_err(TransferError::io(folder))? {
        let name = entry.map_err(TransferError::io(folder))?.file_name();
        let digest = name.to_str().and_then(|name| name.strip_suffix(".part")?.parse::<Digest>().ok());
        if let Some(digest) = digest.filter(|digest| !keep(*digest)) {
            discard(folder, digest)?;
            discarded += 1;
        }
    }
    Ok(discarded)
}

#[cfg(test)]
mod tests;
