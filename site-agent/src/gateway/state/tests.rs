//! The agent's decisions, without any I/O.

use common::id::{Round, RunId};
use proptest::prelude::*;

use super::*;

fn assignment(round: u32) -> Assignment {
    Assignment {
        key: RoundKey { run: RunId([1; 8]), round: Round(round) },
        manifest: Digest([1; 32]),
        manifest_bytes: 10,
        adapter: Digest([2; 32]),
        adapter_bytes: 20,
    }
}

fn facts() -> RawFacts {
    RawFacts { digest: Digest([3; 32]), records: 10, tokens: 100, loss: 1.0 }
}

fn run(agent: Agent, events: &[Event]) -> (Agent, Vec<Effect>) {
    events.iter().fold((agent, Vec::new()), |(agent, mut all), event| {
        let (agent, effects) = agent.step(*event);
        all.extend(effects);
        (agent, all)
    })
}

fn fresh(round: u32) -> Event {
    Event::Assigned { assignment: assignment(round), known: Known::Nothing { failures: 0 } }
}

fn prepared(round: u32) -> Event {
    let fingerprint = Digest([9; 32]);
    let key = assignment(round).key;
    Event::Prepared { key, base_fingerprint: fingerprint, expected: fingerprint, records: 10 }
}

fn training() -> Agent {
    run(Agent::new(3), &[fresh(1), Event::Fetched, prepared(1)]).0
}

#[test]
fn when_the_hours_end_the_worker_keeps_what_it_has_and_the_round_is_not_given_up() {
    let key = assignment(1).key;
    let preparing = run(Agent::new(3), &[fresh(1), Event::Fetched]).0;
    for agent in [preparing, training()] {
        let (after, effects) = agent.step(Event::HoursEnded);
        assert_eq!(
            (after.phase, effects),
            (Phase::Idle, vec![Effect::Suspend(key), Effect::Pause, Effect::Poll])
        );
    }
    let sending = run(training(), &[Event::Trained { key, facts: facts() }, Event::Protected]).0;
    for agent in [Agent::new(3), sending] {
        assert_eq!(agent.step(Event::HoursEnded), (agent, Vec::new()), "what was trained leaves at any time");
    }
}

#[test]
fn a_round_goes_through_every_stage_in_order() {
    let work = assignment(1);
    let trained = Event::Trained { key: work.key, facts: facts() };
    let (agent, effects) = run(
        Agent::new(3),
        &[
            Event::NothingToDo,
            fresh(1),
            Event::Fetched,
            prepared(1),
            trained,
            Event::Protected,
            Event::Acknowledged,
        ],
    );
    let ready = Effect::SendReady { key: work.key, base_fingerprint: Digest([9; 32]), records: 10 };
    assert_eq!(
        effects,
        vec![
            Effect::Poll,
            Effect::Fetch(work),
            Effect::Prepare(work),
            ready,
            Effect::Train(work),
            Effect::Protect { assignment: work, facts: facts() },
            Effect::Send(work.key),
            Effect::Poll,
        ]
    );
    assert_eq!(agent.phase, Phase::Idle);
}

#[test]
fn a_protected_update_is_sent_without_training_again() {
    let event = Event::Assigned { assignment: assignment(1), known: Known::Protected };
    assert_eq!(Agent::new(3).step(event).1, vec![Effect::Send(assignment(1).key)]);
}

#[test]
fn another_base_model_is_reported_and_never_trained() {
    let key = assignment(1).key;
    let other =
        Event::Prepared { key, base_fingerprint: Digest([8; 32]), expected: Digest([9; 32]), records: 10 };
    let (_, effects) = run(Agent::new(3), &[fresh(1), Event::Fetched, other]);
    assert_eq!(effects.last(), Some(&Effect::Report { key, reason: TrainFailure::BaseMismatch }));
    assert!(!effects.iter().any(|effect| matches!(effect, Effect::Train(_))));
}

#[test]
fn a_dead_worker_is_awaited_and_the_round_prepared_again() {
    let (agent, effects) = run(training(), &[Event::WorkerGone { failures: 1 }, Event::WorkerStarted]);
    assert_eq!(effects, vec![Effect::Prepare(assignment(1))]);
    assert_eq!(agent.phase, Phase::Preparing(assignment(1)));
}

