//! The part of the machine that says, once in a run's life and after it is over, how its result does on the
//! records that this site held back. Called by `Agent::step`. Invariants: nothing is measured that is known
//! already; a measurement that fails is begun again a bounded number of times, and then that is said.

use common::wire::message::{RoundKey, TrainFailure};
use common::wire::own_scores::{NoScores, OwnScores};

use super::{Agent, Assignment, Effect, Event, Phase, is_worth_another_try};

impl Agent {
    /// What fits no phase of a round; of no phase at all it changes nothing.
    pub(super) fn scoring(self, event: Event) -> (Self, Vec<Effect>) {
        match (self.phase, event) {
            (Phase::Idle, Event::Asked { assignment }) => {
                self.to(Phase::FetchingResult(assignment), vec![Effect::FetchResult(assignment)])
            }
            (Phase::FetchingResult(at), event) => self.fetching_result(at, event),
            (Phase::Measuring(at), event) => self.measuring(at, event),
            (Phase::Saying(key, said), event) => self.saying(key, said, event),
            _ => (self, vec![]),
        }
    }

    /// While the result is being fetched.
    fn fetching_result(self, at: Assignment, event: Event) -> (Self, Vec<Effect>) {
        match event {
            Event::Fetched => self.to(Phase::Measuring(at), vec![Effect::Measure(at)]),
            Event::Scored { key, said } if key == at.key => self.say(key, said),
            Event::FetchFailed | Event::Refused { .. } | Event::TermsRefused => self.idle_after_pause(),
            _ => (self, vec![]),
        }
    }

    /// While the worker measures, or is being started again.
    fn measuring(self, at: Assignment, event: Event) -> (Self, Vec<Effect>) {
        match event {
            Event::Scored { key, said } if key == at.key => self.say(key, said),
            Event::TrainingFailed { key, reason, failures } if key == at.key => {
                if is_worth_another_try(reason) && failures < self.failures_max {
                    self.to(Phase::Measuring(at), vec![Effect::Pause, Effect::Measure(at)])
                } else {
                    self.give_up_measuring(key, reason)
                }
            }
            Event::WorkerGone { failures } if failures >= self.failures_max => {
                self.give_up_measuring(at.key, TrainFailure::WorkerFailed)
            }
            Event::WorkerStarted => self.to(Phase::Measuring(at), vec![Effect::Measure(at)]),
            _ => (self, vec![]),
        }
    }

    /// While it is said: noted, not now, or not any more.
    fn saying(self, key: RoundKey, said: OwnScores, event: Event) -> (Self, Vec<Effect>) {
        match event {
            Event::Noted => self.to(Phase::Idle, vec![Effect::Poll]),
            Event::Refused { refusal } if refusal.is_retryable() => {
                (self, vec![Effect::Pause, Effect::Say { key, said }])
            }
            Event::Refused { .. } => self.idle_after_pause(),
            _ => (self, vec![]),
        }
    }

    fn give_up_measuring(self, key: RoundKey, reason: TrainFailure) -> (Self, Vec<Effect>) {
        let why = match reason {
            TrainFailure::NotAllowed => NoScores::NotAllowed,
            TrainFailure::NoRecords => NoScores::NoHeldOut,
            _ => NoScores::Failed,
        };
        let (agent, mut effects) = self.say(key, OwnScores::NotMeasured(why));
        effects.insert(0, Effect::Abandon(key));
        (agent, effects)
    }

    fn say(self, key: RoundKey, said: OwnScores) -> (Self, Vec<Effect>) {
        self.to(Phase::Saying(key, said), vec![Effect::Say { key, said }])
    }
}

#[cfg(test)]
mod tests {
    use common::id::{Digest, Round, RunId};
    use common::wire::message::{Refusal, Work};
    use common::wire::own_scores::Measured;

    use super::*;

    const KEY: RoundKey = RoundKey { run: RunId([1; 8]), round: Round(0) };

