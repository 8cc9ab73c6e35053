//! Suites by example: when they are asked, what is noted, and that a replay says the same.

use common::clock::Timestamp;
use common::id::{Digest, Round};

use super::super::event::Event;
use super::super::launched::{PinnedFile, PinnedSuite};
use super::super::measured::{Forgotten, Kind, Share, SuiteFigures, SuiteOutcome};
use super::super::scheduler::{
    self,
    tests::{aggregated, launched_run},
};
use super::super::state::{RunState, Score};
use super::*;

pub(crate) fn pinned(name: &str) -> PinnedSuite {
    let file = |end: &str| PinnedFile {
        path: format!("/suites/{name}.{end}").into(),
        digest: Digest::of(format!("{name}.{end}").as_bytes()),
    };
    PinnedSuite { name: name.to_owned(), file: file("toml"), records: file("jsonl") }
}

/// Of `of` items the base got so many right, the final model so many more and so many less.
pub(crate) fn figures(base: u64, better: u64, worse: u64, of: u64, p: f64) -> SuiteFigures {
    let share = |count: u64| {
        let share = count as f64 / of as f64;
        Share { count, of, share, interval: [share - 0.05, share + 0.05] }
    };
    let difference = (better as f64 - worse as f64) / of as f64;
    SuiteFigures {
        items: of,
        cases: of,
        majority: Some(0.25),
        guessing: Some(0.25),
        sees: 0.07,
        base: share(base),
        federated: share(base + better - worse),
        better,
        worse,
        difference,
        interval: [difference - 0.04, difference + 0.04],
        p,
        margin: 0.02,
        not_found: [0, 0],
        kinds: vec![Kind {
            name: Some("心血管科".into()),
            base,
            federated: base + better - worse,
            of,
            better,
            worse,
        }],
    }
}

pub(crate) fn measured(figures: SuiteFigures) -> SuiteOutcome {
    SuiteOutcome::Measured { figures: Box::new(figures), duration_ms: 1 }
}

/// As it is journalled, and as it is read back and applied.
fn journalled(event: &Event) -> (String, Event) {
    let body = serde_json::to_string(event).unwrap();
    let event = serde_json::from_str(&body).unwrap();
    (body, event)
}

/// A run of one round with two suites, and its journal, up to its end.
pub(crate) fn finished() -> (RunState, Vec<String>) {
    let mut launched = launched_run(1, 1, 1);
    launched.test = None;
    launched.suites = vec![pinned("exam"), pinned("emergency")];
    launched.spec.evaluation.forgetting = true;
    let mut journal = vec![journalled(&Event::Launched { launched: Box::new(launched.clone()) }).0];
    let mut state = RunState::launched(launched, Timestamp(0));
    let score = || Score::Unevaluated { reason: String::new() };
    let (round, site, digest) = (Round(1), "site-0".parse().unwrap(), Digest::of(b"update"));
    for event in [
        Event::BaseScored { score: score(), initial: None },
        Event::UpdateStored { round, site, digest, bytes: 1, records: 100 },
        aggregated(round, digest),
        Event::Scored { round, score: score() },
        Event::RoundPublished { round },
    ] {
        assert_eq!(waiting(&state), None, "before {event:?}");
        state = scheduler::step(state, &event, Timestamp(1)).0;
        journal.push(journalled(&event).0);
    }
    (state, journal)
}

#[test]
fn suites_are_asked_in_order_after_the_last_round_and_noted_once() {
    let (mut state, mut journal) = finished();
    assert_eq!(waiting(&state), Some(Wanted::Suite(0)));
    let outcome = || Box::new(measured(figures(50, 20, 5, 100, 0.004)));
    let failed = || Box::new(SuiteOutcome::NotMeasured { reason: "it died".into() });
    let forgotten = || Box::new(Forgotten::NotMeasured { reason: "it died".into() });
    let events = [
        Event::SuiteMeasured { suite: 0, outcome: outcome() },
        Event::SuiteMeasured { suite: 1, outcome: failed() },
        Event::ForgettingMeasured { outcome: forgotten() },
    ];
    let next = [Some(Wanted::Suite(1)), Some(Wanted::Forgetting), None];
    for (event, next) in events.into_iter().zip(next) {
        let (body, event) = journalled(&event);
        state = scheduler::step(state, &event, Timestamp(9)).0;
        assert_eq!(waiting(&state), next, "after {event:?}");
        assert_eq!(state.ended_at, Some(Timestamp(1)), "the run was over before");
        // A second time, and one that was never launched, change nothing.
        for again in [event.clone(), Event::SuiteMeasured { suite: 2, outcome: failed() }] {
            assert_eq!(scheduler::step(state.clone(), &again, Timestamp(10)).0, state);
        }
        journal.push(body);
    }
    let read: Vec<Event> = journal.iter().map(|row| serde_json::from_str(row).unwrap()).collect();
    let at = |index: usize| Timestamp([0, 1, 9][usize::from(index > 0) + usize::from(index > 5)]);
    let replayed = scheduler::replay(read.iter().enumerate().map(|(index, event)| (event, at(index))));
    assert_eq!(replayed, Some(state));
}

#[test]
fn what_takes_the_coordinator_along_is_begun_a_bounded_number_of_times() {
    let (mut state, _) = finished();
    let begin = |state: &RunState, what| {
        let (_, event) = journalled(&Event::MeasurementBegun { what });
        scheduler::step(state.clone(), &event, Timestamp(9)).0
    };
    assert_eq!(begin(&state, Wanted::Suite(1)), state, "the other one comes first");
    for attempt in 1..=attempts_max(Wanted::Suite(0)) {
        assert!(may_begin(&state, Wanted::Suite(0)), "before {attempt}");
        state = begin(&state, Wanted::Suite(0));
        assert_eq!(waiting(&state), Some(Wanted::Suite(0)), "after {attempt}");
    }
    assert!(!may_begin(&state, Wanted::Suite(0)) && may_begin(&state, Wanted::Suite(1)));
    assert_eq!(begin(&state, Wanted::Suite(0)), state);
    assert_eq!(state.ended_at, Some(Timestamp(1)));
    let outcome = Box::new(SuiteOutcome::NotMeasured { reason: "it took us along".into() });
    state = scheduler::step(state, &Event::SuiteMeasured { suite: 0, outcome }, Timestamp(10)).0;
    assert_eq!((state.begun, waiting(&state)), (None, Some(Wanted::Suite(1))));
    let begun = begin(&state, Wanted::Suite(1)).begun.unwrap();
    assert_eq!((begun.what, begun.attempts), (Wanted::Suite(1), 1));
}

#[test]
fn a_run_that_did_not_end_well_is_asked_nothing() {
    let (state, _) = finished();
    let mut stopped = state.clone();
    stopped.phase = Phase::Failed(super::super::state::Failure::Stopped);
    assert_eq!(waiting(&stopped), None);
    let mut unpublished = state.clone();
    unpublished.rounds[0].published_at = None;
    assert_eq!(waiting(&unpublished), None);
    assert!(!note(&mut unpublished, 0, &SuiteOutcome::NotMeasured { reason: String::new() }));
    let mut unwanted = state;
    unwanted.launched.suites.clear();
    unwanted.launched.spec.evaluation.forgetting = false;
    assert_eq!(waiting(&unwanted), None);
    assert!(!note_forgotten(&mut unwanted, &Forgotten::NotMeasured { reason: String::new() }));
}
