//! A site's end: one UDP socket, one connection to the coordinator, one stream per exchange.
//!
//! Called by the site agent's `egress` (the only code that sends) and `gateway::connection::quic`.
//! Invariants: `exchange` sends exactly the bytes it is given; every wait has a deadline; an error
//! says whether a retry helps. A failed exchange may or may not have arrived: requests are idempotent.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use quinn::{Connection, Endpoint, RecvStream, SendStream};
use rustls::pki_types::CertificateDer;
use tokio::time::{Instant, timeout, timeout_at};

use super::endpoint::{self, negotiated};
use super::error::{CloseCode, NetError};
use super::stream::{self, ReadFault};
use crate::counts::LineCount;
use crate::limits::{ADDRESS_MS_MAX, ADDRESSES_TRIED_MAX, CHUNK_BYTES_MAX, HANG_UP_MS_MAX, PROBE_MS_MAX};
use crate::wire::frame::{self, PREFIX_BYTES};
use crate::wire::message::Response;

/// A site's UDP socket.
#[derive(Debug, Clone)]
pub struct Client {
    endpoint: Endpoint,
}

impl Client {
    /// Opens a socket on a free port, of the address family of `remote`. Must be called inside a tokio
    /// runtime.
    ///
    /// # Errors
    /// [`NetError::Bind`] when the operating system gives no socket.
    pub fn bind_for(remote: SocketAddr) -> Result<Self, NetError> {
        let any: SocketAddr = match remote {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        Ok(Self { endpoint: endpoint::bind_client(any)? })
    }

    /// Connects to the coordinator, within `deadline`. `server_name` is the name its certificate must
    /// carry. With TLS 1.3 a site learns that its own certificate is refused only on the first exchange.
    ///
    /// # Errors
    /// [`NetError::NothingListens`] or [`NetError::NoAnswer`] when nobody answered in time,
    /// [`NetError::PeerCertificate`] when the other end is not the coordinator, [`NetError::Configuration`]
    /// when `tls` cannot be used for QUIC; otherwise what ended the handshake.
    pub async fn connect(
        &self,
        remote: SocketAddr,
        tls: rustls::ClientConfig,
        server_name: &str,
        deadline: Duration,
    ) -> Result<ClientConnection, NetError> {
        let config = endpoint::client(tls)?;
        let connecting = self
            .endpoint
            .connect_with(config, remote, server_name)
            .map_err(|error| NetError::from_connect(&error))?;
        match timeout(deadline, connecting).await {
            Ok(Ok(connection)) => Ok(ClientConnection { connection }),
            Ok(Err(error)) => Err(NetError::from_connection(&error)),
            Err(_) => Err(why_silent(remote, deadline).await),
        }
    }

    /// Closes all connections and waits, for [`HANG_UP_MS_MAX`] at most, until the other end has been told.
    pub async fn close(&self) {
        self.endpoint.close(CloseCode::Done.wire(), b"");
        let _ = timeout(Duration::from_millis(HANG_UP_MS_MAX), self.endpoint.wait_idle()).await;
    }
}

/// The coordinator's answer to one exchange.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The message.
    pub response: Response,
    /// Raw bytes that follow it, as many as [`Response::payload_bytes`] says.
    pub payload: Vec<u8>,
}

/// A live connection to the coordinator. Cheap to clone; exchanges may run side by side.
#[derive(Debug, Clone)]
pub struct ClientConnection {
    connection: Connection,
}

impl ClientConnection {
    /// Sends exactly `frame_bytes` (a frame, and the chunk behind it if it announces one) on a stream of
    /// its own and reads the answer, all within `deadline`.
    ///
    /// # Errors
    /// [`NetError::Deadline`] when the answer is not there in time, [`NetError::MalformedAnswer`] when it
    /// cannot be read; otherwise what ended the connection. The request may have arrived in every case.
    pub async fn exchange(&self, frame_bytes: &[u8], deadline: Duration) -> Result<Answer, NetError> {
        let (response, payload) = call(&self.connection, frame_bytes, deadline, parse).await?;
        Ok(Answer { response, payload })
    }

