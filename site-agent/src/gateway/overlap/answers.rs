//! The coordinator's answers on their way into the inbox: batch after batch, each durable before the next is
//! asked.
//!
//! Called by `overlap::exchange`. What is in them is not looked at here: the worker verifies the proofs.
//! Invariant: the file appears under its name when all answers are in it; after a crash the last batch is
//! asked again, because its bytes may not have reached the disk.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::PathBuf;

use common::durable;
use common::id::RunId;
use data::overlap::answer_bytes;

use crate::error::SiteError;
use crate::overlap::{answers_path, answers_total, batches};
use crate::paths::StateFolder;

/// Answers that are not complete.
#[derive(Debug)]
pub struct Answers {
    file: File,
    part: PathBuf,
    path: PathBuf,
    points: u32,
    /// Whole batches in the file.
    stored: usize,
    /// Their bytes.
    bytes: u64,
}

impl Answers {
    /// Goes on with the answers of this run; `None` when they are complete.
    ///
    /// # Errors
    /// `Io`.
    pub fn open(folder: &StateFolder, run: RunId, points: u32) -> Result<Option<Self>, SiteError> {
        let path = answers_path(folder, run);
        if std::fs::metadata(&path).is_ok_and(|metadata| metadata.len() == answers_total(points)) {
            return Ok(None);
        }
        let part = path.with_extension("answers.part");
        let at = |source| SiteError::io(&part, source);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(durable::ORDINARY);
        let file = options.open(&part).map_err(at)?;
        let found = file.metadata().map_err(at)?.len();
        let (mut stored, mut bytes) = (0, 0);
        for (_, count) in batches(points) {
            // One behind: a batch counts as stored when bytes of a later one are there.
            let end = bytes + answer_bytes(count) as u64;
            if end >= found {
                break;
            }
            (stored, bytes) = (stored + 1, end);
        }
        file.set_len(bytes).map_err(at)?;
        Ok(Some(Self { file, part, path, points, stored, bytes }))
    }

    /// The next batch to ask: its first point, and how many bytes the answer has. `None` when all are there.
    #[must_use]
    pub fn next(&self) -> Option<(u32, usize)> {
        batches(self.points).nth(self.stored).map(|(first, count)| (first, answer_bytes(count)))
    }

    /// Stores the answer to the next batch, durably.
    ///
    /// # Errors
    /// `Io`.
    pub fn append(&mut self, answer: &[u8]) -> Result<(), SiteError> {
        self.file
            .write_all_at(answer, self.bytes)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| SiteError::io(&self.part, source))?;
        self.bytes += answer.len() as u64;
        self.stored += 1;
        Ok(())
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// `Io`.
    pub fn finish(self) -> Result<(), SiteError> {
        self.file
            .sync_all()
            .and_then(|()| durable::publish(&self.part, &self.path))
            .map_err(|source| SiteError::io(&self.path, source))
    }
}
