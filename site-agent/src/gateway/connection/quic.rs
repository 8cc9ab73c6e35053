//! The real line: QUIC to the coordinator's address. Used by `gateway`, by `site-agent check` and
//! by `join` (which resolves the name). Invariant: every attempt has a deadline, resolves the name anew
//! and binds a fresh socket.

use std::net::SocketAddr;
use std::time::Duration;

use common::limits::HANDSHAKE_MS_MAX;
use common::net::NetError;
use common::net::client::{Client, ClientConnection, resolve};

use super::Connector;
use crate::error::SiteError;
use crate::gateway::identity::Identity;

/// Opens QUIC connections to the coordinator's address, which is resolved anew each time.
pub struct QuicConnector {
    client: Option<Client>,
    address: String,
    tls: rustls::ClientConfig,
}

impl QuicConnector {
    /// For this identity; nothing is opened yet.
    ///
    /// # Errors
    /// `Internal` when the certificate or the key of the identity cannot be used for TLS.
    pub fn new(identity: &Identity) -> Result<Self, SiteError> {
        let tls = certs::tls::run_client(&identity.tls, &identity.authority_der)
            .map_err(|error| SiteError::Internal(error.to_string()))?;
        Ok(Self { client: None, address: identity.coordinator.address.clone(), tls })
    }
}

impl QuicConnector {
    /// Tries each address that the name has.
    async fn open(&self) -> Result<Opened, SiteError> {
        let deadline = Duration::from_millis(HANDSHAKE_MS_MAX);
        let mut last = SiteError::Connection { reason: "the name has no address".into() };
        for remote in resolve(&self.address, deadline).await? {
            // A fresh socket each time: after a network change the old one may be bound to a route that is
            // gone.
            let client = Client::bind_for(remote)?;
            match client.connect(remote, self.tls.clone(), certs::profile::COORDINATOR_NAME, deadline).await {
                Ok(session) => return Ok(Opened { client, session }),
                Err(error) => last = error.into(),
            }
        }
        Err(last)
    }
}

/// A connection that stands.
struct Opened {
    client: Client,
    session: ClientConnection,
}

impl Connector for QuicConnector {
    type Wire = ClientConnection;

    async fn connect(&mut self) -> Result<ClientConnection, SiteError> {
        let Opened { client, session } = self.open().await?;
        self.client = Some(client);
        Ok(session)
    }
}

/// The first address of a name, for the one connection that is made before there is an identity.
///
/// # Errors
/// `Net` when the name does not resolve in time.
pub async fn first_address(address: &str) -> Result<SocketAddr, SiteError> {
    let found = resolve(address, Duration::from_millis(HANDSHAKE_MS_MAX)).await?;
    found.first().copied().ok_or_else(|| SiteError::Net(NetError::Resolve { address: address.to_owned() }))
}