    /// Hands exactly `frame_bytes` to the transport, on a stream of its own, within `deadline`; the answer is
    /// read from what it returns. What is sent first arrives whole first, and the coordinator takes requests
    /// that move files in this order. At most a send window of what was handed over has not left yet.
    ///
    /// # Errors
    /// As [`Self::exchange`].
    pub async fn send(&self, frame_bytes: &[u8], deadline: Duration) -> Result<Sent, NetError> {
        let end = Instant::now() + deadline;
        let (mut send, mut receive) = open(&self.connection, deadline).await?;
        let parts = [frame_bytes];
        match timeout_at(end, stream::write_and_finish(&mut send, &parts)).await {
            Ok(Ok(())) => Ok(Sent { connection: self.connection.clone(), send, receive }),
            Ok(Err(error)) => Err(why_lost(&self.connection, error)),
            Err(_) => {
                stream::abandon(&mut send, &mut receive, CloseCode::Deadline);
                Err(NetError::Deadline { waited_ms: as_ms(deadline) })
            }
        }
    }

    /// Why the connection ended, if it did. A stream often notices first, with fewer words.
    pub fn close_reason(&self) -> Option<NetError> {
        self.connection.close_reason().map(|error| NetError::from_connection(&error))
    }

    /// Waits until the connection ends.
    pub async fn closed(&self) -> NetError {
        NetError::from_connection(&self.connection.closed().await)
    }

    /// The protocol that both ends agreed on in the handshake (ALPN).
    pub fn protocol(&self) -> Option<Vec<u8>> {
        negotiated(&self.connection)
    }

    /// Round-trip time as measured by the transport.
    pub fn round_trip(&self) -> Duration {
        self.connection.rtt()
    }

    /// What reads the transport's counts of this connection. It keeps the connection open.
    pub fn counter(&self) -> LineCounter {
        LineCounter { connection: self.connection.clone() }
    }

    /// The coordinator's address.
    pub fn remote_address(&self) -> SocketAddr {
        self.connection.remote_address()
    }

    /// The certificates that the coordinator showed, its own first: TLS has verified that they lead to an
    /// authority that we know.
    pub fn shown_chain(&self) -> Vec<CertificateDer<'static>> {
        let shown = self.connection.peer_identity();
        let chain = shown.and_then(|shown| shown.downcast::<Vec<CertificateDer<'static>>>().ok());
        chain.map(|chain| *chain).unwrap_or_default()
    }

    /// Ends the connection.
    pub fn close(&self) {
        self.connection.close(CloseCode::Done.wire(), b"");
    }

    pub(super) fn into_connection(self) -> Connection {
        self.connection
    }
}

/// Reads what the transport counted of one connection, also once that has ended.
#[derive(Debug)]
pub struct LineCounter {
    connection: Connection,
}

impl LineCounter {
    /// The counts as they are now.
    #[must_use]
    pub fn read(&self) -> LineCount {
        let stats = self.connection.stats();
        let (path, frames) = (stats.path, stats.frame_tx);
        LineCount {
            datagrams: stats.udp_tx.datagrams,
            bytes: stats.udp_tx.bytes,
            calls: stats.udp_tx.ios,
            received: stats.udp_rx.datagrams,
            lost_packets: path.lost_packets,
            lost_bytes: path.lost_bytes,
            padded: path.sent_plpmtud_probes + frames.path_challenge + frames.path_response,
        }
    }

    /// Ends the connection: to be called where it is not used any more.
    pub fn close(&self) {
        self.connection.close(CloseCode::Done.wire(), b"");
    }
}

/// A request that was handed to the transport, and whose answer is awaited. Dropped, nobody hears the answer.
#[derive(Debug)]
pub struct Sent {
    connection: Connection,
    send: SendStream,
    receive: RecvStream,
}

