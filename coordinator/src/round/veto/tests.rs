//! Rounds that rise, through the scheduler.

use std::collections::BTreeMap;

use common::id::Digest;
use proptest::prelude::*;

use super::super::event::Event;
use super::super::launched::LaunchedRun;
use super::super::scheduler;
use super::super::scheduler::tests::{aggregated, launched_run, measured as score};
use super::super::state::{Failure, Outlier, Phase};
use super::super::vetoed::Blame;
use super::*;

fn launched(rounds: u32, increase_max: Option<f64>) -> LaunchedRun {
    let mut launched = launched_run(2, 2, rounds);
    launched.spec.evaluation.loss_increase_max = increase_max;
    launched
}

/// A run whose rounds were measured like this.
fn measured(increase_max: Option<f64>, rounds: u32, base: &Score, scores: &[Score]) -> RunState {
    let mut state = RunState::launched(launched(rounds, increase_max), Timestamp(0));
    let mut apply = |event: Event| state = scheduler::step(state.clone(), &event, Timestamp(7)).0;
    apply(Event::BaseScored { score: base.clone(), initial: None });
    for (round, score) in (1..).map(Round).zip(scores) {
        for site in ["site-0", "site-1"] {
            let digest = Digest::of(format!("{round}{site}").as_bytes());
            apply(Event::UpdateStored { round, site: site.parse().unwrap(), digest, bytes: 1, records: 100 });
        }
        let digest = Digest::of(&round.0.to_le_bytes());
        apply(aggregated(round, digest));
        apply(Event::Scored { round, score: score.clone() });
        apply(Event::RoundPublished { round });
    }
    state
}

fn adopted(state: &RunState) -> Vec<u32> {
    let adopted = state.rounds.iter().filter(|record| record.published_at.is_some());
    adopted.map(|record| record.round.0).collect()
}

#[test]
fn a_round_that_rises_too_far_is_left_and_the_next_begins_where_the_last_good_one_ended() {
    let state = measured(Some(0.5), 4, &score(6.0), &[score(5.0), score(5.6), score(4.9)]);
    assert_eq!(adopted(&state), [1, 3]);
    let veto = state.rounds[1].vetoed.as_ref().unwrap();
    assert_eq!((veto.at, veto.best_loss, veto.increase_max), (Timestamp(7), Some(5.0), 0.5));
    assert_eq!(state.rounds[2].from, Digest::of(&1_u32.to_le_bytes()), "from round 1, not from round 2");
    assert_eq!((state.rounds[3].from, state.phase.clone()), (state.model(), Phase::Announced));
    assert_eq!((state.published(), state.gone_through()), (2, 3));
    // Exactly the bound is adopted.
    assert_eq!(adopted(&measured(Some(0.5), 2, &score(6.0), &[score(6.5)])), [1]);
}

#[test]
fn many_small_steps_upwards_are_one_large_one() {
    let climbing: Vec<Score> = (1..=5).map(|step| score(5.0 + 0.3 * f64::from(step))).collect();
    assert_eq!(adopted(&measured(Some(0.5), 9, &score(5.0), &climbing)), [1]);
}

#[test]
fn nothing_is_vetoed_without_a_bound_or_without_a_measurement() {
    let none = Score::Unevaluated { reason: "no room".to_owned() };
    assert_eq!(adopted(&measured(None, 2, &score(5.0), &[score(99.0)])), [1], "as older versions did");
    assert_eq!(adopted(&measured(Some(0.5), 3, &none, &[none.clone(), score(9.0)])), [1, 2]);
    // What was not measured is no mark; the one before it is.
    assert_eq!(adopted(&measured(Some(0.5), 3, &score(5.0), &[none, score(9.0)])), [1]);
}

#[test]
fn a_loss_that_is_no_number_is_not_adopted_whatever_there_is_to_compare_it_with() {
    let overflowed = score(crate::limits::LOSS_NATS_MAX);
    let none = Score::Unevaluated { reason: "no room".to_owned() };
    for base in [score(5.0), none, overflowed.clone()] {
        for increase_max in [0.5, 100.0] {
            let state = measured(Some(increase_max), 3, &base, &[overflowed.clone(), score(6.0 - 1.0)]);
            assert_eq!(adopted(&state), [2], "{base:?}: and the next is compared with what says something");
        }
    }
    assert!(
        !Veto { at: Timestamp(0), best_loss: None, increase_max: 100.0, harm: None }.would_adopt(f64::NAN)
    );
}

