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
    now: Timestamp,
}

impl Live {
    fn launched(launched: LaunchedRun) -> Self {
        Self::launched_without(launched, BTreeSet::new())
    }

    /// These are away when the first round is chosen.
    fn launched_without(launched: LaunchedRun, away: BTreeSet<SiteId>) -> Self {
        let (state, _) = launch(launched, Timestamp(0));
        let first = Event::Launched { launched: Box::new(state.launched.clone()) };
        let mut live = Self { state, journal: vec![(first, Timestamp(0))], away, now: Timestamp(1) };
        live.event(Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None });
        live
    }

    fn event(&mut self, event: Event) -> bool {
        let is_news = self.event_unchosen(event);
        while is_wanted(&self.state) {
            let round = self.state.current().unwrap().round;
            assert!(pending(&self.state).contains(&Effect::ChooseSites { round }), "also after a restart");
            let Choice { sites, passed_over } = choose(&self.state, |site| self.away.contains(site));
            assert!(passed_over.iter().all(|site| self.away.contains(site) || self.state.is_left_out(site)));
            let event = Event::SitesChosen { round, sites, passed_over };
            assert!(self.event_unchosen(event), "a choice is taken");
        }
        is_news
    }

    fn event_unchosen(&mut self, event: Event) -> bool {
        let (next, _) = step(self.state.clone(), &event, self.now);
        let is_news = next != self.state;
        self.state = next;
        if is_news {
            self.journal.push((event, self.now));
        }
        let again = replay(self.journal.iter().map(|(event, at)| (event, *at)));
        assert_eq!(again.as_ref(), Some(&self.state), "the journal gives another state");
        is_news
    }

    /// The deadline passes.
    fn expire(&mut self) -> bool {
        self.now = self.state.next_deadline().unwrap();
        self.event(Event::Tick)
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
fn who_is_out_of_reach_loses_that_turn_and_has_its_next_one() {
    let mut live = Live::launched(some_of(4, 2, 2, 8));
    let first = live.chosen();
    let waiting = (0..4).find(|index| !first.contains(index)).unwrap();
    live.away.insert(site(waiting));
    live.whole_round();
    assert!(!live.chosen().contains(&waiting), "others are there");
    assert_eq!(live.state.rounds[1].passed_over, [site(waiting)].into());
    let (row, _) = live.journal.last().unwrap();
    assert!(serde_json::to_string(row).unwrap().contains(&format!("\"passed_over\":[\"site-{waiting}\"]")));
    live.away.clear();
    live.whole_round();
    let next = [live.whole_round(), live.chosen()].concat();
    assert!(next.contains(&waiting), "it has a turn among the next ones: {next:?}");
    // With nobody else to choose it is chosen all the same: it may come back before the deadline.
    let mut few = Live::launched(some_of(2, 2, 1, 2));
    few.away = [site(0), site(1)].into();
    few.whole_round();
    assert_eq!(few.chosen(), [0, 1]);
}

#[test]
fn members_who_stay_away_for_the_choices_of_others_do_not_so_get_a_round_of_their_own() {
    let theirs: BTreeSet<SiteId> = (0..3).map(site).collect();
    let meet = |seed: u64, stay_away: bool| {
        let mut launched = some_of(9, 3, 2, 4);
        launched.spec.training.seed = seed;
        let away = if stay_away { theirs.clone() } else { BTreeSet::new() };
        let mut live = Live::launched_without(launched, away);
        live.whole_round();
        live.away.clear();
        // Six others have been chosen: a turn that was kept would be the third round's, for all three.
        live.whole_round();
        live.chosen() == [0, 1, 2]
    };
    let times = |stay_away: bool| (0..300).filter(|seed| meet(*seed, stay_away)).count();
    let (there, away) = (times(false), times(true));
    // One of the 84 threes in nine, where the lot is fair.
    assert!(
        there <= 12 && away <= 12,
        "{there} of 300 times when they are there, {away} when they were away"
    );
}

#[test]
fn at_a_deadline_without_a_quorum_others_are_chosen_as_long_as_there_are_any() {
    let mut live = Live::launched(some_of(5, 2, 2, 1));
    let chosen = live.chosen();
    assert!(live.update(chosen[0]));
    for (number, deadline) in [(3, 120_001), (4, 180_001), (5, 240_001)] {
        assert!(live.expire());
        assert_eq!(live.chosen().len(), number, "one is lacking");
        assert!(live.state.is_open() && live.state.rounds[0].deadline == Timestamp(deadline));
        assert!(!live.event(Event::Tick), "it is not due yet");
    }
    let mut late = live.state.clone();
    assert!(live.expire());
    let failure = Failure::QuorumNotMet { updates: 1, needed: 2 };
    assert_eq!(live.state.phase, Phase::Failed(failure), "nobody is left to choose");
    assert_eq!(live.state.rounds[0].missing.len(), 4);
    let last = (0..5).rev().find(|index| !chosen.contains(index)).unwrap();
    let event = Event::UpdateStored {
        round: Round(1),
        site: site(last),
        digest: Digest::of(b"last"),
        bytes: 1,
        records: 10,
    };
    (late, _) = step(late, &event, Timestamp(200_000));
    assert!(late.rounds[0].quorum_at.is_some(), "the next one's update makes the quorum");
}

#[test]
fn others_who_are_chosen_beside_have_the_whole_deadline() {
    let mut live = Live::launched(some_of(4, 2, 2, 1));
    let chosen = live.chosen();
    live.now = Timestamp(30_000);
    live.event(Event::SiteExcluded { site: site(chosen[0]) });
    assert_eq!((live.chosen().len(), live.state.rounds[0].deadline), (3, Timestamp(90_000)));
    // A choice that is asked for at the deadline and never made ends with the next deadline.
    live.now = Timestamp(90_000);
    assert!(live.event_unchosen(Event::Tick) && live.state.rounds[0].is_overdue && live.state.is_open());
    live.now = live.state.next_deadline().unwrap();
    assert!(live.event_unchosen(Event::Tick));
    assert!(matches!(live.state.phase, Phase::Failed(Failure::QuorumNotMet { .. })));
}

#[test]
fn a_choice_passes_over_nobody_but_who_stood_before_one_that_it_chooses() {
    let (state, _) = launch(some_of(5, 2, 2, 2), Timestamp(0));
    let score = Score::Unevaluated { reason: String::new() };
    let (state, _) = step(state, &Event::BaseScored { score, initial: None }, Timestamp(0));
    let (state, _) = step(state, &Event::SiteRevoked { site: site(0) }, Timestamp(0));
    let sites = choose(&state, |_| false).sites;
    let away = sites.first().cloned().unwrap();
    let choice = choose(&state, |site| *site == away);
    assert_eq!(choice.passed_over, [away.clone()].into());
    let is_taken = |sites: &BTreeSet<SiteId>, passed_over: BTreeSet<SiteId>| {
        let event = Event::SitesChosen { round: Round(1), sites: sites.clone(), passed_over };
        step(state.clone(), &event, Timestamp(1)).0 != state
    };
    assert!(is_taken(&choice.sites, choice.passed_over.clone()) && is_taken(&sites, BTreeSet::new()));
    let behind = (1..5).map(site).find(|site| !sites.contains(site)).unwrap();
    for (who, why) in [(behind, "behind"), (away, "chosen"), (site(0), "revoked"), (site(77), "a stranger")] {
        assert!(!is_taken(&sites, [who].into()), "{why}");
    }
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
        Event::SitesChosen { round, sites, passed_over: BTreeSet::new() }
    };
    assert!(!live.event(choice(1, other)), "none is lacking");
    live.event_unchosen(Event::SiteRevoked { site: site(chosen[0]) });
    assert!(!live.event_unchosen(choice(2, other)), "another round's");
    assert!(!live.event_unchosen(choice(1, chosen[0])), "it is revoked");
    assert!(!live.event_unchosen(choice(1, chosen[1])), "it is chosen");
    assert!(!live.event_unchosen(choice(1, 77)), "a stranger");
    let two = (0..5).filter(|index| !chosen.contains(index)).take(2).map(site).collect();
    let of = |sites| Event::SitesChosen { round: Round(1), sites, passed_over: BTreeSet::new() };
    assert!(!live.event_unchosen(of(two)), "one is lacking");
    assert!(!live.event_unchosen(of(BTreeSet::new())));
    assert!(live.event_unchosen(choice(1, other)));
    let mut all = Live::launched(launched_run(3, 2, 2));
    assert!(!all.event(choice(1, 0)), "every site trains every round");
    assert!(all.state.rounds[0].chosen.is_none());
}

