//! How a connection begins: `Hello` with our ledger's size and root, the proof that it was only extended,
//! where the coordinator knows an older one, the revocation list, the newest receipt, and how this machine
//! is. Called by `connection`, and so by `cli::check`. Invariant: what the coordinator says of this site is
//! remembered before anything else is done about it.

use common::clock::Clock;
use common::net::{CertificateFault, NetError};
use common::wire::message::{LedgerHead, PROTOCOL_VERSION, Refusal, Response};

use super::{Connection, Connector, may_be_uncounted, name_of, wait_out};
use crate::egress::{Outbound, Wire as _};
use crate::error::SiteError;
use crate::gateway::output::Report;
use crate::gateway::store::memory::Said;
use crate::pipe::Notice;

impl<N: Connector, C: Clock> Connection<N, C> {
    pub(super) async fn open(&mut self, report: &mut impl Report) -> Result<N::Wire, SiteError> {
        let result = self.greeted(report).await;
        match &result {
            Ok(_) => self.count(),
            Err(_) => self.hang_up(),
        }
        let said = match &result {
            Ok(_) => Some(Said::Welcome),
            Err(SiteError::LedgerRefused) => Some(Said::LedgerRefused),
            Err(SiteError::CoordinatorRestored) => Some(Said::Restored),
            Err(SiteError::Revocations { .. }) => Some(Said::NoRevocations),
            Err(SiteError::CoordinatorRevoked) => Some(Said::ItselfRevoked),
            Err(SiteError::Net(error)) => said_of(error),
            Err(_) => None,
        };
        if let Some(said) = said {
            self.remember(said)?;
        }
        result
    }

    async fn greeted(&mut self, report: &mut impl Report) -> Result<N::Wire, SiteError> {
        if let Some(meter) = &self.meter {
            meter.tries();
        }
        let mut wire = self.connector.connect().await?;
        if let Some(renewal) = &mut self.renewal {
            renewal.see(self.connector.successor());
        }
        self.refuse_revoked()?;
        if let (Some(meter), Some(counter)) = (&self.meter, wire.counter()) {
            meter.opened(counter, self.egress.records(), self.egress.now_ms());
        }
        let mut head = self.egress.ledger_head();
        let mut response = self.egress.release(&mut wire, Outbound::Hello).await?.response;
        if let Response::ProveLedger { size } = response {
            head = self.egress.ledger_head();
            if size == 0 || size >= head.size {
                let reason = "it asks for a proof about records that the ledger does not have";
                return Err(SiteError::Connection { reason: reason.into() });
            }
            response = self.egress.release(&mut wire, Outbound::LedgerProof { from: size }).await?.response;
        }
        self.welcomed(response, report).await?;
        self.take(&head)?;
        self.ask_for_list(&mut wire).await?;
        self.show_receipt(&mut wire).await?;
        self.tell_condition(&mut wire).await?;
        // A line in place of one that we gave up ourselves is no news.
        if !std::mem::replace(&mut self.is_told, true) {
            report.notice(Notice::Connected);
        }
        Ok(wire)
    }

    /// What the coordinator answered to our hello, and to the proof, if it is no welcome.
    async fn welcomed(&self, response: Response, report: &mut impl Report) -> Result<(), SiteError> {
        let reason = match response {
            Response::Welcome { protocol: PROTOCOL_VERSION } => return Ok(()),
            Response::Welcome { protocol } => {
                format!("it speaks protocol {protocol}, this site {PROTOCOL_VERSION}")
            }
            Response::Refused(Refusal::LedgerChanged) => return Err(SiteError::LedgerRefused),
            Response::Refused(Refusal::Restored) => return Err(SiteError::CoordinatorRestored),
            Response::Refused(Refusal::NotAuthorised) => {
                report.notice(Notice::NotAuthorised);
                "the coordinator does not accept this site's certificate".to_owned()
            }
            Response::Refused(refusal) => format!("refused: {refusal:?}"),
            Response::Busy { retry_after_ms } => {
                wait_out(retry_after_ms, 0).await;
                "the coordinator is busy".to_owned()
            }
            other => format!("an unexpected answer: {}", name_of(&other)),
        };
        Err(SiteError::Connection { reason })
    }

    /// Remembers the ledger that the coordinator took.
    fn take(&mut self, head: &LedgerHead) -> Result<(), SiteError> {
        let now_ms = self.egress.now_ms();
        match &mut self.book {
            Some(book) => book.record_taken_ledger(head, now_ms),
            None => Ok(()),
        }
    }

    /// Tells the coordinator how this machine is. What it thinks of that stops nothing.
    async fn tell_condition(&mut self, wire: &mut N::Wire) -> Result<(), SiteError> {
        let now_ms = self.egress.now_ms();
        let Some(disk) = &self.disk else { return Ok(()) };
        let item = Outbound::Condition { now_ms, disk_low: disk.is_low(now_ms, self.book.as_mut())? };
        match self.egress.release(wire, item).await?.response {
            Response::Refused(Refusal::Restored) => Err(SiteError::CoordinatorRestored),
            Response::Refused(Refusal::LedgerChanged) => Err(SiteError::LedgerRefused),
            other if may_be_uncounted(&other) => {
                let reason = format!("to how this machine is it answers {}", name_of(&other));
                Err(SiteError::Connection { reason })
            }
            _ => Ok(()),
        }
    }

    /// Shows the coordinator what it signed last for us.
    async fn show_receipt(&mut self, wire: &mut N::Wire) -> Result<(), SiteError> {
        let Some(book) = &self.book else { return Ok(()) };
        let Some(receipt) = book.newest_receipt()? else { return Ok(()) };
        match self.egress.release(wire, Outbound::ShowReceipt(&receipt)).await?.response {
            Response::Noted => Ok(()),
            Response::Refused(Refusal::Restored) => Err(SiteError::CoordinatorRestored),
            Response::Refused(Refusal::LedgerChanged) => Err(SiteError::LedgerRefused),
            Response::Refused(Refusal::BadRequest) => {
                // Of a key that it has no longer. The work goes on; the receipt is checked with the key we
                // have.
                tracing::error!("the coordinator does not recognise a receipt that its key signed");
                Ok(())
            }
            other => {
                let reason = format!("to its own receipt it answers {}", name_of(&other));
                Err(SiteError::Connection { reason })
            }
        }
    }
}

/// What an end of the connection says of this site.
fn said_of(error: &NetError) -> Option<Said> {
    match error {
        NetError::NotAuthorised => Some(Said::Unknown),
        NetError::CertificateRefused { fault: CertificateFault::Revoked } => Some(Said::Revoked),
        NetError::CertificateRefused { fault: CertificateFault::Expired } => Some(Said::Expired),
        NetError::CertificateRefused { .. } => Some(Said::Unknown),
        _ => None,
    }
}
