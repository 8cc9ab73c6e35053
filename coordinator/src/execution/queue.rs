//! Lets the next of the runs that wait begin. Called by `driver`. Invariants: no other run is going, none is
//! being prepared, and nothing is left to measure of those that ended; whoever was revoked or paused while it
//! waited is so in it from the beginning.

use std::sync::Arc;

use super::catch_up::{news, standing};
use super::launch::{held_out, sent_before};
use super::runs::Runs;
use crate::blocking::blocking;
use crate::error::{Error, Result};
use crate::round::event::Event;
use crate::round::state::RunState;
use crate::store::Store;

/// The event with which a run leaves the queue.
///
/// # Errors
/// The database cannot be read.
pub(super) async fn leaves(store: &Arc<Store>, runs: &Runs, state: &RunState) -> Result<Event> {
    let (store, sites) = (Arc::clone(store), state.launched.sites.clone());
    let sent_before = blocking(move || sent_before(&store, &sites)).await?;
    let test = state.launched.test.as_ref();
    let test_openings_before = test.map_or(0, |file| held_out::openings(runs, file.digest));
    Ok(Event::LeftQueue { sent_before, test_openings_before })
}

/// The events that bring it up to date then.
///
/// # Errors
/// The database cannot be read.
pub(super) async fn since_then(store: &Arc<Store>, state: &RunState) -> Result<Vec<Event>> {
    let store = Arc::clone(store);
    let rows = blocking(move || store.sites().map_err(Error::from)).await?;
    Ok(news(state, standing(rows)))
}
