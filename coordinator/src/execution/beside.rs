//! Computes aggregation errors beside the runs. Called by `driver`, which journals what they end in.
//! Invariants: one computation at a time, whatever the number of runs; nothing waits for it; the queue is the
//! journal (published rounds without an error), so that after a restart it goes on where it was.

use std::time::Duration;

use common::id::{Round, RunId};
use tokio::task::JoinSet;

use super::performer::Performer;
use super::runs::Runs;
use crate::limits::JOURNAL_WAIT_MS_MIN;
use crate::round::accuracy::Outcome;
use crate::round::aggregation_error;
use crate::round::event::Event;

/// What is being computed, if anything is.
#[derive(Debug, Default)]
pub(super) struct Beside {
    task: JoinSet<Event>,
    of: Option<(RunId, Round)>,
}

impl Beside {
    /// Whether nothing is being computed.
    pub(super) fn is_idle(&self) -> bool {
        self.task.is_empty()
    }

    /// Begins with the first round that waits, of the newest run that has one, unless something is being
    /// computed.
    pub(super) fn start_next(&mut self, runs: &Runs, performer: &Performer) {
        if !self.is_idle() {
            return;
        }
        let next = runs.all().into_iter().rev().find_map(|state| {
            let round = aggregation_error::waiting(&state).next()?.round;
            Some((state, round))
        });
        self.of = next.as_ref().map(|(state, round)| (state.launched.run, *round));
        if let Some((state, round)) = next {
            let performer = performer.clone();
            self.task.spawn(async move { performer.aggregation_error(&state, round).await });
        }
    }

    /// What the computation ended in. For the caller that knows that there is one.
    pub(super) async fn ended(&mut self) -> Option<(RunId, Event)> {
        let event = self.task.join_next().await?;
        let (run, round) = self.of?;
        let event = event.unwrap_or_else(|error| {
            // A panic would come again.
            let outcome = Outcome::NotComputed { reason: format!("its computation failed: {error}") };
            Event::AggregationErrorFound { round, outcome }
        });
        Some((run, event))
    }

    /// The journal did not take it: not again at once, and nothing else meanwhile.
    pub(super) fn keep(&mut self, event: Event) {
        self.task.spawn(async move {
            tokio::time::sleep(Duration::from_millis(JOURNAL_WAIT_MS_MIN)).await;
            event
        });
    }
}
