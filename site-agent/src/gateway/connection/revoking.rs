//! The revocation list, asked for over the connection. Called by `greeting` on each one, and before an item
//! leaves where the list is a day old. Invariants: a list is on the disk before it is gone by; where no list
//! that holds is to be had the line ends, and nothing leaves over it but the question; nothing at all leaves
//! to a coordinator whose certificate is known to be listed.

use std::time::SystemTime;

use common::clock::{Clock, Timestamp};
use common::run::Roster;
use common::wire::message::{Refusal, Response};

use super::{Connection, Connector, may_be_uncounted, name_of};
use crate::egress::Outbound;
use crate::error::SiteError;
use crate::policy::launcher::Launcher;

impl<N: Connector, C: Clock> Connection<N, C> {
    fn time(&self) -> SystemTime {
        Timestamp(self.egress.now_ms()).into()
    }

    /// Whether the roster has a member whose key is listed.
    pub fn has_revoked_member(&self, roster: &Roster) -> bool {
        let revoked = self.egress.revocations().and_then(|list| list.revoked_member(roster));
        if let Some(member) = revoked {
            tracing::warn!(%member, "a member of the roster was revoked");
        }
        revoked.is_some()
    }

    /// Whether the operator who launched a run is listed.
    pub fn has_revoked_launcher(&self, launcher: Option<&Launcher>) -> bool {
        self.egress.revocations().is_some_and(|list| list.lists_launcher(launcher))
    }

    /// Refuses a coordinator whose certificate is listed.
    ///
    /// # Errors
    /// `CoordinatorRevoked`.
    pub(super) fn refuse_revoked(&self) -> Result<(), SiteError> {
        match (self.egress.revocations(), self.connector.coordinator()) {
            (Some(revocations), Some(coordinator)) => revocations.must_not_list(coordinator),
            _ => Ok(()),
        }
    }

    /// Whether it is time to ask.
    pub(super) fn is_list_due(&self) -> bool {
        self.egress.revocations().is_some_and(|revocations| revocations.is_due(self.time()))
    }

    /// Asks on the line that stands, where it is time.
    ///
    /// # Errors
    /// As [`Self::ask_for_list`]; then there is no line any more.
    pub(super) async fn list_if_due(&mut self) -> Result<(), SiteError> {
        if !self.is_list_due() {
            return Ok(());
        }
        let Some(mut wire) = self.wire.take() else { return Ok(()) };
        let asked = self.ask_for_list(&mut wire).await;
        self.count();
        match asked {
            Ok(()) => self.wire = Some(wire),
            Err(_) => self.hang_up(),
        }
        asked
    }

    /// Asks once for a newer list, and takes it. One that is not taken changes nothing.
    ///
    /// # Errors
    /// `Revocations`: there is none that holds now. `CoordinatorRevoked`: the coordinator's certificate is
    /// listed. The line's, the ledger's and the disk's.
    pub(super) async fn ask_for_list(&mut self, wire: &mut N::Wire) -> Result<(), SiteError> {
        let now = self.time();
        let Some(revocations) = self.egress.revocations_mut() else { return Ok(()) };
        revocations.asks(now);
        let known = revocations.known();
        let answer = self.egress.release(wire, Outbound::Revocations { known }).await?;
        let refused = match answer.response {
            Response::Noted => None,
            Response::Revocations { .. } => self.take_list(&answer.payload)?,
            Response::Refused(Refusal::Restored) => return Err(SiteError::CoordinatorRestored),
            Response::Refused(Refusal::LedgerChanged) => return Err(SiteError::LedgerRefused),
            other if may_be_uncounted(&other) => {
                let reason = format!("to the question for a revocation list it answers {}", name_of(&other));
                return Err(SiteError::Connection { reason });
            }
            other => Some(format!("the coordinator answered {}", name_of(&other))),
        };
        if let Some(reason) = &refused {
            tracing::error!("the coordinator's revocation list was not taken: {reason}");
        }
        let Some(revocations) = self.egress.revocations() else { return Ok(()) };
        match (revocations.fault(self.time()), refused) {
            (None, _) => self.refuse_revoked(),
            (Some(fault), None) => Err(SiteError::Revocations { reason: fault }),
            (Some(fault), Some(refused)) => Err(SiteError::Revocations {
                reason: format!("{fault}, and another was not taken: {refused}"),
            }),
        }
    }

    /// Returns why it is not taken.
    fn take_list(&mut self, der: &[u8]) -> Result<Option<String>, SiteError> {
        let (now_ms, successor) = (self.egress.now_ms(), self.connector.successor());
        let Some(revocations) = self.egress.revocations_mut() else { return Ok(None) };
        let list = match revocations.check(der, successor.as_deref(), Timestamp(now_ms).into()) {
            Ok(list) => list,
            Err(reason) => return Ok(Some(reason)),
        };
        if let Some(book) = &mut self.book {
            book.record_revocations(list.number(), der, now_ms)?;
        }
        if list.number() != revocations.known() {
            tracing::info!(number = list.number(), entries = list.entries().len(), "a newer revocation list");
        }
        revocations.put(list);
        Ok(None)
    }
}
