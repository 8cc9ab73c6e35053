//! The pure core of the gateway: what to do next, given what happened. No I/O, no clock, no randomness.
//!
//! Called by `agent_loop`, which performs the effects and feeds the results back. A lost connection is not an
//! event: the loop reconnects and repeats the effect, because every effect is idempotent. After a crash the
//! machine starts in `Idle`; the coordinator names the round again, and `Known` says how far this site had
//! come with it.

use common::id::{Digest, Round, RunId};
use common::wire::message::{Refusal, RoundKey, RunEnd, TrainFailure, Work};
use common::wire::own_scores::OwnScores;

use crate::pipe::{BlindedFacts, RawFacts};

mod scoring;

/// The round under which the measurement of a run's result is counted and ordered: no round has this number.
const AFTER_THE_ROUNDS: Round = Round(0);

/// One round to train, as the coordinator describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub key: RoundKey,
    /// Digest and size of the run manifest.
    pub manifest: Digest,
    pub manifest_bytes: u64,
    /// Digest and size of the global adapter that training starts from.
    pub adapter: Digest,
    pub adapter_bytes: u64,
}

/// A run that waits for this site's decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proposal {
    pub run: RunId,
    /// Digest and size of the run manifest.
    pub manifest: Digest,
    pub manifest_bytes: u64,
}

/// What this site already has of a round, from its own database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Known {
    /// No update yet; the worker failed this often.
    Nothing { failures: u32 },
    /// The final update is in the outbox, perhaps already acknowledged: send exactly that.
    Protected,
    /// The site gave this round up for this reason, and has told the coordinator.
    GivenUp { reason: TrainFailure, is_told: bool },
    /// The run is over for this site, or the round was begun too often.
    Over,
}

/// What the machine is waiting for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// An assignment.
    #[default]
    Idle,
    /// The manifest and the adapter.
    Fetching(Assignment),
    /// The worker's fingerprint of the base model and its record count.
    Preparing(Assignment),
    /// The coordinator's answers to the worker's blinded points.
    Comparing(Assignment, BlindedFacts),
    /// The worker's update.
    Training(Assignment),
    /// The worker has died; the next one to report.
    AwaitingWorker(Assignment),
    /// The final check of the update.
    Protecting(Assignment),
    /// The coordinator's receipt.
    Sending(RoundKey),
    /// The coordinator to note that we cannot.
    Reporting(RoundKey),
    /// The manifest and the result of a run that is over.
    FetchingResult(Assignment),
    /// The worker's scores of it, or the next worker, where this one has died.
    Measuring(Assignment),
    /// The coordinator to note them.
    Saying(RoundKey, OwnScores),
}

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    /// The loop has started, or a poll brought nothing.
    NothingToDo,
    /// A poll brought a round to train.
    Assigned { assignment: Assignment, known: Known },
    /// A poll brought a run to decide on.
    Proposed { proposal: Proposal },
    /// A poll asked how a run's result does on the records that this site held back; its key has round 0.
    Asked { assignment: Assignment },
    /// This is what is said of it.
    Scored { key: RoundKey, said: OwnScores },
    /// A poll said that a run is over.
    RunOver { run: RunId, end: Option<RunEnd> },
    /// Both files are in the inbox; the run's base model has this fingerprint.
    Fetched,
    /// A rule of this site's policy refuses the round.
    Forbidden { key: RoundKey },
    /// The coordinator does not have the files any more, or they are not what their names say.
    FetchFailed,
    /// The worker holds the base model; `expected` is what the manifest names.
    Prepared { key: RoundKey, base_fingerprint: Digest, expected: Digest, records: u64 },
    /// The worker's records have to be compared with the held-out set first; these points are to be
    /// evaluated.
    Blinded { key: RoundKey, facts: BlindedFacts },
    /// The coordinator's answers are in the inbox.
    Answered,
    /// The points did not pass our own check.
    PointsRejected,
    /// The worker's raw update is on disk.
    Trained { key: RoundKey, facts: RawFacts },
    /// The worker gave up.
    TrainingFailed { key: RoundKey, reason: TrainFailure, failures: u32 },
    /// The worker's process ended; it had failed this round so often, this time included.
    WorkerGone { failures: u32 },
    /// A new worker is up.
    WorkerStarted,
    /// The update passed `protect` and is in the outbox.
    Protected,
    /// The update did not pass.
    UpdateRejected,
    /// The coordinator's receipt is stored.
    Acknowledged,
    /// The coordinator noted our failure.
    Noted,
    /// The coordinator did not do what we asked.
    Refused { refusal: Refusal },
    /// The hours in which this site trains are over.
    HoursEnded,
    /// This site does not take part in the run under these terms.
    TermsRefused,
    /// What the coordinator or the worker asked for or answered cannot be done or taken; nothing of ours is
    /// broken.
    Hindered,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Effect {
    /// Ask the coordinator for work.
    Poll,
    /// Wait a little before the next effect, so that a disagreement does not become a busy loop.
    Pause,
    /// Bring the manifest of a proposed run into the inbox, and decide as far as the policy does.
    Consider(Proposal),
    /// Bring the manifest and the adapter into the inbox.
    Fetch(Assignment),
    /// Have the worker load the base model.
    Prepare(Assignment),
    /// Have these points evaluated.
    Compare { key: RoundKey, facts: BlindedFacts },
    /// Tell the coordinator that we take part.
    SendReady { key: RoundKey, base_fingerprint: Digest, records: u64 },
    /// Have the worker train.
    Train(Assignment),
    /// Have the worker stop.
    Abandon(RoundKey),
    /// Have the worker stop and keep what it has.
    Suspend(RoundKey),
    /// Check the raw update and put it into the outbox.
    Protect { assignment: Assignment, facts: RawFacts },
    /// Send the update from the outbox until there is a receipt.
    Send(RoundKey),
    /// Remember and report that this round is given up.
    Report { key: RoundKey, reason: TrainFailure },
    /// Remember that the coordinator did not take the update.
    Declined { key: RoundKey, refusal: Refusal },
    /// Bring the result of a run that is over into the inbox, unless it is known what is said of it.
    FetchResult(Assignment),
    /// Have the worker measure it.
    Measure(Assignment),
    /// Note what is said of it, and say it.
    Say { key: RoundKey, said: OwnScores },
    /// Remove the files of a finished run.
    Forget(RunId, Option<RunEnd>),
}

