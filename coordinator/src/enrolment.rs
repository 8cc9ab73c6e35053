//! Enrolment: what a hospital with an invitation is told. Called by the join endpoint (`common::net::join`),
//! which `server` opens; the certificate is made in `issue`. Invariant: a refusal tells a code that does not
//! say whether a token or a site exists; the reason is in our log. A site that joined again has one machine:
//! what an older one has open is closed once the database refuses it.

mod issue;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use certs::{CertificateAuthority, JoinToken, PeerCertificate};
use common::clock::Clock;
use common::net::join::JoinHandler;
use common::net::{Connections, Peer};
use common::wire::join::{JoinRefusal, JoinRequest, JoinResponse, Membership};
use common::wire::message::PROTOCOL_VERSION;

use self::issue::{Application, Joined};
use crate::blocking::blocking;
use crate::error::Error;
use crate::store::{Store, StoreError};

/// Answers requests to join.
pub struct JoinDesk {
    /// Where tokens and certificates are recorded.
    pub store: Arc<Store>,
    /// Signs certificates.
    pub authority: Arc<CertificateAuthority>,
    /// What sites verify receipts with.
    pub receipt_key: [u8; 32],
    /// Where sites reach us for runs: `HOST:PORT`.
    pub run_address: String,
    /// Life of a site's certificate.
    pub lifetime: Duration,
    /// Those of members: a site that joins again has one machine.
    pub connections: Connections,
    /// The time.
    pub clock: Arc<dyn Clock>,
}

impl JoinHandler for JoinDesk {
    async fn join(&self, from: SocketAddr, request: JoinRequest) -> JoinResponse {
        match self.decide(from, request).await {
            Ok(membership) => JoinResponse::Accepted(membership),
            Err(refusal) => {
                tracing::warn!(%from, %refusal, "nobody joined");
                JoinResponse::Refused(refusal)
            }
        }
    }
}

impl JoinDesk {
    async fn decide(&self, from: SocketAddr, request: JoinRequest) -> Result<Membership, JoinRefusal> {
        if request.protocol != PROTOCOL_VERSION {
            return Err(JoinRefusal::ProtocolVersion { supported: PROTOCOL_VERSION });
        }
        let (store, authority) = (Arc::clone(&self.store), Arc::clone(&self.authority));
        let (lifetime, now) = (self.lifetime, self.clock.now());
        let token = JoinToken::from_bytes(request.token);
        let application =
            Application { token, named: request.site.clone(), request_der: request.csr.clone() };
        let work = move || Ok(issue::enrol(&store, &authority, &application, lifetime, now)?);
        let joined = match blocking(work).await {
            Ok(joined) => joined,
            Err(Error::Store(error)) => return Err(refusal(&error)),
            Err(error) => {
                tracing::error!(%error, "enrolment failed");
                return Err(JoinRefusal::Internal);
            }
        };
        tracing::info!(site = %joined.site, %from, "joined");
        if joined.is_fresh {
            self.close_older(&joined);
        }
        Ok(Membership {
            certificate: joined.certificate_der,
            authority: self.authority.certificate_der().to_vec(),
            run_address: self.run_address.clone(),
            receipt_key: self.receipt_key,
        })
    }
}

impl JoinDesk {
    /// Ends what machines with an older certificate of the site have open. The database refuses them already.
    fn close_older(&self, joined: &Joined) {
        let is_older = |peer: &Peer| {
            let certificate = PeerCertificate::from_der(&peer.certificate_der);
            let is_its = certificate.is_ok_and(|found| found.is_of(joined.site.as_str()));
            is_its && peer.certificate_der != joined.certificate_der
        };
        let closed = self.connections.close_where(is_older);
        if closed > 0 {
            tracing::warn!(site = %joined.site, closed, "connections of the site's older certificate are closed");
        }
    }
}

fn refusal(error: &StoreError) -> JoinRefusal {
    match error {
        StoreError::TokenUnknown | StoreError::SiteRevoked(_) => JoinRefusal::TokenUnknown,
        StoreError::TokenExpired => JoinRefusal::TokenExpired,
        StoreError::TokenUsed => JoinRefusal::TokenUsed,
        StoreError::Certificate(_) => JoinRefusal::RequestInvalid,
        other => {
            tracing::error!(error = %other, "enrolment failed");
            JoinRefusal::Internal
        }
    }
}
