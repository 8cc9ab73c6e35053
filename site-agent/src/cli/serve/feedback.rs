//! The file of feedback: lines in the training format, for the next round. Used by `serve`.
//!
//! Invariants: it is opened before the locks; only its owner may read it; a line is whole or not there, also
//! where the disk is full; it has a bound.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use common::private::{PrivateError, append};
use endpoint::{EndpointError, Keep};

use crate::error::SiteError;
use crate::limits::FEEDBACK_BYTES_MAX;

/// An open file of feedback.
#[derive(Debug)]
pub(super) struct FeedbackFile {
    file: File,
    bytes: u64,
    bytes_max: u64,
    /// A part of a line stayed, because it could not be taken back: nothing may be written behind it.
    is_torn: bool,
}

// What is taken here has to be taken there: the crate of the endpoint does not know the data room.
const _: () = assert!(
    endpoint::limits::RECORD_BYTES_MAX == data::limits::RECORD_BYTES_MAX
        && endpoint::limits::RECORD_CHARACTERS_MAX == data::limits::RECORD_CHARACTERS_MAX
        && endpoint::limits::RECORD_TURNS_MAX == data::limits::TURNS_MAX
);

impl FeedbackFile {
    /// Opens it, or makes it.
    ///
    /// # Errors
    /// `Io`, `Data` where others could read it or another process writes it.
    pub(super) fn open(path: &Path) -> Result<Self, SiteError> {
        let file = append::open(path).map_err(|error| match error {
            PrivateError::Io { path, source } => SiteError::io(&path, source),
            refused @ PrivateError::Refused { .. } => SiteError::data(
                &refused.to_string(),
                "name a file of your own that only you can read (chmod 600)",
            ),
        })?;
        let bytes = file.metadata().map_err(SiteError::at(path))?.len();
        if bytes >= FEEDBACK_BYTES_MAX {
            let sentence = format!("{} has {FEEDBACK_BYTES_MAX} bytes or more", path.display());
            return Err(SiteError::data(&sentence, "begin a new file"));
        }
        Ok(Self { file, bytes, bytes_max: FEEDBACK_BYTES_MAX, is_torn: false })
    }
}

impl Keep for FeedbackFile {
    fn keep(&mut self, line: &str) -> Result<(), EndpointError> {
        if self.is_torn {
            return Err(EndpointError::FeedbackNotWritten);
        }
        let whole = format!("{line}\n");
        let bytes = self.bytes + whole.len() as u64;
        if bytes > self.bytes_max {
            return Err(EndpointError::FeedbackFull);
        }
        let written = self.file.write_all(whole.as_bytes()).and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            super::saying::say(&format!("feedback could not be written: {error}"));
            // Nothing of it stays; if not even that works, nothing more is written, and the next start says
            // that the last line is not whole.
            if let Err(error) = self.file.set_len(self.bytes) {
                super::saying::say(&format!(
                    "no more feedback is taken: a line may be there in part: {error}"
                ));
                self.is_torn = true;
            }
            return Err(EndpointError::FeedbackNotWritten);
        }
        self.bytes = bytes;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_appended_up_to_the_bound() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feedback.jsonl");
        std::fs::write(&path, "").unwrap();
        assert!(FeedbackFile::open(&path).is_err(), "others may read it");
        std::fs::remove_file(&path).unwrap();
        let mut file = FeedbackFile::open(&path).unwrap();
        file.bytes_max = 8;
        assert_eq!(file.keep("123"), Ok(()));
        assert_eq!(file.keep("1234"), Err(EndpointError::FeedbackFull));
        assert_eq!(file.keep("456"), Ok(()));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "123\n456\n");
    }

    #[test]
    fn behind_what_could_not_be_taken_back_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("feedback.jsonl");
        let mut file = FeedbackFile::open(&path).unwrap();
        // It can neither be written nor cut.
        let good = std::mem::replace(&mut file.file, File::open(&path).unwrap());
        assert_eq!(file.keep("1"), Err(EndpointError::FeedbackNotWritten));
        file.file = good;
        assert_eq!(file.keep("2"), Err(EndpointError::FeedbackNotWritten));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "");
    }
}
