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
    use common::id::Digest;

    use super::*;
    use crate::round::event::Event;
    use crate::round::scheduler::tests::{aggregated, launched_run, measured};
    use crate::round::scheduler::{launch, replay, step};
    use crate::round::state::{Failure, Phase};

    /// A run whose events are kept, so that its replay is compared each time.
    struct Live(RunState, Vec<(Event, Timestamp)>);

    impl Live {
        fn new(rounds: u32) -> Self {
            let (state, _) = launch(launched_run(2, 2, rounds), Timestamp(0));
            let launched = Event::Launched { launched: Box::new(state.launched.clone()) };
            Self(state, vec![(launched, Timestamp(0))])
        }

        /// Returns whether it changed anything.
        fn happens(&mut self, event: Event) -> bool {
            let now = Timestamp(self.1.len() as u64);
            let next = step(self.0.clone(), &event, now).0;
            let changed = next != self.0;
            if changed {
                self.0 = next;
                self.1.push((event, now));
            }
            assert_eq!(replay(self.1.iter().map(|(event, at)| (event, *at))).as_ref(), Some(&self.0));
            changed
        }

        /// Both sites deliver, and the round is measured and published.
        fn goes_through(&mut self, round: Round) {
            for site in self.0.launched.sites.clone() {
                let digest = Digest::of(site.as_str().as_bytes());
                self.happens(Event::UpdateStored { round, site, digest, bytes: 1, records: 10 });
            }
            self.happens(aggregated(round, Digest::of(b"mean")));
            self.happens(Event::Scored { round, score: measured(2.0) });
            self.happens(Event::RoundPublished { round });
        }
    }

    fn stop(round: u32) -> Event {
        Event::StopAfterRound { round: Round(round) }
    }

    #[test]
    fn the_open_round_is_published_and_no_other_one_announced() {
        let mut live = Live::new(3);
        assert!(!live.happens(stop(1)), "no round is open yet");
        live.happens(Event::BaseScored { score: measured(3.0), initial: None });
        assert_eq!(live.0.may_stop_after(), Some(Round(1)));
        assert!(!live.happens(stop(2)), "another round is not the open one");
        assert!(live.happens(stop(1)) && !live.happens(stop(1)), "twice is once");
        live.goes_through(Round(1));
        assert_eq!(live.0.phase, Phase::Failed(Failure::Stopped));
        assert_eq!((live.0.rounds.len(), live.0.published()), (1, 1));
        assert_eq!(live.0.may_stop_after(), None);
    }

    #[test]
    fn a_run_that_nobody_stops_goes_on_and_one_in_its_last_round_ends_by_itself() {
        let mut live = Live::new(2);
        live.happens(Event::BaseScored { score: measured(3.0), initial: None });
        live.goes_through(Round(1));
        assert_eq!(live.0.rounds.len(), 2);
        assert!(!live.happens(stop(1)), "it is through");
        assert!(!live.happens(stop(2)), "nothing comes after it");
    }
}
