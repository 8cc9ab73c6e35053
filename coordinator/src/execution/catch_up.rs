//! Tells a run what the database knows of its sites: who was revoked, who is paused. Called by `server` after
//! a start and by `admin` after a launch and a pause. Invariant: an event that tells nothing new changes
//! nothing, so this may be done at any time.

use std::sync::Arc;

use super::driver::Driver;
use super::runs::Runs;
use super::standing::{news, standing};
use crate::blocking::blocking;
use crate::error::Result;
use crate::store::Store;

/// Brings the run that is going up to date.
///
/// # Errors
/// The database cannot be read, or the journal cannot be written.
pub async fn catch_up(store: &Arc<Store>, runs: &Runs, driver: &Driver) -> Result<()> {
    let Some(state) = runs.active() else { return Ok(()) };
    let rows = Arc::clone(store);
    let rows = blocking(move || Ok(rows.sites()?)).await?;
    for event in news(&state, standing(rows)) {
        driver.submit(state.launched.run, event).await?;
    }
    Ok(())
}
