//! The real line: QUIC to the coordinator's addresses. Used by `gateway`, by `site-agent check` and by
//! `site-agent set-address` (which knock), and by `join` (which looks up names). Invariants: every attempt
//! has a deadline, looks up the addresses and their names anew and binds a fresh socket; whatever the
//! address, the other end must prove that it is the coordinator.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use certs::{PeerCertificate, TlsIdentity, lineage};
use common::clock::SystemClock;
use common::limits::HANDSHAKE_MS_MAX;
use common::net::client::{Client, ClientConnection, Opened, connect_any, resolve_all};

use super::Connector;
use crate::error::SiteError;
use crate::gateway::identity::{Coordinator, Identity};

/// Opens QUIC connections to the coordinator's addresses, which are resolved anew each time.
pub struct QuicConnector {
    client: Option<Client>,
    addresses: String,
    /// The folder where `set-address` may write other addresses while the agent runs.
    followed: Option<PathBuf>,
    authority_der: Vec<u8>,
    successor_der: Option<Vec<u8>>,
    coordinator: Option<PeerCertificate>,
    tls: rustls::ClientConfig,
}

impl QuicConnector {
    /// For this identity; nothing is opened yet.
    ///
    /// # Errors
    /// `Internal` when the certificate or the key of the identity cannot be used for TLS.
    pub fn new(identity: &Identity) -> Result<Self, SiteError> {
        let authority_der = identity.authority_der.clone();
        let tls = client(&identity.tls, &authority_der)?;
        let addresses = identity.coordinator.address.clone();
        Ok(Self {
            client: None,
            addresses,
            followed: None,
            authority_der,
            successor_der: None,
            coordinator: None,
            tls,
        })
    }

    /// The same, which reads the addresses again from this folder before each attempt.
    #[must_use]
    pub fn following(self, folder: PathBuf) -> Self {
        Self { followed: Some(folder), ..self }
    }

    /// Tries each address that each name has.
    async fn open(&mut self) -> Result<Opened, SiteError> {
        let deadline = Duration::from_millis(HANDSHAKE_MS_MAX);
        // While the file cannot be read the last word stands.
        if let Some(Ok(coordinator)) = self.followed.as_deref().map(Coordinator::load) {
            self.addresses = coordinator.address;
        }
        let remotes = resolve_all(&self.addresses, deadline).await?;
        Ok(connect_any(&remotes, &self.tls, certs::profile::COORDINATOR_NAME, deadline).await?)
    }

    /// A TLS handshake and nothing else: no request leaves, so there is nothing for the ledger.
    ///
    /// # Errors
    /// `Net` when the coordinator answers at no address in time.
    pub async fn knock(&mut self) -> Result<Reached, SiteError> {
        let Opened { client, connection, remote } = self.open().await?;
        let round_trip = connection.round_trip();
        connection.close();
        client.close().await;
        Ok(Reached { remote, round_trip })
    }
}

fn client(identity: &TlsIdentity, authority_der: &[u8]) -> Result<rustls::ClientConfig, SiteError> {
    certs::tls::run_client(identity, authority_der).map_err(|error| SiteError::Internal(error.to_string()))
}

/// All addresses of a list of names, for the one connection that is made before there is an identity.
///
/// # Errors
/// `Net` when no name resolves in time.
pub async fn every_address(list: &str) -> Result<Vec<SocketAddr>, SiteError> {
    Ok(resolve_all(list, Duration::from_millis(HANDSHAKE_MS_MAX)).await?)
}

/// Where the coordinator answered, and how fast.
#[derive(Clone, Copy, Debug)]
pub struct Reached {
    /// Its address.
    pub remote: SocketAddr,
    /// The path's round-trip time.
    pub round_trip: Duration,
}

impl Connector for QuicConnector {
    type Wire = ClientConnection;

    async fn connect(&mut self) -> Result<ClientConnection, SiteError> {
        let Opened { client, connection, .. } = self.open().await?;
        self.client = Some(client);
        let (chain, now) = (connection.shown_chain(), SystemClock.system_time());
        let shown = chain.first().map(|certificate| PeerCertificate::from_der(certificate));
        // No authority of ours signed one that cannot be read, and whether it is revoked could not be asked.
        let Some(Ok(coordinator)) = shown else {
            return Err(SiteError::Connection { reason: "its certificate cannot be read".into() });
        };
        self.coordinator = Some(coordinator);
        self.successor_der =
            lineage::successor_in(&chain, &self.authority_der, now).unwrap_or_else(|error| {
                // TLS has led it to our authority all the same: nothing follows from this but that we wait.
                tracing::warn!(%error, "what signed the coordinator's certificate is not understood");
                None
            });
        Ok(connection)
    }

    fn successor(&self) -> Option<Vec<u8>> {
        self.successor_der.clone()
    }

    fn coordinator(&self) -> Option<&PeerCertificate> {
        self.coordinator.as_ref()
    }

    fn adopt(&mut self, identity: &TlsIdentity, authority_der: &[u8]) -> Result<(), SiteError> {
        self.tls = client(identity, authority_der)?;
        self.authority_der = authority_der.to_vec();
        Ok(())
    }
}
