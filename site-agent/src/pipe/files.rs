//! Files that one process of a site writes and another reads: raw updates, blinded points, what the gateway
//! fetched, checkpoints. Used by `gateway::protect`, `gateway::overlap`, `worker::inbox`, `worker::overlap`
//! and the checkpoints. Invariants: only a regular file is opened, and no link is followed at its name; its
//! size is compared with what the reader expects before a byte is read; never more is read than that,
//! however the file grows meanwhile.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use common::id::Digest;
use common::limits::CHUNK_BYTES_MAX;
use sha2::{Digest as _, Sha256};

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
pub enum Unfit {
    /// The kernel's answer.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A link, a folder, a device, a pipe.
    #[error("it is not a regular file")]
    NotRegular,
    /// Nothing of it was read.
    #[error("it has {bytes} bytes, and at most {most} are allowed")]
    TooLarge { bytes: u64, most: u64 },
}

impl Unfit {
    /// As an error of the standard library, for callers that make no difference.
    #[must_use]
    pub fn into_io(self) -> io::Error {
        match self {
            Self::Io(error) => error,
            other => io::Error::new(io::ErrorKind::InvalidData, other.to_string()),
        }
    }
}

/// Opens a file of at most `most` bytes, and says how many it has.
///
/// # Errors
/// [`Unfit`], before a byte is read.
pub fn open(path: &Path, most: u64) -> Result<(File, u64), Unfit> {
    // Without O_NONBLOCK a pipe in the file's place would hold the reader until somebody writes.
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK;
    let file = match OpenOptions::new().read(true).custom_flags(flags).open(path) {
        Ok(file) => file,
        // A link in the file's place, or a socket.
        Err(error) if matches!(error.raw_os_error(), Some(libc::ELOOP | libc::ENXIO)) => {
            return Err(Unfit::NotRegular);
        }
        Err(error) => return Err(error.into()),
    };
    let facts = file.metadata()?;
    if !facts.is_file() {
        return Err(Unfit::NotRegular);
    }
    if facts.len() > most {
        return Err(Unfit::TooLarge { bytes: facts.len(), most });
    }
    Ok((file, facts.len()))
}

/// The whole of a file of at most `most` bytes.
///
/// # Errors
/// [`Unfit`]: also when the file has grown beyond that while it was read.
pub fn read(path: &Path, most: u64) -> Result<Vec<u8>, Unfit> {
    let (file, expected) = open(path, most)?;
    let mut bytes = Vec::with_capacity(usize::try_from(expected).unwrap_or(0));
    file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
    let read = bytes.len() as u64;
    if read > most { Err(Unfit::TooLarge { bytes: read, most }) } else { Ok(bytes) }
}

/// SHA-256 of an open file, in blocks, and the bytes that it is of: at most `most`.
///
/// # Errors
/// [`Unfit`]: also when the file has grown beyond that.
pub fn digest(file: &File, most: u64) -> Result<(Digest, u64), Unfit> {
    let mut reader = file.take(most.saturating_add(1));
    let mut hasher = Sha256::new();
    let mut block = vec![0; CHUNK_BYTES_MAX];
    let mut bytes = 0;
    loop {
        match reader.read(&mut block)? {
            0 if bytes > most => return Err(Unfit::TooLarge { bytes, most }),
            0 => return Ok((Digest(hasher.finalize().into()), bytes)),
            read => {
                hasher.update(&block[..read]);
                bytes += read as u64;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::net::UnixListener;
    use std::time::{Duration, Instant};

    use super::*;

    /// Everything here must answer at once: nobody waits for a writer, and nothing large is read.
    const AT_ONCE: Duration = Duration::from_secs(2);

    #[test]
    fn only_regular_files_are_opened_and_no_link_is_followed() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let start = Instant::now();
        fs::write(at("file"), b"abc").unwrap();
        std::os::unix::fs::symlink(at("file"), at("link")).unwrap();
        std::os::unix::fs::symlink(at("absent"), at("dangling")).unwrap();
        fs::create_dir(at("folder")).unwrap();
        let _socket = UnixListener::bind(at("socket")).unwrap();
        let made = std::process::Command::new("mkfifo").arg(at("fifo")).status().unwrap();
        assert!(made.success());
        assert_eq!(read(&at("file"), 3).unwrap(), b"abc");
        for name in ["link", "dangling", "folder", "socket", "fifo"] {
            assert!(matches!(read(&at(name), 1000), Err(Unfit::NotRegular)), "{name}");
        }
        assert!(matches!(read(Path::new("/dev/zero"), 1000), Err(Unfit::NotRegular)));
        assert!(matches!(read(&at("absent"), 3), Err(Unfit::Io(_))));
        assert!(start.elapsed() < AT_ONCE);
    }

    #[test]
    fn a_size_is_refused_before_a_byte_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sparse");
        let file = File::create(&path).unwrap();
        // As many as the file system allows, up to 8 TiB: no block of it exists.
        let bytes = (33..=43).rev().map(|power| 1_u64 << power).find(|bytes| file.set_len(*bytes).is_ok());
        let bytes = bytes.unwrap();
        let start = Instant::now();
        assert!(matches!(open(&path, 1 << 30), Err(Unfit::TooLarge { bytes: found, .. }) if found == bytes));
        assert!(matches!(read(&path, 1 << 30), Err(Unfit::TooLarge { .. })));
        assert!(start.elapsed() < AT_ONCE);
        fs::write(&path, b"abcd").unwrap();
        assert!(matches!(read(&path, 3), Err(Unfit::TooLarge { bytes: 4, most: 3 })));
        assert_eq!(read(&path, 4).unwrap(), b"abcd");
    }

    #[test]
    fn a_file_that_grows_after_it_was_opened_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("growing");
        fs::write(&path, b"abc").unwrap();
        let (file, bytes) = open(&path, 3).unwrap();
        assert_eq!(digest(&file, bytes).unwrap(), (Digest::of(b"abc"), 3));
        let (file, bytes) = open(&path, 3).unwrap();
        OpenOptions::new().append(true).open(&path).unwrap().write_all(b"d").unwrap();
        assert!(matches!(digest(&file, bytes), Err(Unfit::TooLarge { bytes: 4, most: 3 })));
    }
}
