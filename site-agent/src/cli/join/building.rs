//! The folder `<state>.joining`, in which a site is put together until it is whole. Called by `join`.
//!
//! Its name can be guessed, so it is made exclusively, closed to others, and taken up again only if it is
//! ours in every entry and carries the mark that we made it for this site. Invariant: what somebody else may
//! have put there is never used.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::PathBuf;

use certs::Invitation;
use common::clock::SystemClock;
use common::durable;
use common::private::{self, PrivateError};

use super::invitation::refused;
use crate::error::SiteError;
use crate::gateway::identity::Identity;
use crate::paths::StateFolder;

/// The file that says for which state folder this one was made.
const MARK: &str = "joining";

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
        Self { folder: StateFolder::new(PathBuf::from(name)), target: target.clone() }
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
        let identity = Identity::load(&self.folder.identity())?;
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
        // An empty folder may be there; renaming a folder replaces it.
        fs::rename(self.folder.root(), root).map_err(SiteError::at(root))?;
        durable::sync_folder_of(root).map_err(SiteError::at(root))?;
        // Of no use any more, and of no harm.
        let _ = fs::remove_file(root.join(MARK));
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
