//! A child's log: what it writes to standard error, line by line, with control characters made visible and
//! never larger than its bound, also while the child runs. Used by `supervisor::child` and
//! by `site-agent replay`.
//!
//! A log that another program rotates (logrotate, with or without a signal) is begun anew under its name with
//! the next line.
//!
//! Invariants: every byte passes through this process, so a child that writes without end waits for the disk
//! and rewrites two files of `LOG_BYTES_MAX` (see `common::log_file`); no line is longer than
//! `LOG_LINE_BYTES_MAX`; no control character reaches the file or a terminal.

use std::io::Read;
use std::path::Path;

use common::log_file::LogFile;
use common::terminal;
use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::error::SiteError;
use crate::limits::{LAST_WORDS_BYTES_MAX, LOG_LINE_BYTES_MAX};

/// Read at once from the child.
const BLOCK_BYTES: usize = 8192;

/// The open log of one life of a child.
#[derive(Debug)]
pub(crate) struct Log {
    file: LogFile,
    /// The line that is being read.
    line: Vec<u8>,
    /// More of this line came than is kept.
    is_cut: bool,
    last_error: Option<String>,
    last_hint: Option<String>,
}

impl Log {
    /// Goes on with the log at `path`.
    ///
    /// # Errors
    /// `Io` when it cannot be opened.
    pub(crate) fn open(path: &Path) -> Result<Self, SiteError> {
        let file = LogFile::open(path).map_err(SiteError::at(path))?;
        Ok(Self { file, line: Vec::new(), is_cut: false, last_error: None, last_hint: None })
    }

    /// Takes everything that the child writes, until it closes the pipe.
    pub(super) async fn follow(&mut self, mut child: impl AsyncRead + Unpin) {
        let mut block = [0; BLOCK_BYTES];
        while let Ok(read @ 1..) = child.read(&mut block).await {
            self.take(&block[..read]);
        }
        self.end_line();
    }

    /// As [`Self::follow`], on a thread of its own.
    pub(crate) fn follow_blocking(&mut self, mut child: impl Read) {
        let mut block = [0; BLOCK_BYTES];
        while let Ok(read @ 1..) = child.read(&mut block) {
            self.take(&block[..read]);
        }
        self.end_line();
    }

    /// The last error that this life of the child wrote, if any.
    pub(super) fn last_error(&self) -> Option<&str> {
        self.last_error.as_deref()
    }

    /// The next step that it said with it, if any.
    pub(super) fn last_hint(&self) -> Option<&str> {
        self.last_hint.as_deref()
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            match byte {
                b'\n' => self.end_line(),
                _ if self.line.len() < LOG_LINE_BYTES_MAX => self.line.push(*byte),
                _ => self.is_cut = true,
            }
        }
    }

    fn end_line(&mut self) {
        if self.line.is_empty() && !self.is_cut {
            return;
        }
        let mut text = terminal::visible(&String::from_utf8_lossy(&self.line));
        if std::mem::take(&mut self.is_cut) {
            text.push('…');
        }
        self.line.clear();
        let bounded = |words: &str| words[..words.floor_char_boundary(LAST_WORDS_BYTES_MAX)].to_owned();
        if text.starts_with("error: ") || text.starts_with("internal error") {
            self.last_error = Some(bounded(text.trim_start_matches("error: ")));
            self.last_hint = None;
        } else if let Some(hint) = text.strip_prefix("hint: ") {
            self.last_hint = Some(bounded(hint));
        }
        text.push('\n');
        // A log on a full disk costs its lines; the child goes on.
        let _ = self.file.write_line(text.as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use common::limits::LOG_BYTES_MAX;

    use super::*;

    fn logged(chunks: &[&[u8]]) -> (String, Log, tempfile::TempDir) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.log");
        let mut log = Log::open(&path).unwrap();
        for chunk in chunks {
            log.take(chunk);
        }
        log.end_line();
        (fs::read_to_string(path).unwrap(), log, folder)
    }

    #[test]
    fn escape_bytes_are_made_visible_and_text_stays() {
        let (text, log, _folder) =
            logged(&[b"\x1b]0;owned\x07\r", b"\x1b[2J\nerror: \x1b[31m\xe6\x82\xa3\xff\xe2\x80\xae\x00\n\n"]);
        assert_eq!(
            text,
            "\\u{1b}]0;owned\\u{7}\\u{d}\\u{1b}[2J\nerror: \\u{1b}[31m患\u{fffd}\\u{202e}\\u{0}\n"
        );
        assert_eq!(log.last_error(), Some("\\u{1b}[31m患\u{fffd}\\u{202e}\\u{0}"));
    }

    #[test]
    fn a_log_without_end_takes_two_files_and_no_more() {
        let line = [b"x".repeat(3 * LOG_LINE_BYTES_MAX), vec![b'\n']].concat();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("worker.log");
        let mut log = Log::open(&path).unwrap();
        let lines = 3 * LOG_BYTES_MAX as usize / LOG_LINE_BYTES_MAX;
        for _ in 0..lines {
            log.take(&line);
        }
        let old = path.with_extension("log.old");
        for file in [&path, &old] {
            assert!(fs::metadata(file).unwrap().len() <= LOG_BYTES_MAX, "{}", file.display());
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
        let text = fs::read_to_string(&old).unwrap();
        assert!(text.lines().all(|line| line.len() <= LOG_LINE_BYTES_MAX + '…'.len_utf8()));
    }

    #[test]
    fn last_words_are_one_bounded_sentence() {
        let long = ["error: ", &"患".repeat(5000), "\n"].concat();
        let (_, log, _folder) = logged(&[b"error: first\n", long.as_bytes(), b"an ordinary line\n"]);
        let words = log.last_error().unwrap();
        assert!(words.starts_with('患') && words.len() <= LAST_WORDS_BYTES_MAX);
        let (_, log, _folder) = logged(&[b"error: one\n\nhint: first\nerror: two\n"]);
        assert_eq!((log.last_error(), log.last_hint()), (Some("two"), None), "a hint belongs to its error");
        let (_, log, _folder) = logged(&[b"error: one\n\nhint: do it\n"]);
        assert_eq!((log.last_error(), log.last_hint()), (Some("one"), Some("do it")));
    }
}
