//! Private keys in files, plain or sealed by a passphrase. Used by both programs: wherever a key's file is
//! read or written, and by their verbs `keys`, which seal, unseal and change the passphrase. Invariants: a
//! sealed key that does not open is an error and never replaced by another; a key's file changes whole or not
//! at all, so that a crash leaves each readable in one way; what was sealed was opened again before the plain
//! key goes; nothing that is left over holds a plain key afterwards.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use certs::{CertError, sealed};
use common::durable;
use common::private::passphrase::{Passphrase, PassphraseError, is_credential_name};
use common::private::{PrivateError, read_file};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::limits::KEY_FILE_BYTES_MAX;

/// Why a key is not opened, or not written.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// There is no passphrase.
    #[error(transparent)]
    Passphrase(#[from] PassphraseError),
    /// The passphrase does not open it, or it is damaged.
    #[error("{}: {source}", path.display())]
    Sealed {
        /// Its file.
        path: PathBuf,
        /// What is wrong.
        source: CertError,
    },
    /// Its file cannot be used.
    #[error(transparent)]
    File(#[from] PrivateError),
    /// It cannot be written or removed.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// Its file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
}

impl KeyError {
    /// The next step.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Passphrase(error) => error.hint(),
            Self::Sealed { source, .. } => source.hint().unwrap_or("please report this"),
            Self::File(_) => "a key's file must be its owner's alone: chmod 600",
            Self::Write { .. } => {
                "make room and try again: every key is as it was, or as it was to be, and none is lost"
            }
        }
    }

    /// Whether the person at the keyboard can put it right.
    #[must_use]
    pub fn is_user_error(&self) -> bool {
        match self {
            Self::Sealed { source, .. } => source.is_user_error(),
            _ => true,
        }
    }
}

/// `[keys]` of both programs' settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysConfig {
    /// The credential of systemd that holds the passphrase.
    pub credential: String,
}

impl KeysConfig {
    /// Checks what types do not say.
    ///
    /// # Errors
    /// What is wrong, in one sentence.
    pub fn validate(&self) -> Result<(), String> {
        if is_credential_name(&self.credential) {
            return Ok(());
        }
        Err("keys.credential must be a credential's name: 1 to 64 letters, digits, '-', '_' and '.'".into())
    }
}

/// A key's text, as its file at `path` has it or opened with the passphrase.
///
/// # Errors
/// It is sealed, and there is no passphrase or another one, or it is damaged.
pub fn opened(
    path: &Path,
    text: Zeroizing<String>,
    passphrase: &Passphrase,
) -> Result<Zeroizing<String>, KeyError> {
    if !sealed::is_sealed(&text) {
        return Ok(text);
    }
    sealed::open(&text, passphrase.get()?)
        .map_err(|source| KeyError::Sealed { path: path.to_path_buf(), source })
}

/// What is written of a key: the key itself, or sealed.
///
/// # Errors
/// It is to be sealed, and there is no passphrase or no randomness.
pub fn written(
    path: &Path,
    key: &str,
    is_sealed: bool,
    passphrase: &Passphrase,
) -> Result<Zeroizing<String>, KeyError> {
    if !is_sealed {
        return Ok(Zeroizing::new(key.to_owned()));
    }
    let text = sealed::seal(key, passphrase.get()?);
    text.map(Zeroizing::new).map_err(|source| KeyError::Sealed { path: path.to_path_buf(), source })
}

/// Whether a file is there and holds a sealed key.
#[must_use]
pub fn is_sealed(path: &Path) -> bool {
    fs::read_to_string(path).map(Zeroizing::new).is_ok_and(|text| sealed::is_sealed(&text))
}

/// A key's file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyFile {
    /// Where it is.
    pub path: PathBuf,
    /// What the key is for, in words.
    pub what: &'static str,
}

impl KeyFile {
    /// Of those that are there.
    #[must_use]
    pub fn present(files: Vec<Self>) -> Vec<Self> {
        files.into_iter().filter(|file| fs::symlink_metadata(&file.path).is_ok()).collect()
    }

    /// Whether it is sealed.
    ///
    /// # Errors
    /// The file cannot be read, or others may read it.
    pub fn is_sealed(&self) -> Result<bool, KeyError> {
        self.read().map(|text| sealed::is_sealed(&text))
    }

    fn read(&self) -> Result<Zeroizing<String>, KeyError> {
        let bytes = read_file(&self.path, KEY_FILE_BYTES_MAX)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| self.wrong("it is no text"))?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    fn wrong(&self, reason: &'static str) -> KeyError {
        self.failed(CertError::Sealed { reason })
    }

    fn failed(&self, source: CertError) -> KeyError {
        KeyError::Sealed { path: self.path.clone(), source }
    }
}

/// How many of some keys are sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sealing {
    /// None is.
    Plain,
    /// Some are: sealing or unsealing them was interrupted, or one was put back.
    Partly,
    /// All are.
    Sealed,
}

