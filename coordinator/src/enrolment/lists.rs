//! The revocation list of a running `serve`: signed anew when something is revoked, and once a day. Used by
//! `requests` for sites, by `admin` after a revocation and for who asks, and by `keeper`, which looks once a
//! day. Invariants: one list is signed at a time; what is answered has on it whatever the database had
//! revoked when it was asked, unless none can be signed: then a site gets the last one for as long as that
//! holds; the database, not the list, decides who is let in here.

use std::sync::{Arc, Mutex, PoisonError};

use certs::crl::Standing;
use certs::{RevocationList, SpkiPin};
use common::clock::Timestamp;

use super::issuer::Issuer;
use crate::error::Result;
use crate::state_folder::{StateFolder, revocations};
use crate::store::Store;

/// Signs lists, and has the newest.
pub struct Lists {
    folder: StateFolder,
    store: Arc<Store>,
    issuer: Arc<Issuer>,
    newest: Mutex<Option<Newest>>,
}

/// The newest list, and of what.
struct Newest {
    list: Arc<RevocationList>,
    /// What the database counted then; `None` where it is to be looked at again.
    revocations: Option<u64>,
    authority: SpkiPin,
}

impl Lists {
    /// Of this folder; nothing is signed yet.
    pub fn new(folder: &StateFolder, store: &Arc<Store>, issuer: &Arc<Issuer>) -> Self {
        let (store, issuer) = (Arc::clone(store), Arc::clone(issuer));
        Self { folder: folder.clone(), store, issuer, newest: Mutex::new(None) }
    }

    /// The newest list; another one is signed where more is revoked than it says, it is a day old, or another
    /// authority signs. Blocks.
    ///
    /// # Errors
    /// As [`revocations::bring_up_to_date`].
    pub fn newest(&self, now: Timestamp) -> Result<Arc<RevocationList>> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let (authority, revocations) = (self.issuer.authority(), self.store.revocations()?);
        if let Some(Newest { list, .. }) = newest.as_ref().filter(|newest| {
            newest.revocations == Some(revocations)
                && newest.authority == authority.pin()
                && !newest.list.is_old(now.into())
        }) {
            return Ok(Arc::clone(list));
        }
        let list = Arc::new(revocations::bring_up_to_date(&self.folder, &self.store, &authority, now)?);
        *newest = Some(Newest {
            list: Arc::clone(&list),
            revocations: Some(revocations),
            authority: authority.pin(),
        });
        Ok(list)
    }

    /// What a site that asks is given: the newest list, and where none can be signed the last one, as long as
    /// it holds: a site that has it is to go on until then, which says what is wrong here to nobody but our
    /// log. Blocks.
    ///
    /// # Errors
    /// As [`Self::newest`], and the last one does not hold either.
    pub fn to_give(&self, now: Timestamp) -> Result<Arc<RevocationList>> {
        let error = match self.newest(now) {
            Ok(list) => return Ok(list),
            Err(error) => error,
        };
        let Some(list) = self.last().filter(|list| list.standing(now.into()) == Standing::Good) else {
            return Err(error);
        };
        let until = Timestamp::from(list.next_update()).rfc3339();
        tracing::error!(
            %error, number = list.number(), until,
            "no revocation list could be signed; sites get the last one, and send nothing once it has ended"
        );
        Ok(list)
    }

    /// The last list of the present authority, from memory or the disk.
    fn last(&self) -> Option<Arc<RevocationList>> {
        let authority = self.issuer.authority();
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(newest) = newest.as_ref().filter(|newest| newest.authority == authority.pin()) {
            return Some(Arc::clone(&newest.list));
        }
        let der = revocations::read(&self.folder).ok()??;
        RevocationList::verify(&der, authority.certificate_der()).ok().map(Arc::new)
    }

    /// Looks again, also where the database has nothing new: a certificate of ours was revoked. Returns
    /// whether a list is signed; what fails is in our log, and the next who asks finds it out of date, and so
    /// does the next start. Blocks.
    pub fn look(&self, now: Timestamp) -> bool {
        if let Some(newest) = self.newest.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            newest.revocations = None;
        }
        let signed = self.newest(now);
        if let Err(error) = &signed {
            tracing::error!(%error, "no revocation list could be signed; sites send nothing once theirs has ended");
        }
        signed.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::*;
    use crate::state_folder::identity::Identity;

    const START: Timestamp = Timestamp(1_800_000_000_000);
    const DAY_MS: u64 = 86_400_000;

    #[test]
    fn where_none_can_be_signed_a_site_gets_the_last_one_until_that_ends() {
        let root = tempfile::tempdir().unwrap();
        let folder = StateFolder::at(&root.path().join("state"));
        folder.create().unwrap();
        let authority = Identity::create(&folder, "test", START).unwrap().authority;
        let store = Arc::new(Store::open(&folder.database()).unwrap());
        let issuer = Arc::new(Issuer::new(authority, Duration::from_secs(86_400)));
        let lists = Lists::new(&folder, &store, &issuer);
        let first = lists.to_give(START).unwrap();
        // What our own certificates say cannot be read: nothing is signed.
        let servers = folder.ca().join("revoked-server.json");
        fs::write(&servers, "no").unwrap();
        lists.look(START);
        let restarted = Lists::new(&folder, &store, &issuer);
        for lists in [&lists, &restarted] {
            for days in [0, 1, 6] {
                assert!(lists.newest(START.plus_ms(days * DAY_MS)).is_err());
                assert_eq!(lists.to_give(START.plus_ms(days * DAY_MS)).unwrap().number(), first.number());
            }
            assert!(lists.to_give(START.plus_ms(8 * DAY_MS)).is_err(), "it has ended");
        }
        fs::remove_file(&servers).unwrap();
        assert!(lists.to_give(START.plus_ms(8 * DAY_MS)).unwrap().number() > first.number());
    }
}
