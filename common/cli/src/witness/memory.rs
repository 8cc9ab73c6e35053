//! What a witness remembers of one log: the keys that it was told, and the head that it cosigned last, as
//! the log signed it. One file a log, replaced whole. Called by `cosigning` and `command`. Invariants: what
//! is read was signed with one of the keys; a file that is cut, changed or a link is an error and never an
//! empty memory; nobody else writes while the lock is held.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use certs::{Note, VerifierKey};
use common::durable;
use common::id::Digest;
use common::ledger::Checkpoint;
use common::private::{self, PrivateError};
use common::wire::message::LedgerHead;
use serde::{Deserialize, Serialize};

use super::error::WitnessError;
use super::rules::nothing;
use crate::limits::{
    WITNESS_KEYS_MAX, WITNESS_LOCK_TRIES_MAX, WITNESS_LOCK_WAIT_MS_MIN, WITNESS_LOGS_MAX,
    WITNESS_MEMORY_BYTES_MAX,
};

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    /// Verifier keys, NAME+ID+KEY.
    keys: Vec<String>,
    /// The signed head that was cosigned last; none of a log of which nothing was cosigned.
    head: Option<String>,
}

/// What is remembered of a log.
#[derive(Debug, Clone)]
pub(super) struct Memory {
    path: PathBuf,
    /// At least one, all of one name.
    pub(super) keys: Vec<VerifierKey>,
    note: Option<String>,
    head: LedgerHead,
}

/// Where the memory of a log of this name is, in the folder of all of them.
pub(super) fn place(logs: &Path, log: &str) -> PathBuf {
    logs.join(format!("{}.json", Digest::of(log.as_bytes())))
}

/// The head in a note that one of these keys signed, and which did.
pub(super) fn signed_head(note: &str, keys: &[VerifierKey]) -> Option<(VerifierKey, LedgerHead)> {
    let note = Note::parse(note.as_bytes()).ok()?;
    keys.iter().find_map(|key| {
        let checkpoint = Checkpoint::parse(note.verify(key).ok()?).ok()?;
        (checkpoint.name == key.name()).then(|| (key.clone(), checkpoint.head))
    })
}

impl Memory {
    /// Of a log of which nothing is known but its key. Nothing is written.
    pub(super) fn new(logs: &Path, key: VerifierKey) -> Self {
        Self { path: place(logs, key.name()), keys: vec![key], note: None, head: nothing() }
    }

    /// What is remembered in this file; `None` where there is none.
    ///
    /// # Errors
    /// `Damaged`, `Private`, `Io`.
    pub(super) fn read(path: &Path) -> Result<Option<Self>, WitnessError> {
        let bytes = match private::read_file(path, WITNESS_MEMORY_BYTES_MAX) {
            Err(PrivateError::Io { source, .. }) if source.kind() == ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let damaged = |reason| WitnessError::Damaged { path: path.to_path_buf(), reason };
        let written: Written = serde_json::from_slice(&bytes).map_err(|_| damaged("it is cut or changed"))?;
        let keys: Vec<VerifierKey> =
            written.keys.iter().filter_map(|key| VerifierKey::parse(key).ok()).collect();
        let is_of_one = keys.windows(2).all(|two| two[0].name() == two[1].name());
        let is_here =
            keys.first().is_some_and(|key| path.file_name() == place(Path::new(""), key.name()).file_name());
        if keys.len() != written.keys.len() || !is_of_one || !is_here || keys.len() > WITNESS_KEYS_MAX {
            return Err(damaged("its keys are not those of one log"));
        }
        let head = match &written.head {
            None => nothing(),
            Some(note) => {
                let found = signed_head(note, &keys);
                found.ok_or_else(|| damaged("its head is not signed with its keys"))?.1
            }
        };
        Ok(Some(Self { path: path.to_path_buf(), keys, note: written.head, head }))
    }

    /// All that is remembered, in the order of the names.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(super) fn all(logs: &Path) -> Result<Vec<Self>, WitnessError> {
        let mut all = Vec::new();
        for entry in fs::read_dir(logs).map_err(WitnessError::io(logs))? {
            let path = entry.map_err(WitnessError::io(logs))?.path();
            // What a command that was killed left beside it.
            if path.extension().is_some_and(|extension| extension == "json") {
                all.extend(Self::read(&path)?);
            }
        }
        all.sort_by(|one, two| one.log().cmp(two.log()));
        Ok(all)
    }

    /// The log's name.
    pub(super) fn log(&self) -> &str {
        self.keys.first().map_or("", VerifierKey::name)
    }

    /// The head that was cosigned last; that of nothing before.
    pub(super) fn head(&self) -> LedgerHead {
        self.head
    }

    /// The same as the log signed it.
    pub(super) fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Remembers this head from now on, durably.
    ///
    /// # Errors
    /// `Io`: it is not remembered.
    pub(super) fn remember(self, note: &str, head: LedgerHead) -> Result<Self, WitnessError> {
        let memory = Self { note: Some(note.to_owned()), head, ..self };
        memory.write()?;
        Ok(memory)
    }

    /// Takes another key of the same log.
    ///
    /// # Errors
    /// `TooMany`, `Io`.
    pub(super) fn also(mut self, key: VerifierKey) -> Result<(), WitnessError> {
        if self.keys.len() >= WITNESS_KEYS_MAX {
            return Err(WitnessError::TooMany { most: WITNESS_KEYS_MAX, what: "keys of this log" });
        }
        self.keys.push(key);
        self.write()
    }

    /// Writes what is known of a log for the first time.
    ///
    /// # Errors
    /// `TooMany`, `Io`.
    pub(super) fn begin(&self, logs: &Path) -> Result<(), WitnessError> {
        if Self::all(logs)?.len() >= WITNESS_LOGS_MAX {
            return Err(WitnessError::TooMany { most: WITNESS_LOGS_MAX, what: "logs" });
        }
        self.write()
    }

    fn write(&self) -> Result<(), WitnessError> {
        let keys = self.keys.iter().map(VerifierKey::to_text).collect();
        let written = Written { keys, head: self.note.clone() };
        // Texts only: there is nothing in it that JSON cannot hold.
        let text = serde_json::to_string_pretty(&written).unwrap_or_default() + "\n";
        durable::write(&self.path, text.as_bytes(), durable::PRIVATE).map_err(WitnessError::io(&self.path))
    }
}

/// Keeps other commands of this witness out while it is held.
pub(super) fn lock(folder: &Path) -> Result<File, WitnessError> {
    let path = folder.join("lock");
    let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let file = file.map_err(WitnessError::io(&path))?;
    for _ in 0..WITNESS_LOCK_TRIES_MAX {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(fs::TryLockError::WouldBlock) => {
                thread::sleep(Duration::from_millis(WITNESS_LOCK_WAIT_MS_MIN));
            }
            Err(fs::TryLockError::Error(source)) => return Err(WitnessError::io(&path)(source)),
        }
    }
    Err(WitnessError::Busy(folder.to_path_buf()))
}
