//! Where a command goes: a state folder of this machine, or a coordinator elsewhere. Used by `cli` for every
//! command. Invariant: who names a context, or has chosen one and names no folder, never works on a folder
//! here.

use std::path::{Path, PathBuf};

use cli::keys::KeyFile;
use cli::settings::Source;
use common::clock::SystemClock;
use common::private::passphrase::Passphrase;

use crate::admin::client::Door;
use crate::admin::contexts::Contexts;
use crate::error::Result;
use crate::limits::PERSON_WARN_S_MAX;
use crate::state_folder::StateFolder;
use crate::state_folder::config::Config;

/// What the command line says about it.
pub(super) struct Place {
    /// `--state`.
    pub(super) state: Option<PathBuf>,
    /// `--context`.
    pub(super) context: Option<String>,
    /// `--passphrase-file`.
    pub(super) passphrase_file: Option<PathBuf>,
}

impl Place {
    /// The way to the coordinator.
    ///
    /// # Errors
    /// There is no such context, or no consortium in the folder.
    pub(super) fn door(&self) -> Result<Door> {
        match self.context()? {
            Some(door) => Ok(door),
            None => Ok(Door::Here(self.opened(&self.named().0)?)),
        }
    }

    /// The state folder, for what is done with it alone.
    ///
    /// # Errors
    /// A context was meant; there is no consortium in it.
    pub(super) fn folder(&self) -> Result<StateFolder> {
        self.opened(&self.path()?)
    }

    /// The key of the context that is meant, if one is; nothing is opened.
    ///
    /// # Errors
    /// There is no such context.
    pub(super) fn key_of_context(&self) -> Result<Option<KeyFile>> {
        self.name()?.map(|name| Contexts::open()?.key_file(&name)).transpose()
    }

    /// Of a key that is a person's.
    pub(super) fn of_a_person(&self) -> Passphrase {
        self.passphrase(None)
    }

    /// What opens keys, which the settings of a state folder may say, too.
    pub(super) fn passphrase(&self, credential: Option<String>) -> Passphrase {
        Passphrase::of(self.passphrase_file.clone(), credential)
    }

    fn opened(&self, path: &Path) -> Result<StateFolder> {
        let folder = StateFolder::open(path)?;
        // One that cannot be read is told of by whoever needs it.
        let keys = Config::read(&folder.config()).ok().and_then(|config| config.keys);
        let passphrase = self.passphrase(keys.map(|keys| keys.credential));
        Ok(folder.with_passphrase(passphrase))
    }

    /// As [`Self::folder`], where there may be none yet.
    ///
    /// # Errors
    /// A context was meant.
    pub(super) fn path(&self) -> Result<PathBuf> {
        if let Some(door) = self.context()? {
            door.here()?;
        }
        Ok(self.named().0)
    }

    /// Who named the folder.
    pub(super) fn source(&self) -> Source {
        self.named().1
    }

    fn named(&self) -> (PathBuf, Source) {
        let environment = std::env::var_os("CONSILIUM_STATE").filter(|folder| !folder.is_empty());
        match (&self.state, environment) {
            (Some(path), _) => (path.clone(), Source::Option),
            (None, Some(path)) => (PathBuf::from(path), Source::Environment),
            (None, None) => (PathBuf::from("coordinator-state"), Source::Default),
        }
    }

    /// The context that is meant, if one is.
    fn name(&self) -> Result<Option<String>> {
        match (&self.context, self.source()) {
            (Some(name), _) => Ok(Some(name.clone())),
            (None, Source::Default) => Ok(Contexts::chosen()?.map(|name| name.to_string())),
            (None, _) => Ok(None),
        }
    }

    fn context(&self) -> Result<Option<Door>> {
        let Some(name) = self.name()? else { return Ok(None) };
        let context = Contexts::open()?.get(&name, &self.of_a_person())?;
        let (ends, now) = (context.identity.peer()?.not_after, SystemClock.system_time());
        let left = ends.duration_since(now).unwrap_or_default().as_secs();
        if left < PERSON_WARN_S_MAX {
            eprintln!(
                "warning: the certificate of {} ends in {} days; ask for a new line of `coordinator operators \
                 invite {}`",
                context.holder,
                left / 86_400,
                context.holder
            );
        }
        Ok(Some(Door::There(Box::new(context))))
    }
}
