//! A witness in its folder: `witness.key`, `logs/` (what it remembers), `evidence/`. Called by `command` and
//! by `coordinator acts cosign`. Invariants: first remembered, durably, then signed, so that whatever stops
//! us no two histories are ever cosigned; only what the log's key signed is looked at.

use std::fs::File;
use std::path::{Path, PathBuf};

use certs::{Note, VerifierKey, WitnessKey, WitnessVerifier};
use common::clock::Timestamp;
use common::durable;
use common::ledger::AddCheckpoint;
use common::private;
use common::private::passphrase::Passphrase;
use common::wire::message::LedgerHead;
use zeroize::Zeroizing;

use super::error::WitnessError;
use super::memory::{self, Memory, signed_head};
use super::rules::{Verdict, verdict};
use super::{evidence, memory::place};
use crate::keys;
use crate::limits::KEY_FILE_BYTES_MAX;

/// A witness.
#[derive(Debug)]
pub struct Witness {
    folder: PathBuf,
    key: WitnessKey,
}

/// What was cosigned.
#[derive(Debug)]
pub struct Cosigned {
    /// The log's name.
    pub log: String,
    /// The head.
    pub head: LedgerHead,
    /// When, in seconds since 1970.
    pub at_s: u64,
    /// The note with the cosignature in it.
    pub note: String,
}

/// A head that is on the disk: only such a one is signed.
#[derive(Debug)]
pub(super) struct Remembered {
    /// Nobody else works with the memory until it is signed.
    _lock: File,
    note: Note,
    key: VerifierKey,
    log: String,
    head: LedgerHead,
}

