//! Writes the ledger of everything that leaves this site. Used by `egress`, which alone appends to
//! it, and by `gateway` and `join`, which open it.
//!
//! Invariants: a record is on disk (fsync) before `append` returns, so before the first byte of its frame
//! leaves; a sequence number is used once; a line that a crash left half written was never followed by a send
//! and is cut off on the next start, which the caller logs. Format and verification are `common::ledger`'s.

mod day;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use common::durable;
use common::id::{Digest, Round, RunId};
use common::ledger::{self, Kind, LedgerError, Prover, Reading, Record, Verifier};
use common::limits::{LEDGER_TIME_MS_MAX, LEDGER_TIME_MS_MIN};
use common::wire::message::LedgerHead;

use self::day::{Day, Moment};
use crate::error::SiteError;

/// What is known of a frame before it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub run: Option<RunId>,
    pub round: Option<Round>,
    /// Bytes of the frame and its payload.
    pub length: u64,
    /// SHA-256 of exactly those bytes.
    pub digest: Digest,
}

/// What was noted last, by kind and run.
type Noted = BTreeMap<(Kind, Option<String>), String>;

/// A note of the site to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Note {
    pub kind: Kind,
    pub run: Option<RunId>,
    pub round: Option<Round>,
    /// What is noted.
    pub digest: Digest,
}

/// The open ledger.
#[derive(Debug)]
pub struct LedgerWriter {
    path: PathBuf,
    file: File,
    verifier: Verifier,
    /// What was noted last, by kind and run: 32 bytes a run.
    noted: Noted,
    /// Bytes of updates that left lately.
    day: Day,
    /// When this process began with it; a clock that only goes forward.
    began: Instant,
    /// Bytes of whole records in the file.
    whole_bytes: u64,
    /// A failed write that could not be undone; nothing may be appended, so nothing may be sent.
    broken: bool,
}

impl Drop for LedgerWriter {
    /// Closing alone keeps the lock for as long as a child that was forked meanwhile has not reached `exec`.
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(path = %self.path.display(), %error, "the ledger's lock goes only with the process");
        }
    }
}

/// A ledger that was read and holds, before its torn last line is cut off.
#[derive(Debug)]
pub struct Opened {
    writer: LedgerWriter,
    torn_bytes: u64,
}

impl Opened {
    /// Cuts off a torn last line. Returns the writer and the number of bytes that were cut off.
    ///
    /// # Errors
    /// `Io`.
    pub fn cut(self) -> Result<(LedgerWriter, u64), SiteError> {
        let Self { writer, torn_bytes } = self;
        if torn_bytes > 0 {
            let cut = writer.file.set_len(writer.whole_bytes).and_then(|()| writer.file.sync_all());
            cut.map_err(|source| SiteError::io(&writer.path, source))?;
        }
        Ok((writer, torn_bytes))
    }
}

impl LedgerWriter {
    /// Opens or creates the ledger, verifies all of it and cuts off a torn last line. Returns the writer and
    /// the number of bytes that were cut off.
    ///
    /// # Errors
    /// `Ledger` when it is not intact, `AlreadyRunning` when another process has it open, `Io`.
    pub fn open(path: &Path) -> Result<(Self, u64), SiteError> {
        Self::open_and_see(path, |_| ())?.cut()
    }