    fn at() -> Assignment {
        let (manifest, adapter) = (Digest([2; 32]), Digest([3; 32]));
        Assignment { key: KEY, manifest, manifest_bytes: 7, adapter, adapter_bytes: 9 }
    }

    fn said() -> OwnScores {
        OwnScores::Measured(Measured::of(25, 5.0, 4.0, [0.5, 1.5]))
    }

    /// The effects of the last event.
    fn after(events: &[Event]) -> (Agent, Vec<Effect>) {
        let begin = (Agent::new(2), vec![]);
        events.iter().fold(begin, |(agent, _), event| agent.step(*event))
    }

    fn asked() -> Event {
        let work = Work::Measure {
            run: KEY.run,
            manifest: at().manifest,
            manifest_bytes: 7,
            adapter: at().adapter,
            adapter_bytes: 9,
        };
        Event::of_work(work, |_| Err("no round was named")).unwrap()
    }

    #[test]
    fn the_result_is_fetched_measured_and_said_once() {
        assert_eq!(after(&[asked()]).1, [Effect::FetchResult(at())]);
        assert_eq!(after(&[asked(), Event::Fetched]).1, [Effect::Measure(at())]);
        let scored = Event::Scored { key: KEY, said: said() };
        let say = Effect::Say { key: KEY, said: said() };
        assert_eq!(after(&[asked(), Event::Fetched, scored]).1, [say]);
        assert_eq!(after(&[asked(), scored]).1, [say], "known already: nothing is measured");
        assert_eq!(after(&[asked(), scored, Event::Noted]).1, [Effect::Poll]);
        let full = Event::Refused { refusal: Refusal::StorageFull };
        assert_eq!(after(&[asked(), scored, full]).1, [Effect::Pause, say]);
        let late = Event::Refused { refusal: Refusal::RoundClosed };
        assert_eq!(after(&[asked(), scored, late]).1, [Effect::Pause, Effect::Poll]);
        let other = Event::Scored { key: RoundKey { run: RunId([9; 8]), ..KEY }, said: said() };
        assert_eq!(after(&[asked(), Event::Fetched, other]).1, [], "not of this run");
        assert_eq!(after(&[scored]).1, [], "nobody asked");
    }

    #[test]
    fn a_measurement_that_fails_is_begun_again_and_then_said_to_have_failed() {
        let gone = |failures| Event::WorkerGone { failures };
        assert_eq!(after(&[asked(), Event::Fetched, gone(1)]).1, []);
        assert_eq!(
            after(&[asked(), Event::Fetched, gone(1), Event::WorkerStarted]).1,
            [Effect::Measure(at())]
        );
        let failed = OwnScores::NotMeasured(NoScores::Failed);
        let given_up = [Effect::Abandon(KEY), Effect::Say { key: KEY, said: failed }];
        assert_eq!(after(&[asked(), Event::Fetched, gone(2)]).1, given_up);
        let of = |reason, failures| Event::TrainingFailed { key: KEY, reason, failures };
        let again = [Effect::Pause, Effect::Measure(at())];
        assert_eq!(after(&[asked(), Event::Fetched, of(TrainFailure::OutOfMemory, 1)]).1, again);
        assert_eq!(after(&[asked(), Event::Fetched, of(TrainFailure::BaseUnreadable, 1)]).1, given_up);
        let refused = OwnScores::NotMeasured(NoScores::NotAllowed);
        let effects = after(&[asked(), Event::Fetched, of(TrainFailure::NotAllowed, 1)]).1;
        assert_eq!(effects[1], Effect::Say { key: KEY, said: refused });
    }

    #[test]
    fn a_withdrawal_and_the_end_of_the_hours_stop_the_worker() {
        for event in [Event::Hindered, Event::HoursEnded] {
            let (agent, effects) = after(&[asked(), Event::Fetched, event]);
            assert_eq!(agent.phase, Phase::Idle);
            assert_eq!(effects, [Effect::Abandon(KEY), Effect::Pause, Effect::Poll], "{event:?}");
        }
        assert_eq!(after(&[asked(), Event::Hindered]).1, [Effect::Pause, Effect::Poll]);
    }
}