/// The machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Agent {
    pub phase: Phase,
    /// How often training of one round may fail before the round is given up.
    pub failures_max: u32,
}

impl Event {
    /// What the coordinator's answer to a poll means; `known` says how far this site is with a round.
    ///
    /// # Errors
    /// Those of `known`.
    pub fn of_work<E>(work: Work, known: impl FnOnce(RoundKey) -> Result<Known, E>) -> Result<Self, E> {
        Ok(match work {
            Work::Nothing => Self::NothingToDo,
            Work::Finished { run } => Self::RunOver { run, end: None },
            Work::Ended { run, end } => Self::RunOver { run, end: Some(end) },
            Work::Proposed { run, manifest, manifest_bytes } => {
                Self::Proposed { proposal: Proposal { run, manifest, manifest_bytes: manifest_bytes.into() } }
            }
            Work::Measure { run, manifest, manifest_bytes, adapter, adapter_bytes } => {
                let (key, manifest_bytes) =
                    (RoundKey { run, round: AFTER_THE_ROUNDS }, manifest_bytes.into());
                Self::Asked {
                    assignment: Assignment { key, manifest, manifest_bytes, adapter, adapter_bytes },
                }
            }
            Work::Train { key, manifest, manifest_bytes, adapter, adapter_bytes } => {
                let manifest_bytes = manifest_bytes.into();
                let assignment = Assignment { key, manifest, manifest_bytes, adapter, adapter_bytes };
                Self::Assigned { assignment, known: known(key)? }
            }
        })
    }
}

impl Agent {
    #[must_use]
    pub fn new(failures_max: u32) -> Self {
        Self { phase: Phase::Idle, failures_max }
    }

