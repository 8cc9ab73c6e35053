//! What each site says of a run's result on records that it held back itself, in the journal: after a run was
//! over. Pure. Used by `scheduler`; by `requests`, which asks a site and takes its word; by `report` and
//! `admin::report`. Invariants: nothing waits for it; a site is asked until it has said something or a
//! round's deadline has passed since the end; it is noted once a site. It is that site's own claim: nobody
//! else has its records.

use common::clock::Timestamp;
use common::id::SiteId;

use super::extension;
use super::said::Said;
use super::state::{Phase, RunState};

/// Until when sites of this run are asked; nothing where its terms do not ask, or it is not over with a
/// model. While a test set is measured late nobody is asked; then those are that have said nothing yet.
pub fn asked_until(state: &RunState) -> Option<Timestamp> {
    let is_asked = state.launched.spec.evaluation.sites.score
        && state.phase == Phase::Finished
        && state.has_final_model();
    let ended_at = state.ended_at.filter(|_| is_asked)?;
    Some(ended_at.plus_ms(extension::deadline_ms(state)))
}

/// Whether this site is one that can be asked: it takes part, and an update of it was counted. Others answer
/// nothing, so that no model is measured without a round.
pub fn takes_part(state: &RunState, site: &SiteId) -> bool {
    state.launched.spec.evaluation.sites.score
        && state.launched.sites.contains(site)
        && !state.is_left_out(site)
        && state.rounds.iter().any(|record| record.updates.contains_key(site))
}

/// Whether this site is asked now.
pub fn waits_for(state: &RunState, site: &SiteId, now: Timestamp) -> bool {
    let is_time = asked_until(state).is_some_and(|until| now < until);
    is_time && takes_part(state, site) && !state.own_scores.contains_key(site)
}

/// Notes what a site said. Returns whether anything changed.
pub(super) fn note(state: &mut RunState, site: &SiteId, said: &Said, now: Timestamp) -> bool {
    let counts = waits_for(state, site, now);
    if counts {
        state.own_scores.insert(site.clone(), *said);
    }
    counts
}

#[cfg(test)]
pub(crate) mod tests;