    /// As [`Self::open`], shows every record on the way, and leaves a torn last line for [`Opened::cut`]:
    /// whoever refuses the ledger leaves it as it is.
    ///
    /// # Errors
    /// As [`Self::open`].
    pub fn open_and_see(path: &Path, see: impl FnMut(&Record)) -> Result<Opened, SiteError> {
        let at = |source| SiteError::io(path, source);
        let is_new = !path.exists();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(durable::ORDINARY)
            .open(path)
            .map_err(at)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(SiteError::AlreadyRunning {
                    // The ledger has a folder of its own in the state folder.
                    folder: path.ancestors().nth(2).unwrap_or(path).to_path_buf(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(at(source)),
        }
        if is_new {
            durable::sync_folder_of(path).map_err(at)?;
        }
        let mut writer = Self {
            path: path.to_path_buf(),
            file,
            verifier: Verifier::default(),
            noted: Noted::new(),
            day: Day::default(),
            began: Instant::now(),
            whole_bytes: 0,
            broken: false,
        };
        let torn_bytes = writer.read_all(see)?;
        Ok(Opened { writer, torn_bytes })
    }

    /// Reads the file from its start. Returns how many bytes stand behind the last whole record.
    fn read_all(&mut self, mut see: impl FnMut(&Record)) -> Result<u64, SiteError> {
        let (mut noted, mut day) = (Noted::new(), Day::default());
        let each = |record: &Record| {
            remember(&mut noted, record);
            day.read(record);
            see(record);
        };
        let reading =
            ledger::read(BufReader::new(&self.file), each).map_err(|error| self.not_intact(&error))?;
        let Reading { verifier, whole_bytes, torn_bytes } = reading;
        self.verifier = verifier;
        (self.noted, self.day) = (noted, day);
        self.whole_bytes = whole_bytes;
        Ok(torn_bytes)
    }

    /// The number of the record that the next `append` writes. The frame carries it, so it is needed before.
    #[must_use]
    pub fn next_sequence(&self) -> u64 {
        self.verifier.records()
    }

    /// Size and root of the ledger as it is now.
    #[must_use]
    pub fn head(&self) -> LedgerHead {
        let summary = self.verifier.summary();
        LedgerHead { size: summary.records, root: summary.root }
    }

    /// Bytes of chunks of updates that left in 24 hours, in whatever run. Those that the ledger has in the
    /// future, because the clock ran ahead when they left, count from when the ledger was opened.
    pub fn update_bytes_of_a_day(&mut self, now_ms: u64) -> u64 {
        self.day.bytes(self.moment(now_ms))
    }

    fn moment(&self, wall_ms: u64) -> Moment {
        let steady_ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        Moment { wall_ms, steady_ms }
    }

    /// The proof that the ledger as it is now extends its first `from` records: hashes, none if it has no
    /// more records than that. Reads the whole file.
    ///
    /// # Errors
    /// `Io` when the file cannot be read.
    pub fn prove(&self, from: u64) -> Result<Vec<Digest>, SiteError> {
        let at = SiteError::at(&self.path);
        let mut prover = Prover::new(from, self.next_sequence());
        let mut file = &self.file;
        file.seek(SeekFrom::Start(0)).map_err(&at)?;
        // Every line was checked when it was read or written, and is short.
        for line in BufReader::new(file.take(self.whole_bytes)).split(b'\n') {
            prover.line(&line.map_err(&at)?);
        }
        Ok(prover.proof())
    }

    /// Appends one record and returns its sequence number once it is on disk. Where the clock went back, the
    /// record has the time of the one before it: the order is true, and nothing stops because of a clock.
    ///
    /// # Errors
    /// `Io` when it cannot be written (a full disk); the ledger is then as it was before.
    pub fn append(&mut self, time_ms: u64, peer: &Digest, frame: &Frame) -> Result<u64, SiteError> {
        if self.broken {
            return Err(SiteError::Ledger {
                path: self.path.clone(),
                reason: "an earlier write failed and could not be undone".into(),
            });
        }
        let sequence = self.next_sequence();
        let record = Record {
            sequence,
            time_ms: time_ms.clamp(LEDGER_TIME_MS_MIN, LEDGER_TIME_MS_MAX).max(self.verifier.time_ms()),
            peer: peer.to_string(),
            run: frame.run.map(|run| run.to_string()),
            round: frame.round.map(|round| round.0),
            kind: frame.kind,
            length: frame.length,
            sha256: frame.digest.to_string(),
            previous: self.verifier.previous().to_string(),
        };
        let mut line = record.to_line().map_err(|error| self.not_intact(&error))?;
        // Checked by the reader's own code before it is written: what we write, everybody accepts.
        let mut verifier = self.verifier.clone();
        verifier.verify_line(&line).map_err(|error| self.not_intact(&error))?;
        line.push(b'\n');
        if let Err(source) = self.write_durably(&line) {
            self.broken = self.file.set_len(self.whole_bytes).and_then(|()| self.file.sync_all()).is_err();
            return Err(SiteError::io(&self.path, source));
        }
        self.verifier = verifier;
        remember(&mut self.noted, &record);
        self.day.write(self.moment(time_ms), &record);
        self.whole_bytes += line.len() as u64;
        Ok(sequence)
    }

    /// Appends a note: nothing leaves with it.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn note(&mut self, time_ms: u64, peer: &Digest, note: &Note) -> Result<(), SiteError> {
        let Note { kind, run, round, digest } = *note;
        self.append(time_ms, peer, &Frame { kind, run, round, length: 0, digest }).map(|_| ())
    }

    /// Whether a run has a note of this kind.
    #[must_use]
    pub fn has_note(&self, kind: Kind, run: RunId) -> bool {
        self.noted.contains_key(&(kind, Some(run.to_string())))
    }

    /// As [`Self::note`], unless the last note of this kind and run says the same: which records a run uses,
    /// which policy and waiver are in force (32 zero bytes: none). Returns whether it was new.
    ///
    /// # Errors
    /// As [`Self::append`].
    pub fn note_change(&mut self, time_ms: u64, peer: &Digest, note: &Note) -> Result<bool, SiteError> {
        let last = self.noted.get(&(note.kind, note.run.map(|run| run.to_string())));
        let was_none = last.is_none() && note.digest == Digest([0; 32]);
        if was_none || last == Some(&note.digest.to_string()) {
            return Ok(false);
        }
        self.note(time_ms, peer, note).map(|()| true)
    }

    fn write_durably(&mut self, line: &[u8]) -> std::io::Result<()> {
        self.file.seek(SeekFrom::Start(self.whole_bytes))?;
        self.file.write_all(line)?;
        self.file.sync_data()
    }

    /// Puts the ledger on a device without room, as when the disk is full.
    #[cfg(test)]
    pub(crate) fn fill_disk(&mut self) {
        self.file = OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
    }

    fn not_intact(&self, error: &LedgerError) -> SiteError {
        SiteError::Ledger { path: self.path.clone(), reason: error.to_string() }
    }
}

/// Keeps the last note of a kind and run.
fn remember(noted: &mut Noted, record: &Record) {
    if record.is_note() {
        noted.insert((record.kind, record.run.clone()), record.sha256.clone());
    }
}

#[cfg(test)]
mod tests;
