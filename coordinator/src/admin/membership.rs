//! What changes a site's membership in the database. Called by `sites`, where connections and runs follow,
//! and by `books` where no `serve` runs. Invariant: only sites that are known are changed.

use common::clock::Timestamp;
use common::id::SiteId;

use crate::enrolment::shut_out;
use crate::error::{Error, Result};
use crate::state_folder::StateFolder;
use crate::store::{Leaving, SiteRow, Store};

/// The name that an operator gave.
pub(crate) fn site_id(name: &str) -> Result<SiteId> {
    name.parse().map_err(|_| Error::UnknownSite(name.chars().take(64).collect()))
}

/// The site's row.
pub(crate) fn must_be_known(store: &Store, site: &SiteId) -> Result<SiteRow> {
    let mut rows = store.sites()?.into_iter();
    rows.find(|row| &row.name == site).ok_or_else(|| Error::UnknownSite(site.to_string()))
}

/// Pauses a site in the database, or ends its pause, with or without a running coordinator. Returns whether
/// that changed anything.
pub(crate) fn pause_in(store: &Store, site: &SiteId, pause: bool, now: Timestamp) -> Result<bool> {
    if must_be_known(store, site)?.status.is_out() {
        return Err(Error::Argument {
            message: format!("{site} was revoked or has left, which is final"),
            hint: "`coordinator sites` lists who takes part".into(),
        });
    }
    Ok(if pause { store.pause(site, now)? } else { store.unpause(site)? })
}

/// Revokes a site in the database and frees what its unfinished uploads hold, with or without a running
/// coordinator.
pub(crate) fn revoke_in(folder: &StateFolder, store: &Store, site: &SiteId, now: Timestamp) -> Result<()> {
    must_be_known(store, site)?;
    shut_out(folder, store, site, Leaving::Operator, now)
}
