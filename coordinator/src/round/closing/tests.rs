//! Who is waited for, and for how long.

use common::id::{Digest, Round};

use super::super::event::Event;
use super::super::scheduler::tests::launched_run;
use super::super::scheduler::{launch, replay, step};
use super::super::state::Score;
use super::*;

/// A run whose journal is kept, so that every test also tests its replay.
struct Live {
    state: RunState,
    journal: Vec<(Event, Timestamp)>,
}

impl Live {
    /// Round 1 is open at second 0; the deadline is 60 s, the grace period 6 s.
    fn open(sites: usize, quorum: usize) -> Self {
        let (state, _) = launch(launched_run(sites, quorum, 2), Timestamp(0));
        let launched = Event::Launched { launched: Box::new(state.launched.clone()) };
        let mut live = Self { state, journal: vec![(launched, Timestamp(0))] };
        live.at(0, Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None });
        live
    }

    /// Something happens at this second. Returns whether it belongs in the journal.
    fn at(&mut self, second: u64, event: Event) -> bool {
        let at = Timestamp(second * 1000);
        let (next, _) = step(self.state.clone(), &event, at);
        let changed = next != self.state;
        self.state = next;
        if changed {
            self.journal.push((event, at));
        }
        let again = replay(self.journal.iter().map(|(event, at)| (event, *at))).unwrap();
        assert_eq!(again, self.state, "the journal gives another state");
        changed
    }

    fn update(&mut self, second: u64, index: usize) {
        let digest = Digest::of(index.to_string().as_bytes());
        self.at(
            second,
            Event::UpdateStored { round: Round(1), site: site(index), digest, bytes: 1, records: 10 },
        );
    }

    fn missing(&self, index: usize) -> Option<&Missing> {
        self.state.rounds[0].missing.get(&site(index))
    }
}

fn site(index: usize) -> SiteId {
    format!("site-{index}").parse().unwrap()
}

fn absent(sites: &[(usize, Absence)]) -> Event {
    let sites = sites.iter().map(|(index, absence)| (site(*index), *absence)).collect();
    Event::SitesAbsent { round: Round(1), sites }
}

#[test]
fn a_round_with_its_quorum_waits_for_the_grace_period_and_no_longer() {
    let mut live = Live::open(3, 2);
    live.update(10, 0);
    assert_eq!(live.state.next_deadline(), Some(Timestamp(60_000)), "no quorum, no grace");
    live.update(20, 1);
    assert_eq!(live.state.next_deadline(), Some(Timestamp(26_000)));
    assert!(!live.at(25, Event::Tick), "it may still come");
    live.at(25, Event::SiteReady { round: Round(1), site: site(2) });
    assert!(live.at(26, Event::Tick));
    assert_eq!(live.state.phase, Phase::Aggregating);
    assert_eq!(live.missing(2), Some(&Missing::Late), "who does not count is named");
    assert_eq!(live.missing(0), None);

    let mut late_quorum = Live::open(3, 2);
    late_quorum.update(10, 0);
    late_quorum.update(58, 1);
    assert_eq!(late_quorum.state.next_deadline(), Some(Timestamp(60_000)), "the deadline stands");
}

#[test]
fn an_update_within_the_grace_period_counts() {
    let mut live = Live::open(3, 2);
    (0..3).for_each(|index| live.update(10 + index as u64, index));
    assert_eq!(live.state.phase, Phase::Aggregating);
    assert_eq!(live.state.rounds[0].updates.len(), 3);
    assert!(live.state.rounds[0].missing.is_empty());
}

#[test]
fn a_quorum_that_is_lost_to_a_revocation_has_no_grace() {
    let mut live = Live::open(4, 2);
    live.update(10, 0);
    live.update(11, 1);
    live.at(12, Event::SiteRevoked { site: site(0) });
    assert_eq!(live.state.next_deadline(), Some(Timestamp(60_000)));
    live.update(30, 2);
    assert_eq!(live.state.next_deadline(), Some(Timestamp(36_000)));
}

