//! Own scores by example: who is asked, until when, what is noted, and that a replay says the same.

use std::collections::BTreeSet;

use common::id::{Digest, Round};
use common::wire::own_scores::{Measured, NoScores, OwnScores};

use super::super::event::Event;
use super::super::said::Silence;
use super::super::scheduler::{
    self,
    tests::{aggregated, launched_run},
};
use super::super::state::Score;
use super::*;

/// A gain of so much, with an interval of 0.2 on both sides.
pub(crate) fn said(gain: f64) -> OwnScores {
    OwnScores::Measured(Measured::of(40, 5.0, 5.0 - gain, [gain - 0.2, gain + 0.2]))
}

/// A run of one round and two sites that asks, up to its end at time 1; its deadline is 60 s.
pub(crate) fn finished() -> RunState {
    let mut launched = launched_run(2, 1, 1);
    launched.test = None;
    launched.spec.evaluation.sites.score = true;
    let mut state = RunState::launched(launched, Timestamp(0));
    let score = || Score::Unevaluated { reason: String::new() };
    let (round, digest) = (Round(1), Digest::of(b"update"));
    let update = |index: usize| Event::UpdateStored {
        round,
        site: format!("site-{index}").parse().unwrap(),
        digest,
        bytes: 1,
        records: 100,
    };
    for event in [
        Event::BaseScored { score: score(), initial: None },
        update(0),
        update(1),
        aggregated(round, digest),
        Event::Scored { round, score: score() },
        Event::RoundPublished { round },
    ] {
        assert_eq!(asked_until(&state), None, "before {event:?}");
        state = scheduler::step(state, &event, Timestamp(1)).0;
    }
    state
}

fn site(index: usize) -> SiteId {
    format!("site-{index}").parse().unwrap()
}

#[test]
fn a_site_is_asked_until_it_has_said_something_and_is_noted_once() {
    let mut state = finished();
    assert_eq!(asked_until(&state), Some(Timestamp(60_001)));
    assert!(
        waits_for(&state, &site(0), Timestamp(60_000)) && !waits_for(&state, &site(0), Timestamp(60_001))
    );
    assert!(!waits_for(&state, &"stranger".parse().unwrap(), Timestamp(2)));
    let event = Event::SiteScored { site: site(0), said: said(0.7).into() };
    let body = serde_json::to_string(&event).unwrap();
    let read: Event = serde_json::from_str(&body).unwrap();
    state = scheduler::step(state, &read, Timestamp(5)).0;
    assert!(!waits_for(&state, &site(0), Timestamp(6)) && waits_for(&state, &site(1), Timestamp(6)));
    assert_eq!(state.ended_at, Some(Timestamp(1)), "the run was over before");
    let other = Event::SiteScored { site: site(0), said: said(-0.7).into() };
    let stranger = Event::SiteScored { site: "stranger".parse().unwrap(), said: said(0.7).into() };
    let late = Event::SiteScored { site: site(1), said: said(0.7).into() };
    for (event, at) in [(read, 6), (other, 6), (stranger, 6), (late, 60_001)] {
        assert_eq!(scheduler::step(state.clone(), &event, Timestamp(at)).0, state, "{event:?}");
    }
    let silent = Event::SiteScored { site: site(1), said: OwnScores::NotMeasured(NoScores::TooFew).into() };
    state = scheduler::step(state, &silent, Timestamp(60_000)).0;
    assert_eq!(state.own_scores[&site(1)], Said::NotMeasured(Silence::TooFew));
    let written = serde_json::to_string(&state).unwrap();
    assert_eq!(serde_json::from_str::<RunState>(&written).unwrap(), state);
}

#[test]
fn nobody_is_asked_by_a_run_that_does_not_ask_or_did_not_end_well_or_in_which_it_did_not_count() {
    let asks = |change: fn(&mut RunState)| {
        let mut state = finished();
        change(&mut state);
        waits_for(&state, &site(0), Timestamp(2))
    };
    assert!(asks(|_| {}));
    assert!(!asks(|it| it.launched.spec.evaluation.sites.score = false));
    assert!(!asks(|it| it.phase = Phase::Failed(super::super::state::Failure::Stopped)));
    assert!(!asks(|it| it.rounds[0].published_at = None));
    assert!(asks(|it| it.test.attempt = 1), "a late test is over: who has said nothing is asked");
    assert!(!asks(|it| it.phase = Phase::TestPending));
    assert!(!asks(|it| it.launched.needs_approval = true), "it has agreed to nothing");
    assert!(!asks(|it| it.rounds[0].updates.clear()), "it took part in nothing");
    assert!(!asks(|it| it.revoked = BTreeSet::from([site(0)])));
    assert!(!asks(|it| it.excluded = BTreeSet::from([site(0)])));
}
