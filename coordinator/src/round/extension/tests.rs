//! A deadline that moves: by how much, what it holds up, and what it does not.

use common::clock::Timestamp;
use common::id::{Digest, SiteId};

use super::super::event::Event;
use super::super::scheduler::tests::launched_run;
use super::super::scheduler::{launch, replay, step};
use super::super::state::{Failure, Score};
use super::*;

/// Round 1 is open at second 0; the deadline is 60 s, the grace period 6 s.
fn open() -> (RunState, Vec<(Event, Timestamp)>) {
    let (state, _) = launch(launched_run(3, 2, 2), Timestamp(0));
    let launched = Event::Launched { launched: Box::new(state.launched.clone()) };
    let mut live = (state, vec![(launched, Timestamp(0))]);
    at(
        &mut live,
        0,
        Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None },
    );
    live
}

/// Something happens at this second. Returns whether it belongs in the journal, whose replay is compared.
fn at((state, journal): &mut (RunState, Vec<(Event, Timestamp)>), second: u64, event: Event) -> bool {
    let at = Timestamp(second * 1000);
    let (next, _) = step(state.clone(), &event, at);
    let changed = next != *state;
    *state = next;
    if changed {
        journal.push((event, at));
    }
    assert_eq!(replay(journal.iter().map(|(event, at)| (event, *at))).as_ref(), Some(&*state));
    changed
}

fn more(seconds: u64) -> Event {
    Event::DeadlineExtended { round: Round(1), by_ms: seconds * 1000 }
}

fn update(index: usize) -> Event {
    let site: SiteId = format!("site-{index}").parse().unwrap();
    let digest = Digest::of(site.as_str().as_bytes());
    Event::UpdateStored { round: Round(1), site, digest, bytes: 1, records: 10 }
}

#[test]
fn a_round_that_would_fail_waits_on_and_fails_at_the_new_deadline() {
    let mut live = open();
    assert!(at(&mut live, 50, more(30)));
    assert_eq!(live.0.next_deadline(), Some(Timestamp(90_000)));
    assert!(!at(&mut live, 61, Event::Tick), "the old deadline is none any more");
    assert!(at(&mut live, 62, more(10)), "again");
    assert!(!at(&mut live, 99, Event::Tick));
    assert!(at(&mut live, 100, Event::Tick));
    assert!(matches!(live.0.phase, Phase::Failed(Failure::QuorumNotMet { updates: 0, needed: 2 })));
    assert!(!at(&mut live, 101, more(30)), "it is over");
}

#[test]
fn with_the_quorum_in_the_grace_period_grows_and_before_it_it_does_not() {
    let mut live = open();
    at(&mut live, 10, more(30));
    at(&mut live, 20, update(0));
    at(&mut live, 21, update(1));
    assert_eq!(live.0.next_deadline(), Some(Timestamp(27_000)), "the grace period is the run file's");
    assert!(at(&mut live, 25, more(30)));
    assert_eq!(live.0.next_deadline(), Some(Timestamp(57_000)));
    assert!(at(&mut live, 40, update(2)), "and all are in");
    assert_eq!(live.0.phase, Phase::Aggregating);
    assert_eq!(live.0.rounds[0].extension, Extension { deadline_ms: 60_000, grace_ms: 30_000 });
}

#[test]
fn more_time_stands_through_a_restart_and_is_bounded() {
    let mut live = open();
    at(&mut live, 10, more(300));
    at(&mut live, 20, Event::Restarted);
    assert_eq!(live.0.next_deadline(), Some(Timestamp(360_000)), "a restart takes none of it");
    at(&mut live, 350, Event::Restarted);
    assert_eq!(live.0.next_deadline(), Some(Timestamp(410_000)), "and gives what it always gave");
    let week_s = EXTENSION_MS_MAX / 1000;
    assert!(!at(&mut live, 351, more(week_s)), "more than a week in all");
    assert!(!at(&mut live, 351, more(0)));
    assert!(!at(&mut live, 351, Event::DeadlineExtended { round: Round(2), by_ms: 1 }), "another round");
    assert!(at(&mut live, 351, more(week_s - 300)));
    assert_eq!(left_ms(live.0.rounds[0].extension), 0);
}

#[test]
fn a_run_without_an_open_round_says_why() {
    let mut live = open();
    assert_eq!(why_not(&live.0), None);
    (0..3).for_each(|index| assert!(at(&mut live, 1, update(index))));
    assert!(why_not(&live.0).unwrap().contains("closed round 1"));
    at(&mut live, 2, Event::Stopped);
    assert!(why_not(&live.0).unwrap().contains("over"));
}

#[test]
fn a_round_without_it_is_written_as_before() {
    let written = serde_json::to_string(&open().0).unwrap();
    assert!(!written.contains("extension"), "{written}");
}
