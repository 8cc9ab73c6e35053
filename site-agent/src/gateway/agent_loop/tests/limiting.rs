//! What the policy limits by the clock: the hours in which this site trains, and the bytes of a day.

use super::*;
use crate::gateway::store::consent::{Choice, RunDecision};
use crate::limits::ODD_PAUSE_MS_MAX;
use crate::policy::PolicyRule;

fn with_hours(hours: &str) -> Site {
    let mut site = Site::new();
    site.policy.hours = hours.parse().unwrap();
    site
}

/// A loop that does not run yet.
fn prepared(site: &Site) -> AgentLoop<Played, ManualClock, Watched> {
    site.agent_loop(&Played::of(Honest::new(), Box::new(honestly), Box::new(|_| false), None))
}

#[test]
fn outside_its_hours_a_site_waits_and_within_them_it_trains() {
    // The clock of these tests stands a second after midnight, UTC.
    for hours in ["10:00-12:00 +00:00", "08:00-19:00 -05:00"] {
        let site = with_hours(hours);
        let mut honest = Honest::new();
        honest.assign(key(1, 1), &manifest(1));
        let told = site.run(honest, honestly, polls(4), WITHIN);
        assert_eq!(told.not_done(), [NotDone::OutsideHours], "{hours}: said once");
        let waits = told.count(|request| !matches!(request, Request::Hello { .. } | Request::Poll { .. }));
        assert_eq!(waits, 0, "nothing of the round leaves: {:?}", told.arrived);
        // It is not declined: the same database goes on with it when the hours begin.
        let open = Site { policy: PolicyConfig::default(), ..site };
        let told = open.run(told.honest, honestly, polls(2), WITHIN);
        assert_eq!(told.honest.acknowledged, [key(1, 1)], "{hours}");
    }
    let site = with_hours("20:00-06:00 +00:00");
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    assert_eq!((told.honest.acknowledged.as_slice(), told.not_done().len()), (&[key(1, 1)][..], 0));
}

#[test]
fn bytes_of_a_day_are_counted_over_runs_and_restarts() {
    let update = manifest(1).adapter_bytes;
    // A ledger has no time before 2026.
    let mut site = Site { clock_ms: 1_800_000_000_000, ..Site::new() };
    // Two of three updates, with their frames.
    site.policy.bytes_per_day_max = 2 * update + 1000;
    let (mut acknowledged, mut waiting) = (Vec::new(), None);
    for run in 1..=3 {
        let mut honest = Honest::new();
        honest.assign(key(run, 1), &manifest(run));
        let told = site.run(honest, honestly, polls(3), WITHIN);
        let is_full = run == 3;
        let not_done = if is_full { vec![NotDone::DayIsFull] } else { Vec::new() };
        assert_eq!(told.not_done(), not_done, "{run}: said once");
        assert!(told.failures().is_empty(), "{run}: it waits, and is not given up");
        assert_eq!(told.count(|request| matches!(request, Request::Fetch { .. })) == 0, is_full, "{run}");
        acknowledged.extend(told.honest.acknowledged.clone());
        waiting = Some(told.honest);
    }
    assert_eq!(acknowledged, [key(1, 1), key(2, 1)]);
    // A day later there is room again, and the same round goes on.
    site.clock_ms += 25 * 3_600_000;
    let told = site.run(waiting.unwrap(), honestly, polls(2), WITHIN);
    assert_eq!(told.honest.acknowledged, [key(3, 1)]);
    // What never fits is refused, and does not wait.
    site.policy.bytes_per_day_max = update - 1;
    let mut honest = Honest::new();
    honest.assign(key(4, 1), &manifest(4));
    let told = site.run(honest, honestly, polls(3), WITHIN);
    let forbidden = Notice::Forbidden { key: key(4, 1), rule: PolicyRule::BytesPerDayMax };
    assert!(told.notices.contains(&forbidden) && told.not_done().is_empty(), "{:?}", told.notices);
    assert_eq!(told.failures(), [TrainFailure::NotAllowed]);
}

/// The prediction is right unless the coordinator wants a part again: then the gate holds.
#[test]
fn a_coordinator_that_wants_the_same_bytes_again_gets_no_more_than_a_days() {
    let update = manifest(1).adapter_bytes;
    let mut site = Site::new();
    site.policy.bytes_per_day_max = update + update / 2;
    let mut honest = Honest::new();
    honest.assign(key(1, 1), &manifest(1));
    let greedy = |_: &mut Honest, request: &Request| match request {
        Request::Commit { .. } | Request::Chunk { .. } | Request::Offer { .. } => {
            plain(Response::Continue { next_offset: 0 })
        }
        _ => None,
    };
    let told = site.run(honest, greedy, polls(3), WITHIN);
    let left: usize = told.bytes.iter().map(Vec::len).filter(|length| *length > 100_000).sum();
    assert!((left as u64) <= site.policy.bytes_per_day_max && left > 0, "{left}");
    assert_eq!(told.not_done(), [NotDone::DayIsFull], "and what did not leave does not count as sent");
}

/// Outside its hours, too, a site asks ever more rarely what is answered with nonsense.
#[test]
fn nonsense_outside_the_hours_makes_pauses_no_shorter() {
    let (site, odd) = (with_hours("10:00-12:00 +00:00"), 20);
    let pauses = |waits_for_hours| {
        let mut agent_loop = prepared(&site);
        agent_loop.course.waits_for_hours = waits_for_hours;
        (0..odd).map(|_| agent_loop.course.pace.odd()).for_each(drop);
        agent_loop.pause_ms()
    };
    assert_eq!((pauses(true), pauses(false)), (ODD_PAUSE_MS_MAX, ODD_PAUSE_MS_MAX));
}

#[test]
fn what_was_finished_when_the_hours_end_is_heard_first() {
    let site = with_hours("10:00-12:00 +00:00");
    let mut agent_loop = prepared(&site);
    let facts = RawFacts { digest: BASE, records: 1, tokens: 1, loss: 1.0 };
    let said = FromWorker::Finished { key: key(1, 1), facts };
    agent_loop.output.worker.try_send(ToGateway::Worker(said)).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let agent = Agent::new(1);
    let mut next = || runtime.block_on(agent_loop.next_queued(&agent)).unwrap();
    assert_eq!(next(), Some(Event::Trained { key: key(1, 1), facts }));
    assert_eq!(next(), None, "and nobody waits for more");
}

#[test]
fn a_suspended_round_whose_run_is_left_or_over_is_forgotten_by_the_worker() {
    let site = Site::new();
    let mut agent_loop = prepared(&site);
    for (run, is_over) in [(1, false), (2, true)] {
        let (key, terms) = (key(run, 1), Digest([run; 32]));
        consent::decide_and_tell(&site.folder.database(), key.run, terms);
        agent_loop.store.agree(key.run, terms, 0).unwrap();
        agent_loop.course.suspended = Some(key);
        agent_loop.drop_suspended().unwrap();
        assert_eq!(agent_loop.course.suspended, Some(key), "it goes on when the hours begin");
        if is_over {
            agent_loop.store.end_run(key.run).unwrap();
        } else {
            let withdrawn = RunDecision::new(key.run, terms, Choice::Withdrawn);
            agent_loop.store.record_decision(&withdrawn).unwrap();
        }
        agent_loop.drop_suspended().unwrap();
        agent_loop.drop_suspended().unwrap();
        assert_eq!((agent_loop.course.suspended, agent_loop.output.abandoned.last()), (None, Some(&key)));
        assert_eq!(agent_loop.output.abandoned.len(), usize::from(run), "once");
    }
}
