//! A round's aggregation error in the journal: found beside the run, after the round was published and
//! perhaps after the run was over. Pure. Used by `scheduler`; by `execution::beside`, which asks what to
//! compute next; by `retention`, which keeps the updates so long; by `admin::report`. Invariants: nothing
//! waits for it; at most `ERROR_BACKLOG_MAX` rounds of a run wait for theirs.

use common::id::{Digest, Round, RunId};

use super::accuracy::Outcome;
use super::state::{RoundRecord, RunState};
use crate::limits::ERROR_BACKLOG_MAX;

/// The published rounds of a run whose error is not known yet, in order.
pub fn waiting(state: &RunState) -> impl Iterator<Item = &RoundRecord> {
    state.rounds.iter().filter(|record| is_waiting(record))
}

/// Whether a round's error is still to be computed.
pub fn is_waiting(record: &RoundRecord) -> bool {
    record.published_at.is_some() && record.aggregation_error.is_none()
}

/// After a round was published: of too many that wait, the oldest goes without.
pub(super) fn bound(state: &mut RunState) {
    let surplus = waiting(state).count().saturating_sub(ERROR_BACKLOG_MAX);
    for record in state.rounds.iter_mut().filter(|record| is_waiting(record)).take(surplus) {
        let reason = "the next rounds were faster than its computation".to_owned();
        record.aggregation_error = Some(Outcome::NotComputed { reason });
    }
}

/// Notes what was found of a published round. Of one that was given up meanwhile it counts all the same; what
/// was found stays. Returns whether anything changed.
pub(super) fn note(state: &mut RunState, round: Round, outcome: &Outcome) -> bool {
    let Some(record) = state.rounds.iter_mut().find(|record| record.round == round) else { return false };
    let is_news = match (&record.aggregation_error, outcome) {
        (None, _) => true,
        (Some(Outcome::NotComputed { .. }), Outcome::Found { .. }) => true,
        (Some(_), _) => false,
    };
    let counts = record.published_at.is_some() && is_news;
    if counts {
        record.aggregation_error = Some(outcome.clone());
    }
    counts
}

/// What decides the signs of the probes: the run, the round, and the average, which no site can foresee.
pub fn seed(run: RunId, round: Round, aggregate: Digest) -> Digest {
    let text = [&b"consilium aggregation error"[..], &run.0, &round.0.to_le_bytes(), &aggregate.0].concat();
    Digest::of(&text)
}

#[cfg(test)]
mod tests {
    use common::clock::Timestamp;

    use super::super::event::Event;
    use super::super::scheduler::{
        self,
        tests::{aggregated, launched_run},
    };
    use super::super::state::{Phase, Score, Update};
    use super::*;

    /// A run of which so many rounds are published, of seven.
    fn published(rounds: u32) -> RunState {
        let mut state = RunState::launched(launched_run(1, 1, 7), Timestamp(0));
        state.launched.test = None;
        let mut apply = |event: Event| state = scheduler::step(state.clone(), &event, Timestamp(1)).0;
        let score = || Score::Unevaluated { reason: String::new() };
        apply(Event::BaseScored { score: score(), initial: None });
        for round in (1..=rounds).map(Round) {
            let (site, digest) = ("site-0".parse().unwrap(), Digest::of(&round.0.to_le_bytes()));
            apply(Event::UpdateStored { round, site, digest, bytes: 1, records: 100 });
            apply(aggregated(round, digest));
            apply(Event::Scored { round, score: score() });
            apply(Event::RoundPublished { round });
        }
        state
    }

    fn waiting_rounds(state: &RunState) -> Vec<u32> {
        waiting(state).map(|record| record.round.0).collect()
    }

    #[test]
    fn a_round_is_published_and_the_next_is_open_before_its_error_is_known() {
        let state = published(1);
        assert_eq!((state.phase.clone(), waiting_rounds(&state)), (Phase::Announced, vec![1]));
        let found = Event::AggregationErrorFound { round: Round(1), outcome: Outcome::exact(0.5) };
        let (next, effects) = scheduler::step(state.clone(), &found, Timestamp(9));
        assert!(effects.is_empty() && next.phase == state.phase && waiting_rounds(&next).is_empty());
        // A second word changes nothing, and so does a word on a round that is not published.
        for outcome in [Outcome::exact(0.7), Outcome::NotComputed { reason: String::new() }] {
            let again = Event::AggregationErrorFound { round: Round(1), outcome };
            assert_eq!(scheduler::step(next.clone(), &again, Timestamp(10)).0, next);
        }
        let early = Event::AggregationErrorFound { round: Round(2), outcome: Outcome::exact(0.5) };
        assert_eq!(scheduler::step(next.clone(), &early, Timestamp(10)).0, next);
    }

    #[test]
    fn of_too_many_that_wait_the_oldest_goes_without_unless_it_is_found_after_all() {
        let state = published(6);
        assert_eq!(waiting_rounds(&state), [3, 4, 5, 6]);
        assert!(matches!(&state.rounds[1].aggregation_error, Some(Outcome::NotComputed { .. })));
        let found = Event::AggregationErrorFound { round: Round(1), outcome: Outcome::exact(0.5) };
        let state = scheduler::step(state, &found, Timestamp(9)).0;
        assert_eq!(state.rounds[0].aggregation_error, Some(Outcome::exact(0.5)));
    }

    #[test]
    fn a_run_that_is_over_hears_it_and_ends_when_it_ended() {
        let state = published(7);
        assert_eq!((&state.phase, state.ended_at), (&Phase::Finished, Some(Timestamp(1))));
        let found = Event::AggregationErrorFound { round: Round(7), outcome: Outcome::exact(0.5) };
        let (state, effects) = scheduler::step(state, &found, Timestamp(99));
        assert!(effects.is_empty());
        assert_eq!((state.ended_at, state.updated_at), (Some(Timestamp(1)), Timestamp(99)));
        assert_eq!(state.rounds[6].aggregation_error, Some(Outcome::exact(0.5)));
    }

    #[test]
    fn a_journal_of_an_older_version_has_its_errors_and_nothing_waits() {
        let old =
            r#"{"event":"aggregated","round":1,"digest":"DIGEST","aggregation_error":0.25,"duration_ms":3}"#;
        let event: Event =
            serde_json::from_str(&old.replace("DIGEST", &Digest::of(b"a").to_string())).unwrap();
        let mut state = published(0);
        let update = Update { digest: Digest::of(b"u"), bytes: 1, records: 100 };
        state.rounds[0].updates.insert("site-0".parse().unwrap(), update);
        state.phase = Phase::Aggregating;
        let mut state = scheduler::step(state, &event, Timestamp(2)).0;
        for event in [
            Event::Scored { round: Round(1), score: Score::Unevaluated { reason: String::new() } },
            Event::RoundPublished { round: Round(1) },
        ] {
            state = scheduler::step(state, &event, Timestamp(3)).0;
        }
        assert_eq!(state.rounds[0].aggregation_error, Some(Outcome::exact(0.25)));
        assert_eq!(waiting(&state).count(), 0);
    }

    #[test]
    fn the_seed_depends_on_run_round_and_average() {
        let of = |run: u8, round, average: &[u8]| seed(RunId([run; 8]), Round(round), Digest::of(average));
        let all = [of(1, 1, b"a"), of(2, 1, b"a"), of(1, 2, b"a"), of(1, 1, b"b")];
        for (index, seed) in all.iter().enumerate() {
            assert!(!all[..index].contains(seed));
        }
    }
}
