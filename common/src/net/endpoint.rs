//! Transport settings of every QUIC endpoint, with what they cost in memory.
//!
//! Called by `client`, `server` and `join`. quinn's defaults are made for browsers and would allow
//! 250 MB per connection and about 25 GB for 100 sites. Ours, at the coordinator with 100 sites:
//!
//! | buffer | arithmetic | at most |
//! |---|---|---|
//! | received, unread | 100 x 1.5 MiB connection window | 150 MiB |
//! | sent, unacknowledged | 100 x 1 MiB send window | 100 MiB |
//! | chunk payloads being assembled | 64 x 1 MiB permits | 64 MiB |
//! | files' pieces being sent | 200 connections x 1 MiB, one at a time on each | 200 MiB |
//! | attempts not yet accepted | 256 x 64 KiB | 16 MiB |
//!
//! A site may use two connections for a moment; idle ones hold no buffers.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::{hkdf, hmac};
use quinn::crypto::rustls::{HandshakeData, QuicClientConfig, QuicServerConfig};
use quinn::{
    Connection, ConnectionId, Endpoint, EndpointConfig, IdleTimeout, MtuDiscoveryConfig, Runtime as _,
    TokioRuntime, TransportConfig, ValidationTokenConfig, VarInt,
};

use super::counted::Counted;
use super::error::NetError;
use crate::clock::SystemClock;
use crate::limits::{
    CONNECTION_WINDOW_BYTES_MAX, INCOMING_BUFFER_BYTES_MAX, INCOMING_BUFFER_TOTAL_BYTES_MAX, INCOMING_MAX,
    KEEP_ALIVE_MS_MAX, SEND_WINDOW_BYTES_MAX, SILENCE_MS_MAX, STREAM_WINDOW_BYTES_MAX,
    STREAMS_PER_CONNECTION_MAX,
};
use crate::secret::Secret;

/// UDP buffers asked of the kernel, per socket and direction (it may grant less: net.core.rmem_max). Its
/// usual 208 KiB overflow when 100 sites send at once, and every overflow is a lost packet.
const SOCKET_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// The secret that outlives a coordinator process. With it, a restarted coordinator tells sites at once
/// that their old connections are gone (RFC 9000 section 10.3); without it they wait for a timeout.
#[derive(Debug)]
pub struct EndpointKeys(Secret<[u8; 32]>);

impl EndpointKeys {
    /// From 32 random bytes, kept with mode 0600 beside the CA.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(Secret::new(bytes))
    }

    /// A key of its own for each purpose.
    fn derive(&self, purpose: &[u8]) -> hmac::Tag {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, self.0.expose()), purpose)
    }

    fn reset_key(&self) -> Arc<hmac::Key> {
        let derived = self.derive(b"consilium stateless reset");
        Arc::new(hmac::Key::new(hmac::HMAC_SHA256, derived.as_ref()))
    }

    fn retry_token_key(&self) -> Arc<hkdf::Prk> {
        let derived = self.derive(b"consilium retry token");
        Arc::new(hkdf::Salt::new(hkdf::HKDF_SHA256, &[]).extract(derived.as_ref()))
    }
}

/// Connection ids at random. quinn's default ones are keyed per process, so that a restarted endpoint
/// would drop packets of the old one without a reset.
struct RandomConnectionIds;

const CONNECTION_ID_BYTES: usize = 12;

impl quinn::ConnectionIdGenerator for RandomConnectionIds {
    fn generate_cid(&mut self) -> ConnectionId {
        let mut bytes = [0_u8; CONNECTION_ID_BYTES];
        // Without randomness the id is all zeros: the handshake then fails for lack of it anyway.
        let _ = getrandom::fill(&mut bytes);
        ConnectionId::new(&bytes)
    }

    fn cid_len(&self) -> usize {
        CONNECTION_ID_BYTES
    }

    fn cid_lifetime(&self) -> Option<Duration> {
        None
    }
}

