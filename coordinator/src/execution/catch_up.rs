//! Tells a run what the database knows of its sites: who was revoked, who is paused. Called by `server` after
//! a start and by `admin` after a launch and a pause. Invariant: an event that tells nothing new changes
//! nothing, so this may be done at any time.

use std::sync::Arc;

use super::driver::Driver;
use super::runs::Runs;
use crate::blocking::blocking;
use crate::error::Result;
use crate::round::event::Event;
use crate::store::Store;

/// Brings the run that is going up to date.
///
/// # Errors
/// The database cannot be read, or the journal cannot be written.
pub async fn catch_up(store: &Arc<Store>, runs: &Runs, driver: &Driver) -> Result<()> {
    let Some(state) = runs.active() else { return Ok(()) };
    let rows = Arc::clone(store);
    let mut rows = blocking(move || Ok(rows.sites()?)).await?;
    // Any of these events may close the round, and what is in it counts then: so first of all goes what was
    // sent by who was revoked.
    rows.sort_by_key(|row| {
        let has_sent = state.current().is_some_and(|record| record.updates.contains_key(&row.name));
        (!row.status.is_out(), !has_sent)
    });
    for row in rows {
        let site = row.name;
        if !state.launched.sites.contains(&site) {
            continue;
        }
        let event = if row.status.is_out() {
            Event::SiteRevoked { site }
        } else if row.paused_at.is_some() {
            Event::SitePaused { site }
        } else if state.paused.contains(&site) {
            Event::SiteResumed { site }
        } else {
            continue;
        };
        driver.submit(state.launched.run, event).await?;
    }
    Ok(())
}
