//! Where the passphrase of sealed keys comes from: a file, a credential of systemd, or the terminal. Used by
//! the command lines of both programs and by whoever opens a key. Invariants: it is never an argument and
//! never in the environment; it is asked for when a sealed key is there and not before, and once; a file that
//! others may read is refused; what was read is wiped when dropped.

use std::fs::{File, OpenOptions};
use std::io::{self, IsTerminal as _, Read as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use zeroize::Zeroizing;

use super::line;
use crate::limits::{PASSPHRASE_BYTES_MAX, PASSPHRASE_CHARACTERS_MIN};
use crate::terminal;

mod acl;

/// Where systemd lays the credentials of a unit, for its user alone.
const CREDENTIALS: &str = "CREDENTIALS_DIRECTORY";

/// Why there is no passphrase. All of it is a person's to mend.
#[derive(Debug, thiserror::Error)]
pub enum PassphraseError {
    /// A key is sealed, and nothing says where its passphrase is.
    #[error("the private keys are sealed by a passphrase, and none was given")]
    None,
    /// The settings name a credential, and systemd gave none of this name.
    #[error("the private keys are sealed, and systemd gave no credential {name}")]
    NoCredential {
        /// Its name in the settings.
        name: String,
    },
    /// The file cannot be used.
    #[error("the passphrase in {} cannot be used: {reason}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, as the rest of the sentence.
        reason: String,
    },
    /// What was typed cannot be used.
    #[error("the passphrase that was typed cannot be used: {reason}")]
    Typed {
        /// What is wrong with it, as the rest of the sentence.
        reason: String,
    },
}

impl PassphraseError {
    /// The next step.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::None => "name a file that holds it with --passphrase-file, or type it at a terminal",
            Self::NoCredential { .. } => {
                "give it in the unit with LoadCredentialEncrypted=, or name a file with --passphrase-file"
            }
            Self::File { .. } => {
                "it must be one line, in a file that its owner alone may read: chmod 600, or a credential of systemd"
            }
            Self::Typed { .. } => "type one line; it is not shown",
        }
    }
}

/// A passphrase that is read when it is needed.
#[derive(Default)]
pub struct Passphrase {
    file: Option<PathBuf>,
    credential: Option<String>,
    /// Whether somebody at a terminal may be asked.
    may_ask: bool,
    known: OnceLock<Zeroizing<String>>,
}

impl Passphrase {
    /// Of a command: in this file, or else in this credential of systemd, or else typed at the terminal.
    #[must_use]
    pub fn of(file: Option<PathBuf>, credential: Option<String>) -> Self {
        Self { file, credential, may_ask: true, known: OnceLock::new() }
    }

    /// One that is known, as a process is told it by the one that started it.
    #[must_use]
    pub fn known(text: Zeroizing<String>) -> Self {
        Self { known: OnceLock::from(text), ..Self::default() }
    }

    /// The passphrase of keys that are there.
    ///
    /// # Errors
    /// There is none, or it cannot be used.
    pub fn get(&self) -> Result<&str, PassphraseError> {
        self.get_by(|| typed(|| terminal::eprint(format_args!("passphrase of the keys (it is not shown): "))))
    }

    /// One that keys are to be sealed with: typed twice, and not too short.
    ///
    /// # Errors
    /// As [`Self::get`]; it has fewer than [`PASSPHRASE_CHARACTERS_MIN`] characters, or was not typed the
    /// same twice.
    pub fn get_new(&self) -> Result<&str, PassphraseError> {
        let text = self.get_by(|| {
            let first = typed(|| {
                terminal::eprint(format_args!("new passphrase (it is not shown): "));
            })?;
            let again = typed(|| terminal::eprint(format_args!("the same again: ")))?;
            if *first == *again {
                Ok(first)
            } else {
                Err(PassphraseError::Typed { reason: "the second time was another one".into() })
            }
        })?;
        if text.chars().count() < PASSPHRASE_CHARACTERS_MIN {
            let reason = format!("a new one has at least {PASSPHRASE_CHARACTERS_MIN} characters");
            return Err(self.unusable(reason));
        }
        Ok(text)
    }

    fn get_by(
        &self,
        ask: impl FnOnce() -> Result<Zeroizing<String>, PassphraseError>,
    ) -> Result<&str, PassphraseError> {
        if let Some(text) = self.known.get() {
            return Ok(text);
        }
        let text = match self.place()? {
            Some(path) => read(&path).map_err(|reason| PassphraseError::File { path, reason })?,
            None if self.may_ask && io::stdin().is_terminal() => ask()?,
            None => match &self.credential {
                Some(name) => return Err(PassphraseError::NoCredential { name: name.clone() }),
                None => return Err(PassphraseError::None),
            },
        };
        Ok(self.known.get_or_init(|| text))
    }

    /// The file that it is in.
    fn place(&self) -> Result<Option<PathBuf>, PassphraseError> {
        if let Some(path) = &self.file {
            return Ok(Some(path.clone()));
        }
        let Some(name) = &self.credential else { return Ok(None) };
        let Some(folder) = std::env::var_os(CREDENTIALS).filter(|folder| !folder.is_empty()) else {
            return Ok(None);
        };
        let path = Path::new(&folder).join(name);
        // It was to be here: nobody is asked in its place.
        if path.exists() { Ok(Some(path)) } else { Err(PassphraseError::NoCredential { name: name.clone() }) }
    }