#[test]
fn what_a_run_started_from_is_a_mark_as_its_own_rounds_are() {
    let mut state = RunState::launched(launched(3, Some(0.5)), Timestamp(0));
    let event = Event::BaseScored { score: score(3.0), initial: Some(score(1.2)) };
    state = scheduler::step(state, &event, Timestamp(1)).0;
    assert!(forbids(&state, &score(1.8)), "half a nat above what it goes on from");
    assert!(!forbids(&state, &score(1.7)));
}

#[test]
fn a_run_ends_with_its_last_adopted_round_or_with_none() {
    let ended = measured(Some(0.5), 2, &score(6.0), &[score(5.0), score(9.0)]);
    assert_eq!((ended.phase.clone(), ended.model()), (Phase::TestPending, Digest::of(&1_u32.to_le_bytes())));
    assert!(ended.has_final_model());
    let lost = measured(Some(0.5), 2, &score(6.0), &[score(9.0), score(8.0)]);
    assert_eq!(lost.phase, Phase::Failed(Failure::NothingAdopted));
    assert!(!lost.has_final_model() && !lost.may_be_tested());
    assert_eq!(lost.model(), lost.launched.initial);
}

#[test]
fn the_harm_is_noted_once_also_after_the_end() {
    let state = measured(Some(0.5), 1, &score(6.0), &[score(9.0)]);
    assert_eq!(waiting(&state).count(), 1);
    let without = BTreeMap::from([("site-0".parse().unwrap(), 5.9), ("site-1".parse().unwrap(), 9.5)]);
    let found = Harm::Measured { together: Some(9.0), without, duration_ms: 3 };
    let lost = Harm::NotMeasured { reason: "x".to_owned() };
    let note = |state: &RunState, round, harm: &Harm| {
        let event = Event::HarmFound { round: Round(round), harm: harm.clone() };
        scheduler::step(state.clone(), &event, Timestamp(99)).0
    };
    assert_eq!(note(&state, 2, &found), state, "there is no such round");
    let after = note(&note(&state, 1, &lost), 1, &found);
    let veto = after.rounds[0].vetoed.as_ref().unwrap();
    assert_eq!(veto.blame(), Some(Blame::Sites(vec!["site-0".parse().unwrap()])));
    assert_eq!(note(&after, 1, &lost), after, "what was found stays");
    assert_eq!((waiting(&after).count(), &after.phase, after.ended_at), (0, &state.phase, state.ended_at));
}

#[test]
fn of_too_many_vetoed_rounds_the_oldest_goes_without_a_search() {
    let state = measured(Some(0.5), 9, &score(5.0), &vec![score(9.0); 4]);
    let rounds: Vec<u32> = waiting(&state).map(|record| record.round.0).collect();
    assert_eq!(rounds, [3, 4]);
    assert!(matches!(&state.rounds[0].vetoed.as_ref().unwrap().harm, Some(Harm::NotMeasured { .. })));
}

#[test]
fn those_far_from_the_others_are_left_out_first_and_then_the_heavy_ones() {
    let mut state = measured(Some(0.5), 1, &score(5.0), &[score(9.0)]);
    let mut record = state.rounds.remove(0);
    state.launched.sites = (0..20).map(|index| format!("site-{index:02}").parse().unwrap()).collect();
    let update = *record.updates.values().next().unwrap();
    record.updates = (0..20)
        .map(|index| {
            (
                state.launched.sites[index].clone(),
                super::super::state::Update { records: 100 + index as u64, ..update },
            )
        })
        .collect();
    record.outliers = vec![Outlier { site: state.launched.sites[3].clone(), norm_factor: 9.0, cosine: 0.0 }];
    let suspects: Vec<String> = suspects(&state, &record).iter().map(ToString::to_string).collect();
    assert_eq!(suspects.len(), LEAVE_ONE_OUT_SITES_MAX);
    assert_eq!(suspects[..3], ["site-03", "site-19", "site-18"]);
}

proptest! {
    #[test]
    fn whatever_is_measured_no_adopted_round_is_above_the_bound(
        losses in proptest::collection::vec(0.0_f64..20.0, 1..12),
        increase in 0.0_f64..5.0,
    ) {
        let scores: Vec<Score> = losses.iter().map(|loss| score(*loss)).collect();
        let state = measured(Some(increase), u32::try_from(losses.len()).unwrap(), &score(10.0), &scores);
        let mut best = 10.0_f64;
        for (record, loss) in state.rounds.iter().zip(&losses) {
            prop_assert_eq!(record.published_at.is_some(), loss - best <= increase);
            prop_assert!(record.published_at.is_some() != record.vetoed.is_some());
            if record.published_at.is_some() {
                best = best.min(*loss);
            }
        }
    }
}
