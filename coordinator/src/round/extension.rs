//! More time for the round that is open: the operator moves its deadline, or it begins anew. Pure. Used by
//! `scheduler`, which applies the event; by `closing`, `participation` and `own_scores`; by `admin::runs`,
//! which asks whether it may be; by `admin::report`. Invariants: a deadline only moves away; what the
//! operator gives is bounded in all, and stands through a restart.

use common::clock::Timestamp;
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

/// How long a round may take.
pub(super) fn deadline_ms(state: &RunState) -> u64 {
    state.launched.spec.quorum.deadline_s.saturating_mul(1000)
}

/// The round in progress has the run file's deadline from now on, or a later one where it had that.
pub(super) fn begin_anew(state: &mut RunState, now: Timestamp) {
    let deadline = now.plus_ms(deadline_ms(state));
    if let Some(record) = state.rounds.last_mut() {
        record.deadline = record.deadline.max(deadline);
    }
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
        Phase::Queued => "waits for its turn, and no round is open".to_owned(),
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
