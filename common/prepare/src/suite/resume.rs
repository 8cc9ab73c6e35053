//! What models said, on disk as it comes, so that an evaluation that was interrupted goes on behind the last
//! question. Used by `suite`; the commands that evaluate call [`resume_file`] before they take their locks.
//!
//! Invariants: a file is read only by the evaluation that wrote it: same version of the program, base model,
//! device, adapters, prompts, answers and rules, which its key says; nothing that is not such a file is
//! opened for writing; what a crash tore off is asked again; it holds outcomes in the order in which they are
//! asked, no question, and answers in words only where a sheet is wanted.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use common::id::Digest;
use common::private;
use common::wire::codec;
use evaluation::judge::Outcome;
use evaluation::limits::{OUTCOME_BYTES_MAX, OUTCOMES_UNSYNCED_MAX};
use model::ModelError;

use crate::error::PrepareError;

/// How such a file begins. The number grows whenever an outcome is judged or written in another way.
const MAGIC: &[u8] = b"consilium evaluation 2\n";
/// Behind it: the key.
const HEAD_BYTES: usize = MAGIC.len() + 32;
/// Before each outcome: its length, and the beginning of the hash of its number and its bytes.
const FRAME_BYTES: usize = 4 + 8;

/// The file of an evaluation that may be interrupted: made where there is none, for its owner alone.
///
/// # Errors
/// `Resume` when something else has this name; `Model` when it cannot be made or read.
pub fn resume_file(path: &Path) -> Result<(), PrepareError> {
    match private::create_file(path, common::durable::PRIVATE) {
        // At once: an empty file may be anything's, such as a lock.
        Ok(mut file) => {
            let made = file.write_all(MAGIC).and_then(|()| file.sync_all());
            return made.map_err(|error| {
                // Half of it would be in the way of the next attempt.
                let _ = std::fs::remove_file(path);
                at(path)(error)
            });
        }
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(at(path)(error)),
    }
    let facts = std::fs::metadata(path).map_err(at(path))?;
    if !facts.is_file() {
        return Err(refused(path, "is no ordinary file"));
    }
    let mut begin = Vec::new();
    let file = File::open(path).map_err(at(path))?;
    file.take(MAGIC.len() as u64).read_to_end(&mut begin).map_err(at(path))?;
    if begin == MAGIC { Ok(()) } else { Err(refused(path, "is no file of an evaluation")) }
}

/// What an evaluation asks of whom, as one hash.
pub(super) struct Key(Digest);

impl Key {
    /// Of this program.
    pub(super) fn new() -> Self {
        Self(Digest::of(concat!("consilium evaluation ", env!("CARGO_PKG_VERSION")).as_bytes()))
    }

    /// Adds what an outcome depends on.
    pub(super) fn add(&mut self, part: &[u8]) {
        self.0 = Digest::of(&[self.0.0, Digest::of(part).0].concat());
    }
}

/// Where the file is.
pub(super) struct Kept {
    pub(super) path: PathBuf,
    /// Whether this program named it, so that what another version wrote there is of no use to anybody.
    pub(super) is_ours: bool,
}

/// An evaluation's file, open; nobody else writes to it.
pub(super) struct Resume {
    path: PathBuf,
    file: File,
    /// Known and not yet taken.
    known: VecDeque<Outcome>,
    /// Outcomes in the file.
    written: u64,
}

