//! Evaluation suites in the journal: asked beside the runs, after a run was over. Pure. Used by
//! `scheduler`; by `execution::beside`, which asks what to measure next; by `report` and `admin::report`.
//! Invariants: nothing waits for them; each is begun a bounded number of times, restarts included, and
//! noted once; they are asked of a run that ended with a final model, and of no other.

use super::measured::{Begun, Forgotten, SuiteOutcome, Wanted};
use super::state::{Phase, RunState};
use crate::limits::{EVALUATION_ATTEMPTS_MAX, SUITE_ATTEMPTS_MAX};

/// The first thing that waits, of a run that is over.
pub fn waiting(state: &RunState) -> Option<Wanted> {
    if !is_asked(state) {
        return None;
    }
    let suite = (0..).zip(&state.launched.suites).map(|(at, _)| at).find(|at| !state.suites.contains_key(at));
    let forgetting = state.launched.spec.evaluation.forgetting && state.forgotten.is_none();
    suite.map(Wanted::Suite).or_else(|| forgetting.then_some(Wanted::Forgetting))
}

/// Whether it is over with a final model, which can be asked.
fn is_asked(state: &RunState) -> bool {
    state.phase == Phase::Finished && state.has_final_model()
}

/// Whether it is over and there is nothing to ask: it failed, was stopped, or adopted nothing.
pub fn is_never_asked(state: &RunState) -> bool {
    state.is_over() && !is_asked(state)
}

/// How often it is begun at most.
pub const fn attempts_max(what: Wanted) -> u32 {
    match what {
        Wanted::Suite(_) => SUITE_ATTEMPTS_MAX,
        Wanted::Forgetting => EVALUATION_ATTEMPTS_MAX,
    }
}

/// Whether this may be begun once more.
pub fn may_begin(state: &RunState, what: Wanted) -> bool {
    begun(state, what) < attempts_max(what)
}

/// How often this was begun, and not noted.
fn begun(state: &RunState, what: Wanted) -> u32 {
    state.begun.filter(|begun| begun.what == what).map_or(0, |begun| begun.attempts)
}

/// Notes that a measurement is about to begin: journalled before it does, so that one that takes the
/// coordinator along is not begun for ever. Returns whether anything changed.
pub(super) fn note_begun(state: &mut RunState, what: Wanted) -> bool {
    let counts = waiting(state) == Some(what) && may_begin(state, what);
    if counts {
        state.begun = Some(Begun { what, attempts: begun(state, what) + 1 });
    }
    counts
}

/// Notes what a suite said. A test set that is measured late changes nothing of it, for the model is the
/// same. Returns whether anything changed.
pub(super) fn note(state: &mut RunState, suite: u32, outcome: &SuiteOutcome) -> bool {
    let is_known = usize::try_from(suite).is_ok_and(|at| at < state.launched.suites.len());
    let counts = is_known && state.has_final_model() && !state.suites.contains_key(&suite);
    if counts {
        state.suites.insert(suite, outcome.clone());
        state.begun = state.begun.filter(|begun| begun.what != Wanted::Suite(suite));
    }
    counts
}

/// Notes what the model forgot. Returns whether anything changed.
pub(super) fn note_forgotten(state: &mut RunState, outcome: &Forgotten) -> bool {
    let counts =
        state.launched.spec.evaluation.forgetting && state.has_final_model() && state.forgotten.is_none();
    if counts {
        state.forgotten = Some(outcome.clone());
        state.begun = None;
    }
    counts
}

#[cfg(test)]
pub(crate) mod tests;
