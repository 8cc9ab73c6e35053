//! Enrolment: what a hospital with an invitation is told. Called by the join endpoint (`common::net::join`),
//! which `server` opens; the certificate is made in `issue`. Used by `requests` for the
//! certificates of members (`issuer`). Invariant: a refusal tells a code that does not
//! say whether a token or a site exists; the reason is in our log. A site that joined again has one machine:
//! what an older one has open is closed once the database refuses it.

mod issue;
pub mod issuer;
pub mod keeper;
pub mod lists;
mod person;

use std::net::SocketAddr;
use std::sync::Arc;

use certs::JoinToken;
use common::clock::{Clock, Timestamp};
use common::id::SiteId;
use common::net::join::JoinHandler;
use common::net::{Connections, Peer};
use common::wire::join::{JoinRefusal, JoinRequest, JoinResponse, Membership};
use common::wire::message::PROTOCOL_VERSION;

use self::issue::{Application, Joined};
use self::issuer::Issuer;
use self::lists::Lists;
use crate::admin::acts::Acts;
use crate::admin::holders;
use crate::blocking::blocking;
use crate::error::Error;
use crate::execution::presence::site_of;
use crate::state_folder::{StateFolder, parts};
use crate::store::{EnrolledHolder, Leaving, Store, StoreError};

/// Answers requests to join.
pub struct JoinDesk {
    /// Where tokens and certificates are recorded.
    pub store: Arc<Store>,
    /// Makes certificates.
    pub issuer: Arc<Issuer>,
    /// What sites verify receipts with.
    pub receipt_key: [u8; 32],
    /// Where sites reach us for runs: `HOST:PORT`.
    pub run_address: String,
    /// Those of members: a site that joins again has one machine.
    pub connections: Connections,
    /// Those of operators and auditors: one who joins again has one certificate.
    pub admins: Connections,
    /// Signs another revocation list where a certificate was replaced.
    pub lists: Arc<Lists>,
    /// Where it is written down that one of them has joined.
    pub acts: Arc<Acts>,
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
        let (store, issuer, now) = (Arc::clone(&self.store), Arc::clone(&self.issuer), self.clock.now());
        let token = JoinToken::from_bytes(request.token);
        let application =
            Application { token, named: request.site.clone(), request_der: request.csr.clone() };
        let (acts, lists) = (Arc::clone(&self.acts), Arc::clone(&self.lists));
        let work = move || {
            let joined = match issue::enrol(&store, &issuer, &application, now) {
                // A token of the other kind: the database knows whose it is.
                Err(StoreError::TokenUnknown) => {
                    Joining::Person(person::enrol(&store, &acts, &issuer, &application, now)?)
                }
                joined => Joining::Site(joined?),
            };
            // Who comes again has an older certificate, which counts no more.
            lists.look(now);
            Ok(joined)
        };
        let joined = match blocking(work).await {
            Ok(Joining::Person(enrolled)) => return Ok(self.person(from, enrolled)),
            Ok(Joining::Site(joined)) => joined,
            Err(Error::Store(error)) => return Err(refusal(&error)),
            Err(error) => {
                tracing::error!(%error, "enrolment failed");
                return Err(JoinRefusal::Internal);
            }
        };
        tracing::info!(site = %joined.site, %from, "joined");
        if joined.is_fresh {
            let closed = close_older(&self.connections, &joined.site, &joined.certificate_der);
            if closed > 0 {
                tracing::warn!(site = %joined.site, closed, "connections of its older certificate are closed");
            }
        }
        Ok(self.membership(joined.certificate_der))
    }

    fn person(&self, from: SocketAddr, enrolled: EnrolledHolder) -> Membership {
        let EnrolledHolder { name, role, certificate, fresh } = enrolled;
        tracing::info!(%name, %role, %from, "joined");
        if fresh {
            let closed = holders::close_all(&self.admins, &name, Some(&certificate.der));
            if closed > 0 {
                tracing::warn!(%name, closed, "connections of the older certificate are closed");
            }
        }
        self.membership(certificate.der)
    }

    fn membership(&self, certificate: Vec<u8>) -> Membership {
        Membership {
            certificate,
            authority: self.issuer.authority().certificate_der().to_vec(),
            run_address: self.run_address.clone(),
            receipt_key: self.receipt_key,
        }
    }
}

/// Whose token it was.
enum Joining {
    Site(Joined),
    Person(EnrolledHolder),
}

/// Shuts a site out, and frees what it was sending.
///
/// # Errors
/// The database cannot be written.
pub fn shut_out(
    folder: &StateFolder,
    store: &Store,
    site: &SiteId,
    leaving: Leaving,
    now: Timestamp,
) -> Result<(), Error> {
    store.revoke(site, leaving, now)?;
    // What cannot be freed now stands in the way of nothing: it goes when the round ends.
    match parts::remove(folder, Some(site)) {
        Ok(freed) => tracing::info!(%site, freed, "unfinished uploads of the site are gone"),
        Err(error) => tracing::warn!(%site, %error, "cannot free unfinished uploads of the site"),
    }
    Ok(())
}

/// Ends whatever a site has open. Returns how many connections that were.
pub fn close_all(connections: &Connections, site: &SiteId) -> usize {
    connections.close_where(|peer: &Peer| site_of(&peer.certificate_der).as_ref() == Some(site))
}

/// Ends what machines with an older certificate of a site have open. The database refuses them already.
/// Returns how many connections that were.
pub fn close_older(connections: &Connections, site: &SiteId, certificate_der: &[u8]) -> usize {
    connections.close_where(|peer: &Peer| {
        site_of(&peer.certificate_der).as_ref() == Some(site) && peer.certificate_der != certificate_der
    })
}

fn refusal(error: &StoreError) -> JoinRefusal {
    match error {
        StoreError::TokenUnknown | StoreError::SiteRevoked(_) | StoreError::HolderRevoked(_) => {
            JoinRefusal::TokenUnknown
        }
        StoreError::TokenExpired => JoinRefusal::TokenExpired,
        StoreError::TokenUsed => JoinRefusal::TokenUsed,
        StoreError::Certificate(_) => JoinRefusal::RequestInvalid,
        other => {
            tracing::error!(error = %other, "enrolment failed");
            JoinRefusal::Internal
        }
    }
}
