//! Computes beside the runs what no round waits for: whose update did the harm in a round that was not
//! adopted, aggregation errors, and, while no run is going, what evaluation suites say of a run that is over
//! and what its model forgot. Called by `driver`, which journals what they end in. Invariants: one
//! computation at a time, whatever the number of runs; no round waits for it, but for the turn of one
//! evaluation; the queue is the journal (what is not found yet), so that after a restart it goes on where it
//! was.

use std::sync::Arc;
use std::time::Duration;

use common::id::{Round, RunId};
use tokio::task::JoinSet;

use super::performer::Performer;
use super::runs::Runs;
use crate::evaluate::Turn;
use crate::limits::JOURNAL_WAIT_MS_MIN;
use crate::round::accuracy::Outcome;
use crate::round::aggregation_error;
use crate::round::event::Event;
use crate::round::measured::{Forgotten, SuiteOutcome, Wanted};
use crate::round::state::RunState;
use crate::round::suites;
use crate::round::veto;
use crate::round::vetoed::Harm;

/// What there is to find.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    /// Whose update did the harm in this round.
    Harm(Round),
    /// How far the average of this round's factors is from that of their product.
    AggregationError(Round),
    /// What the model of a run that is over does with other questions.
    Model(Wanted),
}

impl Question {
    /// The first one of all that wait, of the newest run that has one. An operator waits for a name rather
    /// than for a number; suites take long, and give way to a run that is going.
    fn first(runs: &Runs) -> Option<(Arc<RunState>, Self)> {
        let newest = || runs.all().into_iter().rev();
        let of_round = newest().find_map(|state| {
            let harm = veto::waiting(&state).next().map(|record| Self::Harm(record.round));
            let error =
                || aggregation_error::waiting(&state).next().map(|it| Self::AggregationError(it.round));
            let question = harm.or_else(error)?;
            Some((state, question))
        });
        of_round.or_else(|| {
            let is_idle = runs.are_idle();
            newest().filter(|_| is_idle).find_map(|state| {
                let wanted = suites::waiting(&state)?;
                Some((state, Self::Model(wanted)))
            })
        })
    }

    /// What is journalled of a computation that did not end.
    fn failed(self, reason: String) -> Event {
        match self {
            Self::Harm(round) => Event::HarmFound { round, harm: Harm::NotMeasured { reason } },
            Self::AggregationError(round) => {
                Event::AggregationErrorFound { round, outcome: Outcome::NotComputed { reason } }
            }
            Self::Model(Wanted::Suite(suite)) => {
                Event::SuiteMeasured { suite, outcome: Box::new(SuiteOutcome::NotMeasured { reason }) }
            }
            Self::Model(Wanted::Forgetting) => {
                Event::ForgettingMeasured { outcome: Box::new(Forgotten::NotMeasured { reason }) }
            }
        }
    }
}

/// What a step of a computation ended in.
#[derive(Debug)]
pub(super) enum Step {
    /// The event to journal.
    Found(Event),
    /// It is its turn: whether a model is asked now is looked at again, for a run may have been launched
    /// while it waited.
    Turn(Turn, Wanted),
    /// It is to be begun once more.
    Again,
}

/// What is being computed, if anything is.
#[derive(Debug, Default)]
pub(super) struct Beside {
    task: JoinSet<Step>,
    of: Option<(RunId, Question)>,
}

impl Beside {
    /// Whether nothing is being computed, and nothing waits for it.
    pub(super) fn is_done(&self, runs: &Runs) -> bool {
        self.is_idle() && Question::first(runs).is_none()
    }

    /// Whether nothing is being computed.
    pub(super) fn is_idle(&self) -> bool {
        self.task.is_empty()
    }

    /// Begins with the first thing that waits, unless something is being computed.
    pub(super) fn start_next(&mut self, runs: &Runs, performer: &Performer) {
        if !self.is_idle() {
            return;
        }
        let next = Question::first(runs);
        self.of = next.as_ref().map(|(state, question)| (state.launched.run, *question));
        if let Some((state, question)) = next {
            let performer = performer.clone();
            self.task.spawn(async move {
                match question {
                    Question::Harm(round) => Step::Found(performer.leave_one_out(&state, round).await),
                    Question::AggregationError(round) => {
                        Step::Found(performer.aggregation_error(&state, round).await)
                    }
                    Question::Model(wanted) if suites::may_begin(&state, wanted) => {
                        Step::Turn(performer.turn().await, wanted)
                    }
                    Question::Model(wanted) => Step::Found(question.failed(format!(
                        "its measurement was begun {} times and did not come to an end",
                        suites::attempts_max(wanted)
                    ))),
                }
            });
        }
    }

    /// Asks a model, in its turn and after it was journalled that this begins.
    pub(super) fn ask(&mut self, state: Arc<RunState>, wanted: Wanted, turn: Turn, performer: &Performer) {
        self.of = Some((state.launched.run, Question::Model(wanted)));
        let performer = performer.clone();
        self.task.spawn(async move {
            performer.measure(&state, wanted, turn).await.map_or(Step::Again, Step::Found)
        });
    }

    /// What the step ended in. For the caller that knows that there is one.
    pub(super) async fn ended(&mut self) -> Option<(RunId, Step)> {
        let step = self.task.join_next().await?;
        let (run, question) = self.of?;
        // A panic would come again.
        let failed = |error| Step::Found(question.failed(format!("its computation failed: {error}")));
        Some((run, step.unwrap_or_else(failed)))
    }

    /// The journal did not take it: not again at once, and nothing else meanwhile.
    pub(super) fn keep(&mut self, event: Event) {
        self.task.spawn(async move {
            tokio::time::sleep(Duration::from_millis(JOURNAL_WAIT_MS_MIN)).await;
            Step::Found(event)
        });
    }
}