    /// One transition. Events that do not fit the phase (a late word from the worker about another round)
    /// change nothing.
    #[must_use]
    pub fn step(self, event: Event) -> (Self, Vec<Effect>) {
        use Phase::{
            AwaitingWorker, Comparing, Fetching, Idle, Preparing, Protecting, Reporting, Sending, Training,
        };
        match (self.phase, event) {
            (_, Event::Hindered) => self.hindered(),
            (_, Event::HoursEnded) => self.hours_ended(),
            (Idle, Event::NothingToDo) => (self, vec![Effect::Poll]),
            (Idle, Event::RunOver { run, end }) => (self, vec![Effect::Forget(run, end), Effect::Poll]),
            (Idle, Event::Proposed { proposal }) => (self, vec![Effect::Consider(proposal)]),
            (Idle, Event::Assigned { assignment, known }) => self.assigned(assignment, known),
            (Idle, Event::Refused { .. }) => (self, vec![Effect::Pause, Effect::Poll]),

            (Fetching(assignment), Event::Fetched) => {
                self.to(Preparing(assignment), vec![Effect::Prepare(assignment)])
            }
            (Fetching(_), Event::FetchFailed | Event::Refused { .. }) => self.idle_after_pause(),
            (Fetching(assignment), Event::TermsRefused) => {
                self.give_up(assignment.key, TrainFailure::NotAllowed)
            }

            (Preparing(assignment), Event::Prepared { key, base_fingerprint, expected, records })
                if key == assignment.key =>
            {
                if base_fingerprint == expected {
                    let ready = Effect::SendReady { key, base_fingerprint, records };
                    self.to(Training(assignment), vec![ready, Effect::Train(assignment)])
                } else {
                    self.give_up(key, TrainFailure::BaseMismatch)
                }
            }

            (Preparing(assignment), Event::Blinded { key, facts }) if key == assignment.key => {
                self.to(Comparing(assignment, facts), vec![Effect::Compare { key, facts }])
            }

            (Training(assignment), Event::Trained { key, facts }) if key == assignment.key => {
                self.to(Protecting(assignment), vec![Effect::Protect { assignment, facts }])
            }
            (Training(assignment), Event::Refused { refusal }) if !refusal.is_retryable() => {
                self.to(Idle, vec![Effect::Abandon(assignment.key), Effect::Pause, Effect::Poll])
            }

            (
                Preparing(assignment) | Training(assignment),
                Event::TrainingFailed { key, reason, failures },
            ) if key == assignment.key => self.training_failed(assignment, reason, failures),
            (Fetching(assignment) | Preparing(assignment), Event::Forbidden { key })
                if key == assignment.key =>
            {
                self.give_up(key, TrainFailure::NotAllowed)
            }
            (Preparing(assignment) | Training(assignment), Event::WorkerGone { failures }) => {
                if failures < self.failures_max {
                    self.to(AwaitingWorker(assignment), vec![])
                } else {
                    self.give_up(assignment.key, TrainFailure::WorkerFailed)
                }
            }
            (
                AwaitingWorker(assignment) | Preparing(assignment) | Training(assignment),
                Event::WorkerStarted,
            ) => self.to(Preparing(assignment), vec![Effect::Prepare(assignment)]),

            (Protecting(assignment), Event::Protected) => {
                self.to(Sending(assignment.key), vec![Effect::Send(assignment.key)])
            }
            (Protecting(assignment), Event::UpdateRejected) => {
                self.give_up(assignment.key, TrainFailure::UpdateRejected)
            }

            (Comparing(assignment, facts), event) => self.comparing(assignment, facts, event),
            (Sending(key), event) => self.sending(key, event),

            (Reporting(_), Event::Noted | Event::Refused { .. }) => self.idle_after_pause(),

            (_, event) => self.scoring(event),
        }
    }

    fn assigned(self, assignment: Assignment, known: Known) -> (Self, Vec<Effect>) {
        match known {
            Known::Protected => self.to(Phase::Sending(assignment.key), vec![Effect::Send(assignment.key)]),
            Known::GivenUp { is_told: true, .. } => self.idle_after_pause(),
            Known::GivenUp { reason, is_told: false } => self.give_up(assignment.key, reason),
            Known::Over => self.give_up(assignment.key, TrainFailure::NotAllowed),
            Known::Nothing { failures } if failures >= self.failures_max => {
                self.give_up(assignment.key, TrainFailure::WorkerFailed)
            }
            Known::Nothing { .. } => self.to(Phase::Fetching(assignment), vec![Effect::Fetch(assignment)]),
        }
    }

