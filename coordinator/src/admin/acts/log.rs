//! The files of the log of acts: `acts/acts.log`, and `acts/head`, its newest head, signed. Used by
//! everything that records an act. Invariants: a line is durable when `note` returns, and its head signed
//! behind it; one process writes at a time; a log that is damaged is written no further until somebody
//! accepts that here.

use std::fs::{self, File, OpenOptions};
use std::io::{BufRead as _, BufReader, ErrorKind, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use certs::{LedgerKey, Note, ReceiptPublicKey, ReceiptSigningKey, VerifierKey};
use common::clock::Timestamp;
use common::durable;
use common::id::Digest;
use common::ledger::{Checkpoint, Prover, Tree};
use common::wire::message::LedgerHead;

use super::check::{self, Damage, Reading, State};
use super::index::Index;
use super::quota::Quota;
use super::record::{Act, By, Draft, Record, Step, Verb, Who};
use crate::error::{Error, Result};
use crate::limits::{
    ACT_LINE_BYTES_MAX, ACT_LOCK_TRIES_MAX, ACT_LOCK_WAIT_MS_MIN, ACT_RESERVE_BYTES_MIN, ACTS_LOCAL_MIN,
    ACTS_MAX,
};
use crate::state_folder::StateFolder;
use crate::state_folder::identity::receipt_key;

/// What the log is called in its heads: `consilium/`, 16 digits of the SHA-256 of the key that signs them,
/// and where it is kept. No ledger of a site has such a name.
#[must_use]
pub fn log_name(key: &ReceiptPublicKey) -> String {
    format!("consilium/{}/coordinator/acts", Digest::of(key.as_bytes()).to_string().get(..16).unwrap_or(""))
}

/// The log; one for a process.
#[derive(Debug)]
pub struct Acts {
    folder: PathBuf,
    key: LedgerKey,
    receipt_key: ReceiptPublicKey,
    name: String,
    known: Mutex<Option<Known>>,
    index: Mutex<Index>,
    proving: Mutex<()>,
    quota: Quota,
}

/// What this process has read of the file with this number.
#[derive(Debug)]
struct Known {
    state: State,
    file: (u64, u64),
}

/// What there is to read, whatever is written meanwhile.
struct Snapshot {
    file: File,
    number: (u64, u64),
    bytes: u64,
    heads: Vec<LedgerHead>,
}

impl Acts {
    /// The log of a state folder; it is looked at with the first act, or by [`Self::verify`].
    ///
    /// # Errors
    /// The key that signs its heads cannot be read, or its folder not be made.
    pub fn open(folder: &StateFolder) -> Result<Self> {
        Self::with(folder, &receipt_key(folder)?)
    }

    /// As [`Self::open`], with the key that is open already: to open a sealed one takes a second and 64 MiB.
    ///
    /// # Errors
    /// Its folder cannot be made.
    pub fn with(folder: &StateFolder, keys: &ReceiptSigningKey) -> Result<Self> {
        let receipt_key = keys.public_key()?;
        let (key, name) = (keys.ledger_key()?, log_name(&receipt_key));
        let folder = folder.acts();
        let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder);
        made.map_err(Error::io("create the folder", &folder))?;
        let acts = Self {
            folder,
            key,
            receipt_key,
            name,
            known: Mutex::default(),
            index: Mutex::default(),
            proving: Mutex::default(),
            quota: Quota::default(),
        };
        acts.keep_reserve();
        Ok(acts)
    }

    /// Where its lines are.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.folder.join("acts.log")
    }

    fn head_path(&self) -> PathBuf {
        self.folder.join("head")
    }

    /// What operators and auditors may still ask for today.
    #[must_use]
    pub fn quota(&self) -> &Quota {
        &self.quota
    }

    /// The public half of the key that signs its heads, and receipts.
    #[must_use]
    pub fn receipt_key(&self) -> &ReceiptPublicKey {
        &self.receipt_key
    }

    /// What its heads are verified with.
    ///
    /// # Errors
    /// The crypto provider gives no key.
    pub fn verifier(&self) -> Result<VerifierKey> {
        Ok(self.key.verifier(&self.name)?)
    }

    /// Reads all of it as it is now; `each` gets every record. `heads` are heads that were known before,
    /// besides its own. Others write on meanwhile.
    ///
    /// # Errors
    /// It is damaged ([`Error::ActsDamaged`]), or cannot be read.
    pub fn verify(&self, heads: &[LedgerHead], each: impl FnMut(&Record)) -> Result<State> {
        let snapshot = {
            let _lock = self.lock()?;
            self.snapshot()?
        };
        Ok(self.whole(snapshot, heads, each)?.state)
    }

    /// Writes a line, and signs the head with it. Returns the line's number.
    ///
    /// # Errors
    /// The log is damaged ([`Error::ActsDamaged`]), full, or cannot be written.
    pub fn note(&self, draft: &Draft<'_>, now: Timestamp) -> Result<u64> {
        let _lock = self.lock()?;
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // Whatever goes wrong below, the next one reads everything again.
        let Known { mut state, file } = match known.take() {
            Some(known) => self.caught_up(known)?,
            None => self.read_all()?,
        };
        let sequence = state.head().size;
        if sequence >= room(draft) {
            let why = if sequence < ACTS_MAX {
                "and the rest is for users of the coordinator's machine"
            } else {
                "which is all that it may have"
            };
            return Err(Error::ActsDamaged(format!("it has {sequence} lines, {why}")));
        }
        let begins = state.bytes;
        let line = add(&mut state, draft, now)?;
        let is_urgent = is_urgent(draft);
        self.on_any_disk(is_urgent, || self.append(begins, &line))?;
        let (path, head) = (self.head_path(), self.signed(state.head())?);
        self.on_any_disk(is_urgent, || write(&path, head.as_bytes()))?;
        *known = Some(Known { state, file });
        Ok(sequence)
    }

    /// The newest head that was signed. It waits for nobody: auditors may ask for it as often as they like.
    ///
    /// # Errors
    /// It is missing or unusable, or cannot be read.
    pub fn head(&self) -> Result<String> {
        let path = self.head_path();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let lines = self.lines(0, 2)?;
                // The first line may stand without its head, where we were killed between the two.
                return match lines.len() {
                    0 | 1 => self.signed(State::default().head()),
                    _ => Err(damaged(Damage::Head { reason: "it is missing".into() })),
                };
            }
            bytes => bytes.map_err(Error::io("read", &path))?,
        };
        read_head(&bytes, &self.verifier()?)?;
        String::from_utf8(bytes).map_err(|_| damaged(Damage::Head { reason: "it is no text".into() }))
    }

    /// Whole lines from number `from` on, at most `count`, as they stand in the file; whoever gets them
    /// verifies them.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn lines(&self, from: u64, count: usize) -> Result<Vec<String>> {
        let path = self.path();
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            file => file.map_err(Error::io("read", &path))?,
        };
        let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        index.lines(file, from, count).map_err(Error::io("read", &path))
    }

    /// The newest head that was signed, and the proof that it extends its first `from` lines: none where it
    /// has not so many. As [`Self::head`] it waits for no writer.
    ///
    /// # Errors
    /// The log is not what its head says, or cannot be read.
    pub fn proof(&self, from: u64) -> Result<(String, Vec<Digest>)> {
        // One at a time: it reads all of the log.
        let _one = self.proving.lock().unwrap_or_else(PoisonError::into_inner);
        let note = self.head()?;
        let head = read_head(note.as_bytes(), &self.verifier()?)?;
        let path = self.path();
        let mut reader = match File::open(&path) {
            // Where nothing was ever asked.
            Err(error) if error.kind() == ErrorKind::NotFound && head.size == 0 => {
                return Ok((note, Vec::new()));
            }
            file => BufReader::new(file.map_err(Error::io("read", &path))?),
        };
        let (mut prover, mut tree) = (Prover::new(from, head.size), Tree::default());
        let mut line = Vec::new();
        while tree.size() < head.size {
            line.clear();
            let read = reader.by_ref().take(ACT_LINE_BYTES_MAX as u64).read_until(b'\n', &mut line);
            read.map_err(Error::io("read", &path))?;
            if line.pop_if(|byte| *byte == b'\n').is_none() {
                return Err(damaged(Damage::Short { has: tree.size(), size: head.size }));
            }
            prover.line(&line);
            tree.append(&line);
        }
        if tree.root() == head.root {
            Ok((note, prover.proof()))
        } else {
            Err(damaged(Damage::Differs { size: head.size }))
        }
    }

    /// Where the heads are that witnesses cosigned, as they were brought here.
    #[must_use]
    pub fn cosigned(&self) -> PathBuf {
        self.folder.join("cosigned.json")
    }

    /// Sets a log aside that is damaged or full, and begins another, whose first act says so. Returns where
    /// the old one is.
    ///
    /// # Errors
    /// There is nothing wrong with it, or a file cannot be moved or written.
    pub fn accept(&self, who: &Who, now: Timestamp) -> Result<PathBuf> {
        let lock = self.lock()?;
        match self.snapshot().and_then(|snapshot| self.whole(snapshot, &[], |_| ())) {
            Err(Error::ActsDamaged(_)) => {}
            Ok(reading) if reading.state.head().size >= ACTS_MAX => {}
            Ok(_) => {
                return Err(Error::Argument {
                    message: "the log of acts is intact, so that there is nothing to accept".into(),
                    hint: "`coordinator acts show` shows it".into(),
                });
            }
            Err(error) => return Err(error),
        }
        let (path, aside) = (self.path(), self.folder.join(format!("acts.log.aside-{}", now.0)));
        let digest = match fs::read(&path) {
            Ok(bytes) => Digest::of(&bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Digest::of(b""),
            Err(error) => return Err(Error::io("read", &path)(error)),
        };
        // The old files stay where they are until the new ones take their places: whatever stops us, the log
        // is damaged still, or begins with this act.
        let aside_head = aside.with_extension(format!("head-{}", now.0));
        for (from, to) in [(self.head_path(), aside_head), (path.clone(), aside.clone())] {
            match fs::hard_link(&from, &to) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(Error::io("keep", &to)(error));
                }
                _ => {}
            }
        }
        durable::sync_folder_of(&aside).map_err(Error::io("write", &aside))?;
        let act = Act::of(Verb::AcceptActs).with(digest);
        let mut state = State::default();
        let line = add(&mut state, &Draft { who, act: &act, step: Step::Asked, of: None }, now)?;
        write(&path, &[line.as_slice(), b"\n"].concat())?;
        write(&self.head_path(), self.signed(state.head())?.as_bytes())?;
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = None;
        drop(lock);
        self.note(&Draft { who, act: &act, step: Step::Done, of: Some(0) }, now)?;
        Ok(aside)
    }

    fn signed(&self, head: LedgerHead) -> Result<String> {
        let text = Checkpoint { name: self.name.clone(), head }.to_string();
        Ok(self.key.sign(&self.name, &text)?)
    }

    /// Reads on where this process stopped, if the file is the same one.
    fn caught_up(&self, known: Known) -> Result<Known> {
        let path = self.path();
        let facts = fs::metadata(&path).ok().filter(|facts| facts.len() >= known.state.bytes);
        if facts.map(|facts| (facts.dev(), facts.ino())) != Some(known.file) {
            return self.read_all();
        }
        let mut file = File::open(&path).map_err(Error::io("read", &path))?;
        file.seek(SeekFrom::Start(known.state.bytes)).map_err(Error::io("read", &path))?;
        let heads = self.signed_head()?;
        let read = check::read(&mut BufReader::new(file), known.state, &heads, |_| ());
        let reading = read.map_err(Error::io("read", &path))?.map_err(damaged)?;
        Ok(Known { state: reading.state, file: known.file })
    }

    fn read_all(&self) -> Result<Known> {
        let snapshot = self.snapshot()?;
        let file = snapshot.number;
        let Reading { state, is_torn } = self.whole(snapshot, &[], |_| ())?;
        if is_torn {
            tracing::warn!("the last line of the log of acts was not finished; its act was never begun");
        }
        Ok(Known { state, file })
    }

    /// The file and its head at one moment, under the lock; makes the file where there is none.
    fn snapshot(&self) -> Result<Snapshot> {
        let path = self.path();
        let file = open_log(&path)?;
        let facts = file.metadata().map_err(Error::io("read", &path))?;
        let number = (facts.dev(), facts.ino());
        Ok(Snapshot { file, number, bytes: facts.len(), heads: self.signed_head()? })
    }

    /// Reads all of it.
    fn whole(&self, snapshot: Snapshot, heads: &[LedgerHead], each: impl FnMut(&Record)) -> Result<Reading> {
        let Snapshot { file, bytes, heads: mut all, .. } = snapshot;
        all.extend(heads);
        let mut reader = BufReader::new(file.take(bytes));
        let read = check::read(&mut reader, State::default(), &all, each);
        let reading = read.map_err(Error::io("read", &self.path()))?.map_err(damaged)?;
        if all.is_empty() && reading.state.head().size > 1 {
            // The first line may stand without its head, where we were killed between the two.
            return Err(damaged(Damage::Head { reason: "it is missing".into() }));
        }
        Ok(reading)
    }

    /// The head that was signed last; nothing where none ever was.
    fn signed_head(&self) -> Result<Vec<LedgerHead>> {
        let path = self.head_path();
        let bytes = match fs::read(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            bytes => bytes.map_err(Error::io("read", &path))?,
        };
        read_head(&bytes, &self.verifier()?).map(|head| vec![head])
    }

    fn append(&self, begins: u64, line: &[u8]) -> Result<()> {
        let path = self.path();
        let mut file = open_log(&path)?;
        let written = (|| {
            // What was not finished before was no line.
            file.set_len(begins)?;
            file.seek(SeekFrom::End(0))?;
            file.write_all(&[line, b"\n"].concat())?;
            file.sync_all()
        })();
        written.map_err(Error::io("write", &path)).inspect_err(|_| {
            // Half a line says nothing; it is cut off before the next one, too.
            let _ = file.set_len(begins);
        })
    }

    /// Once more with what was kept for it, on a disk that is full: a revocation must be possible there.
    fn on_any_disk(&self, is_urgent: bool, work: impl Fn() -> Result<()>) -> Result<()> {
        match work() {
            Err(Error::Io { source, .. }) if is_urgent && source.kind() == ErrorKind::StorageFull => {
                let _ = fs::remove_file(self.reserve());
                work()
            }
            result => result,
        }
    }

    fn reserve(&self) -> PathBuf {
        self.folder.join("reserve")
    }

    fn keep_reserve(&self) {
        let path = self.reserve();
        if !path.exists() && durable::write(&path, &[0; ACT_RESERVE_BYTES_MIN], durable::PRIVATE).is_err() {
            tracing::warn!("cannot keep room on the disk for the log of acts");
        }
    }

    /// Keeps other processes out while it is held.
    fn lock(&self) -> Result<File> {
        let path = self.folder.join("lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
        let file = file.map_err(Error::io("open", &path))?;
        for _ in 0..ACT_LOCK_TRIES_MAX {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(fs::TryLockError::WouldBlock) => {
                    thread::sleep(Duration::from_millis(ACT_LOCK_WAIT_MS_MIN));
                }
                Err(fs::TryLockError::Error(source)) => return Err(Error::io("lock", &path)(source)),
            }
        }
        Err(Error::io("lock", &path)(ErrorKind::WouldBlock.into()))
    }
}

