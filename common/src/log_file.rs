//! A program's own log in its state folder: never larger than its bound, and begun anew where another program
//! has rotated it. Used by the site's supervisor for its own lines and for those of its children, and by
//! `coordinator serve`. Invariants: the log and the one before it (`.old`) have at most `LOG_BYTES_MAX` each;
//! who writes into it decides what stands in it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::OFlags;

use crate::clock::Timestamp;
use crate::limits::LOG_BYTES_MAX;
use crate::terminal;

/// An open log.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
}

impl LogFile {
    /// Goes on with the log at `path`.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open(path: &Path) -> io::Result<Self> {
        // For its owner only, whatever the umask.
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600).custom_flags(flags());
        let file = regular(options.open(path)?)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_path_buf(), file, bytes })
    }

    /// Opens the log anew if another program has renamed, removed or shortened it.
    ///
    /// # Errors
    /// It cannot be opened.
    pub fn open_if_moved(&mut self) -> io::Result<()> {
        let ours = self.file.metadata()?;
        let is_there = fs::metadata(&self.path)
            .is_ok_and(|there| (there.dev(), there.ino()) == (ours.dev(), ours.ino()));
        self.bytes = ours.len();
        if !is_there {
            *self = Self::open(&self.path)?;
        }
        Ok(())
    }

    /// Adds a whole line, with its end. The log before this one goes when it would grow too large.
    ///
    /// # Errors
    /// The disk is full, or the log cannot be opened anew.
    pub fn write_line(&mut self, line: &[u8]) -> io::Result<()> {
        self.open_if_moved()?;
        if self.bytes + line.len() as u64 > LOG_BYTES_MAX {
            fs::rename(&self.path, old(&self.path))?;
            *self = Self::open(&self.path)?;
        }
        self.file.write_all(line)?;
        self.bytes += line.len() as u64;
        Ok(())
    }
}

/// Opens a log to read it.
///
/// # Errors
/// It cannot be opened, or is no regular file.
pub fn open_to_read(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    regular(options.read(true).custom_flags(flags()).open(path)?)
}

/// No link is followed, and no pipe is waited for.
fn flags() -> i32 {
    (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed()
}

fn regular(file: File) -> io::Result<File> {
    if file.metadata()?.is_file() {
        return Ok(file);
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"))
}

/// A log that several parts of a program write to. One that cannot be opened or written costs its lines,
/// never the program.
#[derive(Clone, Debug, Default)]
pub struct SharedLog(Option<Arc<Mutex<LogFile>>>);

impl SharedLog {
    /// Goes on with the log at `path`. Where that cannot be opened, it is said once on standard error, and
    /// the lines are lost.
    #[must_use]
    pub fn open(path: &Path) -> Self {
        let file = LogFile::open(path).inspect_err(|error| {
            terminal::eprint(format_args!(
                "warning: {} cannot be written ({error}); what is logged is on standard error only\n",
                path.display()
            ));
        });
        Self(file.ok().map(|file| Arc::new(Mutex::new(file))))
    }

    /// Adds a line, which gets its time; returns it as it stands there, with its end.
    pub fn line(&self, now: Timestamp, text: &str) -> String {
        let line = format!("{} {text}\n", now.rfc3339_ms());
        self.keep(line.as_bytes());
        line
    }

    fn keep(&self, line: &[u8]) {
        if let Some(file) = &self.0 {
            let _ = file.lock().unwrap_or_else(PoisonError::into_inner).write_line(line);
        }
    }
}

/// For a library that writes each of its lines at once, with its time.
impl Write for SharedLog {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.keep(line);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Where the log before this one is.
#[must_use]
pub fn old(path: &Path) -> PathBuf {
    path.with_extension("log.old")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_is_moved_removed_or_shortened_is_begun_anew() {
        let folder = tempfile::tempdir().unwrap();
        let (path, rotated) = (folder.path().join("worker.log"), folder.path().join("worker.log.1"));
        let mut log = LogFile::open(&path).unwrap();
        log.write_line(b"one\n").unwrap();
        fs::rename(&path, &rotated).unwrap();
        log.write_line(b"two\n").unwrap();
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!((read(&rotated), read(&path)), ("one\n".into(), "two\n".into()));
        fs::remove_file(&path).unwrap();
        log.write_line(b"three\n").unwrap();
        assert_eq!(read(&path), "three\n");
        // As logrotate's `copytruncate` does.
        File::create(&path).unwrap();
        log.write_line(b"four\n").unwrap();
        assert_eq!((read(&path), log.bytes), ("four\n".into(), 5));
        fs::remove_file(&path).unwrap();
        log.open_if_moved().unwrap();
        assert_eq!(read(&path), "");
    }

    #[test]
    fn a_shared_log_gives_times_and_never_fails() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.log");
        let log = SharedLog::open(&path);
        assert_eq!(log.line(Timestamp(0), "begun"), "1970-01-01T00:00:00.000Z begun\n");
        log.clone().write_all(b"2026-11-29T08:00:00Z INFO goes on\n").unwrap();
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text, "1970-01-01T00:00:00.000Z begun\n2026-11-29T08:00:00Z INFO goes on\n");
        let nowhere = SharedLog::open(Path::new("/nowhere/serve.log"));
        assert_eq!(nowhere.line(Timestamp(0), "x"), "1970-01-01T00:00:00.000Z x\n");
    }

    #[test]
    fn a_log_without_end_takes_two_files_and_no_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("serve.log");
        let mut log = LogFile::open(&path).unwrap();
        let line = vec![b'x'; 1 << 20];
        for _ in 0..3 * LOG_BYTES_MAX / line.len() as u64 {
            log.write_line(&line).unwrap();
        }
        for file in [&path, &old(&path)] {
            assert!((1..=LOG_BYTES_MAX).contains(&fs::metadata(file).unwrap().len()), "{}", file.display());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