/// `consilium/witness` in the user's folder of settings.
///
/// # Errors
/// `NoHome`.
pub fn default_folder() -> Result<PathBuf, WitnessError> {
    let named = |variable| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
    let config = named("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    let config = config.or_else(|| named("HOME").map(|home| home.join(".config")));
    Ok(config.ok_or(WitnessError::NoHome)?.join("consilium").join("witness"))
}

impl Witness {
    /// Makes a key in a folder that is not there yet.
    ///
    /// # Errors
    /// `Made`, `Private`, `Io`; a name that no key may have.
    pub fn create(folder: &Path, name: &str) -> Result<Self, WitnessError> {
        let key = WitnessKey::generate(name)?;
        if key_file(folder).exists() {
            return Err(WitnessError::Made(folder.to_path_buf()));
        }
        // One that was killed before it had a key is gone on with.
        if !folder.exists() {
            private::create_folder(folder)?;
        }
        private::check_folder(folder)?;
        let _lock = memory::lock(folder)?;
        private::check_tree(folder)?;
        // Another command may have made one while this one waited.
        if key_file(folder).exists() {
            return Err(WitnessError::Made(folder.to_path_buf()));
        }
        for inner in [logs(folder), kept_evidence(folder)] {
            if !inner.exists() {
                private::create_folder(&inner)?;
            }
        }
        let path = key_file(folder);
        durable::write(&path, key.to_text()?.as_bytes(), durable::PRIVATE)
            .map_err(WitnessError::io(&path))?;
        Ok(Self { folder: folder.to_path_buf(), key })
    }

    /// The witness of a folder.
    ///
    /// # Errors
    /// `NotMade`, `Private`, `Io`, `Busy`, `Certificate`; `Key` where it is sealed and not opened.
    pub fn open(folder: &Path, passphrase: &Passphrase) -> Result<Self, WitnessError> {
        if std::fs::symlink_metadata(key_file(folder)).is_err() {
            return Err(WitnessError::NotMade(folder.to_path_buf()));
        }
        // Before a file of ours is opened in it. Beside another command files come and go.
        private::check_folder(folder)?;
        let _lock = memory::lock(folder)?;
        private::check_tree(folder)?;
        let path = key_file(folder);
        let bytes = Zeroizing::new(private::read_file(&path, KEY_FILE_BYTES_MAX)?);
        let text = Zeroizing::new(std::str::from_utf8(&bytes).unwrap_or_default().to_owned());
        let key = WitnessKey::from_text(&keys::opened(&path, text, passphrase)?)?;
        Ok(Self { folder: folder.to_path_buf(), key })
    }

    /// What its cosignatures are verified with.
    ///
    /// # Errors
    /// The crypto provider gives no key.
    pub fn verifier(&self) -> Result<WitnessVerifier, WitnessError> {
        Ok(self.key.verifier()?)
    }

    /// Where it is.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn memories(&self) -> Result<Vec<Memory>, WitnessError> {
        Memory::all(&logs(&self.folder))
    }

    pub(super) fn evidence(&self) -> Result<Vec<PathBuf>, WitnessError> {
        evidence::list(&kept_evidence(&self.folder))
    }

    /// Is told the key of a log. With `also` it is another key of a log that it knows.
    ///
    /// # Errors
    /// `OtherKey` where it knows another one and is not told `also`; `TooMany`, `Damaged`, `Io`.
    pub fn trust(&self, key: &VerifierKey, also: bool) -> Result<(), WitnessError> {
        let _lock = memory::lock(&self.folder)?;
        let logs = logs(&self.folder);
        match Memory::read(&place(&logs, key.name()))? {
            None => Memory::new(&logs, key.clone()).begin(&logs),
            Some(memory) if memory.keys.contains(key) => Ok(()),
            Some(memory) if also => memory.also(key.clone()),
            Some(_) => Err(WitnessError::OtherKey(key.name().to_owned())),
        }
    }

    /// Whether it was told of a log of this name.
    ///
    /// # Errors
    /// `Damaged`, `Private`, `Io`.
    pub fn knows(&self, log: &str) -> Result<bool, WitnessError> {
        Ok(Memory::read(&place(&logs(&self.folder), log))?.is_some())
    }

    /// Size of the head of this log that was cosigned last; 0 of one of which none was.
    ///
    /// # Errors
    /// `Damaged`, `Private`, `Io`.
    pub fn size_of(&self, log: &str) -> Result<u64, WitnessError> {
        let memory = Memory::read(&place(&logs(&self.folder), log))?;
        Ok(memory.map_or(0, |memory| memory.head().size))
    }

    /// Cosigns the head of a request, if all heads before allow it.
    ///
    /// # Errors
    /// As the rules say, with evidence where there are two histories; nothing was signed then.
    pub fn cosign(&self, request: &AddCheckpoint, now: Timestamp) -> Result<Cosigned, WitnessError> {
        let Remembered { _lock, note, key, log, head } = self.remember(request)?;
        let at_s = now.0 / 1_000;
        let note = self.key.cosign(note, &key, at_s)?.to_text();
        Ok(Cosigned { log, head, at_s, note })
    }

    /// The first half: from here on no other head of this size is ever signed.
    pub(super) fn remember(&self, request: &AddCheckpoint) -> Result<Remembered, WitnessError> {
        let lock = memory::lock(&self.folder)?;
        let log = request.origin().to_owned();
        let memory = Memory::read(&place(&logs(&self.folder), &log))?;
        let memory = memory.ok_or_else(|| WitnessError::UnknownLog(shortened(&log)))?;
        let unusable = |reason: String| WitnessError::Unusable { what: "the head".into(), reason };
        let note = Note::parse(request.note.as_bytes()).map_err(|error| unusable(error.to_string()))?;
        let signed = signed_head(&request.note, &memory.keys);
        let (key, head) =
            signed.ok_or_else(|| unusable(format!("no key that is known signed it for the log {log}")))?;
        let kept = memory.head();
        match verdict(&kept, &head, request) {
            Verdict::Again => {}
            Verdict::Extends => {
                // What has no room for a signature is not remembered.
                self.key.fits(&note)?;
                drop(memory.remember(&request.note, head)?);
            }
            Verdict::Older => return Err(WitnessError::Older { shown: head.size, kept: kept.size }),
            Verdict::OtherStart => {
                return Err(WitnessError::OtherStart { old: request.old, kept: kept.size });
            }
            // Of a log of which nothing was cosigned nothing is said but that this is no head to begin with.
            Verdict::TwoHistories | Verdict::NotExtended if memory.note().is_none() => {
                return Err(unusable(
                    "a first head needs `old 0`, no hashes, and a root of its lines".into(),
                ));
            }
            Verdict::TwoHistories => {
                let evidence = self.keep_evidence(&memory, head, true, request)?;
                return Err(WitnessError::TwoHistories { log, size: head.size, evidence });
            }
            Verdict::NotExtended => {
                let evidence = self.keep_evidence(&memory, head, false, request)?;
                return Err(WitnessError::NotExtended { log, shown: head.size, kept: kept.size, evidence });
            }
        }
        Ok(Remembered { _lock: lock, note, key, log, head })
    }

    fn keep_evidence(
        &self,
        memory: &Memory,
        head: LedgerHead,
        is_two_histories: bool,
        request: &AddCheckpoint,
    ) -> Result<Option<PathBuf>, WitnessError> {
        let cosigned = memory.note().unwrap_or_default();
        let shown = request.to_text();
        let pair = evidence::Pair { log: memory.log(), is_two_histories, head, cosigned, shown: &shown };
        evidence::keep(&kept_evidence(&self.folder), &pair)
    }
}

/// A name that somebody else wrote, for a sentence.
fn shortened(log: &str) -> String {
    common::terminal::visible(&log.chars().take(80).collect::<String>())
}

fn key_file(folder: &Path) -> PathBuf {
    folder.join("witness.key")
}

pub(super) fn logs(folder: &Path) -> PathBuf {
    folder.join("logs")
}

pub(super) fn kept_evidence(folder: &Path) -> PathBuf {
    folder.join("evidence")
}
