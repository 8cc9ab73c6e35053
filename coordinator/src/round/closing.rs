//! When a round ends: with every site that takes part, with a quorum after its grace period, at the deadline,
//! or without a quorum. Used by `scheduler`, which asks after each event. Pure. Invariants: only an event
//! ends a round, never time alone, so that a replay ends it where it ended; whoever does not count is named.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::id::SiteId;

use super::alone;
use super::extension;
use super::missing::{Absence, Missing};
use super::participation;
use super::state::{Failure, Phase, RoundRecord, RunState};

/// After an event that may have completed the round: closes it if nobody is waited for any more.
pub(super) fn consider(state: &mut RunState, now: Timestamp) {
    if !state.is_open() {
        return;
    }
    let reached = has_quorum(state);
    let complete = state.waited_for().next().is_none();
    if let Some(record) = state.rounds.last_mut() {
        record.quorum_at = reached.then(|| record.quorum_at.unwrap_or(now));
    }
    if reached && complete {
        close(state, now);
    }
}

/// These sites are out of reach: closes the round if only they are waited for. Returns whether it did.
pub(super) fn without(state: &mut RunState, sites: &BTreeMap<SiteId, Absence>, now: Timestamp) -> bool {
    let all = state.waited_for().all(|site| sites.contains_key(site));
    if !state.is_open() || !has_quorum(state) || !all {
        return false;
    }
    if let Some(record) = state.rounds.last_mut() {
        record.absent = sites.clone();
    }
    close(state, now);
    true
}

/// At the end of the grace period a round with a quorum goes on without the stragglers; at the deadline it
/// does, waits for others that can be chosen, or fails. Returns whether anything changed.
pub(super) fn expire(state: &mut RunState, now: Timestamp) -> bool {
    if !state.is_open() || state.next_deadline().is_none_or(|deadline| now < deadline) {
        return false;
    }
    if has_quorum(state) {
        close(state, now);
    } else if !participation::go_beside(state, now) {
        fail(state, IsEarly(false));
    }
    true
}

/// Sites could not reach us while we were down: the round in progress gets its full deadline again, and its
/// full grace period.
pub(super) fn begin_anew(state: &mut RunState, now: Timestamp) {
    extension::begin_anew(state, now);
    if let Some(record) = state.rounds.last_mut() {
        record.quorum_at = record.quorum_at.map(|at| at.max(now));
    }
}

/// Whether a round ends before its time: then nobody is late.
#[derive(Debug, Clone, Copy)]
struct IsEarly(bool);

/// A quorum has become impossible: the round ends at once, and the run with it.
pub(super) fn fail_early(state: &mut RunState) {
    fail(state, IsEarly(true));
}

/// The round ends without a quorum, and the run with it.
fn fail(state: &mut RunState, is_early: IsEarly) {
    name_missing(state, is_early);
    let updates = state.current().map_or(0, |record| record.updates.len());
    let needed = state.launched.spec.quorum.sites;
    let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
    state.phase = Phase::Failed(Failure::QuorumNotMet { updates: count(updates), needed: count(needed) });
}

fn has_quorum(state: &RunState) -> bool {
    state.current().is_some_and(|record| record.updates.len() >= state.launched.spec.quorum.sites)
}

fn close(state: &mut RunState, now: Timestamp) {
    name_missing(state, IsEarly(false));
    if let Some(record) = state.rounds.last_mut() {
        record.closed_at = Some(now);
        state.phase = Phase::Aggregating;
    }
    if alone::is_alone(state) {
        alone::begin(state);
    }
}

fn name_missing(state: &mut RunState, is_early: IsEarly) {
    let Some(record) = state.current() else { return };
    // Whoever rests in this round misses nothing.
    let is_missing = |site: &&SiteId| record.is_chosen(site) && !record.updates.contains_key(*site);
    let sites = state.launched.sites.iter().filter(is_missing);
    let missing = sites.map(|site| (site.clone(), why(state, record, site, is_early))).collect();
    if let Some(record) = state.rounds.last_mut() {
        record.missing = missing;
    }
}

fn why(state: &RunState, record: &RoundRecord, site: &SiteId, is_early: IsEarly) -> Missing {
    let decision = state.decisions.get(site).map(|answered| answered.decision);
    if state.revoked.contains(site) {
        Missing::Revoked
    } else if state.excluded.contains(site) {
        Missing::Excluded
    } else if state.paused.contains(site) {
        Missing::Paused
    } else if !state.has_agreed(site) {
        Missing::NotAgreed(decision)
    } else if let Some(code) = record.failed.get(site) {
        Missing::Failed(code.clone())
    } else if let Some(absence) = record.absent.get(site) {
        Missing::Absent(*absence)
    } else if is_early.0 {
        Missing::RunFailed
    } else if record.ready.contains_key(site) {
        Missing::Late
    } else {
        Missing::NotReady
    }
}

#[cfg(test)]
mod tests;