#[test]
fn a_worker_that_keeps_dying_ends_the_round_here() {
    let (agent, effects) = run(training(), &[Event::WorkerGone { failures: 3 }, Event::Noted]);
    let key = assignment(1).key;
    assert!(effects.contains(&Effect::Report { key, reason: TrainFailure::WorkerFailed }));
    assert_eq!(agent.phase, Phase::Idle);
}

#[test]
fn missing_data_is_final_but_missing_memory_is_not() {
    let key = assignment(1).key;
    let failed = |reason| Event::TrainingFailed { key, reason, failures: 1 };
    let (agent, _) = training().step(failed(TrainFailure::DataUnreadable));
    assert_eq!(agent.phase, Phase::Reporting(key));
    let (agent, effects) = training().step(failed(TrainFailure::OutOfMemory));
    assert_eq!(agent.phase, Phase::Preparing(assignment(1)));
    assert_eq!(effects, vec![Effect::Pause, Effect::Prepare(assignment(1))]);
}

#[test]
fn a_closed_round_stops_training_and_sending() {
    let closed = Event::Refused { refusal: Refusal::RoundClosed };
    let (agent, effects) = training().step(closed);
    assert_eq!((agent.phase, effects[0]), (Phase::Idle, Effect::Abandon(assignment(1).key)));
    let sending = Agent { phase: Phase::Sending(assignment(1).key), failures_max: 3 };
    let (agent, effects) = sending.step(closed);
    assert_eq!(agent.phase, Phase::Idle);
    assert_eq!(effects[0], Effect::Declined { key: assignment(1).key, refusal: Refusal::RoundClosed });
}

#[test]
fn a_full_disk_at_the_coordinator_is_tried_again_with_the_same_update() {
    let sending = Agent { phase: Phase::Sending(assignment(1).key), failures_max: 3 };
    let (agent, effects) = sending.step(Event::Refused { refusal: Refusal::StorageFull });
    assert_eq!(agent, sending);
    assert_eq!(effects, vec![Effect::Pause, Effect::Send(assignment(1).key)]);
}

