//! Runs that wait for their turn: which begins next, and how it does. Pure. Used by `execution::driver`,
//! which lets one begin when no run is going and nothing is left to measure, and by `scheduler`, which
//! applies it.
//! Invariants: one that is in the queue is handed to no site; of two operators neither waits behind all that
//! the other one has queued.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::id::{RunId, SiteId};

use super::launched::{Queued, Sent};
use super::state::{Phase, RunState, first_phase};

/// The run that begins next: of the operator whose last queued run began longest ago, or none yet, the one
/// that waits longest.
#[must_use]
pub fn next<'a>(states: impl Iterator<Item = &'a RunState> + Clone) -> Option<RunId> {
    let last = |by: Queued| {
        let begun = states.clone().filter(|state| state.launched.queued == Some(by));
        begun.filter_map(|state| state.left_queue_at).max().unwrap_or(Timestamp(0))
    };
    let waiting = states.clone().filter(|state| state.is_queued());
    let turn = |state: &&RunState| {
        (last(state.launched.queued.unwrap_or_default()), state.launched_at, state.launched.run)
    };
    waiting.min_by_key(turn).map(|state| state.launched.run)
}

/// It is its turn: from now on its sites are asked. Returns whether it waited.
pub(super) fn left(
    state: &mut RunState,
    sent_before: &BTreeMap<SiteId, Sent>,
    test_openings_before: u32,
    now: Timestamp,
) -> bool {
    if state.phase != Phase::Queued {
        return false;
    }
    state.launched.sent_before.clone_from(sent_before);
    state.launched.test_openings_before = test_openings_before;
    state.phase = first_phase(&state.launched);
    (state.left_queue_at, state.asked_at) = (Some(now), Some(now));
    true
}

#[cfg(test)]
mod tests {
    use common::id::Digest;

    use super::*;
    use crate::round::event::Event;
    use crate::round::scheduler::{self, tests::launched_run};

    fn queued(number: u8, by: Option<&str>, at: u64) -> RunState {
        let mut launched = launched_run(2, 2, 1);
        launched.run = RunId([number; 8]);
        launched.needs_approval = true;
        launched.queued = Some(Queued { by: by.map(|name| Digest::of(name.as_bytes())) });
        scheduler::launch(launched, Timestamp(at)).0
    }

    fn leave(states: &mut [RunState], at: u64) -> Option<u8> {
        let run = next(states.iter())?;
        let state = states.iter_mut().find(|state| state.launched.run == run)?;
        let event = Event::LeftQueue { sent_before: BTreeMap::new(), test_openings_before: 0 };
        *state = scheduler::step(state.clone(), &event, Timestamp(at)).0;
        assert_eq!((&state.phase, state.asked_at), (&Phase::Proposed, Some(Timestamp(at))));
        Some(run.0[0])
    }

    #[test]
    fn operators_take_turns_and_each_ones_runs_begin_as_they_were_launched() {
        let mut states: Vec<RunState> = [
            (1, Some("anna"), 10),
            (2, Some("anna"), 20),
            (3, Some("anna"), 30),
            (4, Some("otto"), 40),
            (5, None, 50),
        ]
        .map(|(number, by, at)| queued(number, by, at))
        .into();
        let order: Vec<u8> = (100..105).filter_map(|at| leave(&mut states, at)).collect();
        assert_eq!(order, [1, 4, 5, 2, 3]);
        assert_eq!(next(states.iter()), None);
    }

    #[test]
    fn a_run_in_the_queue_waits_for_nothing_else_and_may_be_stopped() {
        let state = queued(1, None, 10);
        assert_eq!((state.next_deadline(), scheduler::pending(&state).len()), (None, 0));
        let site = state.launched.sites[0].clone();
        assert!(!state.is_proposed_to(&site));
        let decision = crate::round::decision::SiteDecision::Approved;
        let yes = Event::SiteDecided { site, decision };
        for event in [yes, Event::Tick, Event::Restarted] {
            assert_eq!(scheduler::step(state.clone(), &event, Timestamp(20)).0, state, "{event:?}");
        }
        let stopped = scheduler::step(state, &Event::Stopped, Timestamp(20)).0;
        assert!(stopped.is_over() && next([&stopped].into_iter()).is_none());
        let event = Event::LeftQueue { sent_before: BTreeMap::new(), test_openings_before: 0 };
        assert_eq!(scheduler::step(stopped.clone(), &event, Timestamp(30)).0, stopped);
    }

    #[test]
    fn what_arrived_and_was_opened_while_it_waited_is_not_of_this_run() {
        let mut state = queued(1, None, 10);
        let (site, sent) = (state.launched.sites[0].clone(), Sent { frames: 7, bytes: 900 });
        assert!(left(&mut state, &BTreeMap::from([(site.clone(), sent)]), 3, Timestamp(50)));
        assert_eq!((state.launched.sent_before[&site], state.launched.test_openings_before), (sent, 3));
        assert_eq!(state.order(), (false, Timestamp(50), Timestamp(10)));
    }
}
