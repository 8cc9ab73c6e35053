//! A run in which each site trains alone, as a baseline: its one round is not averaged, but each update is
//! measured as it is, on the validation set and then on the test set. Pure. Used by `scheduler`, `closing`
//! and `retention`; by `report` and `admin`. Invariants: each site is measured once on each set, in site
//! order; which comes next is a function of the state, so that a restart goes on where it was; what cannot
//! be measured costs the run nothing but that row; nothing is published.

use common::id::SiteId;
use common::run::{RunSpec, Train};

use super::baseline::{Baseline, Baselines, HeldOut};
use super::effect::Effect;
use super::event::Event;
use super::state::{Phase, RunState};

/// Whether each site of this run trains alone.
pub fn is_alone(state: &RunState) -> bool {
    state.launched.spec.train == Train::Alone
}

/// The updates are in: what comes instead of averaging them.
pub(super) fn begin(state: &mut RunState) {
    state.phase = Phase::Evaluating;
    if state.launched.validation.is_none() {
        after(state, HeldOut::Validation);
    }
}

/// The set that is being measured.
fn set_of(phase: &Phase) -> Option<HeldOut> {
    match phase {
        Phase::Evaluating => Some(HeldOut::Validation),
        Phase::Testing => Some(HeldOut::Test),
        _ => None,
    }
}

/// The next measurement; nothing where none is left in this phase, or none belongs to it.
pub(super) fn next(state: &RunState) -> Option<Effect> {
    let (set, record) = set_of(&state.phase).filter(|_| is_alone(state)).zip(state.current())?;
    let is_open = |site: &SiteId| state.alone.get(site).is_none_or(|of| of.on(set).is_none());
    let (site, update) = record.updates.iter().find(|(site, _)| is_open(site))?;
    Some(Effect::MeasureAlone { round: record.round, site: site.clone(), set, adapter: update.digest })
}

/// Notes what a measurement came to, once a site and set. After the last one the run goes on. Returns whether
/// anything changed.
pub(super) fn note(state: &mut RunState, event: &Event) -> bool {
    let Event::AloneMeasured { site, set, outcome } = event else { return false };
    let is_theirs = state.current().is_some_and(|record| record.updates.contains_key(site));
    let is_known = state.alone.get(site).is_some_and(|of| of.on(*set).is_some());
    if !is_alone(state) || set_of(&state.phase) != Some(*set) || !is_theirs || is_known {
        return false;
    }
    let Baselines { validation, test } = state.alone.entry(site.clone()).or_default();
    match set {
        HeldOut::Validation => *validation = Some(outcome.clone()),
        HeldOut::Test => *test = Some(outcome.clone()),
    }
    if next(state).is_none() {
        after(state, *set);
    }
    true
}

/// A set is done.
fn after(state: &mut RunState, set: HeldOut) {
    let is_next = set == HeldOut::Validation && state.launched.test.is_some();
    state.phase = if is_next { Phase::TestPending } else { Phase::Finished };
}

/// What each of so many sites trains in a whole run, in words; with how many train a round where not all do.
pub fn work(spec: &RunSpec, sites: usize) -> String {
    let work = match spec.rounds {
        1 => spec.training.work().to_string(),
        rounds => format!("{rounds} rounds of {}", spec.training.work()),
    };
    match spec.participation {
        Some(of) => format!("{work}, {} of {sites} sites each", of.sites_per_round),
        None => work,
    }
}

/// Every site with an update of this run, and what came of it on a set.
pub fn measured(state: &RunState, set: HeldOut) -> impl Iterator<Item = (&SiteId, Option<&Baseline>)> {
    let updates = state.current().filter(|_| is_alone(state)).map(|record| &record.updates);
    let sites = updates.into_iter().flat_map(|updates| updates.keys());
    sites.map(move |site| (site, state.alone.get(site).and_then(|of| of.on(set))))
}

#[cfg(test)]
pub(crate) mod tests;
