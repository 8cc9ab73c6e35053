//! The folder in which a site is put together until it is whole: `<state>.joining`, or `<state>/.joining`
//! where the state folder is there already (a service's user often may make nothing beside it). Called by
//! `join`.
//!
//! Its name can be guessed, so it is made exclusively, closed to others, and taken up again only if it is
//! ours in every entry and carries the mark that we made it for this site. Invariants: what somebody else may
//! have put there is never used; `agent.toml`, which says that there is a site, comes to its place last.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use certs::Invitation;
use common::clock::SystemClock;
use common::durable;
use common::private::passphrase::Passphrase;
use common::private::{self, PrivateError};

use super::invitation::refused;
use crate::error::SiteError;
use crate::gateway::identity::Identity;
use crate::paths::StateFolder;

/// The file that says for which state folder this one was made.
const MARK: &str = "joining";
/// The folder inside a state folder that was there already.
pub(super) const INSIDE: &str = ".joining";
/// The file that says that everything is there and only has to be moved up.
const WHOLE: &str = "whole";

pub(super) struct Building {
    pub(super) folder: StateFolder,
    target: StateFolder,
}

impl Building {
    /// The folder that belongs to this state folder.
    pub(super) fn of(target: &StateFolder) -> Self {
        // Without the stroke that may stand at its end.
        let mut name = target.root().components().collect::<PathBuf>().into_os_string();
        name.push(".joining");
        let beside = PathBuf::from(name);
        // One that an earlier attempt made beside is gone on with; somebody else's is in nobody's way.
        let is_inside = target.root().is_dir() && private::check_folder(&beside).is_err();
        let root = if is_inside { target.root().join(INSIDE) } else { beside };
        Self { folder: StateFolder::new(root), target: target.clone() }
    }

    fn is_inside(&self) -> bool {
        self.folder.root().parent() == Some(self.target.root())
    }

    /// Ends what an earlier attempt began to move up, if one did. Returns whether there is a site now.
    ///
    /// # Errors
    /// The folder is not ours, or something cannot be moved.
    pub(super) fn finish_earlier(&self) -> Result<bool, SiteError> {
        if !self.is_inside() || fs::symlink_metadata(self.folder.root()).is_err() {
            return Ok(false);
        }
        self.take_up()?;
        if !self.folder.root().join(WHOLE).exists() {
            return Ok(false);
        }
        self.move_up()?;
        Ok(true)
    }

    /// The identity that an earlier attempt got, if one did.
    ///
    /// # Errors
    /// The folder is there and not ours, or its certificate is no longer good.
    pub(super) fn identity(&self) -> Result<Option<Identity>, SiteError> {
        if fs::symlink_metadata(self.folder.root()).is_err() {
            return Ok(None);
        }
        self.take_up()?;
        // Written last of the identity.
        if !self.folder.identity().join("coordinator.toml").exists() {
            return Ok(None);
        }
        let identity = Identity::load(&self.folder.identity(), &Passphrase::default())?;
        let certificate = identity.tls.peer().map_err(|error| SiteError::Internal(error.to_string()))?;
        if certificate.not_after <= SystemClock.system_time() {
            return Err(self.unusable("holds a certificate that has expired"));
        }
        Ok(Some(identity))
    }

    /// Refuses an identity that was not got by this invitation.
    ///
    /// # Errors
    /// `Enrolment`.
    pub(super) fn must_belong_to(
        &self,
        identity: &Identity,
        invitation: &Invitation,
    ) -> Result<(), SiteError> {
        let authority = identity.peer()?;
        if authority.0 == *invitation.pin.as_bytes() && identity.coordinator.site.as_str() == invitation.site
        {
            return Ok(());
        }
        Err(self.unusable("belongs to another invitation"))
    }

    /// Makes the folder, or takes up ours.
    ///
    /// # Errors
    /// The folder is there and not ours, others may write where it would be, or it cannot be made.
    pub(super) fn create(&self) -> Result<(), SiteError> {
        let root = self.folder.root();
        if self.is_inside() && fs::symlink_metadata(root).is_err() {
            private::take_empty_folder(self.target.root())
                .map_err(|error| refused(error, "name an empty folder of your own with --state"))?;
        }
        match private::create_folder(root) {
            Ok(()) => self.mark()?,
            Err(PrivateError::Io { source, .. }) if source.kind() == io::ErrorKind::AlreadyExists => {
                self.take_up()?
            }
            Err(error) => return Err(refused(error, "name a place of your own with --state")),
        }
        for path in self.folder.folders() {
            DirBuilder::new().recursive(true).mode(0o700).create(&path).map_err(SiteError::at(&path))?;
        }
        Ok(())
    }

