//! Lets the next of the runs that wait begin. Called by `driver`. Invariants: no other run is going, none is
//! being prepared, and nothing is left to measure of those that ended; whoever was revoked or paused while it
//! waited is so in it from the beginning; one whose operator counts no more does not begin, for no site would
//! take its terms.

use std::sync::Arc;

use certs::{PeerCertificate, Role, tls};
use common::clock::Timestamp;
use common::run::LaunchSignature;

use super::launch::{held_out, sent_before};
use super::runs::Runs;
use super::standing::{news, standing};
use crate::blocking::blocking;
use crate::error::Result;
use crate::limits::QUEUE_PAUSE_MS_MIN;
use crate::round::event::Event;
use crate::round::state::RunState;
use crate::state_folder::{StateFolder, authority, blobs};
use crate::store::Store;

/// Whether the sites have had time to be told of the end before.
pub(super) fn is_time(runs: &Runs, now: Timestamp) -> bool {
    runs.ended_at().is_none_or(|ended| now.since_ms(ended) >= QUEUE_PAUSE_MS_MIN)
}

/// With what a run leaves the queue, and what is news to it then.
///
/// # Errors
/// The database or the run's terms cannot be read.
pub(super) async fn leaves(
    store: &Arc<Store>,
    runs: &Runs,
    folder: &StateFolder,
    state: Arc<RunState>,
    now: Timestamp,
) -> Result<(Event, Vec<Event>)> {
    let test = state.launched.test.as_ref();
    let test_openings_before = test.map_or(0, |file| held_out::openings(runs, file.digest));
    let (store, folder) = (Arc::clone(store), folder.clone());
    blocking(move || {
        if let Some(reason) = no_longer(&store, &folder, &state, now)? {
            return Ok((Event::EffectFailed { reason }, Vec::new()));
        }
        let sent_before = sent_before(&store, &state.launched.sites)?;
        let event = Event::LeftQueue { sent_before, test_openings_before };
        Ok((event, news(&state, standing(store.sites()?))))
    })
    .await
}

/// Why no site would take its terms any more.
fn no_longer(
    store: &Store,
    folder: &StateFolder,
    state: &RunState,
    now: Timestamp,
) -> Result<Option<String>> {
    let signed = blobs::signed_manifest(folder, state.launched.manifest)?;
    let Some(LaunchSignature { certificate_der, .. }) = signed.launched_by else { return Ok(None) };
    let peer = PeerCertificate::from_der(&certificate_der)?;
    let (_, name) = peer.member()?;
    let is_operator = store.holders()?.iter().any(|holder| {
        holder.role == Role::Operator && holder.status == "active" && holder.name.as_str() == name
    });
    let authority_der = authority::certificate_der(folder)?;
    let is_vouched = tls::vouches(&authority_der, &certificate_der, now.into()).unwrap_or(false);
    Ok((!is_operator || !is_vouched).then(|| {
        format!(
            "{name}, who queued it, is no operator any more, or the certificate that they signed it with has ended"
        )
    }))
}
