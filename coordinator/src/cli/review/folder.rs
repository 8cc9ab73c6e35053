//! The folder of a review: `key.json`, `sheets/` for graders, `grades/` with what came back. Used by the
//! other files of `review`. Invariants: folder, key and grades are their owner's alone; no link is followed.

use std::path::{Path, PathBuf};

use common::durable;
use common::private::{self, PrivateError};
use evaluation::limits::{REVIEW_GRADES_BYTES_MAX, REVIEW_KEPT_BYTES_MAX, REVIEW_KEY_BYTES_MAX};
use evaluation::review::{Given, Key, import, kept};
use model::{ModelError, bounded};

use crate::error::{Error, Result};

const KEY: &str = "key.json";
const SHEETS: &str = "sheets";
const GRADES: &str = "grades";

/// A review on disk.
pub(super) struct Review {
    folder: PathBuf,
    /// Whose answer is whose.
    pub key: Key,
    /// The SHA-256 of its file.
    pub seal: String,
}

/// Makes the folder, or takes an empty one.
pub(super) fn make(path: &Path) -> Result<()> {
    if path.exists() { private::take_empty_folder(path) } else { private::create_folder(path) }
        .map_err(refused)
}

/// Where sheets go. There is one only where the key is on disk: a sheet without it could never be read.
pub(super) struct SheetFolder(PathBuf);

impl SheetFolder {
    /// Writes the key, and makes the folders of sheets and grades.
    pub(super) fn behind_key(folder: &Path, key: &[u8]) -> Result<Self> {
        let sheets = folder.join(SHEETS);
        private::create_folder(&sheets).map_err(refused)?;
        private::create_folder(&folder.join(GRADES)).map_err(refused)?;
        put(&folder.join(KEY), key)?;
        Ok(Self(sheets))
    }

    /// Writes a file; its name may have folders in it.
    pub(super) fn put(&self, name: &str, bytes: impl AsRef<[u8]>) -> Result<()> {
        let path = self.0.join(name);
        let between = path.ancestors().skip(1).take_while(|it| *it != self.0);
        let missing: Vec<&Path> = between.filter(|it| !it.exists()).collect();
        missing.into_iter().rev().try_for_each(private::create_folder).map_err(refused)?;
        put(&path, bytes.as_ref())
    }
}

fn put(path: &Path, bytes: &[u8]) -> Result<()> {
    durable::write(path, bytes, durable::PRIVATE).map_err(Error::io("write", path))
}

impl Review {
    /// Opens the folder of a review.
    pub(super) fn open(folder: &Path) -> Result<Self> {
        if !folder.join(KEY).exists() {
            return Err(Error::Argument {
                message: format!("{} is no folder of a review: it has no {KEY}", folder.display()),
                hint: "name the folder that `coordinator review new RUN --suite FILE --out DIR` made".into(),
            });
        }
        private::check_folder(folder).map_err(refused)?;
        let path = folder.join(KEY);
        let bytes = private::read_file(&path, REVIEW_KEY_BYTES_MAX).map_err(refused)?;
        let (key, seal) = Key::parse(&path, &bytes)?;
        Ok(Self { folder: folder.to_path_buf(), key, seal })
    }

    /// Reads a file that a grader gave back.
    pub(super) fn read(&self, path: &Path) -> Result<Given> {
        let bytes = file(path, REVIEW_GRADES_BYTES_MAX, "give back the sheet of this review")?;
        let given = import(path, &bytes, &self.key, &self.seal)?;
        // Now, before anything is kept of any grader.
        self.text(&given)?;
        Ok(given)
    }

    /// What is kept of a grader.
    fn text(&self, given: &Given) -> Result<String> {
        let text = kept(given, &self.key, &self.seal)?;
        if text.len() as u64 <= REVIEW_KEPT_BYTES_MAX {
            return Ok(text);
        }
        Err(Error::Argument {
            message: format!("grades and comments of one grader have {} bytes", text.len()),
            hint: format!("shorten the comments; {REVIEW_KEPT_BYTES_MAX} bytes are kept of a grader"),
        })
    }

    fn grades(&self, grader: usize) -> PathBuf {
        let name = self.key.graders.get(grader).map_or("", |grader| grader.name.as_str());
        self.folder.join(GRADES).join(name).with_extension("json")
    }

    /// What every grader gave so far, checked as when it was imported.
    pub(super) fn given(&self) -> Result<Vec<Given>> {
        let there = (0..self.key.graders.len()).filter(|grader| self.has(*grader));
        there
            .map(|grader| {
                let path = self.grades(grader);
                let bytes = private::read_file(&path, REVIEW_KEPT_BYTES_MAX).map_err(refused)?;
                Ok(import(&path, &bytes, &self.key, &self.seal)?)
            })
            .collect()
    }

    /// Whether a grader's file was imported.
    pub(super) fn has(&self, grader: usize) -> bool {
        self.grades(grader).exists()
    }

    /// Keeps what a grader gave.
    pub(super) fn keep(&self, given: &Given) -> Result<()> {
        let text = self.text(given)?;
        private::check_folder(&self.folder.join(GRADES)).map_err(refused)?;
        put(&self.grades(given.grader), text.as_bytes())
    }
}

fn refused(error: PrivateError) -> Error {
    match error {
        PrivateError::Io { path, source } => Error::Io { action: "use", path, source },
        PrivateError::Refused { .. } => Error::Argument {
            message: error.to_string(),
            hint: "a review holds questions, answers and grades: name a folder that is yours alone (chmod 700), \
                   for a new review an empty one or none"
                .into(),
        },
    }
}

/// The whole of a file that a person names; `hint` is for one that is none, or too large.
pub(super) fn file(path: &Path, bytes_max: u64, hint: &str) -> Result<Vec<u8>> {
    bounded::read(path, bytes_max).map_err(|error| match error {
        ModelError::Io { path, source } => Error::io("read", &path)(source),
        other => Error::Argument { message: other.to_string(), hint: hint.into() },
    })
}
