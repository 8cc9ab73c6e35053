//! Making invitations, for hospitals and for people. Called by `books`. Invariant: the token is in the answer
//! and nowhere else; the database keeps its hash.

use certs::{Invitation, JoinToken, Role, random};
use common::clock::Timestamp;
use common::id::SiteId;

use super::message::Answer;
use super::report::rfc3339;
use crate::error::{Error, Result};
use crate::limits::INVITATION_MS_MAX;
use crate::state_folder::config::Config;
use crate::state_folder::{StateFolder, authority};
use crate::store::{SiteStatus, Store};

/// Where an invitation comes from.
pub(super) struct Desk<'a> {
    /// Where the authority's certificate is.
    pub(super) folder: &'a StateFolder,
    /// Where its hash goes.
    pub(super) store: &'a Store,
    /// When.
    pub(super) now: Timestamp,
}

impl Desk<'_> {
    /// For a hospital.
    pub(super) fn site(&self, name: &str, ttl_ms: u64, readmit: bool) -> Result<Answer> {
        let site = member_name(name)?;
        let store = self.store;
        let is_member =
            store.sites()?.into_iter().any(|row| row.name == site && row.status == SiteStatus::Active);
        if is_member && !readmit {
            return Err(Error::Argument {
                message: format!("{site} has joined already"),
                hint: "to end its certificate and let it join again, add --readmit".into(),
            });
        }
        self.made(Role::Site, &site, ttl_ms, is_member, |token, expires| {
            Ok(store.invite(&site, &token.hash(), expires, self.now)?)
        })
    }

    /// For an operator, an auditor or a witness.
    pub(super) fn holder(&self, name: &str, role: &str, ttl_ms: u64) -> Result<Answer> {
        let name = member_name(name)?;
        let role = role.parse().ok().filter(|role| *role != Role::Site).ok_or_else(|| Error::Argument {
            message: format!("there is no role {} for a person", role.chars().take(32).collect::<String>()),
            hint: "give --role operator, --role auditor or --role witness".into(),
        })?;
        let store = self.store;
        let is_known = store.holders()?.iter().any(|row| row.name == name && row.joined_at.is_some());
        self.made(role, &name, ttl_ms, is_known, |token, expires| {
            Ok(store.invite_holder(role, &name, &token.hash(), expires, self.now)?)
        })
    }

    fn made(
        &self,
        role: Role,
        name: &SiteId,
        ttl_ms: u64,
        readmission: bool,
        record: impl FnOnce(&JoinToken, Timestamp) -> Result<()>,
    ) -> Result<Answer> {
        if !(1_000..=INVITATION_MS_MAX).contains(&ttl_ms) {
            return Err(Error::Argument {
                message: "an invitation works for at least 1s and at most 30d".into(),
                hint: "give --ttl within that".into(),
            });
        }
        let config = Config::read(&self.folder.config())?;
        let pin = authority::pin(self.folder)?;
        let token = JoinToken::from_bytes(random::bytes()?);
        let line =
            Invitation::new(&config.join_address, name.as_str(), token.clone(), pin)?.to_line_for(role);
        let expires = self.now.plus_ms(ttl_ms);
        record(&token, expires)?;
        Ok(Answer::Invited { invitation: line.as_str().to_owned(), expires: rfc3339(expires), readmission })
    }
}

fn member_name(name: &str) -> Result<SiteId> {
    name.parse().map_err(|error: common::id::IdError| Error::Argument {
        message: error.to_string(),
        hint: "choose a short name such as cardiology, hospital-a or anna".into(),
    })
}