#[test]
fn who_agrees_during_a_round_takes_part_in_turns_from_the_next_one_on() {
    let mut outcomes = BTreeSet::new();
    for seed in 0..20 {
        let mut launched = some_of(4, 2, 2, 3);
        (launched.needs_approval, launched.spec.training.seed) = (true, seed);
        launched.spec.approval.grace_s = 0;
        let (state, _) = launch(launched.clone(), Timestamp(0));
        let mut live = Live { state, journal: Vec::new(), away: BTreeSet::new(), now: Timestamp(1) };
        live.journal.push((Event::Launched { launched: Box::new(launched) }, Timestamp(0)));
        let approve = |index| Event::SiteDecided { site: site(index), decision: SiteDecision::Approved };
        (0..3).for_each(|index| assert!(live.event(approve(index))));
        let (site_3, absence) = (site(3), super::super::missing::Absence::Offline);
        live.event(Event::SitesAbsent { round: Round(0), sites: BTreeMap::from([(site_3, absence)]) });
        let score = Score::Unevaluated { reason: String::new() };
        live.event(Event::BaseScored { score, initial: None });
        assert!(!live.chosen().contains(&3), "three others have agreed");
        let is_lost = live.state.rounds[0].passed_over.contains(&site(3));
        assert!(live.event(approve(3)));
        assert!(live.state.work_for(&site(3)).is_none(), "not in the round that is open");
        live.whole_round();
        assert!(is_lost || live.chosen().contains(&3), "its turn has not been yet");
        outcomes.insert(is_lost);
    }
    assert_eq!(outcomes.len(), 2, "its turn was in the first round in some runs, and not in others");
}

#[test]
fn a_round_without_a_choice_waits_for_one_until_its_deadline() {
    let (state, _) = launch(some_of(3, 2, 2, 2), Timestamp(0));
    let score = Score::Unevaluated { reason: String::new() };
    let (state, asked) = step(state, &Event::BaseScored { score, initial: None }, Timestamp(0));
    assert_eq!(asked, [Effect::ChooseSites { round: Round(1) }]);
    assert!(state.launched.sites.iter().all(|site| state.work_for(site).is_none()));
    let Choice { sites, passed_over } = choose(&state, |_| false);
    assert!(passed_over.is_empty(), "everybody is there");
    let event = Event::SitesChosen { round: Round(1), sites, passed_over };
    let text = serde_json::to_string(&event).unwrap();
    assert!(!text.contains("passed_over"), "{text}");
    let (opened, asked) = step(state.clone(), &event, Timestamp(1));
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
