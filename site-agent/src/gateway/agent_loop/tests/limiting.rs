//! What the policy limits by the clock: the hours in which this site trains, and the bytes of a day.

use super::*;
use crate::policy::PolicyRule;

fn with_hours(hours: &str) -> Site {
    let mut site = Site::new();
    site.policy.hours = hours.parse().unwrap();
    site
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
    let mut acknowledged = Vec::new();
    for run in 1..=3 {
        let mut honest = Honest::new();
        honest.assign(key(run, 1), &manifest(run));
        let told = site.run(honest, honestly, polls(3), WITHIN);
        let is_refused = run == 3;
        let forbidden = Notice::Forbidden { key: key(run, 1), rule: PolicyRule::BytesPerDayMax };
        assert_eq!(told.notices.contains(&forbidden), is_refused, "{run}: {:?}", told.notices);
        assert_eq!(told.failures().contains(&TrainFailure::NotAllowed), is_refused);
        acknowledged.extend(told.honest.acknowledged);
    }
    assert_eq!(acknowledged, [key(1, 1), key(2, 1)]);
    // A day later there is room again.
    site.clock_ms += 25 * 3_600_000;
    let mut honest = Honest::new();
    honest.assign(key(4, 1), &manifest(4));
    let told = site.run(honest, honestly, polls(2), WITHIN);
    assert_eq!(told.honest.acknowledged, [key(4, 1)]);
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
    assert!(told.not_done().contains(&NotDone::NotAllowedHere), "{:?}", told.not_done());
}