#[test]
fn nobody_waits_for_sites_that_are_out_of_reach() {
    let mut live = Live::open(4, 2);
    let out = absent(&[(2, Absence::NeverConnected), (3, Absence::Offline)]);
    live.update(10, 0);
    assert!(!live.at(11, out.clone()), "without a quorum they are waited for until the deadline");
    live.update(12, 1);
    assert!(!live.at(12, absent(&[(2, Absence::Offline)])), "site 3 is there");
    assert!(live.at(12, out));
    assert_eq!(live.state.phase, Phase::Aggregating);
    assert_eq!(live.missing(2), Some(&Missing::Absent(Absence::NeverConnected)));
    assert_eq!(live.missing(3), Some(&Missing::Absent(Absence::Offline)));
    assert!(!live.at(13, absent(&[(2, Absence::Offline)])), "once a round, at most");
}

#[test]
fn an_excluded_site_is_not_waited_for_and_gets_no_work_until_it_is_included() {
    let mut live = Live::open(3, 2);
    assert!(live.at(1, Event::SiteExcluded { site: site(2) }));
    assert!(!live.at(1, Event::SiteExcluded { site: site(2) }), "once is enough");
    assert!(!live.at(1, Event::SiteExcluded { site: "stranger".parse().unwrap() }));
    assert!(live.state.work_for(&site(2)).is_none());
    assert!(live.at(2, Event::SiteIncluded { site: site(2) }));
    assert!(live.state.work_for(&site(2)).is_some(), "it is not final");
    live.at(3, Event::SiteExcluded { site: site(2) });
    live.update(10, 0);
    live.update(11, 1);
    assert_eq!((&live.state.phase, live.missing(2)), (&Phase::Aggregating, Some(&Missing::Excluded)));
}

#[test]
fn pausing_the_last_one_that_is_waited_for_closes_the_round() {
    let mut live = Live::open(3, 1);
    live.update(10, 0);
    live.update(11, 2);
    assert!(live.at(12, Event::SitePaused { site: site(1) }));
    assert_eq!((&live.state.phase, live.missing(1)), (&Phase::Aggregating, Some(&Missing::Paused)));
    assert!(live.at(13, Event::SiteResumed { site: site(1) }));
    assert!(!live.at(14, Event::SiteResumed { site: site(1) }));
}

#[test]
fn what_a_site_delivered_before_it_was_excluded_counts() {
    let mut live = Live::open(3, 2);
    live.update(10, 2);
    live.at(11, Event::SiteExcluded { site: site(2) });
    live.update(12, 0);
    live.update(13, 1);
    assert_eq!(live.state.rounds[0].updates.len(), 3);
    let mut alone = Live::open(2, 2);
    alone.at(1, Event::SiteExcluded { site: site(1) });
    assert!(alone.state.is_open(), "it may be included again before the deadline");
    assert!(alone.at(60, Event::Tick));
    assert!(matches!(alone.state.phase, Phase::Failed(Failure::QuorumNotMet { updates: 0, needed: 2 })));
    assert_eq!(alone.missing(0), Some(&Missing::NotReady));
}

#[test]
fn a_restart_gives_the_full_deadline_and_the_full_grace_period_again() {
    let mut live = Live::open(3, 2);
    live.update(10, 0);
    live.update(20, 1);
    assert!(live.at(24, Event::Restarted));
    assert_eq!(live.state.next_deadline(), Some(Timestamp(30_000)));
    assert_eq!(live.state.rounds[0].deadline, Timestamp(84_000));
}