impl Sent {
    /// Reads the answer, within `deadline` from now.
    ///
    /// # Errors
    /// As [`ClientConnection::exchange`].
    pub async fn answer(mut self, deadline: Duration) -> Result<Answer, NetError> {
        let read = timeout(deadline, read_answer(&mut self.receive, parse)).await;
        let read = read.map_err(|_| NetError::Deadline { waited_ms: as_ms(deadline) });
        let (response, payload) = judge(&self.connection, &mut self.send, &mut self.receive, read)?;
        Ok(Answer { response, payload })
    }
}

fn parse(body: &[u8]) -> Option<(Response, usize)> {
    let response: Response = frame::from_body(body).ok()?;
    let payload_bytes = response.payload_bytes()?;
    Some((response, payload_bytes))
}

async fn open(connection: &Connection, deadline: Duration) -> Result<(SendStream, RecvStream), NetError> {
    let opened = timeout(deadline, connection.open_bi()).await;
    let opened = opened.map_err(|_| NetError::Deadline { waited_ms: as_ms(deadline) })?;
    opened.map_err(|error| NetError::from_connection(&error))
}

/// One exchange on a stream of its own. `parse` turns the body of the answer into a message and the
/// number of raw bytes that follow it, at most `CHUNK_BYTES_MAX`.
pub(super) async fn call<T>(
    connection: &Connection,
    frame_bytes: &[u8],
    deadline: Duration,
    parse: impl Fn(&[u8]) -> Option<(T, usize)>,
) -> Result<(T, Vec<u8>), NetError> {
    let end = Instant::now() + deadline;
    let (mut send, mut receive) = open(connection, deadline).await?;
    let exchange = async {
        stream::write_and_finish(&mut send, &[frame_bytes]).await.map_err(ReadFault::Lost)?;
        read_answer(&mut receive, parse).await
    };
    let read = timeout_at(end, exchange).await;
    let read = read.map_err(|_| NetError::Deadline { waited_ms: as_ms(deadline) });
    judge(connection, &mut send, &mut receive, read)
}

/// What became of an exchange, whose stream is given up unless it was answered.
fn judge<T>(
    connection: &Connection,
    send: &mut SendStream,
    receive: &mut RecvStream,
    read: Result<Result<T, ReadFault>, NetError>,
) -> Result<T, NetError> {
    match read {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(ReadFault::Lost(error))) => Err(why_lost(connection, error)),
        Ok(Err(ReadFault::Malformed)) => {
            stream::abandon(send, receive, CloseCode::Malformed);
            Err(NetError::MalformedAnswer)
        }
        Err(late) => {
            stream::abandon(send, receive, CloseCode::Deadline);
            Err(late)
        }
    }
}

/// A stream often notices the end of its connection first, with fewer words.
fn why_lost(connection: &Connection, error: NetError) -> NetError {
    connection.close_reason().map_or(error, |reason| NetError::from_connection(&reason))
}

async fn read_answer<T>(
    receive: &mut RecvStream,
    parse: impl Fn(&[u8]) -> Option<(T, usize)>,
) -> Result<(T, Vec<u8>), ReadFault> {
    let answer = stream::read_frame(receive).await?;
    let body = answer.get(PREFIX_BYTES..).unwrap_or_default();
    let (message, payload_bytes) = parse(body).ok_or(ReadFault::Malformed)?;
    if payload_bytes > CHUNK_BYTES_MAX {
        return Err(ReadFault::Malformed);
    }
    let mut payload = Vec::new();
    stream::read_exactly(receive, payload_bytes, &mut payload).await?;
    stream::expect_end(receive).await?;
    Ok((message, payload))
}

/// A connection that stands.
#[derive(Debug)]
pub struct Opened {
    /// The socket.
    pub client: Client,
    /// The connection.
    pub connection: ClientConnection,
    /// Where the coordinator answered.
    pub remote: SocketAddr,
}