    /// Leaves the round, after a word to the worker where it may be at work on it, and asks again later.
    fn hindered(self) -> (Self, Vec<Effect>) {
        match self.phase {
            Phase::Preparing(assignment)
            | Phase::Comparing(assignment, _)
            | Phase::Training(assignment)
            | Phase::Measuring(assignment)
            | Phase::AwaitingWorker(assignment) => {
                self.to(Phase::Idle, vec![Effect::Abandon(assignment.key), Effect::Pause, Effect::Poll])
            }
            Phase::Idle
            | Phase::Fetching(_)
            | Phase::Protecting(_)
            | Phase::Sending(_)
            | Phase::Reporting(_)
            | Phase::FetchingResult(_)
            | Phase::Saying(..) => self.idle_after_pause(),
        }
    }

    /// Has the worker stop and keep what it has of the round, and asks again later.
    fn hours_ended(self) -> (Self, Vec<Effect>) {
        match self.phase {
            Phase::Preparing(at) | Phase::Training(at) | Phase::AwaitingWorker(at) => {
                self.to(Phase::Idle, vec![Effect::Suspend(at.key), Effect::Pause, Effect::Poll])
            }
            // It keeps nothing, and begins again.
            Phase::Measuring(at) => {
                self.to(Phase::Idle, vec![Effect::Abandon(at.key), Effect::Pause, Effect::Poll])
            }
            _ => (self, vec![]),
        }
    }

    /// While the update is sent: received, not now, or not taken.
    fn sending(self, key: RoundKey, event: Event) -> (Self, Vec<Effect>) {
        match event {
            Event::Acknowledged => self.to(Phase::Idle, vec![Effect::Poll]),
            Event::Refused { refusal } if refusal.is_retryable() => {
                (self, vec![Effect::Pause, Effect::Send(key)])
            }
            Event::Refused { refusal } => {
                self.to(Phase::Idle, vec![Effect::Declined { key, refusal }, Effect::Pause, Effect::Poll])
            }
            _ => (self, vec![]),
        }
    }

    fn training_failed(
        self,
        assignment: Assignment,
        reason: TrainFailure,
        failures: u32,
    ) -> (Self, Vec<Effect>) {
        if is_worth_another_try(reason) && failures < self.failures_max {
            self.to(Phase::Preparing(assignment), vec![Effect::Pause, Effect::Prepare(assignment)])
        } else {
            self.give_up(assignment.key, reason)
        }
    }

    /// While the worker's points are evaluated: done, or not now, not any more, never.
    fn comparing(self, assignment: Assignment, facts: BlindedFacts, event: Event) -> (Self, Vec<Effect>) {
        let key = assignment.key;
        match event {
            Event::Answered => self.to(Phase::Preparing(assignment), vec![Effect::Prepare(assignment)]),
            Event::Refused { refusal } if refusal.is_retryable() => {
                (self, vec![Effect::Pause, Effect::Compare { key, facts }])
            }
            Event::Refused { refusal: Refusal::RoundClosed | Refusal::Unknown | Refusal::NotAuthorised } => {
                self.idle_after_pause()
            }
            Event::Refused { .. } | Event::PointsRejected => self.give_up(key, TrainFailure::OverlapFailed),
            _ => (self, vec![]),
        }
    }

    fn give_up(self, key: RoundKey, reason: TrainFailure) -> (Self, Vec<Effect>) {
        self.to(Phase::Reporting(key), vec![Effect::Abandon(key), Effect::Report { key, reason }])
    }

    fn idle_after_pause(self) -> (Self, Vec<Effect>) {
        self.to(Phase::Idle, vec![Effect::Pause, Effect::Poll])
    }

    fn to(self, phase: Phase, effects: Vec<Effect>) -> (Self, Vec<Effect>) {
        (Self { phase, ..self }, effects)
    }
}

/// A missing file stays missing; memory may be free again and a killed process may live longer.
fn is_worth_another_try(reason: TrainFailure) -> bool {
    matches!(reason, TrainFailure::OutOfMemory | TrainFailure::WorkerFailed)
}

#[cfg(test)]
mod tests;