/// Opens the coordinator's socket.
pub(super) fn bind_server(
    address: SocketAddr,
    tls: rustls::ServerConfig,
    keys: &EndpointKeys,
) -> Result<Endpoint, NetError> {
    let mut config = EndpointConfig::new(keys.reset_key());
    config.cid_generator(|| Box::new(RandomConnectionIds));
    let server = server(tls, keys)?;
    let open = || Endpoint::new(config, Some(server), open_socket(address)?, Arc::new(TokioRuntime));
    open().map_err(|source| NetError::Bind { address, source })
}

/// Opens a site's socket: any free port, no incoming connections; what it sends is counted.
pub(super) fn bind_client(address: SocketAddr) -> Result<Endpoint, NetError> {
    let runtime = Arc::new(TokioRuntime);
    let open = || {
        let socket = Counted::wrap(runtime.wrap_udp_socket(open_socket(address)?)?);
        Endpoint::new_with_abstract_socket(EndpointConfig::default(), None, socket, runtime.clone())
    };
    open().map_err(|source| NetError::Bind { address, source })
}

fn open_socket(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    let buffers = socket2::SockRef::from(&socket);
    // Best effort: with smaller buffers everything works, only slower.
    let _ = buffers.set_recv_buffer_size(SOCKET_BUFFER_BYTES);
    let _ = buffers.set_send_buffer_size(SOCKET_BUFFER_BYTES);
    Ok(socket)
}

/// The coordinator's settings around a TLS configuration.
pub(super) fn server(
    mut tls: rustls::ServerConfig,
    keys: &EndpointKeys,
) -> Result<quinn::ServerConfig, NetError> {
    tls.time_provider = Arc::new(SystemClock);
    let tls = QuicServerConfig::try_from(tls).map_err(configuration)?;
    let mut config = quinn::ServerConfig::new(Arc::new(tls), keys.retry_token_key());
    // No tokens for later connections: each new one proves its address by Retry, one round trip.
    let mut tokens = ValidationTokenConfig::default();
    tokens.sent(0);
    config
        .transport_config(Arc::new(transport(STREAMS_PER_CONNECTION_MAX)))
        .validation_token_config(tokens)
        .migration(true) // a hospital's NAT may rebind
        .max_incoming(INCOMING_MAX)
        .incoming_buffer_size(INCOMING_BUFFER_BYTES_MAX)
        .incoming_buffer_size_total(INCOMING_BUFFER_TOTAL_BYTES_MAX);
    Ok(config)
}

/// A site's settings around a TLS configuration. The coordinator may open no stream towards a site.
pub(super) fn client(mut tls: rustls::ClientConfig) -> Result<quinn::ClientConfig, NetError> {
    tls.time_provider = Arc::new(SystemClock);
    let tls = QuicClientConfig::try_from(tls).map_err(configuration)?;
    let mut config = quinn::ClientConfig::new(Arc::new(tls));
    config.transport_config(Arc::new(transport(0)));
    Ok(config)
}

fn transport(bidirectional_streams: u32) -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(bidirectional_streams))
        .max_concurrent_uni_streams(VarInt::from_u32(0))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW_BYTES_MAX))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW_BYTES_MAX))
        .send_window(SEND_WINDOW_BYTES_MAX)
        // One message after the other, in the order in which they were written: what is handled first arrives
        // whole first.
        .send_fairness(false)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(Duration::from_millis(KEEP_ALIVE_MS_MAX)))
        .max_idle_timeout(IdleTimeout::try_from(Duration::from_millis(SILENCE_MS_MAX)).ok())
        .mtu_discovery_config(Some(MtuDiscoveryConfig::default()));
    transport
}

/// The protocol that both ends of a connection agreed on.
pub(super) fn negotiated(connection: &Connection) -> Option<Vec<u8>> {
    connection.handshake_data()?.downcast::<HandshakeData>().ok()?.protocol
}

fn configuration(error: impl ToString) -> NetError {
    NetError::Configuration { reason: error.to_string() }
}
