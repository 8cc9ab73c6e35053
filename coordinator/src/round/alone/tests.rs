//! A run of each site alone by example: what is asked in which order, what is noted, that a replay and a
//! restart at every place say the same, and what stays of its files.

use common::clock::Timestamp;
use common::id::{Digest, Round};

use super::super::baseline::Figures;
use super::super::decision::SiteDecision;
use super::super::launched::{Beside, LaunchedRun};
use super::super::retention::{Rule, needed};
use super::super::scheduler::{self, tests::launched_run};
use super::super::state::{Failure, Metrics, Score};
use super::super::weight;
use super::*;

fn site(index: usize) -> SiteId {
    format!("site-{index}").parse().unwrap()
}

pub(crate) fn metrics(loss: f64) -> Metrics {
    Metrics {
        loss,
        perplexity: loss.exp(),
        token_accuracy: 0.5,
        supervised_tokens: 900,
        samples: 60,
        duration_ms: 1,
        paired: None,
    }
}

/// A measurement in which the site's own has this loss.
pub(crate) fn outcome(loss: f64) -> Baseline {
    let figures = Figures { base: metrics(6.0), alone: metrics(loss), together: None, difference: None };
    Baseline::Measured(Box::new(figures))
}

pub(crate) fn launched(sites: usize) -> LaunchedRun {
    let mut launched = launched_run(sites, 1, 1);
    launched.spec.train = Train::Alone;
    launched
}

fn update(index: usize) -> Event {
    let digest = Digest::of(&[index as u8]);
    Event::UpdateStored { round: Round(1), site: site(index), digest, bytes: 1, records: 100 }
}

/// The events of an undisturbed run, with what is asked for after each.
pub(crate) fn course(launched: LaunchedRun, updates: &[usize]) -> Vec<(Event, RunState, Vec<Effect>)> {
    let base = Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None };
    let mut events: Vec<Event> = std::iter::once(base).chain(updates.iter().map(|it| update(*it))).collect();
    events.push(Event::SitesAbsent { round: Round(1), sites: absent(&launched, updates) });
    let (mut state, _) = scheduler::launch(launched, Timestamp(0));
    let mut course = Vec::new();
    let mut at = 1;
    while !events.is_empty() {
        let event = events.remove(0);
        let (next, effects) = scheduler::step(state.clone(), &event, Timestamp(at));
        at += 1;
        if next == state {
            continue;
        }
        state = next;
        events.extend(effects.iter().filter_map(|effect| match effect {
            Effect::MeasureAlone { site, set, .. } => {
                Some(Event::AloneMeasured { site: site.clone(), set: *set, outcome: outcome(5.0) })
            }
            Effect::OpenTest => Some(Event::TestOpened { file: Digest::of(b"test"), attempt: 0 }),
            _ => None,
        }));
        course.push((event, state.clone(), effects));
    }
    course
}

fn absent(
    launched: &LaunchedRun,
    there: &[usize],
) -> std::collections::BTreeMap<SiteId, super::super::missing::Absence> {
    let is_away = |it: &&SiteId| !there.iter().any(|index| &site(*index) == *it);
    let away = launched.sites.iter().filter(is_away);
    away.map(|site| (site.clone(), super::super::missing::Absence::Offline)).collect()
}

#[test]
fn each_site_is_measured_on_both_sets_in_order_and_nothing_is_averaged_or_published() {
    let course = course(launched(2), &[1, 0]);
    let kinds: Vec<&str> = course.iter().map(|(event, ..)| event.kind()).collect();
    let expected = [
        "base_scored",
        "update_stored",
        "update_stored",
        "alone_measured",
        "alone_measured",
        "test_opened",
        "alone_measured",
        "alone_measured",
    ];
    assert_eq!(kinds, expected);
    let asked: Vec<(SiteId, HeldOut)> = course
        .iter()
        .flat_map(|(.., effects)| effects)
        .filter_map(|it| match it {
            Effect::MeasureAlone { site, set, adapter, .. } => {
                let index = usize::from(*site == self::site(1));
                assert_eq!(*adapter, Digest::of(&[index as u8]), "its own update");
                Some((site.clone(), *set))
            }
            Effect::Aggregate { .. }
            | Effect::Score { .. }
            | Effect::Publish { .. }
            | Effect::ScoreTest { .. } => {
                panic!("{it:?}")
            }
            _ => None,
        })
        .collect();
    let (validation, test) = (HeldOut::Validation, HeldOut::Test);
    assert_eq!(asked, [(site(0), validation), (site(1), validation), (site(0), test), (site(1), test)]);
    let (_, end, effects) = course.last().unwrap();
    assert_eq!((&end.phase, effects.as_slice()), (&Phase::Finished, &[Effect::Finish][..]));
    assert_eq!((end.published(), end.model(), end.test.openings.len()), (0, end.launched.initial, 1));
    assert!(!end.has_final_model() && !end.may_be_tested() && weight::newest(end).is_empty());
    assert!([validation, test].iter().all(|set| measured(end, *set).all(|(_, it)| it.is_some())));
    let written = serde_json::to_string(end).unwrap();
    assert_eq!(serde_json::from_str::<RunState>(&written).unwrap(), *end);
}

