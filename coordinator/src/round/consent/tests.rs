//! A proposal by example: who must answer, when the run begins, when it fails, and what a withdrawal does.

use super::SiteDecision::{Approved, Declined, OutsidePolicy, Withdrawn};
use super::*;
use crate::round::effect::Effect;
use crate::round::event::Event;
use crate::round::missing::Missing;
use crate::round::scheduler::tests::launched_run;
use crate::round::scheduler::{launch, pending, step};

fn site(index: usize) -> SiteId {
    format!("site-{index}").parse().unwrap()
}

/// A run of so many sites that were asked at 0; the proposal fails at 100 s, and waits 10 s with a quorum.
fn proposed(sites: usize, quorum: usize) -> RunState {
    let mut launched = launched_run(sites, quorum, 2);
    launched.needs_approval = true;
    (launched.spec.approval.deadline_s, launched.spec.approval.grace_s) = (100, 10);
    let (state, effects) = launch(launched, Timestamp(0));
    assert_eq!((effects.len(), state.phase.word()), (0, "proposed"), "nothing is done before they agree");
    state
}

fn advance(state: &mut RunState, event: &Event, at_s: u64) -> Vec<Effect> {
    let (next, effects) = step(state.clone(), event, Timestamp(at_s * 1000));
    *state = next;
    effects
}

fn says(state: &mut RunState, index: usize, decision: SiteDecision, at_s: u64) -> Vec<Effect> {
    advance(state, &Event::SiteDecided { site: site(index), decision }, at_s)
}

#[test]
fn a_run_begins_with_the_last_answer_or_after_the_grace_period() {
    let mut state = proposed(3, 2);
    assert!(says(&mut state, 0, Approved, 1).is_empty());
    assert!(says(&mut state, 1, Approved, 2).is_empty(), "a third is waited for");
    assert_eq!(says(&mut state.clone(), 2, Declined, 3), [Effect::ScoreBase], "a no is an answer");
    assert_eq!(state.next_deadline(), Some(Timestamp(12_000)));
    assert!(advance(&mut state, &Event::Tick, 11).is_empty());
    assert_eq!(advance(&mut state, &Event::Tick, 12), [Effect::ScoreBase]);
    // Who says nothing is neither waited for nor handed anything, and takes part once it agrees.
    let score = crate::round::state::Score::Unevaluated { reason: "none".into() };
    advance(&mut state, &Event::BaseScored { score, initial: None }, 13);
    assert_eq!(state.waited_for().collect::<Vec<_>>(), [&site(0), &site(1)]);
    assert!(state.work_for(&site(2)).is_none() && state.is_proposed_to(&site(2)));
    says(&mut state, 2, Approved, 14);
    assert!(state.work_for(&site(2)).is_some() && !state.is_proposed_to(&site(2)));
}

#[test]
fn a_proposal_without_a_quorum_fails_at_its_deadline_or_when_none_is_possible() {
    let mut state = proposed(3, 2);
    says(&mut state, 0, Approved, 1);
    assert!(advance(&mut state, &Event::Tick, 99).is_empty());
    let mut late = state.clone();
    assert_eq!(advance(&mut late, &Event::Tick, 100), [Effect::Finish]);
    assert_eq!(late.phase, Phase::Failed(Failure::NotAgreed { agreed: 1, needed: 2 }));
    says(&mut state, 1, Declined, 2);
    assert_eq!(says(&mut state, 2, OutsidePolicy, 3), [Effect::Finish]);
    assert_eq!(state.phase, Phase::Failed(Failure::NotAgreed { agreed: 1, needed: 2 }));
    let mut revoked = proposed(2, 2);
    assert_eq!(advance(&mut revoked, &Event::SiteRevoked { site: site(1) }, 1), [Effect::Finish]);
}

#[test]
fn a_paused_site_is_not_waited_for_and_one_that_changes_its_mind_takes_part() {
    let mut state = proposed(3, 2);
    advance(&mut state, &Event::SitePaused { site: site(2) }, 1);
    says(&mut state, 0, Declined, 1);
    says(&mut state, 1, Approved, 1);
    assert_eq!(state.phase, Phase::Proposed, "the paused one may come back and agree");
    assert_eq!(says(&mut state, 0, Approved, 2), [Effect::ScoreBase]);
}

#[test]
fn nobody_waits_for_the_answer_of_a_site_that_is_out_of_reach() {
    let mut state = proposed(3, 2);
    let absent = |indices: &[usize]| {
        let sites = indices.iter().map(|index| (site(*index), Absence::Offline)).collect();
        Event::SitesAbsent { round: common::id::Round(0), sites }
    };
    says(&mut state, 0, Approved, 1);
    assert!(advance(&mut state, &absent(&[1, 2]), 2).is_empty(), "no quorum");
    says(&mut state, 1, Approved, 3);
    assert!(advance(&mut state, &absent(&[1]), 4).is_empty(), "the third is there");
    assert_eq!(advance(&mut state, &absent(&[2]), 5), [Effect::ScoreBase]);
}

