//! This site's next certificate, asked for over the connection that the present one has. Called by
//! `agent_loop` before each poll and while a round is trained. Invariants: it costs one frame an hour at
//! most, and one more for each start of this process; whatever comes of it, the present certificate stays in
//! use until another is on the disk; the next connection, and no earlier one, is made with the new one.

use std::time::SystemTime;

use certs::{SpkiPin, TlsIdentity};
use common::clock::{Clock, Timestamp};
use common::id::Digest;
use common::ledger::Kind;
use common::wire::message::{Refusal, Response};

use super::{Connection, Connector, name_of};
use crate::egress::{Answer, Outbound};
use crate::error::SiteError;
use crate::gateway::ledger::Note;
use crate::gateway::output::Report;
use crate::gateway::renewal::{KeyRequest, Renewal};
use crate::pipe::Notice;

impl<N: Connector, C: Clock> Connection<N, C> {
    /// Renews this certificate when it is time.
    #[must_use]
    pub fn with_renewal(self, renewal: Renewal) -> Self {
        Self { renewal: Some(renewal), ..self }
    }

    /// Asks for this site's next certificate where two thirds of the life of the present one are over, or
    /// another authority signs, at most once an hour. That it was not to be had is told in the log, and in
    /// `status` by the date.
    ///
    /// # Errors
    /// What a new connection cannot mend: the policy, the ledger, the database.
    pub async fn renew_if_due(&mut self, report: &mut impl Report) -> Result<(), SiteError> {
        let now_ms = self.egress.now_ms();
        let now = Timestamp(now_ms).into();
        let Some(renewal) = self.renewal.as_mut().filter(|renewal| renewal.is_due(now)) else {
            return Ok(());
        };
        let request = match renewal.request(now) {
            Ok(request) => request,
            Err(error) => {
                tracing::error!("the next key could not be made: {error}");
                return Ok(());
            }
        };
        // A roster that is written from now on may have it.
        if let Some(book) = &mut self.book {
            match book.record_own_key(request.pin(), now_ms) {
                Err(error) if error.is_disk_full() => {
                    not_now(&error);
                    return Ok(());
                }
                other => other?,
            }
        }
        common::crash_point!("site-renewal-asked");
        match self.try_once(Outbound::Renew(&request), report).await {
            Ok(answer) => {
                // Of the answer: the certificate may have begun since the question.
                let now = Timestamp(self.egress.now_ms()).into();
                match self.renewed(&request, &answer, now) {
                    Ok(None) => report.notice(Notice::CertificateRenewed),
                    Ok(Some(pin)) => {
                        let digest = Digest(*pin.as_bytes());
                        match self.note(&Note { kind: Kind::Authority, run: None, round: None, digest }, true)
                        {
                            // It is noted when the agent starts next.
                            Err(error) if error.is_disk_full() => not_now(&error),
                            noted => drop(noted?),
                        }
                        report.notice(Notice::CertificateRenewed);
                        report.notice(Notice::AuthorityFollowed { key: digest });
                    }
                    Err(error) => {
                        tracing::error!("the certificate was not renewed: {error}");
                        // The next connection shows by what the coordinator signs now.
                        self.hang_up();
                    }
                }
                Ok(())
            }
            // There is time: nothing that waits for this ends a training.
            Err(error) if error.is_retryable() || error.is_disk_full() => {
                self.hang_up();
                not_now(&error);
                Ok(())
            }
            Err(error) => Err(error),
        }
    }

    /// Takes the certificate into use. Returns the pin of the authority that signed it, where that is another
    /// one than before.
    fn renewed(
        &mut self,
        request: &KeyRequest,
        answer: &Answer,
        now: SystemTime,
    ) -> Result<Option<SpkiPin>, SiteError> {
        let Some(renewal) = &mut self.renewal else { return Ok(None) };
        let before = renewal.authority_der().to_vec();
        if answer.response == Response::Refused(Refusal::Conflict) {
            renewal.discard();
        }
        if !matches!(answer.response, Response::Renewed { .. }) {
            let reason = format!("to the request it answers {}", name_of(&answer.response));
            return Err(SiteError::Connection { reason });
        }
        let identity: TlsIdentity = renewal.take(request, &answer.payload, now)?;
        let authority_der = renewal.authority_der();
        self.connector.adopt(&identity, authority_der)?;
        if let Some(revocations) = self.egress.revocations_mut() {
            revocations.follow(authority_der);
        }
        // The next question comes with the new certificate, which ends the older one.
        let is_same = authority_der == before;
        let pin = SpkiPin::of_certificate(authority_der);
        self.hang_up();
        if is_same {
            return Ok(None);
        }
        pin.map(Some).map_err(|error| SiteError::Internal(error.to_string()))
    }
}

fn not_now(error: &SiteError) {
    tracing::warn!("the certificate was not renewed: {error}");
}
