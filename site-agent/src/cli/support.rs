//! What several verbs need: the state folder, paths, locks by name, JSON. Used by most files of `cli`.

use std::path::{Path, PathBuf};

use cli::settings::Source;
use common::places;
use common::private::passphrase::Passphrase;
use data::split::{SchemeChoice, SplitOptions};
use sandbox::FileRules;
use sandbox::enter::quiet_panics;

use crate::config::AgentConfig;
use crate::error::SiteError;
use crate::locks;
use crate::paths::StateFolder;

/// Where the site's state is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct State {
    /// Folder with the site's identity, ledger and policy [default: $CONSILIUM_STATE, or ./site-state].
    #[arg(long = "state", value_name = "DIR")]
    folder: Option<PathBuf>,
}

impl State {
    pub(super) fn open(&self) -> Result<StateFolder, SiteError> {
        self.place().map(|(folder, _)| folder)
    }

    /// The folder, and who says that it is this one.
    pub(super) fn place(&self) -> Result<(StateFolder, Source), SiteError> {
        let environment = std::env::var_os("CONSILIUM_STATE").filter(|folder| !folder.is_empty());
        let (folder, from) = match (&self.folder, environment) {
            (Some(folder), _) => (folder.clone(), Source::Option),
            (None, Some(folder)) => (PathBuf::from(folder), Source::Environment),
            (None, None) => (PathBuf::from("site-state"), Source::Default),
        };
        Ok((absolute(&folder).map(StateFolder::new)?, from))
    }

    /// As [`Self::open`], of a site that has joined.
    pub(super) fn open_joined(&self) -> Result<StateFolder, SiteError> {
        let folder = self.open()?;
        if folder.config().exists() {
            Ok(folder)
        } else {
            Err(SiteError::NotJoined { folder: folder.root().to_path_buf() })
        }
    }
}

/// Where the passphrase of a sealed key is.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Unlock {
    /// A file with the passphrase of the key, which only you can read [default: the terminal, where the key
    /// is sealed].
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Unlock {
    /// Of a key that is a person's.
    pub(super) fn passphrase(&self) -> Passphrase {
        Passphrase::of(self.passphrase_file.clone(), None)
    }
}

/// The site's state, for a command that opens its keys.
#[derive(Clone, Debug, clap::Args)]
pub(super) struct Keyed {
    #[command(flatten)]
    state: State,
    /// A file with the passphrase of the site's keys, which only you can read [default: the credential that
    /// agent.toml names, or the terminal, where they are sealed].
    #[arg(long, value_name = "FILE")]
    passphrase_file: Option<PathBuf>,
}

impl Keyed {
    pub(super) fn open(&self) -> Result<StateFolder, SiteError> {
        self.state.open().map(|folder| self.opened(folder))
    }

    pub(super) fn open_joined(&self) -> Result<StateFolder, SiteError> {
        self.state.open_joined().map(|folder| self.opened(folder))
    }

    /// What the command line says alone.
    pub(super) fn passphrase(&self) -> Passphrase {
        Passphrase::of(self.passphrase_file.clone(), None)
    }

    fn opened(&self, folder: StateFolder) -> StateFolder {
        // A file that cannot be read is told of by whoever needs it.
        let keys = AgentConfig::load(&folder.config()).ok().and_then(|config| config.keys);
        let passphrase = Passphrase::of(self.passphrase_file.clone(), keys.map(|keys| keys.credential));
        folder.with_passphrase(passphrase)
    }
}

/// How records are divided, in the one way that it is written: here, in agent.toml and in manifests. What
/// `data check` took before is still read.
///
/// # Errors
/// What is accepted.
pub(super) fn split(text: &str) -> Result<SchemeChoice, String> {
    let known = match text {
        "five-folds" => "5-fold",
        "70-15-15" => "70/15/15",
        "80-10-10" => "80/10/10",
        other => other,
    };
    let choice = known
        .parse()
        .ok()
        .filter(|scheme| SplitOptions { scheme: *scheme, ..SplitOptions::default() }.validate().is_ok());
    choice.ok_or_else(|| {
        "write none, auto, leave-one-out, 5-fold, or percentages that make 100, such as 80/10/10".to_owned()
    })
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, SiteError> {
    std::path::absolute(path).map_err(|source| SiteError::io(path, source))
}

/// The folder of a model or adapter, which must exist; see [`places::model`].
///
/// # Errors
/// `Io` with the path.
pub(super) fn model_folder(path: &Path) -> Result<PathBuf, SiteError> {
    places::model(path).map_err(|source| SiteError::io(path, source))
}

/// A file of records or a mapping, which must exist; see [`places::file`].
///
/// # Errors
/// `Io` with the path.
pub(super) fn record_file(path: &Path) -> Result<PathBuf, SiteError> {
    places::file(path).map_err(|source| SiteError::io(path, source))
}

/// As [`record_file`], of several.
///
/// # Errors
/// `Io` with the first path that is not there.
pub(super) fn record_files(paths: &[PathBuf]) -> Result<Vec<PathBuf>, SiteError> {
    paths.iter().map(|path| record_file(path)).collect()
}

/// The path as an absolute one; it must be there, because a lock on a path that is not there cannot be taken.
///
/// # Errors
/// `Io` with the path.
pub(super) fn present(path: &Path) -> Result<PathBuf, SiteError> {
    let path = absolute(path)?;
    std::fs::metadata(&path).map_err(|source| SiteError::io(&path, source))?;
    Ok(path)
}

/// Takes the worker's locks in this process: reads `read`, writes `write`, no network.
///
/// # Errors
/// `LocksMissing`.
pub(super) fn lock(read: Vec<PathBuf>, write: Vec<PathBuf>) -> Result<(), SiteError> {
    quiet_panics();
    locks::lock(&FileRules { read, write, gpu: None }, &[])
}

/// Refuses what is not a folder, before a library says it less clearly.
pub(super) fn require_folder(path: &Path, hint: &str) -> Result<(), SiteError> {
    if std::fs::metadata(path).is_ok_and(|metadata| metadata.is_dir()) {
        return Ok(());
    }
    let sentence = format!("{} is not a folder", path.display());
    Err(SiteError::Data { sentence, hint: Some(hint.to_owned()) })
}

/// Prints a JSON document for programs.
pub(super) fn print_json(value: &serde_json::Value) -> Result<(), SiteError> {
    let text = serde_json::to_string_pretty(value).map_err(|error| SiteError::Internal(error.to_string()))?;
    println!("{text}");
    Ok(())
}

/// What a command did, in one of two ways: a document for programs, or what is said to a person.
///
/// # Errors
/// The document cannot be written as JSON, which is our fault.
pub(super) fn tell(as_json: bool, document: &serde_json::Value, say: impl FnOnce()) -> Result<(), SiteError> {
    if as_json {
        return print_json(document);
    }
    say();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_split_is_written_in_one_way_and_the_old_ones_are_read() {
        for (text, meant) in [
            ("80/10/10", "80/10/10"),
            ("80-10-10", "80/10/10"),
            ("70-15-15", "70/15/15"),
            ("five-folds", "5-fold"),
            ("10-fold", "10-fold"),
            ("auto", "auto"),
            ("none", "none"),
        ] {
            assert_eq!(split(text).map(|scheme| scheme.to_string()), Ok(meant.to_owned()), "{text}");
        }
        for bad in ["", "80/10", "80/20/10", "1-fold", "60-20-20", "fold"] {
            assert!(split(bad).is_err_and(|words| words.contains("80/10/10")), "{bad}");
        }
    }
}