/// Connects to the first of `remotes` where the coordinator is, one after the other: a second connection
/// would take the place of the first. Each has [`ADDRESS_MS_MAX`] of `deadline`, or all of it where it is the
/// only one, and a socket of its own: after a network change an old one may be bound to a route that is gone.
///
/// # Errors
/// As [`Client::connect`] of a single address. Of several: what was said by the first that answered as
/// somebody else or refused us; [`NetError::NowhereReached`] when none answered.
pub async fn connect_any(
    remotes: &[SocketAddr],
    tls: &rustls::ClientConfig,
    server_name: &str,
    deadline: Duration,
) -> Result<Opened, NetError> {
    let each = if remotes.len() > 1 { deadline.min(Duration::from_millis(ADDRESS_MS_MAX)) } else { deadline };
    let mut silent = Vec::new();
    let mut answered = None;
    for remote in remotes.iter().copied().take(ADDRESSES_TRIED_MAX) {
        let tried = async {
            let client = Client::bind_for(remote)?;
            let connection = client.connect(remote, tls.clone(), server_name, each).await?;
            Ok::<_, NetError>(Opened { client, connection, remote })
        };
        match tried.await {
            Ok(opened) => return Ok(opened),
            Err(error) if error.is_silence() => silent.push(error),
            Err(error) => answered = answered.or(Some(error)),
        }
    }
    if let Some(error) = answered {
        return Err(error);
    }
    match silent.pop() {
        Some(only) if silent.is_empty() => Err(only),
        Some(last) => {
            silent.push(last);
            let tried = silent.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
            Err(NetError::NowhereReached { tried })
        }
        None => Err(NetError::Resolve { address: String::new() }),
    }
}

/// All addresses behind a list of `host:port` with commas between, in the order of the list, within
/// `deadline` for each. A name that is not known now is passed over where another one is.
///
/// # Errors
/// [`NetError::Resolve`] when none is known.
pub async fn resolve_all(list: &str, deadline: Duration) -> Result<Vec<SocketAddr>, NetError> {
    let mut found = Vec::new();
    let mut unknown = None;
    for address in list.split(',').map(str::trim) {
        match resolve(address, deadline).await {
            Ok(more) => found.extend(more),
            Err(error) => unknown = Some(error),
        }
    }
    let mut seen = Vec::new();
    found.retain(|remote| {
        let is_new = !seen.contains(remote);
        seen.push(*remote);
        is_new
    });
    match unknown {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

/// All addresses behind `host:port`, within `deadline`.
///
/// # Errors
/// [`NetError::Resolve`] when the name is unknown, has no address, or is not resolved in time.
pub async fn resolve(address: &str, deadline: Duration) -> Result<Vec<SocketAddr>, NetError> {
    let unknown = || NetError::Resolve { address: address.to_owned() };
    let found = timeout(deadline, tokio::net::lookup_host(address)).await.map_err(|_| unknown())?;
    let found: Vec<SocketAddr> = found.map_err(|_| unknown())?.collect();
    if found.is_empty() { Err(unknown()) } else { Ok(found) }
}

/// Tells a closed port from a silent network. quinn's socket is not connected and never hears ICMP
/// errors; a connected one does. The datagram is empty: no byte leaves the site.
async fn why_silent(remote: SocketAddr, waited: Duration) -> NetError {
    let probe = async {
        let any: SocketAddr = match remote {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = tokio::net::UdpSocket::bind(any).await?;
        socket.connect(remote).await?;
        socket.send(&[]).await?;
        socket.recv(&mut [0; 1]).await
    };
    match timeout(Duration::from_millis(PROBE_MS_MAX), probe).await {
        Ok(Err(error)) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
            NetError::NothingListens { address: remote }
        }
        _ => NetError::NoAnswer { address: remote, waited_ms: as_ms(waited) },
    }
}

fn as_ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