    fn unusable(&self, reason: String) -> PassphraseError {
        match self.place() {
            Ok(Some(path)) => PassphraseError::File { path, reason },
            _ => PassphraseError::Typed { reason },
        }
    }
}

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

/// Whether this may be the name of a credential: as systemd takes it, and no path.
#[must_use]
pub fn is_credential_name(name: &str) -> bool {
    let is_usual = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=64).contains(&name.len()) && !name.starts_with('.') && name.bytes().all(is_usual)
}

fn typed(prompt: impl FnOnce()) -> Result<Zeroizing<String>, PassphraseError> {
    let text = line::read(PASSPHRASE_BYTES_MAX, prompt);
    let text = text.map_err(|error| PassphraseError::Typed { reason: error.to_string() })?;
    one_line(&text).map_err(|reason| PassphraseError::Typed { reason })
}

/// The one line in a file that nobody else may read.
fn read(path: &Path) -> Result<Zeroizing<String>, String> {
    let said = |error: io::Error| error.to_string();
    let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits();
    let opened = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path);
    let file = opened.map_err(|error| match error.raw_os_error() {
        Some(code) if code == rustix::io::Errno::LOOP.raw_os_error() => "it is a link".to_owned(),
        _ => error.to_string(),
    })?;
    is_ours_alone(&file)?;
    let mut bytes = Zeroizing::new(Vec::with_capacity(PASSPHRASE_BYTES_MAX + 3));
    file.take(PASSPHRASE_BYTES_MAX as u64 + 3).read_to_end(&mut bytes).map_err(said)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is no text".to_owned())?;
    one_line(text)
}

/// systemd lays a credential down as root's, with an entry for the unit's user in its access list: the
/// group's bits of such a file are the list's mask, and say nothing of the group.
fn is_ours_alone(file: &File) -> Result<(), String> {
    let facts = file.metadata().map_err(|error| error.to_string())?;
    let us = rustix::process::geteuid().as_raw();
    if !facts.is_file() {
        return Err("it is no file".into());
    }
    if facts.uid() != us && facts.uid() != 0 {
        return Err("it belongs to another user of this machine".into());
    }
    let listed = acl::of(file);
    let is_open = match &listed {
        Some(list) => list.lets_others_in(us),
        None => facts.mode() & super::OTHERS != 0,
    };
    if is_open { Err("other users of this machine may read it".into()) } else { Ok(()) }
}

fn one_line(text: &str) -> Result<Zeroizing<String>, String> {
    let line = text.strip_suffix('\n').unwrap_or(text);
    let line = line.strip_suffix('\r').unwrap_or(line);
    if line.is_empty() {
        return Err("it is empty".into());
    }
    if line.len() > PASSPHRASE_BYTES_MAX {
        return Err(format!("it is longer than {PASSPHRASE_BYTES_MAX} bytes"));
    }
    if line.chars().any(char::is_control) {
        return Err("it is more than one line, or holds what no keyboard types".into());
    }
    Ok(Zeroizing::new(line.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::fs::{self, Permissions};
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn file(folder: &Path, bytes: &[u8], mode: u32) -> PathBuf {
        let path = folder.join("passphrase");
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        path
    }

    #[test]
    fn one_line_of_a_file_of_ours_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let get = |bytes: &[u8], mode| {
            let path = file(folder.path(), bytes, mode);
            Passphrase::of(Some(path), None).get().map(str::to_owned).map_err(|error| error.to_string())
        };
        for bytes in [b"correct horse".as_slice(), b"correct horse\n", b"correct horse\r\n"] {
            assert_eq!(get(bytes, 0o600).unwrap(), "correct horse");
            assert_eq!(get(bytes, 0o400).unwrap(), "correct horse");
        }
        for (bytes, mode, reason) in [
            (b"correct horse".as_slice(), 0o640, "other users"),
            (b"correct horse", 0o604, "other users"),
            (b"", 0o600, "empty"),
            (b"\n", 0o600, "empty"),
            (b"one\ntwo\n", 0o600, "more than one line"),
            (b"\xff\xfe", 0o600, "no text"),
            (&[b'x'; PASSPHRASE_BYTES_MAX + 1], 0o600, "longer"),
        ] {
            assert!(get(bytes, mode).unwrap_err().contains(reason), "{reason}");
        }
        let link = folder.path().join("link");
        std::os::unix::fs::symlink(file(folder.path(), b"correct horse", 0o600), &link).unwrap();
        for path in [link, folder.path().to_path_buf(), folder.path().join("none")] {
            let refused = Passphrase::of(Some(path), None).get().unwrap_err().to_string();
            assert!(refused.contains("cannot be used"), "{refused}");
        }
    }

    #[test]
    fn a_new_one_is_not_short_and_without_a_source_there_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let short = Passphrase::of(Some(file(folder.path(), b"short", 0o600)), None);
        assert!(short.get_new().unwrap_err().to_string().contains("at least"));
        assert!(matches!(Passphrase::default().get(), Err(PassphraseError::None)));
        let known = Passphrase::known(Zeroizing::new("correct horse".to_owned()));
        assert_eq!(known.get().unwrap(), "correct horse");
        assert!(!format!("{known:?}").contains("horse"));
    }

    #[test]
    fn a_credential_has_a_name_and_no_path() {
        for good in ["consilium-keys", "a", "A.b_c"] {
            assert!(is_credential_name(good), "{good}");
        }
        for bad in ["", ".", "..", "../x", "a/b", "a b", ".hidden", &"x".repeat(65)] {
            assert!(!is_credential_name(bad), "{bad}");
        }
    }
}
