//! Who trains which round: by example, and that turns come round for any numbers.

use std::collections::BTreeMap;

use common::clock::Timestamp;
use common::run::ParticipationSettings;
use proptest::prelude::*;

use super::super::event::Event;
use super::super::launched::LaunchedRun;
use super::super::scheduler::tests::{aggregated, launched_run};
use super::super::scheduler::{admission, launch, pending, replay, step};
use super::super::state::{Failure, Phase, Score};
use super::*;
use crate::round::effect::Admission;

pub(crate) fn some_of(sites: usize, sites_per_round: usize, quorum: usize, rounds: u32) -> LaunchedRun {
    let mut launched = launched_run(sites, quorum, rounds);
    (launched.validation, launched.test) = (None, None);
    launched.spec.participation = Some(ParticipationSettings { sites_per_round });
    launched
}

fn site(index: usize) -> SiteId {
    format!("site-{index}").parse().unwrap()
}

/// A run whose choices are made at once, and whose journal is replayed after every event.
struct Live {
    state: RunState,
    journal: Vec<(Event, Timestamp)>,
    away: BTreeSet<SiteId>,
}

impl Live {
    fn launched(launched: LaunchedRun) -> Self {
        let (state, _) = launch(launched, Timestamp(0));
        let first = Event::Launched { launched: Box::new(state.launched.clone()) };
        let mut live = Self { state, journal: vec![(first, Timestamp(0))], away: BTreeSet::new() };
        live.event(Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None });
        live
    }

    fn event(&mut self, event: Event) -> bool {
        let is_news = self.event_unchosen(event);
        while is_wanted(&self.state) {
            let round = self.state.current().unwrap().round;
            assert!(pending(&self.state).contains(&Effect::ChooseSites { round }), "also after a restart");
            let sites = choose(&self.state, |site| self.away.contains(site));
            assert!(self.event_unchosen(Event::SitesChosen { round, sites }), "a choice is taken");
        }
        is_news
    }

    fn event_unchosen(&mut self, event: Event) -> bool {
        let (next, _) = step(self.state.clone(), &event, Timestamp(1));
        let is_news = next != self.state;
        self.state = next;
        if is_news {
            self.journal.push((event, Timestamp(1)));
        }
        let again = replay(self.journal.iter().map(|(event, at)| (event, *at)));
        assert_eq!(again.as_ref(), Some(&self.state), "the journal gives another state");
        is_news
    }

    fn chosen(&self) -> Vec<usize> {
        let record = self.state.current().unwrap();
        (0..self.state.launched.sites.len()).filter(|index| record.is_chosen(&site(*index))).collect()
    }

    fn update(&mut self, index: usize) -> bool {
        let round = self.state.current().unwrap().round;
        let digest = Digest::of(format!("{round}/{index}").as_bytes());
        self.event(Event::UpdateStored { round, site: site(index), digest, bytes: 1, records: 10 })
    }

    /// Everybody who was chosen delivers, and the round is published.
    fn whole_round(&mut self) -> Vec<usize> {
        let chosen = self.chosen();
        chosen.iter().for_each(|index| assert!(self.update(*index)));
        self.publish();
        chosen
    }

    fn publish(&mut self) {
        let round = self.state.current().unwrap().round;
        self.event(aggregated(round, Digest::of(&round.0.to_le_bytes())));
        self.event(Event::Scored { round, score: Score::Unevaluated { reason: String::new() } });
        self.event(Event::RoundPublished { round });
    }
}

#[test]
fn only_who_was_chosen_has_work_and_is_waited_for_and_counts() {
    let mut live = Live::launched(some_of(5, 2, 2, 3));
    let chosen = live.chosen();
    assert_eq!(chosen.len(), 2);
    let rests = (0..5).find(|index| !chosen.contains(index)).unwrap();
    assert!(live.state.work_for(&site(rests)).is_none());
    assert!(!live.state.waited_for().any(|waited| *waited == site(rests)));
    let digest = Digest::of(b"x");
    assert_eq!(admission(&live.state, Round(1), &site(rests), digest), Admission::RoundClosed);
    assert!(!live.event(Event::SiteReady { round: Round(1), site: site(rests) }));
    assert!(!live.event(Event::SiteFailed { round: Round(1), site: site(rests), code: "x".into() }));
    assert!(!live.update(rests), "it counts for nobody");
    assert!(live.event(Event::SiteReady { round: Round(1), site: site(chosen[0]) }));
    assert!(live.update(chosen[0]) && live.state.is_open());
    assert!(live.update(chosen[1]));
    assert_eq!(live.state.phase, Phase::Aggregating, "nobody else is waited for");
    assert!(live.state.rounds[0].missing.is_empty(), "who rests misses nothing");
}

