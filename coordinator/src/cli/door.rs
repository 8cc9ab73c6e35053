//! Where a command goes: a state folder of this machine, or a coordinator elsewhere. Used by `cli` for every
//! command. Invariant: who names a context, or has chosen one and names no folder, never works on a folder
//! here.

use std::path::PathBuf;

use cli::settings::Source;
use common::clock::SystemClock;

use crate::admin::client::Door;
use crate::admin::contexts::Contexts;
use crate::error::Result;
use crate::limits::PERSON_WARN_S_MAX;
use crate::state_folder::StateFolder;

/// What the command line says about it.
pub(super) struct Place {
    /// `--state`.
    pub(super) state: Option<PathBuf>,
    /// `--context`.
    pub(super) context: Option<String>,
}

impl Place {
    /// The way to the coordinator.
    ///
    /// # Errors
    /// There is no such context, or no consortium in the folder.
    pub(super) fn door(&self) -> Result<Door> {
        match self.context()? {
            Some(door) => Ok(door),
            None => Ok(Door::Here(StateFolder::open(&self.named().0)?)),
        }
    }

    /// The state folder, for what is done with it alone.
    ///
    /// # Errors
    /// A context was meant; there is no consortium in it.
    pub(super) fn folder(&self) -> Result<StateFolder> {
        StateFolder::open(&self.path()?)
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

    fn context(&self) -> Result<Option<Door>> {
        let name = match (&self.context, self.source()) {
            (Some(name), _) => name.clone(),
            (None, Source::Default) => match Contexts::chosen()? {
                Some(name) => name.to_string(),
                None => return Ok(None),
            },
            (None, _) => return Ok(None),
        };
        let context = Contexts::open()?.get(&name)?;
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
