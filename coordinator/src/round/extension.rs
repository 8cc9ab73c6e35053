//! More time for the round that is open: the operator moves its deadline. Pure. Used by `scheduler`, which
//! applies the event; by `admin::runs`, which asks whether it may be;
//! by `admin::report`. Invariants: a deadline only moves away, and in all by a bounded time; what was given
//! stands through a restart.

use common::id::Round;

use super::extended::Extension;
use super::state::{Phase, RunState};
use crate::limits::EXTENSION_MS_MAX;

/// Gives the open round more time. Returns whether it is this one, and within bounds.
pub(super) fn extend(state: &mut RunState, round: Round, by_ms: u64) -> bool {
    let is_open = state.is_open();
    let record = state.rounds.last_mut().filter(|record| is_open && record.round == round);
    let Some(record) = record.filter(|record| by_ms > 0 && by_ms <= left_ms(record.extension)) else {
        return false;
    };
    record.deadline = record.deadline.plus_ms(by_ms);
    record.extension.deadline_ms = record.extension.deadline_ms.saturating_add(by_ms);
    if record.quorum_at.is_some() {
        record.extension.grace_ms = record.extension.grace_ms.saturating_add(by_ms);
    }
    true
}

/// How much more a round may be given.
#[must_use]
pub fn left_ms(given: Extension) -> u64 {
    EXTENSION_MS_MAX.saturating_sub(given.deadline_ms)
}

/// Why a run has no round that could be given more time, as the end of a sentence about it; `None` where one
/// is open.
#[must_use]
pub fn why_not(state: &RunState) -> Option<String> {
    let round = state.current().map_or(0, |record| record.round.0);
    Some(match state.phase {
        Phase::Announced | Phase::Collecting => return None,
        Phase::Proposed => "waits for its sites to agree, and no round is open".to_owned(),
        Phase::MeasuringBase => "measures its base model, and no round is open yet".to_owned(),
        Phase::Aggregating | Phase::Evaluating | Phase::Publishing => {
            format!("has closed round {round}, and the next one is not open yet")
        }
        Phase::TestPending | Phase::Testing => "has closed its last round".to_owned(),
        Phase::Finished | Phase::Failed(_) => "is over, and has no open round".to_owned(),
    })
}

#[cfg(test)]
mod tests;