#[test]
fn words_about_another_round_change_nothing() {
    let late = assignment(7).key;
    for event in [
        Event::Trained { key: late, facts: facts() },
        Event::TrainingFailed { key: late, reason: TrainFailure::NoRecords, failures: 9 },
        prepared(7),
    ] {
        assert_eq!(training().step(event), (training(), vec![]), "{event:?}");
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let key = (1_u32..3).prop_map(|round| assignment(round).key);
    prop_oneof![
        Just(Event::NothingToDo),
        (1_u32..3).prop_map(fresh),
        Just(Event::Fetched),
        Just(Event::FetchFailed),
        (1_u32..3).prop_map(prepared),
        key.clone().prop_map(|key| Event::Trained { key, facts: facts() }),
        (key, 0_u32..4).prop_map(|(key, failures)| Event::TrainingFailed {
            key,
            reason: TrainFailure::OutOfMemory,
            failures
        }),
        (0_u32..4).prop_map(|failures| Event::WorkerGone { failures }),
        Just(Event::WorkerStarted),
        Just(Event::Protected),
        Just(Event::UpdateRejected),
        Just(Event::Acknowledged),
        Just(Event::Noted),
        Just(Event::Refused { refusal: Refusal::RoundClosed }),
        Just(Event::Refused { refusal: Refusal::Internal }),
        Just(Event::TermsRefused),
        Just(Event::Hindered),
    ]
}

proptest! {
    /// Whatever happens in whatever order: nothing is sent that was not protected first, and every phase but
    /// `Idle` and the waits for the worker was entered with an effect that will produce its next event.
    #[test]
    fn nothing_is_sent_unprotected(events in proptest::collection::vec(any_event(), 0..60)) {
        let mut agent = Agent::new(3);
        let mut protected = false;
        for event in events {
            let (next, effects) = agent.step(event);
            match event {
                Event::Protected if matches!(agent.phase, Phase::Protecting(_)) => protected = true,
                Event::Assigned { .. } if agent.phase == Phase::Idle => protected = false,
                _ => {}
            }
            for effect in &effects {
                if matches!(effect, Effect::Send(_)) {
                    prop_assert!(protected);
                }
            }
            if next.phase != agent.phase && !matches!(next.phase, Phase::AwaitingWorker(_)) {
                prop_assert!(!effects.is_empty(), "{:?} -> {:?} would wait for ever", agent.phase, next.phase);
            }
            agent = next;
        }
    }
}

fn blinded() -> (BlindedFacts, Event) {
    let facts = BlindedFacts { digest: Digest([4; 32]), points: 1024 };
    (facts, Event::Blinded { key: assignment(1).key, facts })
}

#[test]
fn records_are_compared_before_the_site_takes_part() {
    let (facts, event) = blinded();
    let (agent, effects) =
        run(Agent::new(3), &[fresh(1), Event::Fetched, event, Event::Answered, prepared(1)]);
    let (work, key) = (assignment(1), assignment(1).key);
    let ready = Effect::SendReady { key, base_fingerprint: Digest([9; 32]), records: 10 };
    let compare = Effect::Compare { key, facts };
    assert_eq!(
        effects,
        vec![
            Effect::Fetch(work),
            Effect::Prepare(work),
            compare,
            Effect::Prepare(work),
            ready,
            Effect::Train(work)
        ]
    );
    assert_eq!(agent.phase, Phase::Training(work));
}

#[test]
fn without_a_comparison_nothing_is_trained() {
    let (facts, event) = blinded();
    let key = assignment(1).key;
    let comparing = run(Agent::new(3), &[fresh(1), Event::Fetched, event]).0;
    let report = Effect::Report { key, reason: TrainFailure::OverlapFailed };
    for event in [
        Event::PointsRejected,
        Event::Refused { refusal: Refusal::Conflict },
        Event::Refused { refusal: Refusal::BadRequest },
    ] {
        assert_eq!(comparing.step(event).1, vec![Effect::Abandon(key), report], "{event:?}");
    }
    let later = Event::Refused { refusal: Refusal::StorageFull };
    assert_eq!(comparing.step(later), (comparing, vec![Effect::Pause, Effect::Compare { key, facts }]));
    let over = Event::Refused { refusal: Refusal::RoundClosed };
    assert_eq!(comparing.step(over).0.phase, Phase::Idle);
    // A failed proof is no accident: no second try.
    let preparing = run(Agent::new(3), &[fresh(1), Event::Fetched]).0;
    let failed = Event::TrainingFailed { key, reason: TrainFailure::OverlapFailed, failures: 1 };
    assert_eq!(preparing.step(failed).1, vec![Effect::Abandon(key), report]);
}

#[test]
fn whatever_hinders_a_round_the_site_asks_again() {
    let (work, key) = (assignment(1), assignment(1).key);
    let (points, _) = blinded();
    for phase in [
        Phase::Idle,
        Phase::Fetching(work),
        Phase::Preparing(work),
        Phase::Comparing(work, points),
        Phase::Training(work),
        Phase::AwaitingWorker(work),
        Phase::Protecting(work),
        Phase::Sending(key),
        Phase::Reporting(key),
    ] {
        let (agent, effects) = Agent { phase, failures_max: 3 }.step(Event::Hindered);
        assert_eq!(agent.phase, Phase::Idle, "{phase:?}");
        assert!(effects.ends_with(&[Effect::Pause, Effect::Poll]), "{phase:?}: {effects:?}");
    }
}

#[test]
fn terms_that_are_refused_and_runs_that_are_over_are_reported() {
    let (work, key) = (assignment(1), assignment(1).key);
    let report = Effect::Report { key, reason: TrainFailure::NotAllowed };
    let fetching = Agent { phase: Phase::Fetching(work), failures_max: 3 };
    assert_eq!(fetching.step(Event::TermsRefused).1, [Effect::Abandon(key), report]);
    let over = Event::Assigned { assignment: work, known: Known::Over };
    assert_eq!(Agent::new(3).step(over).1, [Effect::Abandon(key), report]);
}
