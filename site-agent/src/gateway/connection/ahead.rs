//! Several items on their way at once: chunks of an update, questions for pieces of a file. Called by
//! `agent_loop::sending` and `agent_loop::fetching`.
//!
//! Invariants: each item passes the gate by itself, before its own first byte; at most
//! `TRANSFERS_IN_FLIGHT_MAX` are unanswered, and one where the coordinator did not say that it handles them
//! in turn; answers are taken in the order in which the items were sent; nothing else is sent on a line on
//! which one is unanswered, so that the coordinator counts frames in the order of the ledger; what was lost
//! with a line is a run of its last frames.

use common::clock::Clock;
use common::limits::TRANSFERS_IN_FLIGHT_MAX;
use common::wire::message::Response;

use super::{Connection, Connector, about_ledger, is_unwelcome, may_be_uncounted};
use crate::egress::{Answer, Outbound, Wire};
use crate::error::SiteError;
use crate::gateway::output::Report;
use crate::pipe::Notice;

impl<N: Connector, C: Clock> Connection<N, C> {
    /// Whether one more may be sent before an answer is taken. None where the coordinator did not say that it
    /// handles them in turn: it would count frames in an order that no ledger has. And not while a revocation
    /// list is to be asked for: that is a question of its own, for which a line without unanswered items is
    /// needed.
    #[must_use]
    pub fn has_place_ahead(&self) -> bool {
        let is_in_turn = self.wire.as_ref().is_some_and(Wire::is_in_turn);
        let places = if is_in_turn { TRANSFERS_IN_FLIGHT_MAX } else { 1 };
        self.ahead.len() < places && (self.ahead.is_empty() || !self.is_list_due())
    }

    /// Whether something is unanswered.
    #[must_use]
    pub fn is_ahead(&self) -> bool {
        !self.ahead.is_empty()
    }

    /// Sends one item behind those that are unanswered; opens a line where there is none. Returns whether
    /// the line stands: if not, nobody knows what of the unanswered arrived, and of this item whether it
    /// left.
    ///
    /// # Errors
    /// What a new connection does not mend: the policy, the ledger, the disk. The item did not leave then,
    /// and the answers to those before it were waited for, or went with the line.
    pub async fn send_ahead(
        &mut self,
        item: Outbound<'_>,
        report: &mut impl Report,
    ) -> Result<bool, SiteError> {
        match self.try_ahead(item, report).await {
            Ok(()) => Ok(true),
            Err(error) if error.is_retryable() => {
                self.lose(&error, report);
                Ok(false)
            }
            Err(error) => {
                if matches!(error, SiteError::NotAgreed { .. }) {
                    // Withdrawn: what was handed to the transport and has not left stays here, too.
                    self.hang_up();
                }
                self.settle(None, report).await?;
                Err(error)
            }
        }
    }

    async fn try_ahead(&mut self, item: Outbound<'_>, report: &mut impl Report) -> Result<(), SiteError> {
        if self.ahead.is_empty() {
            if self.wire.is_none() {
                self.wire = Some(self.open(report).await?);
            }
            self.list_if_due().await?;
        }
        let Some(wire) = self.wire.as_mut() else {
            return Err(SiteError::Connection { reason: "no connection".into() });
        };
        let before = self.egress.records();
        match self.egress.release_ahead(wire, item).await {
            Ok(sent) => {
                self.ahead.push_back(sent);
                self.count();
                Ok(())
            }
            Err(error) => {
                if self.egress.records() != before {
                    // It is noted and may not have left: the hello that follows says so.
                    self.hang_up();
                }
                Err(error)
            }
        }
    }

    /// Waits for the answer to the oldest item; `None` where the line is gone, and nobody knows what of the
    /// unanswered arrived.
    ///
    /// # Errors
    /// None but those that no new connection mends.
    pub async fn next_answer(&mut self, report: &mut impl Report) -> Result<Option<Answer>, SiteError> {
        let (Some(sent), Some(wire)) = (self.ahead.pop_front(), self.wire.as_mut()) else {
            return Ok(None);
        };
        let answered = wire.answer(sent).await.and_then(about_ledger);
        self.count();
        match answered {
            Ok(answer) => {
                self.backoff.reset();
                Ok(Some(answer))
            }
            Err(error) if error.is_retryable() => {
                self.lose(&error, report);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Waits for all answers that are still to come and returns the last one, or `so_far` where none is;
    /// `None` where the line is gone. The line ends after an answer that says that its frame may not be
    /// counted.
    ///
    /// # Errors
    /// As [`Self::next_answer`].
    pub async fn settle(
        &mut self,
        so_far: Option<Response>,
        report: &mut impl Report,
    ) -> Result<Option<Response>, SiteError> {
        let mut is_uncounted = so_far.as_ref().is_some_and(may_be_uncounted);
        let mut last = so_far;
        while !self.ahead.is_empty() {
            let Some(answer) = self.next_answer(report).await? else { return Ok(None) };
            is_uncounted |= may_be_uncounted(&answer.response);
            last = Some(answer.response);
        }
        if is_uncounted {
            // The hello that follows in the ledger shows where frames are that a receipt may lack.
            self.hang_up();
        }
        Ok(last)
    }

    /// A line with answers that nobody waits for is not used again: what follows on it could overtake what
    /// they answer.
    pub(super) fn leave_unanswered(&mut self) {
        if !self.ahead.is_empty() {
            self.hang_up();
        }
    }

    /// The line is gone.
    pub(super) fn lose(&mut self, error: &SiteError, report: &mut impl Report) {
        tracing::warn!("{error}");
        if is_unwelcome(error) {
            report.notice(Notice::NotAuthorised);
        }
        self.hang_up();
    }
}
