//! A run that an operator has end after its open round. Pure. Used by `scheduler`, and by `admin`, which says
//! why a run cannot. Invariants: the round is finished as any other; nothing is announced behind it; a run in
//! its last round ends by itself.

use common::id::Round;

use super::state::RunState;

impl RunState {
    /// The round after which an operator may have it end: one that is not through, and not the last.
    pub fn may_stop_after(&self) -> Option<Round> {
        let announced = u32::try_from(self.rounds.len()).unwrap_or(u32::MAX);
        let is_through = self.is_over() || self.gone_through() >= announced;
        let round = self.current()?.round;
        (!is_through && round.0 < self.launched.spec.rounds).then_some(round)
    }
}

/// It is to end after this round. Returns whether that is new.
pub(super) fn stop_after(state: &mut RunState, round: Round) -> bool {
    let may = state.may_stop_after() == Some(round) && state.stops_after != Some(round);
    if may {
        state.stops_after = Some(round);
    }
    may
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;

    use super::*;
    use crate::round::event::Event;
    use crate::round::scheduler::{self, tests::launched_run};

    #[test]
    fn a_run_without_an_open_round_and_one_in_its_last_round_cannot() {
        let (waiting, _) = scheduler::launch(launched_run(2, 2, 3), Timestamp(1));
        let event = Event::StopAfterRound { round: Round(1) };
        let at = |state: &RunState| scheduler::step(state.clone(), &event, Timestamp(9)).0;
        if waiting.rounds.is_empty() {
            assert_eq!((waiting.may_stop_after(), at(&waiting).stops_after), (None, None));
        }
        let (last, _) = scheduler::launch(launched_run(2, 2, 1), Timestamp(1));
        assert_eq!((last.may_stop_after(), at(&last).stops_after), (None, None));
        let stopped = scheduler::step(waiting, &Event::Stopped, Timestamp(2)).0;
        assert_eq!((stopped.may_stop_after(), at(&stopped).stops_after), (None, None));
    }
}