impl Sealing {
    /// Of those that are there. One that cannot be read counts as plain: whoever opens it says so.
    #[must_use]
    pub fn of(files: &[KeyFile]) -> Self {
        match files.iter().filter(|file| is_sealed(&file.path)).count() {
            0 => Self::Plain,
            sealed if sealed == files.len() => Self::Sealed,
            _ => Self::Partly,
        }
    }

    /// Whether any is. Then every new key is sealed, too.
    #[must_use]
    pub fn is_any(self) -> bool {
        self != Self::Plain
    }

    /// Whether all are.
    #[must_use]
    pub fn is_all(self) -> bool {
        self == Self::Sealed
    }

    /// For a person.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Plain => "plain files",
            Self::Partly => "partly sealed: run `keys seal` again",
            Self::Sealed => "sealed by a passphrase",
        }
    }
}

/// Seals those that are plain. Returns how many.
///
/// # Errors
/// There is no passphrase; one is sealed with another passphrase, or cannot be read or written. Then none has
/// changed, or each is readable and the same call goes on.
pub fn seal(files: &[KeyFile], passphrase: &Passphrase) -> Result<usize, KeyError> {
    let word = passphrase.get_new()?;
    change_all(files, |file, key| {
        if sealed::is_sealed(key) {
            // One passphrase opens all of them, or the next start fails.
            sealed::open(key, word).map_err(|source| file.failed(source))?;
            return Ok(None);
        }
        sealed_again(file, key, word).map(Some)
    })
}

/// Writes those that are sealed as they were before. Returns how many.
///
/// # Errors
/// As [`seal`].
pub fn unseal(files: &[KeyFile], passphrase: &Passphrase) -> Result<usize, KeyError> {
    change_all(files, |file, key| {
        if !sealed::is_sealed(key) {
            return Ok(None);
        }
        sealed::open(key, passphrase.get()?).map(Some).map_err(|source| file.failed(source))
    })
}

/// Seals them with another passphrase. Some may have it already, where this was interrupted before. Returns
/// how many changed.
///
/// # Errors
/// One is plain; as [`seal`].
pub fn change(files: &[KeyFile], old: &Passphrase, new: &Passphrase) -> Result<usize, KeyError> {
    let (old, new) = (old.get()?, new.get_new()?);
    change_all(files, |file, key| {
        if !sealed::is_sealed(key) {
            return Err(file.wrong("it is not sealed"));
        }
        match sealed::open(key, old) {
            Ok(plain) => sealed_again(file, &plain, new).map(Some),
            Err(CertError::PassphraseWrong) => {
                sealed::open(key, new).map(|_| None).map_err(|source| file.failed(source))
            }
            Err(source) => Err(file.failed(source)),
        }
    })
}

/// A key sealed, once it is known to open.
fn sealed_again(file: &KeyFile, key: &str, word: &str) -> Result<Zeroizing<String>, KeyError> {
    let text = sealed::seal(key, word).map_err(|source| file.failed(source))?;
    let opened = sealed::open(&text, word).map_err(|source| file.failed(source))?;
    if *opened == *key { Ok(Zeroizing::new(text)) } else { Err(file.wrong("it does not open as it was")) }
}

/// First computes what each is to be, then writes one after the other.
fn change_all(
    files: &[KeyFile],
    mut next: impl FnMut(&KeyFile, &str) -> Result<Option<Zeroizing<String>>, KeyError>,
) -> Result<usize, KeyError> {
    let mut changes = Vec::new();
    for file in files {
        let text = file.read()?;
        let (key, rest) = sealed::split(&text);
        if let Some(key) = next(file, key)? {
            changes.push((file, Zeroizing::new(format!("{}{rest}", *key))));
        }
    }
    for (file, text) in &changes {
        durable::write(&file.path, text.as_bytes(), durable::PRIVATE)
            .map_err(|source| KeyError::Write { path: file.path.clone(), source })?;
        common::crash_point!("key-file-changed");
    }
    sweep(files)?;
    Ok(changes.len())
}

/// Removes what a process that was killed left beside these keys, there or not: it may hold a plain key.
///
/// # Errors
/// `Write`, with the file or the folder.
pub fn sweep(files: &[KeyFile]) -> Result<(), KeyError> {
    files.iter().try_for_each(sweep_one)
}