/// The head in a note that this key signed.
///
/// # Errors
/// [`Error::ActsDamaged`]: it is none.
pub fn read_head(note: &[u8], key: &VerifierKey) -> Result<LedgerHead> {
    let unusable = |reason: String| damaged(Damage::Head { reason });
    let note = Note::parse(note).map_err(|error| unusable(error.to_string()))?;
    let text = note.verify(key).map_err(|error| unusable(error.to_string()))?;
    let checkpoint = Checkpoint::parse(text).map_err(|error| unusable(error.to_string()))?;
    if checkpoint.name != key.name() {
        return Err(unusable("it is of another log".into()));
    }
    if checkpoint.head.size > ACTS_MAX {
        return Err(unusable("it is of more lines than a log has".into()));
    }
    Ok(checkpoint.head)
}

/// The line for `draft`, taken into `state`.
fn add(state: &mut State, draft: &Draft<'_>, now: Timestamp) -> Result<Vec<u8>> {
    let record = Record {
        sequence: state.head().size,
        time_ms: now.0.max(state.time_ms()),
        step: draft.step,
        role: draft.who.by(),
        who: draft.who.name(),
        certificate: draft.who.certificate(),
        verb: draft.act.verb,
        run: draft.act.run,
        name: draft.act.name.clone(),
        sha256: draft.act.sha256,
        of: draft.of,
        previous: state.previous(),
    };
    let line = record.to_line();
    state.take(&line).map_err(|damage| Error::Internal(format!("an act that is none: {damage}")))?;
    Ok(line)
}

/// Lines that a log may have for this to be written: what was begun from afar gets its result.
pub(super) fn room(draft: &Draft<'_>) -> u64 {
    match (draft.who.by(), draft.step) {
        (By::Operator | By::Auditor | By::Witness, Step::Asked | Step::Refused) => ACTS_MAX - ACTS_LOCAL_MIN,
        _ => ACTS_MAX,
    }
}

/// Whether what is kept on the disk is for this.
pub(super) fn is_urgent(draft: &Draft<'_>) -> bool {
    draft.act.verb.ends_something() && draft.step != Step::Refused
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    durable::write(path, bytes, durable::PRIVATE).map_err(Error::io("write", path))
}

fn damaged(damage: Damage) -> Error {
    Error::ActsDamaged(damage.to_string())
}

fn open_log(path: &Path) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.map_err(Error::io("open", path))
}