#[test]
fn everybody_has_a_turn_before_anybody_has_two() {
    let mut live = Live::launched(some_of(5, 2, 2, 10));
    let rounds: Vec<Vec<usize>> = (0..10).map(|_| live.whole_round()).collect();
    assert_eq!(live.state.phase, Phase::Finished);
    let all: Vec<usize> = rounds.iter().flatten().copied().collect();
    for turns in 1..=4 {
        for index in 0..5 {
            let times = all.iter().take(5 * turns).filter(|of| **of == index).count();
            assert!(times.abs_diff(turns) <= 1, "site {index} had {times} of {turns} turns: {rounds:?}");
        }
    }
    let groups: BTreeSet<_> = rounds.iter().map(|of| of.iter().copied().collect::<BTreeSet<_>>()).collect();
    assert!(groups.len() > 3, "the same sites do not always meet: {rounds:?}");
}

#[test]
fn two_runs_of_one_seed_choose_alike_and_those_of_another_do_not() {
    let chosen = |seed: u64, run: u8| {
        let mut launched = some_of(12, 3, 2, 4);
        (launched.spec.training.seed, launched.run) = (seed, common::id::RunId([run; 8]));
        let mut live = Live::launched(launched);
        (0..4).map(|_| live.whole_round()).collect::<Vec<_>>()
    };
    assert_eq!(chosen(7, 1), chosen(7, 2));
    assert_ne!(chosen(7, 1), chosen(8, 1));
    // Computed apart (Python's hashlib): another version chooses the same.
    assert_eq!(chosen(7, 1), [[2, 4, 9], [7, 8, 11], [0, 3, 10], [1, 5, 6]]);
}

#[test]
fn who_is_out_of_reach_is_passed_over_and_has_its_turn_when_it_is_back() {
    let mut live = Live::launched(some_of(4, 2, 2, 8));
    live.whole_round();
    let first = live.state.rounds[0].chosen.clone().unwrap();
    let waiting: Vec<usize> = live.chosen();
    assert!(waiting.iter().all(|index| !first.contains(&site(*index))));
    // The next turns: one of them is away for two rounds.
    live.away.insert(site(waiting[0]));
    live.whole_round();
    for _ in 0..2 {
        assert!(!live.chosen().contains(&waiting[0]), "others are there");
        live.whole_round();
    }
    live.away.clear();
    // The round that is open was chosen before it came back.
    live.whole_round();
    assert!(live.chosen().contains(&waiting[0]));
    // With nobody else to choose it is chosen all the same: it may come back before the deadline.
    let mut few = Live::launched(some_of(2, 2, 1, 2));
    few.away = [site(0), site(1)].into();
    few.whole_round();
    assert_eq!(few.chosen(), [0, 1]);
}

#[test]
fn nobody_takes_the_place_of_a_slow_site_and_others_come_where_no_quorum_is_left() {
    let mut live = Live::launched(some_of(6, 3, 2, 2));
    let chosen = live.chosen();
    live.event(Event::SiteFailed { round: Round(1), site: site(chosen[0]), code: "out_of_memory".into() });
    assert_eq!(live.chosen(), chosen, "two are left, and a quorum is two");
    live.event(Event::SiteExcluded { site: site(chosen[1]) });
    let more = live.chosen();
    assert_eq!(more.len(), 4, "one more is chosen: {more:?}");
    let new = *more.iter().find(|index| !chosen.contains(index)).unwrap();
    live.event(Event::SiteIncluded { site: site(chosen[1]) });
    assert_eq!(live.chosen(), more, "whoever was chosen stays so");
    for index in [chosen[2], new, chosen[1]] {
        assert!(live.update(index));
    }
    assert_eq!(live.state.phase, Phase::Aggregating);
    let missing: Vec<_> = live.state.rounds[0].missing.keys().cloned().collect();
    assert_eq!(missing, [site(chosen[0])], "who gave up is named");
}