#[test]
fn a_withdrawal_takes_an_update_out_of_an_open_round_and_is_final() {
    let mut state = proposed(3, 2);
    (0..3).for_each(|index| drop(says(&mut state, index, Approved, 1)));
    let score = crate::round::state::Score::Unevaluated { reason: "none".into() };
    advance(&mut state, &Event::BaseScored { score, initial: None }, 2);
    let update = |index| Event::UpdateStored {
        round: common::id::Round(1),
        site: site(index),
        digest: common::id::Digest([u8::try_from(index).unwrap(); 32]),
        bytes: 1,
        records: 100,
    };
    advance(&mut state, &update(0), 3);
    says(&mut state, 0, Withdrawn, 4);
    assert!(state.rounds[0].updates.is_empty() && state.work_for(&site(0)).is_none());
    assert!(says(&mut state, 0, Approved, 5).is_empty());
    assert!(!state.has_agreed(&site(0)) && !state.is_proposed_to(&site(0)), "final");
    advance(&mut state, &update(1), 6);
    let effects = advance(&mut state, &update(2), 7);
    assert!(matches!(&effects[1], Effect::Aggregate { inputs, .. } if inputs.len() == 2), "{effects:?}");
    assert_eq!(state.rounds[0].missing[&site(0)], Missing::NotAgreed(Some(Withdrawn)));
    says(&mut state, 2, Declined, 8);
    assert_eq!(state.decisions[&site(2)].decision, Withdrawn, "a no of who took part is final, too");
    // What is already being averaged was sealed before; the next round has it no more.
    says(&mut state, 1, Withdrawn, 8);
    assert_eq!(state.rounds[0].updates.len(), 2);
    // A second one leaves no quorum: an open round does not wait for what cannot come.
    let mut open = proposed(2, 2);
    (0..2).for_each(|index| drop(says(&mut open, index, Approved, 1)));
    let score = crate::round::state::Score::Unevaluated { reason: "none".into() };
    advance(&mut open, &Event::BaseScored { score, initial: None }, 2);
    assert_eq!(says(&mut open, 0, Withdrawn, 3), [Effect::Finish]);
    assert_eq!(open.rounds[0].missing[&site(1)], Missing::RunFailed, "nobody was late");
}

/// The attack: a journal row for each change of mind.
#[test]
fn a_site_that_changes_its_mind_for_ever_does_not_grow_the_journal() {
    let mut state = proposed(3, 1);
    let mut rows = 0;
    for turn in 0..1_000 {
        let before = state.clone();
        says(&mut state, 0, [Declined, Approved][turn % 2], 1);
        rows += u32::from(before != state);
    }
    assert_eq!(rows, 1 + DECISIONS_PER_SITE_MAX);
    // The last word is a no, whichever came first.
    let mut other = proposed(3, 1);
    (0..1_000).for_each(|turn| drop(says(&mut other, 0, [Approved, Declined][turn % 2], 1)));
    assert_eq!(other.decisions[&site(0)].decision, Declined);
    says(&mut state, 0, Withdrawn, 2);
    assert!(!state.has_agreed(&site(0)), "the last no is always heard");
    assert!(!says(&mut state, 7, Approved, 3).iter().any(|_| true), "nobody asked it");
}

#[test]
fn no_round_opens_without_a_quorum_of_sites_that_agree() {
    // Lost while the base model was measured: the third is asked on, and its word begins the run again.
    let score = || Event::BaseScored {
        score: crate::round::state::Score::Unevaluated { reason: "none".into() },
        initial: None,
    };
    let mut state = proposed(3, 2);
    (0..2).for_each(|index| drop(says(&mut state, index, Approved, 1)));
    advance(&mut state, &Event::Tick, 50);
    says(&mut state, 1, Withdrawn, 60);
    assert!(advance(&mut state, &score(), 70).is_empty() && state.phase == Phase::Proposed);
    assert_eq!(state.next_deadline(), Some(Timestamp(170_000)));
    assert_eq!(says(&mut state, 2, Approved, 80), [Effect::ScoreBase]);
    // Lost while a round was measured: the next one does not open.
    advance(&mut state, &score(), 90);
    state.phase = Phase::Publishing;
    says(&mut state, 2, Withdrawn, 91);
    let published = Event::RoundPublished { round: common::id::Round(1) };
    assert_eq!(advance(&mut state, &published, 92), [Effect::Finish]);
    assert_eq!(state.phase, Phase::Failed(Failure::NotAgreed { agreed: 1, needed: 2 }));
    // Declined by one, revoked another: nobody waits for what cannot come.
    let mut state = proposed(3, 2);
    (0..2).for_each(|index| drop(says(&mut state, index, Approved, 1)));
    says(&mut state, 2, Declined, 1);
    advance(&mut state, &score(), 2);
    assert_eq!(advance(&mut state, &Event::SiteRevoked { site: site(1) }, 3), [Effect::Finish]);
}

#[test]
fn after_a_restart_sites_have_the_whole_time_to_decide() {
    let mut state = proposed(3, 2);
    says(&mut state, 0, Approved, 1);
    advance(&mut state, &Event::Restarted, 500);
    assert!(advance(&mut state, &Event::Tick, 501).is_empty());
    says(&mut state, 1, Approved, 502);
    advance(&mut state, &Event::Restarted, 900);
    assert!(advance(&mut state, &Event::Tick, 905).is_empty(), "the grace period, too");
    assert_eq!(advance(&mut state, &Event::Tick, 910), [Effect::ScoreBase]);
}

#[test]
fn a_journal_of_an_older_version_replays_as_a_run_that_nobody_was_asked_about() {
    let (mut state, effects) = launch(launched_run(2, 2, 1), Timestamp(0));
    assert_eq!((effects.as_slice(), state.has_agreed(&site(0))), (&[Effect::ScoreBase][..], true));
    assert!(says(&mut state, 0, Withdrawn, 1).is_empty() && state.decisions.is_empty());
    assert_eq!(pending(&state), [Effect::ScoreBase]);
}
