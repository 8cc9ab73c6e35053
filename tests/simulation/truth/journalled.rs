//! What is checked at each row of the journal: that the state is what the rows say, that a set that was
//! closed stays, that nobody is in it who must not be, that no deadline came early.

use common::id::{Round, RunId};
use coordinator::execution::transition::Row;
use coordinator::round::decision::SiteDecision;
use coordinator::round::event::Event;
use coordinator::round::scheduler;
use coordinator::round::state::{Failure, Phase, RunState, Score};

use super::super::agenda::Ms;
use super::{Truth, invariant};

impl Truth {
    /// A row is in the journal, and the coordinator holds `next` for the run's state.
    pub(crate) fn journalled(&mut self, run: RunId, row: &Row, next: &RunState, now: Ms) {
        self.counts.rows += 1;
        let event: Event = serde_json::from_str(&row.body).unwrap();
        let before = self.runs.remove(&run);
        let state = match (&before, &event) {
            (None, Event::Launched { launched }) => scheduler::launch(launched.as_ref().clone(), row.at).0,
            (Some(before), _) => scheduler::step(before.clone(), &event, row.at).0,
            (None, _) => {
                return self.broken(invariant::REPLAY, || "a journal begins without a launch".to_owned());
            }
        };
        self.check(state == *next, invariant::REPLAY, || {
            format!("after `{}` the state is not what the journal says", row.kind)
        });
        if let Some(before) = &before {
            let is_late = row.at >= before.updated_at;
            self.check(is_late, invariant::DEADLINE, || "time runs backwards in the journal".to_owned());
            self.taken_out(before, &state, &event);
            self.chosen(before, &state, &event);
            self.sealed(run, before, &state);
            self.early(run, before, &state, &event, now);
            self.vetoed(before, &state);
        }
        self.check(state.test.openings.len() <= 1, invariant::TEST_ONCE, || "it was opened again".to_owned());
        let begins = before.as_ref().is_none_or(|before| {
            before.rounds.len() != state.rounds.len()
                || (before.phase != Phase::Proposed && state.phase == Phase::Proposed)
        });
        if begins {
            self.waiting_since.insert(run, now);
        }
        self.ended(before.as_ref(), &state);
        self.runs.insert(run, state);
    }

    fn ended(&mut self, before: Option<&RunState>, state: &RunState) {
        if before.is_some_and(RunState::is_over) || !state.is_over() {
            return;
        }
        match state.phase {
            Phase::Finished => self.counts.finished += 1,
            _ => self.counts.failed += 1,
        }
    }

    /// An update leaves an open round only with its site.
    fn taken_out(&mut self, before: &RunState, state: &RunState, event: &Event) {
        let (Some(record), Some(after)) =
            (before.current(), before.current().and_then(|at| state.round(at.round)))
        else {
            return;
        };
        for site in record.updates.keys().filter(|site| !after.updates.contains_key(*site)) {
            let is_lawful = match event {
                Event::SiteRevoked { site: leaving } => leaving == site,
                Event::SiteDecided { site: leaving, decision } => {
                    leaving == site && *decision != SiteDecision::Approved
                }
                _ => false,
            };
            self.check(is_lawful, invariant::RECEIPT, || {
                format!("`{}` takes out the update of {site}", event.kind())
            });
            self.promised.remove(&(state.launched.run, record.round, site.clone()));
        }
    }

    /// A round that was closed has the updates that it has, and of nobody who left before.
    fn sealed(&mut self, run: RunId, before: &RunState, state: &RunState) {
        let was_closed = |round: Round| before.round(round).is_some_and(|record| record.closed_at.is_some());
        for record in state.rounds.iter().filter(|record| record.closed_at.is_some()).rev().take(2) {
            let key = (run, record.round);
            if was_closed(record.round) {
                let same = self.sealed.get(&key).is_some_and(|sealed| *sealed == record.updates);
                self.check(same, invariant::COUNTED_ONCE, || {
                    format!("round {} was closed with other updates", record.round)
                });
                continue;
            }
            self.counts.closed += 1;
            self.counts_only_chosen(state, record);
            for site in record.updates.keys() {
                let is_revoked = self.revoked.contains(site);
                self.check(!is_revoked, invariant::REVOKED, || {
                    format!("round {} is closed with the update of revoked {site}", record.round)
                });
                let decision = state.decisions.get(site).map(|answered| answered.decision);
                self.check(decision == Some(SiteDecision::Approved), invariant::CONSENT, || {
                    format!("round {} is closed with {site}, which decided {decision:?}", record.round)
                });
            }
            let is_enough = record.updates.len() >= state.launched.spec.quorum.sites;
            self.check(is_enough, invariant::COUNTED_ONCE, || {
                format!("round {} is closed without a quorum", record.round)
            });
            self.sealed.insert(key, record.updates.clone());
        }
    }

    /// What a measurement forbade is nobody's beginning, and what it did not forbid is not left out.
    fn vetoed(&mut self, before: &RunState, state: &RunState) {
        let loss = |score: &Option<Score>| score.as_ref().and_then(Score::metrics).map(|it| it.loss);
        if before.rounds.len() != state.rounds.len() {
            let adopted = state.rounds.iter().rev().find(|record| record.published_at.is_some());
            let model = adopted.and_then(|record| record.aggregate).map(|aggregate| aggregate.digest);
            let begins = state.current().map(|record| record.from);
            self.check(begins == Some(model.unwrap_or(state.launched.initial)), invariant::VETO, || {
                "a round begins with another adapter than the last adopted one".to_owned()
            });
        }
        let Some(bound) = state.launched.spec.evaluation.loss_increase_max else { return };
        let mut best = loss(&state.base).into_iter().chain(loss(&state.initial)).reduce(f64::min);
        for record in &state.rounds {
            let is_above = best.zip(loss(&record.score)).is_some_and(|(best, loss)| loss - best > bound);
            let is_right = if is_above { record.published_at.is_none() } else { record.vetoed.is_none() };
            self.check(is_right, invariant::VETO, || format!("round {} of a bound of {bound}", record.round));
            if record.published_at.is_some() {
                best = best.into_iter().chain(loss(&record.score)).reduce(f64::min);
            }
        }
        let count = |state: &RunState| state.rounds.iter().filter(|record| record.vetoed.is_some()).count();
        self.counts.vetoed += (count(state) - count(before)) as u64;
    }

    /// A run that a deadline ends has had its time since it last began to wait.
    fn early(&mut self, run: RunId, before: &RunState, state: &RunState, event: &Event, now: Ms) {
        if *event != Event::Tick || before.is_over() {
            return;
        }
        let spec = &state.launched.spec;
        let least_ms = match state.phase {
            Phase::Failed(Failure::QuorumNotMet { .. }) => spec.quorum.deadline_s * 1000,
            Phase::Failed(Failure::NotAgreed { .. }) => spec.approval.deadline_s * 1000,
            _ => return,
        };
        let promised = before.current().map(|record| record.deadline).filter(|_| before.is_open());
        self.check(promised.is_none_or(|deadline| state.updated_at >= deadline), invariant::DEADLINE, || {
            "the run failed before the deadline that an operator was told".to_owned()
        });
        let waited_ms = now - self.waiting_since.get(&run).copied().unwrap_or(0);
        self.check(waited_ms >= least_ms, invariant::DEADLINE, || {
            format!("the run failed after {waited_ms} ms, and had {least_ms}")
        });
    }
}
