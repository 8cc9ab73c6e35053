//! How far this site is with a round, and how a round is given up. Called by `agent_loop`.
//!
//! Invariants: the coordinator is told once in the life of a process that a round is given up, however often
//! it names the round again; what a person can mend is tried once more after the agent was started anew.

use common::clock::Clock;
use common::wire::message::{Response, RoundKey, TrainFailure};

use super::AgentLoop;
use crate::egress::{Answer, Outbound};
use crate::error::SiteError;
use crate::gateway::connection::Connector;
use crate::gateway::known::Memory;
use crate::gateway::output::Output;
use crate::gateway::state::{Agent, Event, Known, Phase};
use crate::pipe::{NotDone, Notice};

impl<N: Connector, C: Clock, O: Output> AgentLoop<N, C, O> {
    /// How far this site is with a round.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn known(&mut self, key: RoundKey) -> Result<Known, SiteError> {
        let update = self
            .store
            .update(key)?
            .map(|update| self.folder.outbox().join(update.digest.to_string()).exists());
        let (failures, given_up) = self.store.attempts(key)?;
        let is_told = self.course.told.contains(&key);
        let is_over = self.store.is_over(key.run)?;
        let known = Memory { update, is_over, failures, given_up, is_told }.known();
        if known == Known::Over {
            self.not_done(NotDone::RunIsOver);
        }
        Ok(known)
    }

    /// The worker's process ended: a failure of the round that it was at.
    ///
    /// # Errors
    /// `Store`.
    pub(super) fn worker_gone(&mut self, agent: &Agent) -> Result<Event, SiteError> {
        let failures = match agent.phase {
            Phase::Preparing(assignment) | Phase::Training(assignment) | Phase::Measuring(assignment) => {
                self.store.count_failure(assignment.key)?
            }
            _ => 0,
        };
        Ok(Event::WorkerGone { failures })
    }

    /// Remembers that this round is given up, and tells.
    ///
    /// # Errors
    /// The database, the ledger or the line.
    pub(super) async fn report(&mut self, key: RoundKey, reason: TrainFailure) -> Result<Event, SiteError> {
        self.store.record_given_up(key, reason)?;
        self.output.notice(Notice::CannotTrain { key, reason });
        let Answer { response, .. } =
            self.connection.ask(Outbound::Failed { key, reason }, &mut self.output).await?;
        self.course.told.insert(key);
        Ok(match response {
            Response::Refused(refusal) => Event::Refused { refusal },
            _ => Event::Noted,
        })
    }
}