fn sweep_one(file: &KeyFile) -> Result<(), KeyError> {
    let failed = |path: &Path, source| KeyError::Write { path: path.to_path_buf(), source };
    let (Some(folder), Some(name)) = (file.path.parent(), file.path.file_name()) else { return Ok(()) };
    let prefix = format!("{}.tmp-", name.to_string_lossy());
    // The folder of a file that is named without one.
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|source| failed(folder, source))?,
    };
    for entry in entries {
        let path = entry.map_err(|source| failed(folder, source))?.path();
        if path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)) {
            fs::remove_file(&path).map_err(|source| failed(&path, source))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn known(text: &str) -> Passphrase {
        Passphrase::known(Zeroizing::new(text.to_owned()))
    }

    fn keys(folder: &Path) -> Vec<KeyFile> {
        let of = |name: &str, text: &str| {
            let path = folder.join(name);
            durable::write(&path, text.as_bytes(), durable::PRIVATE).unwrap();
            KeyFile { path, what: "a key" }
        };
        let pem = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
        let certificate = "-----BEGIN CERTIFICATE-----\nBBBB\n-----END CERTIFICATE-----\n";
        vec![of("one.key", "consilium-officer-key AAAA\n"), of("two.pem", &format!("{pem}{certificate}"))]
    }

    #[test]
    fn what_is_sealed_is_unsealed_byte_for_byte_and_certificates_stay_readable() {
        let folder = tempfile::tempdir().unwrap();
        let files = keys(folder.path());
        let texts = || files.iter().map(|file| fs::read_to_string(&file.path).unwrap()).collect::<Vec<_>>();
        let before = texts();
        // Left by a process that was killed while it wrote the plain key.
        fs::write(folder.path().join("one.key.tmp-17"), &before[0]).unwrap();
        assert_eq!(seal(&files, &known("correct horse")).unwrap(), 2);
        assert_eq!(seal(&files, &known("correct horse")).unwrap(), 0);
        let sealed_texts = texts();
        assert!(sealed_texts[1].ends_with("BBBB\n-----END CERTIFICATE-----\n"));
        for text in &sealed_texts {
            assert!(!text.contains("AAAA") && sealed::is_sealed(text), "{text}");
        }
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "no copy of a plain key is left");
        let mode = fs::metadata(&files[0].path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        for wrong in [seal(&files, &known("another horse")), unseal(&files, &known("another horse"))] {
            assert!(matches!(wrong, Err(KeyError::Sealed { source: CertError::PassphraseWrong, .. })));
        }
        assert!(matches!(seal(&files, &known("short")), Err(KeyError::Passphrase(_))));
        assert_eq!(texts(), sealed_texts, "a refusal changes nothing");
        assert_eq!(unseal(&files, &known("correct horse")).unwrap(), 2);
        assert_eq!(texts(), before);
    }

    #[test]
    fn what_was_left_of_a_key_that_is_gone_goes_too() {
        let folder = tempfile::tempdir().unwrap();
        let of = |name: &str| KeyFile { path: folder.path().join(name), what: "a key" };
        let left = folder.path().join("next-key.pem.tmp-17");
        let other = folder.path().join("next-key.pem.else");
        for path in [&left, &other] {
            fs::write(path, "AAAA").unwrap();
        }
        sweep(&[of("next-key.pem"), of("renewed/identity.pem")]).unwrap();
        assert!(!left.exists() && other.exists());
    }

    #[test]
    fn some_that_are_sealed_are_not_all() {
        let folder = tempfile::tempdir().unwrap();
        let files = keys(folder.path());
        assert_eq!((Sealing::of(&files), Sealing::of(&[])), (Sealing::Plain, Sealing::Plain));
        seal(&files[..1], &known("correct horse")).unwrap();
        let partly = Sealing::of(&files);
        assert!(partly.is_any() && !partly.is_all() && partly.words().contains("keys seal"));
        seal(&files, &known("correct horse")).unwrap();
        assert!(Sealing::of(&files).is_all());
    }

    #[test]
    fn another_passphrase_is_taken_where_it_was_interrupted() {
        let folder = tempfile::tempdir().unwrap();
        let files = keys(folder.path());
        let (old, new) = (known("correct horse"), known("battery staple"));
        assert!(matches!(change(&files, &old, &new), Err(KeyError::Sealed { .. })), "plain keys");
        seal(&files, &old).unwrap();
        change(&files[..1], &old, &new).unwrap();
        assert!(unseal(&files, &new).is_err(), "only one of them has it");
        assert_eq!(change(&files, &old, &new).unwrap(), 1);
        assert_eq!(change(&files, &old, &new).unwrap(), 0);
        assert!(unseal(&files, &old).is_err());
        assert_eq!(unseal(&files, &new).unwrap(), 2);
    }

    #[test]
    fn a_key_that_others_may_read_or_that_is_cut_off_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let files = keys(folder.path());
        seal(&files, &known("correct horse")).unwrap();
        let path = &files[0].path;
        let text = fs::read_to_string(path).unwrap();
        fs::write(path, &text[..text.len() / 2]).unwrap();
        for result in [unseal(&files, &known("correct horse")), seal(&files, &known("correct horse"))] {
            assert!(matches!(result, Err(KeyError::Sealed { source: CertError::Sealed { .. }, .. })));
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(unseal(&files, &known("correct horse")), Err(KeyError::File(_))));
        let text = Zeroizing::new("plain".to_owned());
        assert_eq!(opened(path, text, &Passphrase::default()).unwrap().as_str(), "plain");
        let sealed_text = written(path, "a key", true, &known("correct horse")).unwrap();
        let none = opened(path, sealed_text, &Passphrase::default()).unwrap_err();
        assert!(none.is_user_error() && none.hint().contains("--passphrase-file"), "{none}");
    }
}
