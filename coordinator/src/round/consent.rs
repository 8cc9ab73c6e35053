//! Who has agreed to a run, and when it may begin: with every site's answer, at the end of the grace period
//! after a quorum has agreed (at once if only sites out of reach have not answered), or at the proposal's
//! deadline; it fails once no quorum can agree any more. Used by `scheduler`, by `state` (who may be handed a
//! round), and by `admin::report`. Pure.
//!
//! Invariants: a site that has not agreed is handed no round; a withdrawal is final, and takes an update out
//! of a round that is still open; a site that changes its mind adds a bounded number of events.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::id::SiteId;

use super::closing;
use super::decision::{Answered, SiteDecision};
use super::missing::Absence;
use super::state::{Failure, Phase, RunState};
use crate::limits::DECISIONS_PER_SITE_MAX;

impl RunState {
    /// Whether this site has agreed to the run. Runs of older versions were not asked about.
    pub fn has_agreed(&self, site: &SiteId) -> bool {
        let answered = self.decisions.get(site);
        !self.launched.needs_approval
            || answered.is_some_and(|answered| answered.decision == SiteDecision::Approved)
    }

    /// Whether the run is to be put before this site.
    pub fn is_proposed_to(&self, site: &SiteId) -> bool {
        let is_final = self.decisions.get(site).is_some_and(|answered| {
            matches!(answered.decision, SiteDecision::Approved | SiteDecision::Withdrawn)
        });
        let takes_part = self.launched.sites.contains(site) && !self.revoked.contains(site);
        let is_asked = !self.is_over() && !self.is_queued();
        self.launched.needs_approval && is_asked && takes_part && !is_final
    }

    /// When a proposed run begins or fails at the latest.
    pub(super) fn proposal_deadline(&self) -> Timestamp {
        let approval = self.launched.spec.approval;
        let asked_at = self.asked_at.unwrap_or(self.launched_at);
        let deadline = asked_at.plus_ms(approval.deadline_s.saturating_mul(1000));
        let graced = self.agreed_at.map(|at| at.plus_ms(approval.grace_s.saturating_mul(1000)));
        graced.map_or(deadline, |graced| graced.min(deadline))
    }
}

/// A site decided. Returns whether that is news.
pub(super) fn decided(state: &mut RunState, site: &SiteId, decision: SiteDecision, now: Timestamp) -> bool {
    // Once the run has begun a no of who took part is a withdrawal: an update that was taken out does not
    // come back.
    let is_leaving =
        state.phase != Phase::Proposed && state.launched.needs_approval && state.has_agreed(site);
    let decision = match decision {
        SiteDecision::Declined | SiteDecision::OutsidePolicy if is_leaving => SiteDecision::Withdrawn,
        decision => decision,
    };
    let before = state.decisions.get(site).copied();
    let changes = before.map_or(0, |before| before.changes.saturating_add(1));
    // After so many changes a no is still heard, and stays.
    let is_no = decision == SiteDecision::Withdrawn
        || before.is_some_and(|before| before.decision == SiteDecision::Approved);
    let is_final = before.is_some_and(|before| {
        before.decision == SiteDecision::Withdrawn || (changes > DECISIONS_PER_SITE_MAX && !is_no)
    });
    let is_news = before.is_none_or(|before| before.decision != decision);
    let takes_part = state.launched.sites.contains(site) && !state.revoked.contains(site);
    let is_asked = state.launched.needs_approval && !state.is_over() && !state.is_queued();
    if !is_asked || !takes_part || is_final || !is_news {
        return false;
    }
    state.decisions.insert(site.clone(), Answered { decision, at: now, changes });
    if decision == SiteDecision::Approved {
        consider(state, now);
        return true;
    }
    taken_out(state, site, now);
    true
}