/// A journal as the version before wrote it: no quorum time, no grace, closed by the tick at the deadline.
#[test]
fn a_journal_from_before_the_grace_period_replays_as_it_was() {
    let (launched, _) = launch(launched_run(3, 2, 1), Timestamp(0));
    let mut text = serde_json::to_value(Event::Launched { launched: Box::new(launched.launched) }).unwrap();
    assert!(text["plan"]["spec"]["quorum"].get("grace_s").is_none());
    text["plan"]["spec"].as_object_mut().unwrap().retain(|key, _| key != "sites" && key != "initial");
    let update = |index: usize| {
        let digest = Digest::of(index.to_string().as_bytes());
        format!(
            r#"{{"event":"update_stored","round":1,"site":"site-{index}","digest":"{digest}","bytes":1,"records":9}}"#
        )
    };
    let rows = [
        (text.to_string(), 0),
        (r#"{"event":"base_scored","score":{"unevaluated":{"reason":"x"}}}"#.to_owned(), 0),
        (update(0), 1_000),
        (update(1), 2_000),
        // 57 s after the quorum: today's rule would have closed the round before, that of its time did not.
        (update(2), 59_000),
    ];
    let events: Vec<(Event, Timestamp)> =
        rows.iter().map(|(row, at)| (serde_json::from_str(row).unwrap(), Timestamp(*at))).collect();
    let state = replay(events.iter().map(|(event, at)| (event, *at))).unwrap();
    assert_eq!(state.rounds[0].updates.len(), 3);
    assert_eq!(state.phase, Phase::Aggregating);
}

#[test]
fn a_run_that_ended_unmeasured_may_be_measured_later_and_once() {
    let mut live = Live::open(1, 1);
    live.state.launched.spec.rounds = 1;
    live.journal[0].0 = Event::Launched { launched: Box::new(live.state.launched.clone()) };
    live.update(1, 0);
    let digest = Digest::of(b"mean");
    let outliers = Vec::new();
    live.at(
        2,
        Event::Aggregated {
            round: Round(1),
            digest,
            aggregation_error: None,
            duration_ms: 0,
            outliers,
            server_state: None,
        },
    );
    live.at(3, Event::Scored { round: Round(1), score: Score::Unevaluated { reason: String::new() } });
    live.at(4, Event::RoundPublished { round: Round(1) });
    assert_eq!(live.state.phase, Phase::TestPending);
    let asked = || Event::TestAsked { model: "elsewhere".into(), test: "test.jsonl".into() };
    assert!(!live.at(5, asked()), "it is under way");
    live.at(5, Event::TestPutOff { reason: "the model folder is gone".into(), attempt: 0 });
    assert_eq!((&live.state.phase, live.state.test.openings.len()), (&Phase::Finished, 0));
    let launched_with = live.state.launched.model.clone();
    assert!(live.at(6, asked()));
    live.at(6, Event::TestPutOff { reason: "it is another model".into(), attempt: 1 });
    assert!(live.state.test.place.is_none(), "a wrong place is forgotten");
    assert!(live.at(6, asked()));
    assert_eq!((&live.state.phase, &live.state.launched.model), (&Phase::TestPending, &launched_with));
    assert!(!live.at(7, Event::TestOpened { file: digest, attempt: 1 }), "an earlier attempt says nothing");
    live.at(7, Event::TestOpened { file: digest, attempt: 2 });
    assert_eq!(live.state.launched.model, std::path::Path::new("elsewhere"), "proved by now");
    let metrics = super::super::state::Metrics {
        loss: 1.0,
        perplexity: 2.0,
        token_accuracy: 0.5,
        supervised_tokens: 1,
        samples: 1,
        duration_ms: 1,
        paired: None,
    };
    // It was opened, and the measuring failed: another opening, counted like the first.
    let none = || Score::Unevaluated { reason: "out of memory".into() };
    live.at(8, Event::TestScored { base: none(), federated: none(), attempt: 2 });
    assert!(live.at(8, asked()));
    assert!(live.at(8, Event::Stopped) && live.state.phase == Phase::Finished, "the run itself was over");
    assert!(live.at(8, asked()));
    live.at(8, Event::TestOpened { file: digest, attempt: 4 });
    assert_eq!(live.state.test.openings.len(), 2);
    let score = || Score::Measured(metrics);
    live.at(8, Event::TestScored { base: score(), federated: score(), attempt: 4 });
    assert!(!live.at(9, asked()), "the test set is measured once");
}