#[test]
fn after_a_crash_at_any_place_the_replay_is_the_state_and_asks_for_what_was_asked() {
    let course = course(launched(3), &[0, 2]);
    let launch = Event::Launched { launched: Box::new(launched(3)) };
    for end in 0..course.len() {
        let rows =
            course.iter().take(end + 1).zip(1..).map(|((event, state, _), _)| (event, state.updated_at));
        let rows: Vec<_> = std::iter::once((&launch, Timestamp(0))).chain(rows).collect();
        let state = scheduler::replay(rows).unwrap();
        let (_, live, effects) = &course[end];
        assert_eq!(state, *live);
        let asked = effects.iter().filter(|it| matches!(it, Effect::MeasureAlone { .. } | Effect::OpenTest));
        let again = scheduler::pending(&state);
        assert!(asked.clone().all(|it| again.contains(it)), "{effects:?} {again:?}");
    }
}

#[test]
fn a_measurement_is_noted_once_in_its_phase_and_of_a_site_that_delivered() {
    let course = course(launched(3), &[0, 2]);
    let (_, state, _) = course.iter().find(|(event, ..)| event.kind() == "alone_measured").unwrap();
    let event = |index, set, loss| Event::AloneMeasured { site: site(index), set, outcome: outcome(loss) };
    for wrong in [
        event(0, HeldOut::Validation, 1.0),
        event(1, HeldOut::Validation, 1.0),
        event(2, HeldOut::Test, 1.0),
        Event::Scored { round: Round(1), score: Score::Unevaluated { reason: String::new() } },
        Event::RoundPublished { round: Round(1) },
    ] {
        let (next, effects) = scheduler::step(state.clone(), &wrong, Timestamp(99));
        assert!(next == *state && effects.is_empty(), "{wrong:?}");
    }
    let failed = Baseline::NotMeasured { reason: "no memory".into() };
    let wrong = Event::AloneMeasured { site: site(2), set: HeldOut::Validation, outcome: failed };
    let (next, effects) = scheduler::step(state.clone(), &wrong, Timestamp(99));
    assert_eq!((&next.phase, effects.as_slice()), (&Phase::TestPending, &[Effect::OpenTest][..]));
    // A run together has no such measurement.
    let (together, _) = scheduler::launch(launched_run(3, 1, 1), Timestamp(0));
    let event = event(0, HeldOut::Validation, 1.0);
    assert_eq!(scheduler::step(together.clone(), &event, Timestamp(1)).0, together);
}

#[test]
fn a_set_that_is_not_there_is_passed_over_and_a_test_that_cannot_be_opened_ends_the_run() {
    let kinds = |change: fn(&mut LaunchedRun)| {
        let mut launched = launched(1);
        change(&mut launched);
        let course = course(launched, &[0]);
        let (_, end, _) = course.last().unwrap();
        assert_eq!(end.phase, Phase::Finished);
        course.iter().map(|(event, ..)| event.kind()).skip(2).collect::<Vec<_>>()
    };
    assert_eq!(kinds(|it| it.test = None), ["alone_measured"]);
    assert_eq!(kinds(|it| it.validation = None), ["test_opened", "alone_measured"]);
    let course = course(launched(1), &[0]);
    let (_, before, _) = course.iter().find(|(_, state, _)| state.phase == Phase::TestPending).unwrap();
    let put_off = Event::TestPutOff { reason: "gone".into(), attempt: 0 };
    let end = scheduler::step(before.clone(), &put_off, Timestamp(50)).0;
    assert!(end.phase == Phase::Finished && end.test.openings.is_empty());
    assert!(measured(&end, HeldOut::Test).all(|(_, it)| it.is_none()));
}

#[test]
fn without_a_quorum_it_fails_and_who_did_not_agree_has_no_row() {
    let mut launched = launched(2);
    launched.needs_approval = true;
    let (mut state, _) = scheduler::launch(launched, Timestamp(0));
    let decided = Event::SiteDecided { site: site(1), decision: SiteDecision::Approved };
    state = scheduler::step(state, &decided, Timestamp(1)).0;
    let refused = Event::SiteDecided { site: site(0), decision: SiteDecision::Declined };
    state = scheduler::step(state, &refused, Timestamp(2)).0;
    assert_eq!(state.phase, Phase::MeasuringBase);
    let base = Event::BaseScored { score: Score::Unevaluated { reason: String::new() }, initial: None };
    state = scheduler::step(state, &base, Timestamp(3)).0;
    let (late, early) = (scheduler::step(state.clone(), &Event::Tick, Timestamp(1 << 40)).0, state);
    assert!(matches!(late.phase, Phase::Failed(Failure::QuorumNotMet { .. })));
    let early = scheduler::step(early, &update(0), Timestamp(4)).0;
    assert!(early.rounds[0].updates.is_empty(), "it has not agreed");
    let done = scheduler::step(early, &update(1), Timestamp(5)).0;
    assert_eq!((&done.phase, measured(&done, HeldOut::Validation).count()), (&Phase::Evaluating, 1));
}

#[test]
fn updates_stay_until_the_run_is_over_and_the_model_it_is_compared_with_stays() {
    let mut launched = launched(2);
    let adapter = Digest::of(b"together");
    launched.beside = Some(Beside { run: common::id::RunId([9; 8]), adapter });
    let rule = Rule { update_rounds: 2, adapter_rounds: 2 };
    let stays = |state: &RunState| {
        let needed = needed(&[state], rule);
        (
            needed.contains(&Digest::of(&[0])),
            needed.contains(&adapter),
            needed.contains(&state.launched.initial),
        )
    };
    let course = course(launched, &[0, 1]);
    let (_, before, _) = &course[course.len() - 2];
    assert_eq!(stays(before), (true, true, true));
    let (_, end, _) = course.last().unwrap();
    assert_eq!(stays(end), (false, true, true));
}
