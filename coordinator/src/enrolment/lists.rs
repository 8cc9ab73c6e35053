//! The revocation list of a running `serve`: signed anew when something is revoked, and once a day. Used by
//! `requests` for sites, by `admin` after a revocation and for who asks, and by `keeper`, which looks once a
//! day. Invariants: one list is signed at a time; what is answered has on it whatever the database had
//! revoked when it was asked; the database, not the list, decides who is let in here.

use std::sync::{Arc, Mutex, PoisonError};

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
    revocations: u64,
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
            newest.revocations == revocations
                && newest.authority == authority.pin()
                && !newest.list.is_old(now.into())
        }) {
            return Ok(Arc::clone(list));
        }
        let list = Arc::new(revocations::bring_up_to_date(&self.folder, &self.store, &authority, now)?);
        *newest = Some(Newest { list: Arc::clone(&list), revocations, authority: authority.pin() });
        Ok(list)
    }

    /// Looks again, also where the database has nothing new: a certificate of ours was revoked. What fails is
    /// in our log; the next who asks finds it out of date, and so does the next start. Blocks.
    pub fn look(&self, now: Timestamp) {
        *self.newest.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if let Err(error) = self.newest(now) {
            tracing::error!(%error, "no revocation list could be signed; sites stop when theirs ends");
        }
    }
}
