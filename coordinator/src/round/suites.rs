//! Evaluation suites in the journal: asked beside the runs, after a run was over. Pure. Used by `scheduler`;
//! by `execution::beside`, which asks what to measure next; by `report` and `admin::report`. Invariants:
//! nothing waits for them; each is noted once; they are asked of a run that ended with a final model, and of
//! no other.

use super::measured::{Forgotten, SuiteOutcome};
use super::state::{Phase, RunState};

/// What is still to be measured of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The suite at this place.
    Suite(u32),
    /// What the model forgot.
    Forgetting,
}

/// The first thing that waits, of a run that is over.
pub fn waiting(state: &RunState) -> Option<Wanted> {
    if state.phase != Phase::Finished || !state.has_final_model() {
        return None;
    }
    let suite = (0..).zip(&state.launched.suites).map(|(at, _)| at).find(|at| !state.suites.contains_key(at));
    let forgetting = state.launched.spec.evaluation.forgetting && state.forgotten.is_none();
    suite.map(Wanted::Suite).or_else(|| forgetting.then_some(Wanted::Forgetting))
}

/// Notes what a suite said. A test set that is measured late changes nothing of it, for the model is the
/// same. Returns whether anything changed.
pub(super) fn note(state: &mut RunState, suite: u32, outcome: &SuiteOutcome) -> bool {
    let is_known = usize::try_from(suite).is_ok_and(|at| at < state.launched.suites.len());
    let counts = is_known && state.has_final_model() && !state.suites.contains_key(&suite);
    if counts {
        state.suites.insert(suite, outcome.clone());
    }
    counts
}

/// Notes what the model forgot. Returns whether anything changed.
pub(super) fn note_forgotten(state: &mut RunState, outcome: &Forgotten) -> bool {
    let counts =
        state.launched.spec.evaluation.forgetting && state.has_final_model() && state.forgotten.is_none();
    if counts {
        state.forgotten = Some(outcome.clone());
    }
    counts
}

#[cfg(test)]
pub(crate) mod tests;