impl Resume {
    /// Opens the file for an evaluation of so many questions.
    ///
    /// # Errors
    /// `Resume` when another evaluation is writing to it, or wrote it and it is to stay; `Model` when it
    /// cannot be read.
    pub(super) fn open(kept: &Kept, key: &Key, total: u64) -> Result<Self, PrepareError> {
        let path = kept.path.as_path();
        let file = OpenOptions::new().read(true).write(true).open(path).map_err(at(path))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(std::fs::TryLockError::WouldBlock) => {
                return Err(refused(path, "is being written to by another evaluation"));
            }
            Err(std::fs::TryLockError::Error(error)) => return Err(at(path)(error)),
        }
        let head = [MAGIC, &key.0.0].concat();
        let mut found = Vec::new();
        (&file).take(HEAD_BYTES as u64).read_to_end(&mut found).map_err(at(path))?;
        let mut resume = Self { path: path.to_path_buf(), file, known: VecDeque::new(), written: 0 };
        let is_new = found.len() < HEAD_BYTES && found.starts_with(MAGIC);
        if is_new {
            resume.end_at(MAGIC.len() as u64)?;
            resume.append(&key.0.0)?;
        } else if kept.is_ours && found != head {
            resume.end_at(0)?;
            resume.append(&head)?;
        } else if found != head {
            let reason = "is of another evaluation: another model, adapter, suite, or way of asking";
            return Err(refused(path, reason));
        } else {
            resume.read(total)?;
        }
        Ok(resume)
    }

    /// How many outcomes are known.
    pub(super) const fn known(&self) -> u64 {
        self.written
    }

    /// The next outcome if it is known.
    pub(super) fn take(&mut self) -> Option<Outcome> {
        self.known.pop_front()
    }

    /// Notes the next one.
    ///
    /// # Errors
    /// `Model` when it cannot be written.
    pub(super) fn note(&mut self, outcome: &Outcome) -> Result<(), PrepareError> {
        let broken = |_| ModelError::Internal { reason: "an outcome cannot be written".into() };
        let body = codec::encode_local(outcome).map_err(broken)?;
        let length = u32::try_from(body.len()).ok().filter(|length| *length <= OUTCOME_BYTES_MAX);
        let length = length.ok_or_else(|| broken(codec::CodecError::TooLong(body.len())))?;
        self.append(&[&length.to_le_bytes()[..], &check(self.written, &body), &body].concat())?;
        self.written += 1;
        if self.written.is_multiple_of(OUTCOMES_UNSYNCED_MAX) {
            self.file.sync_data().map_err(at(&self.path))?;
        }
        Ok(())
    }

    /// Reads outcomes up to the first that is not whole, which ends the file.
    fn read(&mut self, total: u64) -> Result<(), PrepareError> {
        let mut reader = BufReader::new(&self.file);
        let mut end = HEAD_BYTES as u64;
        while self.written < total {
            let Some((outcome, bytes)) = frame(&mut reader, self.written) else { break };
            self.known.push_back(outcome);
            self.written += 1;
            end += bytes;
        }
        self.end_at(end)
    }

    fn end_at(&self, end: u64) -> Result<(), PrepareError> {
        let cut = self.file.set_len(end).and_then(|()| (&self.file).seek(SeekFrom::Start(end)));
        cut.map(drop).map_err(at(&self.path))
    }

    fn append(&self, bytes: &[u8]) -> Result<(), PrepareError> {
        (&self.file).write_all(bytes).map_err(at(&self.path))
    }
}

/// The outcome of this number, and how many bytes it has with what is before it.
fn frame(reader: &mut impl io::Read, number: u64) -> Option<(Outcome, u64)> {
    let mut before = [0; FRAME_BYTES];
    reader.read_exact(&mut before).ok()?;
    let (length, wanted) = before.split_at(4);
    let length = u32::from_le_bytes(length.try_into().ok()?);
    if length > OUTCOME_BYTES_MAX {
        return None;
    }
    let mut body = vec![0; length as usize];
    reader.read_exact(&mut body).ok()?;
    if check(number, &body) != wanted {
        return None;
    }
    Some((codec::decode_local(&body).ok()?, FRAME_BYTES as u64 + u64::from(length)))
}

fn check(number: u64, body: &[u8]) -> [u8; 8] {
    let [a, b, c, d, e, f, g, h, ..] = Digest::of(&[&number.to_le_bytes()[..], body].concat()).0;
    [a, b, c, d, e, f, g, h]
}

fn at(path: &Path) -> impl Fn(io::Error) -> PrepareError {
    move |source| ModelError::Io { path: path.to_path_buf(), source }.into()
}

fn refused(path: &Path, reason: &'static str) -> PrepareError {
    PrepareError::Resume { path: path.to_path_buf(), reason }
}

#[cfg(test)]
mod tests;
