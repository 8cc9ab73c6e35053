//! The consortium's revocation list as this site has it. Used by `egress`, which lets nothing leave without
//! one that holds, by `connection`, which asks for it, by `agent_loop::considering`, and by the subcommands
//! `status`, `check` and `approve`.
//!
//! Invariants: a list is taken only with the signature of the authority that this site goes by, or of the one
//! that follows it; a number never falls, also over a restart and another authority; the time is an argument;
//! without a list that holds nothing leaves but the question for one and the greeting before it.

use std::time::{Duration, SystemTime};

use certs::crl::Standing;
use certs::{PeerCertificate, RevocationList, SpkiPin};
use common::clock::Timestamp;
use common::id::SiteId;
use common::run::Roster;

use super::store::Store;
use crate::error::SiteError;
use crate::limits::REVOCATIONS_PAUSE_MS_MIN;
use crate::policy::launcher::Launcher;

/// The newest list, and what is known of those before.
#[derive(Debug)]
pub struct Revocations {
    authority_der: Vec<u8>,
    list: Option<RevocationList>,
    /// The highest number that was ever taken.
    newest: u64,
    /// When it was asked for last, by this machine's clock, which lists go by.
    asked: Option<SystemTime>,
}

impl Revocations {
    /// What is in the database of a site that goes by this authority.
    ///
    /// # Errors
    /// `Store`.
    pub fn load(store: &Store, authority_der: &[u8]) -> Result<Self, SiteError> {
        let (newest, der) = store.revocations()?.unwrap_or_default();
        // One of another authority, taken before this site followed that one or another, is asked for again.
        let list = RevocationList::verify(&der, authority_der).ok();
        Ok(Self { authority_der: authority_der.to_vec(), list, newest, asked: None })
    }

    /// Goes by another authority from now on.
    pub fn follow(&mut self, authority_der: &[u8]) {
        self.authority_der = authority_der.to_vec();
    }

    /// The number of the list that is here; 0 for none.
    #[must_use]
    pub fn known(&self) -> u64 {
        self.list.as_ref().map_or(0, RevocationList::number)
    }

    /// The list that is here.
    #[must_use]
    pub fn list(&self) -> Option<&RevocationList> {
        self.list.as_ref()
    }

    /// Whether a newer one should be asked for now: the one that is here is a day old, and an hour has passed
    /// since the last question, or it does not hold.
    #[must_use]
    pub fn is_due(&self, now: SystemTime) -> bool {
        let Some(list) = self.list.as_ref().filter(|list| list.standing(now) == Standing::Good) else {
            return true;
        };
        let pause = Duration::from_millis(REVOCATIONS_PAUSE_MS_MIN);
        // A clock that was set back says nothing of how long ago it was.
        let is_over = |asked: SystemTime| !now.duration_since(asked).is_ok_and(|since| since < pause);
        list.is_old(now) && self.asked.is_none_or(is_over)
    }

    /// It is being asked for.
    pub fn asks(&mut self, now: SystemTime) {
        self.asked = Some(now);
    }

    /// What the coordinator gave, if it may be gone by. `successor_der` is the authority that follows ours,
    /// where the coordinator has shown that one does.
    ///
    /// # Errors
    /// Why it may not.
    pub fn check(
        &self,
        der: &[u8],
        successor_der: Option<&[u8]>,
        now: SystemTime,
    ) -> Result<RevocationList, String> {
        let by_successor = successor_der.and_then(|next| RevocationList::verify(der, next).ok());
        let list = match by_successor {
            Some(list) => list,
            None => RevocationList::verify(der, &self.authority_der).map_err(|error| error.to_string())?,
        };
        if list.number() < self.newest {
            return Err(format!(
                "its number {} is below {}, which was taken before",
                list.number(),
                self.newest
            ));
        }
        if self.list.as_ref().is_some_and(|here| here.number() == list.number() && here.der() != list.der()) {
            return Err(format!("it is another list than the one before with its number {}", list.number()));
        }
        match list.standing(now) {
            Standing::Good => {}
            Standing::Future => return Err("it begins in the future".into()),
            Standing::Expired => return Err(format!("it ended on {}", ended(&list))),
        }
        Ok(list)
    }

    /// Goes by a list that was checked, and that is remembered.
    pub fn put(&mut self, list: RevocationList) {
        self.newest = list.number();
        self.list = Some(list);
    }

    /// Refuses where no list that holds is here.
    ///
    /// # Errors
    /// `Revocations`, with what is wrong.
    pub fn must_hold(&self, now: SystemTime) -> Result<(), SiteError> {
        self.fault(now).map_or(Ok(()), |reason| Err(SiteError::Revocations { reason }))
    }

    /// What is wrong with the list that is here.
    #[must_use]
    pub fn fault(&self, now: SystemTime) -> Option<String> {
        let Some(list) = &self.list else { return Some("the coordinator has given none yet".into()) };
        match list.standing(now) {
            Standing::Good => None,
            Standing::Future => Some("the one that is here begins in the future; is the clock right?".into()),
            Standing::Expired => Some(format!("the one that is here ended on {}", ended(list))),
        }
    }

    /// Refuses a coordinator whose certificate is listed.
    ///
    /// # Errors
    /// `CoordinatorRevoked`.
    pub fn must_not_list(&self, coordinator: &PeerCertificate) -> Result<(), SiteError> {
        let is_listed =
            |list: &RevocationList| list.has_serial(coordinator.serial) || list.has_key(coordinator.key);
        if self.list.as_ref().is_some_and(is_listed) { Err(SiteError::CoordinatorRevoked) } else { Ok(()) }
    }

    /// The first member whose key is listed.
    #[must_use]
    pub fn revoked_member<'a>(&self, roster: &'a Roster) -> Option<&'a SiteId> {
        let list = self.list.as_ref()?;
        let is_listed = |key: [u8; 32]| list.has_key(SpkiPin::from_bytes(key));
        roster.members.iter().find(|member| is_listed(member.key.0)).map(|member| &member.name)
    }

    /// Whether the operator who launched a run was revoked: whoever was is listed with the key. One who only
    /// has a newer certificate is listed without.
    #[must_use]
    pub fn lists_launcher(&self, launcher: Option<&Launcher>) -> bool {
        let (Some(list), Some(launcher)) = (&self.list, launcher) else { return false };
        list.has_key(SpkiPin::from_bytes(launcher.key.0))
    }

    /// Until when the list that is here is good, in words for one line.
    #[must_use]
    pub fn words(&self, now: SystemTime) -> String {
        match (&self.list, self.fault(now)) {
            (Some(list), None) => format!("good until {}", ended(list)),
            (_, fault) => format!("NOTHING LEAVES: {}", fault.unwrap_or_default()),
        }
    }
}

fn ended(list: &RevocationList) -> String {
    Timestamp::from(list.next_update()).rfc3339()
}

#[cfg(test)]
mod tests;