#[test]
fn a_choice_that_nobody_asked_for_changes_nothing() {
    let mut live = Live::launched(some_of(5, 2, 2, 2));
    let chosen = live.chosen();
    let other = (0..5).find(|index| !chosen.contains(index)).unwrap();
    let choice = |round: u32, index: usize| {
        let (round, sites) = (Round(round), [site(index)].into());
        Event::SitesChosen { round, sites }
    };
    assert!(!live.event(choice(1, other)), "none is lacking");
    live.event_unchosen(Event::SiteRevoked { site: site(chosen[0]) });
    assert!(!live.event_unchosen(choice(2, other)), "another round's");
    assert!(!live.event_unchosen(choice(1, chosen[0])), "it is revoked");
    assert!(!live.event_unchosen(choice(1, chosen[1])), "it is chosen");
    assert!(!live.event_unchosen(choice(1, 77)), "a stranger");
    let two = (0..5).filter(|index| !chosen.contains(index)).take(2).map(site).collect();
    assert!(!live.event_unchosen(Event::SitesChosen { round: Round(1), sites: two }), "one is lacking");
    assert!(!live.event_unchosen(Event::SitesChosen { round: Round(1), sites: BTreeSet::new() }));
    assert!(live.event_unchosen(choice(1, other)));
    let mut all = Live::launched(launched_run(3, 2, 2));
    assert!(!all.event(choice(1, 0)), "every site trains every round");
    assert!(all.state.rounds[0].chosen.is_none());
}

#[test]
fn who_agrees_during_a_round_has_its_turn_from_the_next_one_on() {
    let mut launched = some_of(4, 2, 2, 3);
    launched.needs_approval = true;
    launched.spec.approval.grace_s = 0;
    let (state, _) = launch(launched.clone(), Timestamp(0));
    let mut live = Live { state, journal: Vec::new(), away: BTreeSet::new() };
    live.journal.push((Event::Launched { launched: Box::new(launched) }, Timestamp(0)));
    let approve = |index| Event::SiteDecided { site: site(index), decision: SiteDecision::Approved };
    (0..3).for_each(|index| assert!(live.event(approve(index))));
    let (site_3, absence) = (site(3), super::super::missing::Absence::Offline);
    live.event(Event::SitesAbsent { round: Round(0), sites: BTreeMap::from([(site_3, absence)]) });
    live.event(Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None });
    assert!(!live.chosen().contains(&3), "three others have agreed");
    assert!(live.event(approve(3)));
    assert!(live.state.work_for(&site(3)).is_none(), "not in the round that is open");
    live.whole_round();
    assert!(live.chosen().contains(&3));
}

#[test]
fn a_round_without_a_choice_waits_for_one_until_its_deadline() {
    let (state, _) = launch(some_of(3, 2, 2, 2), Timestamp(0));
    let score = Score::Unevaluated { reason: String::new() };
    let (state, asked) = step(state, &Event::BaseScored { score, initial: None }, Timestamp(0));
    assert_eq!(asked, [Effect::ChooseSites { round: Round(1) }]);
    assert!(state.launched.sites.iter().all(|site| state.work_for(site).is_none()));
    let sites = choose(&state, |_| false);
    let (opened, asked) = step(state.clone(), &Event::SitesChosen { round: Round(1), sites }, Timestamp(1));
    assert_eq!(asked, [Effect::Announce { round: Round(1) }], "sites are woken once");
    assert_eq!(opened.rounds[0].deadline, Timestamp(60_000));
    let (late, _) = step(state, &Event::Tick, Timestamp(60_000));
    assert!(matches!(late.phase, Phase::Failed(Failure::QuorumNotMet { updates: 0, needed: 2 })));
}

proptest! {
    #[test]
    fn turns_come_round(sites in 1_usize..9, share in 1_usize..9, rounds in 1_u32..20, seed: u64) {
        let count = share.min(sites);
        let mut launched = some_of(sites, count, 1, rounds);
        launched.spec.training.seed = seed;
        let mut live = Live::launched(launched);
        let mut times = vec![0_usize; sites];
        for _ in 0..rounds {
            let chosen = live.whole_round();
            prop_assert_eq!(chosen.len(), count);
            chosen.into_iter().for_each(|index| times[index] += 1);
            let (least, most) = (times.iter().min().unwrap(), times.iter().max().unwrap());
            // Within one round the last of some turns and the first of the next meet.
            prop_assert!(most - least <= 2, "{times:?}");
        }
    }
}
