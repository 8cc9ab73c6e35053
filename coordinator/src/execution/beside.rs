//! Computes beside the runs what no round waits for: whose update did the harm in a round that was not
//! adopted, and aggregation errors. Called by `driver`, which journals what they end in. Invariants: one
//! computation at a time, whatever the number of runs; no round waits for it, but for the
//! turn of one evaluation; the queue is the journal (rounds
//! without what is to be found), so that after a restart it goes on where it was.

use std::time::Duration;

use common::id::{Round, RunId};
use tokio::task::JoinSet;

use super::performer::Performer;
use super::runs::Runs;
use crate::limits::JOURNAL_WAIT_MS_MIN;
use crate::round::accuracy::Outcome;
use crate::round::aggregation_error;
use crate::round::event::Event;
use crate::round::state::RunState;
use crate::round::veto;
use crate::round::vetoed::Harm;

/// What there is to find of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Whose update did the harm.
    Harm,
    /// How far the average of the factors is from that of their product.
    AggregationError,
}

impl Question {
    /// The first one of a run that waits. An operator waits for a name rather than for a number.
    fn first_of(state: &RunState) -> Option<(Self, Round)> {
        let harm = veto::waiting(state).next().map(|record| (Self::Harm, record.round));
        let error = || aggregation_error::waiting(state).next().map(|it| (Self::AggregationError, it.round));
        harm.or_else(error)
    }

    /// What is journalled of a computation that did not end.
    fn failed(self, round: Round, reason: String) -> Event {
        match self {
            Self::Harm => Event::HarmFound { round, harm: Harm::NotMeasured { reason } },
            Self::AggregationError => {
                Event::AggregationErrorFound { round, outcome: Outcome::NotComputed { reason } }
            }
        }
    }
}

/// What is being computed, if anything is.
#[derive(Debug, Default)]
pub(super) struct Beside {
    task: JoinSet<Event>,
    of: Option<(RunId, Question, Round)>,
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
            let (question, round) = Question::first_of(&state)?;
            Some((state, question, round))
        });
        self.of = next.as_ref().map(|(state, question, round)| (state.launched.run, *question, *round));
        if let Some((state, question, round)) = next {
            let performer = performer.clone();
            self.task.spawn(async move {
                match question {
                    Question::Harm => performer.leave_one_out(&state, round).await,
                    Question::AggregationError => performer.aggregation_error(&state, round).await,
                }
            });
        }
    }

    /// What the computation ended in. For the caller that knows that there is one.
    pub(super) async fn ended(&mut self) -> Option<(RunId, Event)> {
        let event = self.task.join_next().await?;
        let (run, question, round) = self.of?;
        // A panic would come again.
        let event =
            event.unwrap_or_else(|error| question.failed(round, format!("its computation failed: {error}")));
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