/// A site takes no part any more: its update in an open round does not count, and a quorum that has become
/// impossible is not waited for. A set that is already being averaged was sealed before.
pub(super) fn taken_out(state: &mut RunState, site: &SiteId, now: Timestamp) {
    consider(state, now);
    if !state.is_open() {
        return;
    }
    if let Some(record) = state.rounds.last_mut() {
        record.updates.remove(site);
    }
    if possible(state) < state.launched.spec.quorum.sites {
        closing::fail_early(state);
    } else {
        closing::consider(state, now);
    }
}

/// Whether fewer sites than the quorum have agreed and may take part now.
pub(super) fn is_short(state: &RunState) -> bool {
    state.launched.needs_approval && agreed(state) < state.launched.spec.quorum.sites
}

/// Whether no quorum can come together any more.
pub(super) fn is_hopeless(state: &RunState) -> bool {
    state.launched.needs_approval && possible(state) < state.launched.spec.quorum.sites
}

/// Somebody left before the first round: the proposal goes on as if the coordinator had just been started.
pub(super) fn ask_again(state: &mut RunState, now: Timestamp) {
    state.phase = Phase::Proposed;
    begin_anew(state, now);
    consider(state, now);
}

/// Sites could not reach us while we were down: they have the whole time to decide again.
pub(super) fn begin_anew(state: &mut RunState, now: Timestamp) {
    state.asked_at = Some(now);
    state.agreed_at = state.agreed_at.map(|at| at.max(now));
}

/// After whatever may have completed the agreement: begins the run, or fails it.
pub(super) fn consider(state: &mut RunState, now: Timestamp) {
    if state.phase != Phase::Proposed {
        return;
    }
    let needed = state.launched.spec.quorum.sites;
    let reached = agreed(state) >= needed;
    state.agreed_at = reached.then(|| state.agreed_at.unwrap_or(now));
    if possible(state) < needed {
        fail(state);
    } else if reached && unanswered(state).next().is_none() {
        state.phase = Phase::MeasuringBase;
    }
}

/// These sites are out of reach: begins the run if a quorum has agreed and only they are waited for. Returns
/// whether it did.
pub(super) fn without(state: &mut RunState, sites: &BTreeMap<SiteId, Absence>) -> bool {
    let all = unanswered(state).all(|site| sites.contains_key(site));
    if state.phase != Phase::Proposed || agreed(state) < state.launched.spec.quorum.sites || !all {
        return false;
    }
    state.phase = Phase::MeasuringBase;
    true
}

/// Time passed. Returns whether the proposal ended.
pub(super) fn expire(state: &mut RunState, now: Timestamp) -> bool {
    if state.phase != Phase::Proposed || now < state.proposal_deadline() {
        return false;
    }
    if agreed(state) >= state.launched.spec.quorum.sites {
        state.phase = Phase::MeasuringBase;
    } else {
        fail(state);
    }
    true
}

/// The run ends because too few agree.
pub(super) fn fail(state: &mut RunState) {
    let count = |items: usize| u32::try_from(items).unwrap_or(u32::MAX);
    let (agreed, needed) = (count(agreed(state)), count(state.launched.spec.quorum.sites));
    state.phase = Phase::Failed(Failure::NotAgreed { agreed, needed });
}

/// Sites that have agreed and may take part now.
fn agreed(state: &RunState) -> usize {
    state.launched.sites.iter().filter(|site| !state.is_left_out(site)).count()
}

/// Sites that have agreed or may still do so.
fn possible(state: &RunState) -> usize {
    let is_possible = |site: &&SiteId| {
        !state.revoked.contains(*site) && (state.has_agreed(site) || !state.decisions.contains_key(*site))
    };
    state.launched.sites.iter().filter(is_possible).count()
}

/// Sites whose answer is waited for.
pub fn unanswered(state: &RunState) -> impl Iterator<Item = &SiteId> {
    state.launched.sites.iter().filter(|site| {
        !state.decisions.contains_key(*site)
            && ![&state.revoked, &state.excluded, &state.paused].iter().any(|out| out.contains(*site))
    })
}

#[cfg(test)]
mod tests;