    /// Makes the whole site appear at once.
    pub(super) fn finish(&self) -> Result<(), SiteError> {
        let root = self.target.root();
        if self.is_inside() {
            let whole = self.folder.root().join(WHOLE);
            durable::write(&whole, b"", durable::PRIVATE).map_err(SiteError::at(&whole))?;
            return self.move_up();
        }
        // An empty folder may be there; renaming a folder replaces it.
        fs::rename(self.folder.root(), root).map_err(SiteError::at(root))?;
        durable::sync_folder_of(root).map_err(SiteError::at(root))?;
        // Of no use any more, and of no harm.
        let _ = fs::remove_file(root.join(MARK));
        Ok(())
    }

    /// Moves every entry to the state folder, the policy last: killed in between, there is no site yet, and
    /// the next attempt goes on.
    fn move_up(&self) -> Result<(), SiteError> {
        let (from, root) = (self.folder.root(), self.target.root());
        let mut names = Vec::new();
        for entry in fs::read_dir(from).map_err(SiteError::at(from))? {
            names.push(entry.map_err(SiteError::at(from))?.file_name());
        }
        names.retain(|name| name != MARK && name != WHOLE);
        let policy = self.target.config();
        names.sort_by_key(|name| Some(name.as_os_str()) == policy.file_name());
        for name in names {
            let to = root.join(&name);
            fs::rename(from.join(&name), &to).map_err(SiteError::at(&to))?;
            durable::sync_folder_of(&to).map_err(SiteError::at(root))?;
        }
        // Of no use any more, and of no harm.
        self.discard();
        Ok(())
    }

    /// Nothing of this attempt is worth keeping.
    pub(super) fn discard(&self) {
        let _ = fs::remove_dir_all(self.folder.root());
    }

    fn mark(&self) -> Result<(), SiteError> {
        let path = self.folder.root().join(MARK);
        durable::write(&path, self.target.root().as_os_str().as_encoded_bytes(), durable::PRIVATE)
            .map_err(SiteError::at(&path))
    }

    fn take_up(&self) -> Result<(), SiteError> {
        let root = self.folder.root();
        let hint =
            "find out who put it there; if nobody needs it, remove it, or name another place with --state";
        private::check_tree(root).map_err(|error| refused(error, hint))?;
        match fs::read(root.join(MARK)) {
            Ok(made_for) if made_for == self.target.root().as_os_str().as_encoded_bytes() => Ok(()),
            // Killed between making it and marking it.
            Err(_) if fs::read_dir(root).map_err(SiteError::at(root))?.next().is_none() => self.mark(),
            _ => Err(self.unusable("was not made by `site-agent join` for this site")),
        }
    }

    fn unusable(&self, reason: &str) -> SiteError {
        let root = self.folder.root().display();
        SiteError::Enrolment {
            sentence: format!("{root} {reason}"),
            hint: format!(
                "if nobody needs it, remove {root} and join with an invitation; or name another place with --state"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn building(root: &Path) -> Building {
        Building::of(&StateFolder::new(root.join("state")))
    }

    /// A whole site, put together.
    fn put_together(root: &Path) -> Building {
        let building = building(root);
        building.create().unwrap();
        fs::write(building.folder.config(), "policy").unwrap();
        fs::write(building.folder.identity().join("key.pem"), "key").unwrap();
        fs::write(building.folder.database(), "rounds").unwrap();
        building
    }

    #[test]
    fn a_site_is_built_inside_a_folder_that_is_there_and_appears_at_once() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        fs::create_dir(&state).unwrap();
        let building = put_together(root.path());
        assert_eq!(building.folder.root(), state.join(INSIDE));
        assert!(!state.join("agent.toml").exists());
        building.finish().unwrap();
        assert!(state.join("agent.toml").exists() && state.join("identity/key.pem").exists());
        for gone in [INSIDE, MARK, WHOLE] {
            assert!(!state.join(gone).exists(), "{gone}");
        }
        assert!(!root.path().join("state.joining").exists());
    }

    #[test]
    fn what_was_being_moved_up_when_we_were_killed_is_moved_up_by_the_next_attempt() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        fs::create_dir(&state).unwrap();
        let first = put_together(root.path());
        assert!(!building(root.path()).finish_earlier().unwrap(), "nothing says that it is whole");
        fs::write(first.folder.root().join(WHOLE), "").unwrap();
        fs::rename(first.folder.identity(), state.join("identity")).unwrap();
        fs::rename(first.folder.database(), state.join("site.db")).unwrap();
        assert!(building(root.path()).finish_earlier().unwrap());
        for there in ["agent.toml", "identity/key.pem", "site.db", "ledger", "logs/metrics"] {
            assert!(state.join(there).exists(), "{there}");
        }
        assert!(!state.join(INSIDE).exists() && !building(root.path()).finish_earlier().unwrap());
    }

    #[test]
    fn a_folder_that_holds_something_is_not_taken() {
        let root = tempfile::tempdir().unwrap();
        let state = root.path().join("state");
        fs::create_dir(&state).unwrap();
        fs::write(state.join("thesis.txt"), "").unwrap();
        assert!(building(root.path()).create().is_err());
        assert_eq!(fs::read_dir(&state).unwrap().count(), 1);
    }
}
